//! The shell command of a hook: written for this netsky, and recognised when some netsky wrote it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::agent::Agent;
use super::error::HookError;

/// The command of a hook that netsky installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HookCommand {
    /// The program, which is found without `PATH`: agents that start from a desktop have another one.
    pub program: PathBuf,
    /// The store, if it is not the one that the hook finds by itself.
    pub store: Option<PathBuf>,
    pub agent: Agent,
}

impl HookCommand {
    /// The text for a settings file.
    pub fn text(&self) -> Result<String, HookError> {
        let mut text = quoted(&self.program)?;
        // Later installations recognise the command by this name.
        if !is_netsky(&text) {
            return Err(HookError::InvalidProgram {
                path: self.program.clone(),
                reason: "its name does not begin with 'netsky'",
            });
        }
        if let Some(store) = &self.store {
            let _ = write!(text, " --db {}", quoted(store)?);
        }
        let _ = write!(text, " hook {}", self.agent.name());
        Ok(text)
    }

    /// Parses a command that runs the hook of netsky and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let words = words(text)?;
        let is_assignment = |word: &&String| {
            word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        };
        let mut words = words.iter().skip_while(is_assignment);
        let program = words.next().filter(|program| is_netsky(program))?;
        let arguments: Vec<&str> = words.map(String::as_str).collect();
        let agent = arguments.windows(2).find_map(|pair| match pair {
            ["hook", agent] => agent.parse().ok(),
            _ => None,
        })?;
        let store = arguments.windows(2).find_map(|pair| match pair {
            ["--db", store] => Some(PathBuf::from(store)),
            _ => None,
        });
        Some(Self { program: program.into(), store, agent })
    }
}

/// Whether the last part of a path, possibly quoted, is a netsky.
pub(super) fn is_netsky(program: &str) -> bool {
    let name = program.trim_matches('"').rsplit(['/', '\\']).next().unwrap_or_default();
    name.starts_with("netsky")
}

/// A path in double quotes, as a POSIX shell reads it.
fn quoted(path: &Path) -> Result<String, HookError> {
    let invalid = |reason| HookError::InvalidProgram { path: path.to_owned(), reason };
    let path = path.to_str().ok_or_else(|| invalid("its path is not UTF-8"))?;
    let mut quoted = String::with_capacity(path.len() + 2);
    quoted.push('"');
    for c in path.chars() {
        // On Windows, shells do not read a backslash before a letter as an escape.
        if matches!(c, '"' | '$' | '`') || c == '\\' && !cfg!(windows) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Ok(quoted)
}

/// The words of a simple command. `None` for a command that does more, such as a pipeline or a list:
/// removing it would remove what others do.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '\n' | '`' => return None,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '`' => return None,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(program: &str, store: Option<&str>) -> HookCommand {
        let store = store.map(PathBuf::from);
        HookCommand { program: program.into(), store, agent: Agent::ClaudeCode }
    }

    #[test]
    fn a_written_command_is_recognised_again() {
        for program in ["/usr/bin/netsky", "/a b/$HOME/`x`/\"q\"/it's\\n/netsky-0.3", "/é/netsky"]
        {
            for store in [None, Some("/var/fleet one.db")] {
                let command = command(program, store);
                let text = command.text().unwrap();
                assert_eq!(HookCommand::parse(&text), Some(command), "{text}");
            }
        }
        let text = command("/usr/bin/netsky", None).text().unwrap();
        assert_eq!(text, "\"/usr/bin/netsky\" hook claude-code");
    }

    #[test]
    fn a_command_that_people_wrote_is_recognised() {
        for text in [
            "netsky hook claude-code",
            "NETSKY_DB=/x.db netsky hook claude-code --quiet",
            "'/opt/my tools/netsky' --busy-timeout 1s hook claude-code",
            "/old\\ path/netsky hook claude-code",
            "~/.cargo/bin/netsky hook claude-code",
            "$HOME/bin/netsky hook claude-code",
        ] {
            assert!(HookCommand::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn commands_of_others_are_not_ours() {
        for text in [
            "",
            "netsky",
            "netsky hook",
            "netsky hook install claude-code",
            "netsky record ticks -",
            "echo netsky hook claude-code",
            "notnetsky hook claude-code",
            "cd /x && netsky hook claude-code",
            "netsky hook claude-code | tee log",
            "netsky hook claude-code; notify",
            "netsky hook 'claude-code",
        ] {
            assert_eq!(HookCommand::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_program_of_another_name_is_refused() {
        assert!(command("/tmp/nsk", None).text().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_written_command_means_the_same_to_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("a $HOME `id` \"q\" it's \\n\\\\ é!").join("netsky");
        std::fs::create_dir(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "#!/bin/sh\necho \"$@\"\n").unwrap();
        let mut mode = std::fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let text = command(program.to_str().unwrap(), Some("/a b.db")).text().unwrap();
        let ran = std::process::Command::new("sh").args(["-c", &text]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&ran.stdout),
            "--db /a b.db hook claude-code\n",
            "{ran:?}"
        );
    }
}
