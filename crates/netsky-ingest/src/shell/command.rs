//! One command of a line.

/// A simple command: a program with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments without quotes. Nothing is expanded: `$HOME`, `*.rs` and `$(date)` are as
    /// they were written. Empty if the command only sets variables.
    pub words: Vec<String>,
    /// The variables that it sets, such as `RUST_LOG=debug`.
    pub assignments: Vec<String>,
    /// The programs before it that only run it, outermost first: `sudo`, `env`, `timeout`.
    pub wrappers: Vec<String>,
    /// Where it runs if a `cd` came before: that path, relative to where the line began, and not expanded.
    pub directory: Option<String>,
    /// Whether the line has no other command except `cd`. If the line fails, it failed.
    pub is_only: bool,
    /// Whether it must have run and succeeded if the line did: not after `||`, before `;`, in a pipe, in an `if`.
    pub decides: bool,
    /// Whether it is in a substitution or in the script of another shell.
    pub is_nested: bool,
}

impl Command {
    /// The name of the program, without its folder.
    #[must_use]
    pub fn program(&self) -> Option<&str> {
        let word = self.words.first()?;
        Some(word.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(word))
    }

    /// Whether it changes the directory of what follows it.
    pub(super) fn is_cd(&self) -> bool {
        matches!(self.words.first().map(String::as_str), Some("cd" | "pushd" | "popd"))
    }
}
