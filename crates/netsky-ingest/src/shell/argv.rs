//! A command that was recorded as a list of words, as a line.

use super::wrapper::script_of_shell;

/// The line that `argv` runs, for agents that record a list of words: the script of `bash -lc SCRIPT`, else the
/// words with the quotes that they need.
#[must_use]
pub fn line_of(argv: &[String]) -> String {
    if let Some(script) = script_of_shell(argv) {
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
