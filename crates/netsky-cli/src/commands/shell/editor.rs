//! The prompt: line editing, completion and history.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use netsky_db::Db;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, EditMode, EventHandler, Helper};

use crate::commands::shell::complete;
use crate::commands::shell::highlight::highlight;
use crate::commands::shell::keys::{self, Shared};
use crate::commands::shell::lexer::{Open, Piece, open_at_end, pieces};
use crate::commands::shell::names::Names;
use crate::commands::shell::prompt;
use crate::failure::Failure;
use crate::store::StoreArgs;
use crate::terminal;

/// In ~/.netsky. Only its owner can read it, as with the store.
pub const HISTORY_FILE: &str = "history";
const HISTORY_LENGTH: usize = 10_000;

/// Input from the keyboard.
pub enum Input {
    /// A line, or several that were pasted or recalled.
    Text(String),
    /// The lines of the unfinished statement are to be edited.
    LinesAbove,
    /// The line was cleared, and with it the unfinished statement.
    Cleared,
    /// End of input.
    End,
}

pub struct Editor {
    editor: rustyline::Editor<Help, DefaultHistory>,
    shared: Arc<Shared>,
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
        let shared = Arc::<Shared>::default();
        editor.set_helper(Some(Help {
            store,
            shared: Arc::clone(&shared),
            unfinished: String::new(),
            is_inside_token: false,
            names: OnceCell::new(),
            files: FilenameCompleter::new(),
        }));
        let history = Db::default_path().ok().map(|store| store.with_file_name(HISTORY_FILE));
        if let Some(path) = &history {
            // The file does not exist the first time.
            let _ = editor.load_history(path);
        }
        editor.history().iter().for_each(|line| shared.add_line(line));
        for (key, handler) in keys::bindings(&shared) {
            editor.bind_sequence(key, EventHandler::Conditional(handler));
        }
        Ok(Self { editor, shared, history })
    }

    pub fn use_keys(&mut self, keys: EditMode) {
        self.editor.set_edit_mode(keys);
    }

    /// Reads a line that continues a statement, if there is one. `initial` is what is in it already.
    pub fn read(&mut self, unfinished: &str, initial: &str) -> Result<Input, Failure> {
        let continues = !unfinished.is_empty();
        let open = open_at_end(unfinished);
        if let Some(help) = self.editor.helper_mut() {
            unfinished.clone_into(&mut help.unfinished);
            help.is_inside_token = !matches!(open, None | Some(Open::Parenthesis));
            // Other processes may have created the store or a table since.
            help.names = OnceCell::new();
        }
        self.shared.continues.store(continues, Ordering::SeqCst);
        self.shared.wants_lines_above.store(false, Ordering::SeqCst);
        self.shared.is_cleared.store(false, Ordering::SeqCst);
        let prompt = if continues { prompt::continuation(open) } else { prompt::FIRST };
        // The editor enables bracketed paste.
        let _remembered = terminal::remember("\x1b[?2004l\n");
        match self.editor.readline_with_initial(prompt, (initial, "")) {
            Ok(_) if self.shared.wants_lines_above.load(Ordering::SeqCst) => Ok(Input::LinesAbove),
            Ok(_) if self.shared.is_cleared.load(Ordering::SeqCst) => Ok(Input::Cleared),
            Ok(text) => Ok(Input::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Input::Cleared),
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(Failure::input(format!("cannot read from the terminal: {error}"))),
        }
    }

    /// Saves the input at once, so that a killed shell does not lose it. If it cannot be saved, the query
    /// still runs; `netsky doctor` reports why.
    pub fn keep(&mut self, text: &str) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        self.shared.add_line(text);
        if !matches!(self.editor.add_history_entry(text), Ok(true)) {
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
    shared: Arc<Shared>,
    /// The lines before, if the line continues a statement.
    unfinished: String,
    /// Whether a string, a quoted name or a comment of them is open.
    is_inside_token: bool,
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

// Each line is read by itself, so that each has a prompt.
impl Validator for Help {}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        text: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if let Some((start, word)) = self.shared.take_last_word() {
            return Ok((start, vec![Pair { display: word.clone(), replacement: word }]));
        }
        let before = self.unfinished.len();
        let whole = format!("{}{text}", self.unfinished);
        let typed = &whole[..before + at];
        // A command extends to the end of its line, and may stand behind a statement.
        let line = typed.rfind('\n').map_or(0, |newline| newline + 1);
        let command = match pieces(typed).last() {
            Some(Piece::Command(command) | Piece::WithCommand { command, .. }) => {
                Some(command.start).filter(|start| *start >= line)
            }
            _ => None,
        };
        let (start, offered) = match command {
            Some(command) => match complete::command(&typed[command..], self.names()) {
                Some((start, offered)) => (command + start, offered),
                None => return self.files.complete(text, at, context),
            },
            None => complete::sql(&whole, before + at, self.names()),
        };
        let start = start.saturating_sub(before);
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, offered.into_iter().map(pair).collect()))
    }
}

impl Highlighter for Help {
    fn highlight<'l>(&self, text: &'l str, _: usize) -> Cow<'l, str> {
        // Otherwise each key would take longer in a longer statement.
        let before = if self.is_inside_token { self.unfinished.as_str() } else { "" };
        Cow::Owned(highlight(before, text))
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
