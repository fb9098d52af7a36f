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

mod command;
mod directory;
pub mod git;
mod invocation;
mod lexer;
#[cfg(test)]
mod tests;
mod word;
mod wrapper;

pub use command::Command;
pub use invocation::{Invocation, invocation};

/// The simple commands of a line, in the order of the text, and after them those of its substitutions. Empty if
/// the line is no Bash, longer than a megabyte, or has more than a thousand commands.
#[must_use]
pub fn commands(line: &str) -> Vec<Command> {
    command::parse(line).map(|line| line.commands).unwrap_or_default()
}

/// The line that `argv` runs, for agents that record a list of words: the script of `bash -lc SCRIPT`, else the
/// words with the quotes that they need.
#[must_use]
pub fn line_of(argv: &[String]) -> String {
    if let Some(script) = wrapper::script_of_shell(argv) {
        return script.to_owned();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,+@%^".contains(&byte);
    let quoted = argv.iter().map(|word| {
        if !word.is_empty() && word.bytes().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
