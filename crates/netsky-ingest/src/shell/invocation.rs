//! A line as one invocation of a program.

use super::line::parse;

/// What a line runs, as the table `cli_invocations` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The program's name without its folder. `bash` if the line is more than one simple command.
    pub bin: String,
    /// The program with its arguments, as a JSON array.
    pub argv_json: String,
}

/// The program that a line runs, if the line is one simple command: after `cd X &&`, assignments, and programs
/// that only run another one, such as `sudo`. Every other line is run by `bash`, with the arguments `-c` and the
/// line. So is a line that cannot be parsed.
#[must_use]
pub fn invocation(line: &str) -> Invocation {
    let parsed = parse(line);
    if let Some(command) = parsed.as_ref().and_then(|line| line.only())
        && let Some(bin) = command.program()
    {
        return Invocation { bin: bin.to_owned(), argv_json: json(&command.words) };
    }
    Invocation { bin: "bash".to_owned(), argv_json: json(&["bash", "-c", line]) }
}

fn json<T: AsRef<str>>(words: &[T]) -> String {
    let words = words.iter().map(|word| word.as_ref().into()).collect();
    serde_json::Value::Array(words).to_string()
}
