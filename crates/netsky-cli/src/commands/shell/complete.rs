//! Completion with TAB.

use std::collections::BTreeSet;

use chrono_tz::TZ_VARIANTS;
use netsky_db::TABLES;

use crate::commands::shell::commands::{Argument, COMMANDS};
use crate::commands::shell::find::{self, KEYS, SWITCHES};
use crate::commands::shell::formats;
use crate::commands::shell::keywords::{KEYWORDS, is_keyword};
use crate::commands::shell::lexer::{Kind, Token, continues_word, tokens};
use crate::commands::shell::names::Names;

/// The byte where the completed word starts, and the candidates.
pub type Offer = (usize, Vec<String>);

/// A table name follows these words.
const BEFORE_TABLES: [&str; 5] = ["FROM", "JOIN", "DESCRIBE", "DESC", "TABLE"];

/// Completes a command of the shell. `None` if the argument is a file.
pub fn command(line: &str, names: &Names) -> Option<Offer> {
    let Some((name, rest)) = line.split_once(char::is_whitespace) else {
        let all = COMMANDS.iter().flat_map(|command| command.names);
        return Some((0, beginning_with(line, all.copied())));
    };
    let typed = rest.trim_start();
    let start = line.len() - typed.len();
    let offered = match find::argument_of(name) {
        Argument::None | Argument::Seconds | Argument::Word => Vec::new(),
        Argument::Table | Argument::Pattern => {
            beginning_with(typed, names.tables.keys().map(String::as_str))
        }
        Argument::Format => beginning_with(typed, strs(&formats::format_names())),
        Argument::Chart => beginning_with(typed, strs(&find::chart_names())),
        Argument::Switch => beginning_with(typed, SWITCHES),
        Argument::Keys => beginning_with(typed, KEYS),
        Argument::Zone => beginning_with(typed, TZ_VARIANTS.iter().map(|zone| zone.name())),
        Argument::File | Argument::OptionalFile => return None,
    };
    Some((start, offered))
}

/// Completes SQL at a byte of the text.
pub fn sql(text: &str, at: usize, names: &Names) -> Offer {
    let start = text[..at].trim_end_matches(continues_word).len();
    let typed = &text[start..at];
    let before = tokens(&text[..start]);
    if let Some(string) = before.last().filter(|token| token.kind == Kind::Text && !token.finished)
    {
        return value(text, at, &before[..before.len() - 1], string.range.start + 1);
    }
    let inside = |kind| matches!(kind, Kind::Text | Kind::Comment | Kind::Quoted);
    if before.last().is_some_and(|token| inside(token.kind) && !token.finished)
        || before.last().is_some_and(|token| is_open_line(token, text))
        || typed.starts_with(|first: char| first.is_ascii_digit())
    {
        return (at, Vec::new());
    }
    let statement = Statement::around(text, at, names);
    let spoken: Vec<&Token> =
        before.iter().filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment)).collect();
    let spoken = |back: usize| {
        let token = spoken.len().checked_sub(back).and_then(|index| spoken.get(index));
        token.map_or("", |token| &text[token.range.clone()])
    };
    let mut offered = Vec::new();
    if spoken(1) == "." {
        offered.extend(beginning_with(typed, statement.columns_of(spoken(2))));
    } else if BEFORE_TABLES.iter().any(|word| word.eq_ignore_ascii_case(spoken(1))) {
        offered.extend(beginning_with(typed, names.tables.keys().map(String::as_str)));
        offered.extend(called(beginning_with(typed, strs(&names.table_functions))));
    } else {
        let columns: BTreeSet<&str> = statement.columns().collect();
        offered.extend(beginning_with(typed, columns));
        // Without a typed letter, the list would be too long to read.
        if !typed.is_empty() {
            if statement.tables.is_empty() {
                // Columns are usually typed before the FROM clause.
                let any: BTreeSet<&str> = names.tables.values().flat_map(|c| strs(c)).collect();
                offered.extend(beginning_with(typed, any));
            }
            offered.extend(beginning_with(typed, names.tables.keys().map(String::as_str)));
            let keywords = beginning_with(typed, KEYWORDS);
            let lower = typed.chars().all(|char| !char.is_ascii_uppercase());
            let cased = |word: String| if lower { word.to_ascii_lowercase() } else { word };
            offered.extend(keywords.into_iter().map(cased));
            offered.extend(called(beginning_with(typed, strs(&names.functions))));
        }
    }
    // Some keywords are also names.
    let mut seen = BTreeSet::new();
    offered.retain(|offer| seen.insert(offer.clone()));
    (start, offered)
}

/// Completes a string that begins at a byte of the text, if it is compared with a column that has only
/// some values, as in `direction = 'in`.
fn value(text: &str, at: usize, before: &[Token], start: usize) -> Offer {
    let spoken = before.iter().filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    let mut words = spoken.rev().map(|token| (token.kind, &text[token.range.clone()]));
    let mut words = words.by_ref().skip_while(|(kind, word)| {
        let is_word = |name: &&str| word.eq_ignore_ascii_case(name);
        *kind == Kind::Text || ["=", "<>", "!=", "(", ",", "IN", "NOT"].iter().any(is_word)
    });
    let column = words.next().map_or("", |(_, word)| word);
    let columns = TABLES.iter().flat_map(|table| table.columns());
    let known = columns.filter(|known| known.name.eq_ignore_ascii_case(column));
    let values: BTreeSet<&str> = known.flat_map(|column| column.allowed).copied().collect();
    let end = if text[at..].starts_with('\'') { "" } else { "'" };
    let offered =
        text.get(start..at).map(|typed| beginning_with(typed, values)).unwrap_or_default();
    (start.min(at), offered.into_iter().map(|value| value + end).collect())
}

/// Whether the token is a line comment that more text would continue.
fn is_open_line(token: &Token, text: &str) -> bool {
    let comment = &text[token.range.clone()];
    token.kind == Kind::Comment && comment.starts_with("--") && !comment.ends_with('\n')
}

fn strs(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

fn called(functions: Vec<String>) -> impl Iterator<Item = String> {
    functions.into_iter().map(|function| function + "(")
}

/// The candidates that start with the typed text, ignoring case.
fn beginning_with<'a>(typed: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let begins = |candidate: &&str| {
        let bare = candidate.strip_prefix('"').unwrap_or(candidate);
        bare.get(..typed.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(typed))
    };
    all.into_iter().filter(begins).map(str::to_owned).collect()
}

/// The tables that a statement names.
struct Statement<'a> {
    names: &'a Names,
    /// The name or alias in the statement, and the table.
    tables: Vec<(&'a str, &'a str)>,
}

impl<'a> Statement<'a> {
    /// The statement around a byte of the text.
    fn around(text: &'a str, at: usize, names: &'a Names) -> Self {
        let (mut words, mut tables) = (Vec::new(), Vec::new());
        for token in tokens(text) {
            match token.kind {
                Kind::Semicolon if token.range.start < at => words.clear(),
                Kind::Semicolon => break,
                Kind::Space | Kind::Comment => {}
                _ => words.push(&text[token.range]),
            }
        }
        for (index, word) in words.iter().enumerate() {
            let Some((table, _)) = names.tables.get_key_value(&word.to_ascii_lowercase()) else {
                continue;
            };
            let mut after = words[index + 1..].iter();
            let mut alias = after.next();
            if alias.is_some_and(|word| word.eq_ignore_ascii_case("AS")) {
                alias = after.next();
            }
            let is_alias = |word: &&&str| word.starts_with(continues_word) && !is_keyword(word);
            tables.push((*alias.filter(is_alias).unwrap_or(word), table.as_str()));
        }
        Self { names, tables }
    }

    fn columns(&self) -> impl Iterator<Item = &'a str> {
        self.tables.iter().flat_map(|(_, table)| self.of_table(table))
    }

    /// The columns of a table, given its name or an alias.
    fn columns_of(&self, name: &str) -> Vec<&'a str> {
        let called = self.tables.iter().find(|(called, _)| called.eq_ignore_ascii_case(name));
        let table =
            called.map_or_else(|| name.to_ascii_lowercase(), |(_, table)| table.to_string());
        self.of_table(&table).collect()
    }

    fn of_table(&self, table: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.names.tables.get(table).into_iter().flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names {
            tables: [
                ("messages".to_owned(), columns(&["id", "ts_utc", "body"])),
                ("ticks".to_owned(), columns(&["id", "ts_utc", "source"])),
            ]
            .into(),
            functions: columns(&["count", "substr", "sum"]),
            table_functions: columns(&["generate_series"]),
        }
    }

    /// The candidates at the position of the bar.
    fn offered(text: &str) -> Vec<String> {
        let at = text.find('|').unwrap();
        sql(&text.replace('|', ""), at, &names()).1
    }

    #[test]
    fn columns_of_the_tables_that_are_named_come_first() {
        assert_eq!(offered("SELECT s| FROM ticks")[..1], ["source"]);
        assert_eq!(offered("SELECT | FROM ticks"), ["id", "source", "ts_utc"]);
        assert_eq!(offered("SELECT bod| FROM messages WHERE"), ["body"]);
        assert!(offered("SELECT 1 FROM ticks; SELECT sou| FROM messages").is_empty());
        assert_eq!(offered("SELECT sou|"), ["source"], "no table is named yet");
        assert_eq!(
            offered("SELECT * FROM messages m, ticks t WHERE t.|"),
            ["id", "ts_utc", "source"]
        );
        assert_eq!(offered("SELECT M.b| FROM messages AS m"), ["body"]);
        assert_eq!(offered("SELECT ticks.s| FROM ticks WHERE true"), ["source"]);
        assert!(offered("SELECT x.| FROM ticks").is_empty());
    }

    #[test]
    fn tables_stand_after_from_and_join() {
        assert_eq!(offered("SELECT * FROM |"), ["messages", "ticks", "generate_series("]);
        assert_eq!(offered("select * from messages join t|"), ["ticks"]);
        assert_eq!(offered("FROM Me|"), ["messages"]);
    }

    #[test]
    fn keywords_take_the_case_of_what_is_typed() {
        assert_eq!(offered("sel|"), ["select"]);
        assert_eq!(offered("SEL|"), ["SELECT"]);
        assert_eq!(offered("SELECT su|"), ["substr(", "sum("]);
        assert!(offered("|").is_empty());
    }

    #[test]
    fn nothing_is_offered_inside_of_texts_and_comments() {
        for text in [
            "SELECT 'se|",
            "SELECT 1 -- se|",
            "/* se|",
            "SELECT \"se|",
            "SELECT 1e|",
            "SELECT 1 --|",
        ] {
            assert!(offered(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn strings_offer_the_values_of_their_column() {
        assert_eq!(offered("SELECT 1 FROM messages WHERE direction = 'in|"), ["inbound'"]);
        assert_eq!(
            offered("SELECT 1 FROM messages WHERE direction = '|'"),
            ["inbound", "outbound"]
        );
        assert_eq!(offered("SELECT 1 FROM sessions WHERE event IN ('up', 'd|"), ["down'"]);
        assert!(offered("SELECT 1 FROM messages WHERE body = 'in|").is_empty());
        assert!(offered("SELECT 'in|").is_empty());
    }

    #[test]
    fn commands_offer_what_they_take() {
        let offered = |line: &str| command(line, &names()).map(|(_, offered)| offered);
        assert_eq!(offered(".t").unwrap(), [".tables", ".timer", ".tz"]);
        assert_eq!(offered(".chart s").unwrap(), ["spark"]);
        assert_eq!(offered(".tz europe/ber").unwrap(), ["Europe/Berlin"]);
        assert_eq!(offered(".once x"), None);
        assert_eq!(offered(".timer o").unwrap(), ["on", "off"]);
        assert_eq!(offered("\\d mes").unwrap(), ["messages"]);
        assert!(offered(".mode ").unwrap().contains(&"csv".to_owned()));
        assert_eq!(offered(".read x"), None);
        assert!(offered(".help x").unwrap().is_empty());
    }
}
