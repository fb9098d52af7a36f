//! The commands of the shell itself.

use std::fmt::Write;

use clap::ValueEnum;
use netsky_db::{Nearest, nearest};

use crate::failure::Failure;
use crate::output::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Tables,
    Views,
    Schema,
    Mode,
    All,
    Timer,
    Read,
    Help,
    Quit,
}

/// The argument that a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    Table,
    Format,
    Switch,
    File,
}

#[derive(Debug)]
pub struct Command {
    pub action: Action,
    /// The first is its main name; the others are those of psql and sqlite3.
    pub names: &'static [&'static str],
    pub argument: Argument,
    /// The argument as shown in the help.
    usage: &'static str,
    what: &'static str,
}

pub const COMMANDS: [Command; 9] = [
    Command {
        action: Action::Tables,
        names: &[".tables", "\\dt"],
        argument: Argument::None,
        usage: "",
        what: "list the tables with their row counts",
    },
    Command {
        action: Action::Views,
        names: &[".views", "\\dv"],
        argument: Argument::Table,
        usage: "[VIEW]",
        what: "list the views, or print the SQL of one",
    },
    Command {
        action: Action::Schema,
        names: &[".schema", "\\d"],
        argument: Argument::Table,
        usage: "[TABLE]",
        what: "describe the columns of a table or view, or of all",
    },
    Command {
        action: Action::Mode,
        names: &[".mode"],
        argument: Argument::Format,
        usage: "[FORMAT]",
        what: "set or show the output format",
    },
    Command {
        action: Action::All,
        names: &[".all"],
        argument: Argument::Switch,
        usage: "[on|off]",
        what: "show every row, not only the first 40",
    },
    Command {
        action: Action::Timer,
        names: &[".timer", "\\timing"],
        argument: Argument::Switch,
        usage: "[on|off]",
        what: "show rows and time after each answer",
    },
    Command {
        action: Action::Read,
        names: &[".read", "\\i"],
        argument: Argument::File,
        usage: "FILE",
        what: "run the commands and queries in a file",
    },
    Command {
        action: Action::Help,
        names: &[".help", "\\?", "help"],
        argument: Argument::None,
        usage: "",
        what: "show this list",
    },
    Command {
        action: Action::Quit,
        names: &[".quit", ".exit", "\\q", "quit", "exit"],
        argument: Argument::None,
        usage: "",
        what: "exit the shell, like Ctrl-D",
    },
];

pub const SWITCHES: [&str; 2] = ["on", "off"];

/// The command in a line, and its argument.
pub fn find(line: &str) -> Result<(&'static Command, Option<&str>), Failure> {
    let line = line.trim_end_matches([';', ' ']);
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
    let Some(command) = named(name) else {
        return Err(Failure::input(format!("no command named '{name}'{}", instead_of(name))));
    };
    let own = command.names[0];
    match (command.argument, argument) {
        (Argument::None, Some(argument)) => {
            Err(Failure::input(format!("{own} takes no argument, found '{argument}'")))
        }
        (Argument::File, None) => {
            Err(Failure::input(format!("{own} requires a file, as in {own} report.sql")))
        }
        (_, argument) => Ok((command, argument)),
    }
}

pub fn named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

/// Suggests a similar name, or points to the list.
fn instead_of(name: &str) -> String {
    let bare = name.trim_start_matches(['.', '\\']);
    match nearest(bare, COMMANDS.iter().map(|command| &command.names[0][1..])) {
        Nearest::Resembling(mut names) => {
            names.truncate(1);
            names[0].insert(0, '.');
            Nearest::Resembling(names).to_string()
        }
        _ => "; .help lists them".to_owned(),
    }
}

pub fn format(name: &str) -> Result<Format, Failure> {
    Format::from_str(name, true).map_err(|_| {
        Failure::input(format!("no format named '{name}'; valid: {}", format_names().join(", ")))
    })
}

pub fn format_names() -> Vec<String> {
    Format::value_variants().iter().map(Format::to_string).collect()
}

/// The new state of a switch. Without an argument it is toggled.
pub fn switched(was: bool, argument: Option<&str>) -> Result<bool, Failure> {
    match argument.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(!was),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(Failure::input(format!("expected on or off, found '{other}'"))),
    }
}

pub fn help() -> String {
    let mut text = String::new();
    for command in &COMMANDS {
        let (own, others) = (command.names[0], &command.names[1..]);
        let also = match others {
            [] => String::new(),
            others => format!(" ({})", others.join(", ")),
        };
        let usage = format!("{own} {}", command.usage);
        let _ = writeln!(text, "{usage:<17} {}{also}", command.what);
    }
    let _ = write!(
        text,
        "\nAnything else is SQL, up to a semicolon. TAB completes it, Ctrl-R searches the\n\
         history, Ctrl-C cancels a query or clears the line, Ctrl-D exits the shell.\n\
         Formats: {}",
        format_names().join(", ")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_names_that_hands_know() {
        for (line, action) in [
            (".tables", Action::Tables),
            ("\\d ticks;", Action::Schema),
            (".MODE csv", Action::Mode),
            ("\\q", Action::Quit),
            ("exit;", Action::Quit),
        ] {
            assert_eq!(find(line).unwrap().0.action, action, "{line}");
        }
        assert_eq!(find("\\d  ticks ;").unwrap().1, Some("ticks"));
        assert_eq!(find(".mode").unwrap().1, None);
    }

    #[test]
    fn the_help_names_every_command_in_lines_that_fit() {
        let help = help();
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(COMMANDS.iter().flat_map(|command| command.names).all(|name| help.contains(name)));
    }

    #[test]
    fn a_wrong_command_is_told_the_right_one() {
        let told = |line: &str| match find(line) {
            Err(failure) => failure.to_string(),
            Ok((command, _)) => panic!("{line} is {command:?}"),
        };
        assert_eq!(told(".tabels"), "no command named '.tabels'; did you mean '.tables'?");
        assert_eq!(told("\\xyz"), "no command named '\\xyz'; .help lists them");
        assert!(told(".read").contains(".read report.sql"));
        assert_eq!(told(".tables ticks"), ".tables takes no argument, found 'ticks'");
    }
}
