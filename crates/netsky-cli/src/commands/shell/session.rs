//! What statements and commands do.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustyline::EditMode;

use crate::commands::functions::{self, FunctionsArgs};
use crate::commands::parameters::Parameters;
use crate::commands::query;
use crate::commands::shell::commands::{self, Action};
use crate::commands::shell::find;
use crate::commands::shell::lexer::{Piece, pieces};
use crate::commands::shell::relations;
use crate::commands::shell::script::Script;
use crate::commands::shell::settings::{self, Settings};
use crate::commands::shell::{edit, keys, watch};
use crate::commands::tables::{self, SchemaArgs, ViewsArgs};
use crate::failure::Failure;
use crate::output::{self, print_line};
use crate::store::StoreArgs;

/// The limit on nested `.read`, because a file could read itself.
const MAX_DEPTH: usize = 16;

/// How the shell goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Go,
    Quit,
    /// With this text, as if it were typed.
    Typed(String),
}

#[derive(Debug)]
pub struct Session {
    pub store: StoreArgs,
    pub settings: Settings,
    pub keys: EditMode,
    /// Whether somebody types the input, and reads what has changed.
    pub is_interactive: bool,
    /// The statement that ran last.
    last: String,
    /// How deeply `.read` is nested.
    depth: usize,
}

/// Decides whether a failure ends a script.
pub type OnFailure<'a> = &'a dyn Fn(Failure) -> Result<(), Failure>;

impl Session {
    pub fn new(store: StoreArgs, settings: Settings) -> Self {
        let (keys, last) = (keys::mode_of_readline(), String::new());
        Self { store, settings, keys, is_interactive: false, last, depth: 0 }
    }

    /// Runs the pieces of a file or of standard input. A failure is told with its line, and with the name
    /// of the file.
    pub fn run_script(
        &mut self,
        script: &mut Script<impl io::BufRead>,
        name: &str,
        on_failure: OnFailure<'_>,
    ) -> Result<Next, Failure> {
        let about = |failure: Failure, line: usize| match name {
            "" => failure.in_statement_at(line),
            name => failure.in_statement_at(line).about(name),
        };
        while let Some((piece, line)) = script.next().map_err(|failure| match name {
            "" => failure.about("standard input"),
            name => failure.about(name),
        })? {
            match self.run_piece(&piece, script.text()) {
                Ok(Next::Quit) => return Ok(Next::Quit),
                Ok(_) => {}
                Err(failure) if failure.is_interrupt() => return Err(failure),
                Err(failure) => on_failure(about(failure, line))?,
            }
        }
        Ok(Next::Go)
    }

    /// Runs the pieces of an argument. It is in sight, so a failure has no line.
    pub fn run_text(&mut self, text: &str) -> Result<Next, Failure> {
        for piece in pieces(text) {
            if self.run_piece(&piece, text)? == Next::Quit {
                return Ok(Next::Quit);
            }
        }
        Ok(Next::Go)
    }

    pub fn run_piece(&mut self, piece: &Piece, text: &str) -> Result<Next, Failure> {
        match piece {
            Piece::Command(command) => self.run_command(&text[command.clone()], ""),
            Piece::Statement(statement) | Piece::Unfinished(statement) => {
                self.run_statement(&text[statement.clone()])
            }
            Piece::WithCommand { statement, command } => {
                let line = &text[command.clone()];
                if !find::find(line)?.0.action.takes_statement() {
                    return Err(Failure::input(format!(
                        "{line} is behind a statement that has no end\n  put a semicolon between them"
                    )));
                }
                self.run_command(line, &text[statement.clone()])
            }
        }
    }

    fn run_statement(&mut self, sql: &str) -> Result<Next, Failure> {
        sql.clone_into(&mut self.last);
        let answer = self.settings.next_answer()?;
        query::answer_with(&self.store, sql, &Parameters::default(), &answer, self.settings.timer)?;
        // A query that failed has written nothing, so the file is still waited for.
        self.settings.once = None;
        Ok(Next::Go)
    }

    /// Runs a command. `unfinished` is the statement that it is typed in, if any.
    pub fn run_command(&mut self, line: &str, unfinished: &str) -> Result<Next, Failure> {
        let (command, argument) = find::find(line)?;
        let output = self.settings.table_output();
        let set = |state: Result<String, Failure>| state.map(Some);
        let state = match command.action {
            Action::Relations => {
                relations::describe(&self.store, argument, asks_for_more(line), output)?;
                None
            }
            Action::Tables => {
                relations::list_tables(&self.store, argument, output)?;
                None
            }
            Action::Views => {
                let view = argument.map(str::to_owned);
                tables::views(&self.store, &ViewsArgs { view, output })?;
                None
            }
            Action::Schema => {
                let table = argument.map(str::to_owned);
                tables::schema(
                    &self.store,
                    &SchemaArgs { table, format: output.format.into(), json: output.json },
                )?;
                None
            }
            Action::Functions => {
                functions::run(&FunctionsArgs { pattern: argument.map(str::to_owned), output })?;
                None
            }
            Action::Mode => set(self.settings.set_mode(argument))?,
            Action::Expanded => set(self.settings.set_expanded(argument))?,
            Action::Chart => set(self.settings.set_chart(argument))?,
            Action::All => set(self.settings.set_all(argument))?,
            Action::Timer => set(self.settings.set_timer(argument))?,
            Action::Zone => set(settings::set_zone(argument))?,
            Action::Keys => set(self.set_keys(argument))?,
            Action::Once => set(self.settings.set_once(path_of(argument.unwrap_or_default())))?,
            Action::Output => {
                let file = argument.filter(|file| !["stdout", "-"].contains(file));
                set(self.settings.set_output(file.map(path_of)))?
            }
            Action::Run => {
                let sql = self.current(unfinished)?;
                self.settings.once = argument.map(path_of).or(self.settings.once.take());
                return self.run_statement(&sql);
            }
            Action::RunExpanded => return self.run_expanded(unfinished),
            Action::Watch => {
                let sql = self.current(unfinished)?;
                sql.clone_into(&mut self.last);
                watch::run(&self.store, &sql, &self.settings.answer, watch::interval(argument)?)?;
                None
            }
            Action::Edit => {
                let text = match unfinished {
                    "" if self.last.is_empty() => String::new(),
                    "" => format!("{};\n", self.last),
                    unfinished => format!("{unfinished}\n"),
                };
                return Ok(Next::Typed(edit::edit(&text)?));
            }
            Action::Read => return self.read(argument.unwrap_or_default()),
            Action::Help => {
                print_line(&commands::help(argument))?;
                None
            }
            Action::Quit => return Ok(Next::Quit),
        };
        if let Some(state) = state.filter(|_| self.is_interactive && self.depth == 0) {
            print_line(&state)?;
        } else if command.action == Action::Mode && argument.is_none() {
            print_line(output.format.name())?;
        }
        Ok(Next::Go)
    }

    /// The statement that a command is typed in, else the last one.
    fn current(&self, unfinished: &str) -> Result<String, Failure> {
        let is_alone = unfinished.trim().is_empty();
        match if is_alone { self.last.as_str() } else { unfinished } {
            "" => Err(Failure::input("no statement has run yet; put the command behind one")),
            current => Ok(current.to_owned()),
        }
    }

    fn run_expanded(&mut self, unfinished: &str) -> Result<Next, Failure> {
        let sql = self.current(unfinished)?;
        let before = self.settings.answer.clone();
        self.settings.set_expanded(Some("on"))?;
        let done = self.run_statement(&sql);
        self.settings.answer = before;
        done
    }

    fn set_keys(&mut self, argument: Option<&str>) -> Result<String, Failure> {
        self.keys = match argument.map(str::to_ascii_lowercase).as_deref() {
            None => self.keys,
            Some("vi" | "vim") => EditMode::Vi,
            Some("emacs") => EditMode::Emacs,
            Some(other) => {
                return Err(Failure::input(format!("expected vi or emacs, found '{other}'")));
            }
        };
        let name = if self.keys == EditMode::Vi { "vi" } else { "emacs" };
        Ok(format!("Keys are those of {name}."))
    }

    fn read(&mut self, name: &str) -> Result<Next, Failure> {
        if self.depth == MAX_DEPTH {
            return Err(Failure::input(format!(
                "{name} was not read: .read is nested {MAX_DEPTH} levels deep; look for a file that \
                 reads itself"
            )));
        }
        let path = path_of(name);
        let file = fs::File::open(&path).map_err(|error| Failure::unreadable(&path, &error))?;
        self.depth += 1;
        let done = self.run_script(&mut Script::new(io::BufReader::new(file)), name, &Err);
        self.depth -= 1;
        done
    }
}

/// Prints a failure that does not end the shell.
pub fn report(failure: Failure) {
    match failure.is_interrupt() {
        true => output::warn(format_args!("interrupted")),
        false => {
            failure.report();
        }
    }
}

/// Whether the name of a command in a line ends with `+`.
fn asks_for_more(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|name| name.trim_end_matches(';').ends_with('+'))
}

/// The path of a file in the argument of a command, which no shell has expanded.
fn path_of(name: &str) -> PathBuf {
    let is_quoted =
        |quote: &&char| name.len() > 1 && name.starts_with(**quote) && name.ends_with(**quote);
    let name = match ['"', '\''].iter().find(is_quoted) {
        Some(_) => &name[1..name.len() - 1],
        None => name,
    };
    match (name.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(name).to_owned(),
    }
}
