//! The prompt: line editing, completion and history.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use netsky_db::Db;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Helper};

use crate::commands::shell::complete;
use crate::commands::shell::highlight::highlight;
use crate::commands::shell::lexer::{Piece, pieces};
use crate::commands::shell::names::Names;
use crate::failure::Failure;
use crate::store::StoreArgs;
use crate::terminal;

const PROMPT: &str = "netsky> ";
/// In ~/.netsky. Only its owner can read it, as with the store.
pub const HISTORY_FILE: &str = "history";
const HISTORY_LENGTH: usize = 10_000;

/// Input from the keyboard.
pub enum Input {
    /// Complete commands and statements.
    Text(String),
    /// The line was cleared.
    Cleared,
    /// End of input.
    End,
}

pub struct Editor {
    editor: rustyline::Editor<Help, DefaultHistory>,
    /// `None` if there is no home directory.
    history: Option<PathBuf>,
}

impl Editor {
    pub fn new(store: StoreArgs) -> Result<Self, Failure> {
        let failed =
            |error: ReadlineError| Failure::input(format!("cannot open a prompt: {error}"));
        let config = Config::builder()
            .max_history_size(HISTORY_LENGTH)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(failed)?
            // Input that starts with a space is not saved.
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .build();
        let mut editor = rustyline::Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Help {
            store,
            names: OnceCell::new(),
            files: FilenameCompleter::new(),
        }));
        let history = Db::default_path().ok().map(|store| store.with_file_name(HISTORY_FILE));
        if let Some(path) = &history {
            // The file does not exist the first time.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    pub fn read(&mut self) -> Result<Input, Failure> {
        if let Some(help) = self.editor.helper_mut() {
            // Other processes may have created the store or a table since.
            help.names = OnceCell::new();
        }
        // The editor enables bracketed paste.
        let _remembered = terminal::remember("\x1b[?2004l\n");
        match self.editor.readline(PROMPT) {
            Ok(text) => {
                self.keep(&text);
                Ok(Input::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Input::Cleared),
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(Failure::input(format!("cannot read from the terminal: {error}"))),
        }
    }

    /// Saves the input at once, so that a killed shell does not lose it. If it cannot be saved, the query
    /// still runs; `netsky doctor` reports why.
    fn keep(&mut self, text: &str) {
        let text = text.trim_end();
        if text.is_empty() || !matches!(self.editor.add_history_entry(text), Ok(true)) {
            return;
        }
        if let Some(path) = &self.history {
            let _ = path.parent().map(make_private_dir);
            let _ = self.editor.append_history(path);
        }
    }
}

/// The history is in this directory even if the store is elsewhere.
fn make_private_dir(dir: &Path) {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let _ = builder.create(dir);
}

/// Answers the editor's requests while the user types.
struct Help {
    store: StoreArgs,
    names: OnceCell<Names>,
    files: FilenameCompleter,
}

impl Help {
    fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            self.store.open_read_only().map_or_else(|_| Names::default(), |db| Names::of(&db))
        })
    }
}

impl Helper for Help {}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let unfinished = |piece: Piece| matches!(piece, Piece::Unfinished(_));
        Ok(match pieces(context.input()).any(unfinished) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        text: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        // A command extends to the end of its line.
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let begun = pieces(&text[..at]).last();
        let (start, offered) = match begun {
            Some(Piece::Command(range)) if range.start >= line => {
                match complete::command(&text[range.start..at], self.names()) {
                    Some((start, offered)) => (range.start + start, offered),
                    None => return self.files.complete(text, at, context),
                }
            }
            _ => complete::sql(text, at, self.names()),
        };
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, offered.into_iter().map(pair).collect()))
    }
}

impl Highlighter for Help {
    fn highlight<'l>(&self, text: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(highlight(text))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Hinter for Help {
    type Hint = String;
}
