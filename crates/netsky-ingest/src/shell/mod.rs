//! The commands in a line of Bash that an agent ran, and what they did to Git repositories.
//!
//! Nothing is run or expanded, and no file is looked at. A line can be anything: it is read in a time that grows
//! with its length, without recursion.
//!
//! ```
//! use netsky_ingest::shell;
//!
//! let commands = shell::commands("cd src && RUST_LOG=debug sudo -u ci cargo test -- 'a b' | tail");
//! assert_eq!(commands[1].words, ["cargo", "test", "--", "a b"]);
//! assert_eq!(commands[1].directory.as_deref(), Some("src"));
//! assert_eq!(shell::invocation("cd src && cargo test").bin, "cargo");
//!
//! let operations = shell::git::operations("git commit -m x && git push origin main", "[main 1a2b3c4] x", Some(true));
//! assert_eq!(operations[0].to_sha.as_deref(), Some("1a2b3c4"));
//! assert_eq!(operations[1].remote.as_deref(), Some("origin"));
//! ```

mod argv;
mod command;
mod directory;
pub mod git;
mod invocation;
mod lexer;
mod line;
#[cfg(test)]
mod tests;
mod token;
mod word;
mod wrapper;

pub use argv::line_of;
pub use command::Command;
pub use invocation::{Invocation, invocation};
pub use line::commands;
