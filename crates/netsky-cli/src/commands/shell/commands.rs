//! The commands of the shell itself.

use std::fmt::Write;

use crate::commands::shell::formats::format_names;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Tables,
    Views,
    Relations,
    Schema,
    Functions,
    Mode,
    Expanded,
    Chart,
    All,
    Timer,
    Zone,
    Once,
    Output,
    Run,
    RunExpanded,
    Edit,
    Watch,
    Read,
    Keys,
    Help,
    Quit,
}

impl Action {
    /// Whether it runs or edits the statement that it stands behind.
    pub fn takes_statement(self) -> bool {
        matches!(self, Self::Run | Self::RunExpanded | Self::Watch | Self::Edit)
    }
}

/// The argument that a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    Table,
    Pattern,
    Format,
    Chart,
    Switch,
    File,
    OptionalFile,
    Keys,
    Zone,
    Seconds,
    Word,
}

#[derive(Debug)]
pub struct Command {
    pub action: Action,
    /// The first is its main name; the others are those of psql, sqlite3 and duckdb.
    pub names: &'static [&'static str],
    pub argument: Argument,
    /// The argument as shown in the help.
    usage: &'static str,
    what: &'static str,
}

pub const COMMANDS: [Command; 21] = [
    Command {
        action: Action::Relations,
        names: &["\\d"],
        argument: Argument::Table,
        usage: "[TABLE]",
        what: "list tables and views, or describe one; \\d+ counts rows",
    },
    Command {
        action: Action::Tables,
        names: &[".tables", "\\dt"],
        argument: Argument::Pattern,
        usage: "[PATTERN]",
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
        names: &[".schema"],
        argument: Argument::Table,
        usage: "[TABLE]",
        what: "describe the columns of a table or view, or of all",
    },
    Command {
        action: Action::Functions,
        names: &[".functions", "\\df"],
        argument: Argument::Word,
        usage: "[PATTERN]",
        what: "list the functions of SQL",
    },
    Command {
        action: Action::Mode,
        names: &[".mode"],
        argument: Argument::Format,
        usage: "[FORMAT]",
        what: "set or show the output format",
    },
    Command {
        action: Action::Expanded,
        names: &[".expanded", "\\x"],
        argument: Argument::Switch,
        usage: "[on|off]",
        what: "show one line per value",
    },
    Command {
        action: Action::Chart,
        names: &[".chart"],
        argument: Argument::Chart,
        usage: "[KIND|off]",
        what: "draw answers: bar, line, spark or heat",
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
        action: Action::Zone,
        names: &[".tz"],
        argument: Argument::Zone,
        usage: "[ZONE]",
        what: "show times in a zone, such as Europe/Berlin",
    },
    Command {
        action: Action::Once,
        names: &[".once"],
        argument: Argument::File,
        usage: "FILE",
        what: "write the next answer to a file",
    },
    Command {
        action: Action::Output,
        names: &[".output", "\\o"],
        argument: Argument::OptionalFile,
        usage: "[FILE]",
        what: "write answers to a file, or to the screen again",
    },
    Command {
        action: Action::Run,
        names: &["\\g"],
        argument: Argument::OptionalFile,
        usage: "[FILE]",
        what: "run the statement, or the last one again",
    },
    Command {
        action: Action::RunExpanded,
        names: &["\\gx"],
        argument: Argument::None,
        usage: "",
        what: "the same, with one line per value",
    },
    Command {
        action: Action::Watch,
        names: &[".watch", "\\watch"],
        argument: Argument::Seconds,
        usage: "[SECONDS]",
        what: "run the statement again and again",
    },
    Command {
        action: Action::Edit,
        names: &[".edit", "\\e"],
        argument: Argument::None,
        usage: "",
        what: "edit the statement in $VISUAL or $EDITOR",
    },
    Command {
        action: Action::Read,
        names: &[".read", "\\i"],
        argument: Argument::File,
        usage: "FILE",
        what: "run the commands and queries in a file",
    },
    Command {
        action: Action::Keys,
        names: &[".keys"],
        argument: Argument::Keys,
        usage: "[vi|emacs]",
        what: "choose the keys that edit a line",
    },
    Command {
        action: Action::Help,
        names: &[".help", "\\?", "help"],
        argument: Argument::Word,
        usage: "[WORD]",
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

/// A line for each command, or for those whose line contains the text.
pub fn help(wanted: Option<&str>) -> String {
    let mut text = String::new();
    let wanted = wanted.unwrap_or_default().to_lowercase();
    for command in &COMMANDS {
        let (own, others) = (command.names[0], &command.names[1..]);
        let also = match others {
            [] => String::new(),
            others => format!(" ({})", others.join(", ")),
        };
        let usage = format!("{own} {}", command.usage);
        let line = format!("{usage:<19} {}{also}", command.what);
        if line.to_lowercase().contains(&wanted) {
            let _ = writeln!(text, "{line}");
        }
    }
    if !wanted.is_empty() {
        return match text.trim_end() {
            "" => format!("no command is described with '{wanted}'; .help lists all"),
            lines => lines.to_owned(),
        };
    }
    let _ = write!(
        text,
        "\nAnything else is SQL, up to a semicolon. TAB completes it, Ctrl-R searches the\n\
         history, and Up on an empty line edits the lines above it. Alt-. inserts the\n\
         last words before. Ctrl-C cancels a query or clears a statement, Ctrl-D exits.\n\
         Formats: {}",
        format_names().join(", ")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command_in_lines_that_fit() {
        let help = help(None);
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(COMMANDS.iter().flat_map(|command| command.names).all(|name| help.contains(name)));
    }

    #[test]
    fn the_help_of_a_word_has_its_commands_only() {
        assert_eq!(help(Some("WATCH")).lines().count(), 1);
        assert!(help(Some("nothing")).contains(".help lists all"));
    }
}
