//! `netsky shell`

mod commands;
mod complete;
mod editor;
mod highlight;
mod keywords;
mod lexer;
mod names;
mod script;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, stderr, stdin, stdout};
use std::path::PathBuf;

use crate::commands::query::{self, AnswerArgs};
use crate::commands::tables::{self, SchemaArgs, TablesArgs, ViewsArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{self, Format, print_line};
use crate::store::StoreArgs;
use commands::{Action, Command};
pub use editor::HISTORY_FILE;
use editor::{Editor, Input};
use lexer::{Piece, pieces};
use script::Script;

/// Start an interactive SQL shell
///
/// A query ends with a semicolon and can span lines. TAB completes keywords, tables, columns and
/// functions; the arrow keys and Ctrl-R search earlier queries, which are kept in ~/.netsky/history
/// unless they begin with a space. Ctrl-C cancels a query, and Ctrl-D exits. Each query sees the current
/// rows. `.help` lists the shell's own commands.
///
/// At startup, the shell runs the commands and queries in ~/.netskyrc. If standard input or output is not
/// a terminal, it runs the queries on standard input and stops at the first that fails.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky shell
  netsky shell --db backup.db --format csv
  netsky shell < report.sql"
)]
pub struct ShellArgs {
    #[command(flatten)]
    pub answer: AnswerArgs,
}

/// Commands and queries that run at startup, in the home directory.
pub const RC_FILE: &str = ".netskyrc";

/// The limit on nested `.read`, because a file could read itself.
const MAX_DEPTH: usize = 16;

/// Whether there is a terminal for both input and output.
pub fn is_possible() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

pub fn run(store: &StoreArgs, args: &ShellArgs) -> Result<(), Failure> {
    // Report a store that cannot be opened before the user types a query.
    store.open_read_only()?;
    let mut shell =
        Shell { store, answer: args.answer.clone(), timer: stderr().is_terminal(), depth: 0 };
    if !is_possible() {
        return shell.run_script(&mut Script::new(stdin().lock()), "", &Err).map(|_| ());
    }
    shell.talk()
}

/// Prints a failure that does not end the shell.
fn report(failure: Failure) {
    match failure.is_interrupt() {
        true => output::warn(format_args!("interrupted")),
        false => {
            failure.report();
        }
    }
}

/// Whether the shell continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Quit,
}

struct Shell<'a> {
    store: &'a StoreArgs,
    answer: AnswerArgs,
    /// Whether a summary with the elapsed time follows each answer.
    timer: bool,
    /// How deeply `.read` is nested.
    depth: usize,
}

impl Shell<'_> {
    /// Reads from the terminal until the end of input.
    fn talk(&mut self) -> Result<(), Failure> {
        let path = self.store.path_or_default()?;
        print_line(&format!(
            "netsky {} on {}\nEnd each query with ; and type .help for commands. Ctrl-D exits.",
            env!("CARGO_PKG_VERSION"),
            path.display()
        ))?;
        if self.run_rc_file()? == Next::Quit {
            return Ok(());
        }
        let mut editor = Editor::new(self.store.clone())?;
        loop {
            let text = match editor.read()? {
                Input::Text(text) => text,
                Input::Cleared => continue,
                Input::End => return Ok(()),
            };
            for piece in pieces(&text) {
                let captured = interrupt::capture();
                let done = self.run_piece(&piece, &text);
                drop(captured);
                match done {
                    Ok(Next::Go) => {}
                    Ok(Next::Quit) => return Ok(()),
                    // The rest of the line may depend on this piece.
                    Err(failure) => {
                        report(failure);
                        break;
                    }
                }
            }
        }
    }

    fn run_rc_file(&mut self) -> Result<Next, Failure> {
        let Some(path) = env::home_dir().map(|home| home.join(RC_FILE)) else {
            return Ok(Next::Go);
        };
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Next::Go),
            Err(error) => {
                Failure::unreadable(&path, &error).report();
                return Ok(Next::Go);
            }
        };
        let _captured = interrupt::capture();
        let reported = |failure| {
            report(failure);
            Ok(())
        };
        let mut script = Script::new(io::BufReader::new(file));
        let name = path.display().to_string();
        match self.run_script(&mut script, &name, &reported) {
            Ok(next) => Ok(next),
            Err(failure) => {
                report(failure);
                Ok(Next::Go)
            }
        }
    }

    /// Runs the pieces of a file or of standard input. `on_failure` decides whether a failure ends it.
    fn run_script(
        &mut self,
        script: &mut Script<impl io::BufRead>,
        name: &str,
        on_failure: &dyn Fn(Failure) -> Result<(), Failure>,
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
                Ok(Next::Go) => {}
                Ok(Next::Quit) => return Ok(Next::Quit),
                Err(failure) if failure.is_interrupt() => return Err(failure),
                Err(failure) => on_failure(about(failure, line))?,
            }
        }
        Ok(Next::Go)
    }

    fn run_piece(&mut self, piece: &Piece, text: &str) -> Result<Next, Failure> {
        let text = &text[piece.range().clone()];
        if let Piece::Command(_) = piece {
            let (command, argument) = commands::find(text)?;
            return self.run_command(command, argument);
        }
        query::answer_with(self.store, text, &[], &self.answer, self.timer)?;
        Ok(Next::Go)
    }

    fn run_command(&mut self, command: &Command, argument: Option<&str>) -> Result<Next, Failure> {
        match command.action {
            Action::Tables => {
                tables::run(self.store, &TablesArgs { format: self.format() })?;
            }
            Action::Views => {
                let view = argument.map(str::to_owned);
                tables::views(&ViewsArgs { view, format: self.format() })?;
            }
            Action::Schema => {
                let table = argument.map(str::to_owned);
                tables::schema(&SchemaArgs { table, format: self.format() })?;
            }
            Action::Mode => match argument {
                Some(name) => {
                    self.answer.format = Some(commands::format(name)?);
                    self.answer.json = false;
                }
                None => print_line(&self.format().to_string())?,
            },
            Action::Timer => {
                self.timer = commands::switched(self.timer, argument)?;
            }
            Action::All => {
                self.answer.all = commands::switched(self.answer.all, argument)?;
            }
            Action::Read => return self.read(argument.unwrap_or_default()),
            Action::Help => print_line(&commands::help())?,
            Action::Quit => return Ok(Next::Quit),
        }
        Ok(Next::Go)
    }

    fn format(&self) -> Format {
        self.answer.format.unwrap_or(Format::Table)
    }

    fn read(&mut self, name: &str) -> Result<Next, Failure> {
        if self.depth == MAX_DEPTH {
            return Err(Failure::input(format!(
                "{name} was not read: .read is nested {MAX_DEPTH} levels deep; look for a file that \
                 reads itself"
            )));
        }
        let path = match (name.strip_prefix("~/"), env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(name),
        };
        let file = fs::File::open(&path).map_err(|error| Failure::unreadable(&path, &error))?;
        self.depth += 1;
        let done = self.run_script(&mut Script::new(io::BufReader::new(file)), name, &Err);
        self.depth -= 1;
        done
    }
}
