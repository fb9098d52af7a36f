//! Finds the command that a line means.

use clap::ValueEnum;
use netsky_db::{Nearest, nearest};

use crate::chart::ChartKind;
use crate::commands::shell::commands::{Argument, COMMANDS, Command};
use crate::commands::shell::foreign;
use crate::commands::shell::keywords::begins_statement;
use crate::failure::Failure;

pub const SWITCHES: [&str; 2] = ["on", "off"];
pub const KEYS: [&str; 2] = ["vi", "emacs"];

/// The kinds of charts, and how to end them.
pub fn chart_names() -> Vec<String> {
    let kinds = ChartKind::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    kinds.map(|kind| kind.get_name().to_owned()).chain(["off".to_owned()]).collect()
}

/// The command in a line, and its argument.
pub fn find(line: &str) -> Result<(&'static Command, Option<&str>), Failure> {
    let line = line.trim_end_matches([';', ' ']);
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
    let command = named(name)?;
    match (command.argument, argument) {
        (Argument::None, Some(argument)) => {
            Err(Failure::input(format!("{name} takes no argument, found '{argument}'")))
        }
        (Argument::File, None) => {
            Err(Failure::input(format!("{name} requires a file, as in {name} report.sql")))
        }
        (_, argument) => Ok((command, argument)),
    }
}

/// The command of a name, or of the only name that begins with it. A `+` asks for more, as in `\d+`.
fn named(name: &str) -> Result<&'static Command, Failure> {
    let bare = name.strip_suffix('+').unwrap_or(name);
    let is = |own: &&str| own.eq_ignore_ascii_case(bare);
    if let Some(command) = COMMANDS.iter().find(|command| command.names.iter().any(is)) {
        return Ok(command);
    }
    if let Some(instead) = foreign::instead_of(bare) {
        return Err(Failure::input(format!("there is no {name} here: {instead}")));
    }
    let begins = |own: &str| {
        bare.len() > 1 && own.starts_with('.') && own.starts_with(&bare.to_ascii_lowercase())
    };
    let begun: Vec<&Command> = COMMANDS.iter().filter(|command| begins(command.names[0])).collect();
    match begun[..] {
        [command] => Ok(command),
        [] => Err(Failure::input(format!("no command named '{name}'{}", instead_of(bare)))),
        _ => {
            let names: Vec<&str> = begun.iter().map(|command| command.names[0]).collect();
            Err(Failure::input(format!("'{name}' could be {}", names.join(" or "))))
        }
    }
}

/// What a command takes, for completion.
pub fn argument_of(name: &str) -> Argument {
    named(name).map_or(Argument::None, |command| command.argument)
}

/// Whether a line inside an unfinished statement is meant as a command. SQL can begin a line with a dot,
/// so only the names of commands are.
pub fn is_meant(line: &str) -> bool {
    let line = line.trim().trim_end_matches([';', ' ']);
    let name = line.split_whitespace().next().unwrap_or_default();
    match name.chars().next() {
        Some('\\') => true,
        Some('.') => COMMANDS
            .iter()
            .flat_map(|command| command.names)
            .any(|own| own.eq_ignore_ascii_case(name)),
        _ => BARE.iter().any(|own| own.eq_ignore_ascii_case(line)),
    }
}

/// Commands that are also understood without a dot, if they are all of a line.
pub const BARE: [&str; 3] = ["exit", "help", "quit"];

/// What is wrong with the first line of a statement, if no statement begins so: it would otherwise
/// wait for a semicolon.
pub fn check_first_line(line: &str) -> Result<(), Failure> {
    let line = line.trim();
    let word = line.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
    if word.is_empty() || begins_statement(word) || line.contains(';') {
        return Ok(());
    }
    Err(Failure::input(match word {
        "netsky" => {
            "netsky is a command of your system's shell\n  leave this shell with Ctrl-D first"
                .to_owned()
        }
        word => format!("no query begins with '{word}'{}", instead_of(word)),
    }))
}

/// Suggests a similar name, or points to the list.
fn instead_of(name: &str) -> String {
    let bare = name.trim_start_matches(['.', '\\']);
    let dotted = COMMANDS.iter().filter_map(|command| command.names[0].strip_prefix('.'));
    match nearest(bare, dotted) {
        Nearest::Resembling(mut names) => {
            names.truncate(1);
            names[0].insert(0, '.');
            Nearest::Resembling(names).to_string()
        }
        _ => "; .help lists the commands".to_owned(),
    }
}

/// The new state of a switch. Without an argument it is toggled.
pub fn switched(was: bool, argument: Option<&str>) -> Result<bool, Failure> {
    match argument.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(!was),
        Some("on" | "1" | "yes" | "true") => Ok(true),
        Some("off" | "0" | "no" | "false") => Ok(false),
        Some(other) => Err(Failure::input(format!("expected on or off, found '{other}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::shell::commands::Action;

    #[test]
    fn commands_have_the_names_that_hands_know() {
        for (line, action) in [
            (".tables", Action::Tables),
            ("\\d ticks;", Action::Relations),
            ("\\d+", Action::Relations),
            ("\\dt+", Action::Tables),
            (".MODE csv", Action::Mode),
            ("\\x", Action::Expanded),
            ("\\timing on", Action::Timer),
            (".sch ticks", Action::Schema),
            (".q", Action::Quit),
            ("\\q", Action::Quit),
            ("exit;", Action::Quit),
        ] {
            assert_eq!(find(line).unwrap().0.action, action, "{line}");
        }
        assert_eq!(find("\\d  ticks ;").unwrap().1, Some("ticks"));
        assert_eq!(find(".mode").unwrap().1, None);
    }

    #[test]
    fn a_wrong_command_is_told_the_right_one() {
        let told = |line: &str| match find(line) {
            Err(failure) => failure.to_string(),
            Ok((command, _)) => panic!("{line} is {command:?}"),
        };
        assert_eq!(told(".tabels"), "no command named '.tabels'; did you mean '.tables'?");
        assert_eq!(told("\\xyz"), "no command named '\\xyz'; .help lists the commands");
        assert_eq!(told(".t"), "'.t' could be .tables or .timer or .tz");
        assert!(told(".read").contains(".read report.sql"));
        assert_eq!(told(".quit now"), ".quit takes no argument, found 'now'");
        assert!(told(".headers on").starts_with("there is no .headers here: "));
        assert!(told("\\copy ticks to x.csv").contains("netsky export"));
    }

    #[test]
    fn a_line_that_begins_no_statement_is_not_waited_for() {
        let told = |line: &str| check_first_line(line).unwrap_err().to_string();
        assert_eq!(told("tables"), "no query begins with 'tables'; did you mean '.tables'?");
        assert_eq!(told("ls -l"), "no query begins with 'ls'; .help lists the commands");
        assert!(told("netsky demo").contains("Ctrl-D"));
        for line in ["SELECT", "with a as (", "(SELECT 1)", "-- note", "ls;", "/* note", ""] {
            assert!(check_first_line(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn only_names_of_commands_are_meant_inside_a_statement() {
        for line in [".tables", " \\q", "help;", "QUIT", "\\d ticks", ".mode csv"] {
            assert!(is_meant(line), "{line}");
        }
        for line in [".5 AS half", ".column", "help me", "exit_code", "FROM ticks", ""] {
            assert!(!is_meant(line), "{line}");
        }
    }
}
