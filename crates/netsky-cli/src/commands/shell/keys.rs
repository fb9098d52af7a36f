//! The keys that edit a line: emacs or vi, and those of the shell.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustyline::{
    Cmd, ConditionalEventHandler, EditMode, Event, EventContext, KeyCode, KeyEvent, Modifiers,
    RepeatCount,
};

/// The keys that the user has chosen for all programs that use readline: `set editing-mode vi` in
/// `$INPUTRC` or `~/.inputrc`.
pub fn mode_of_readline() -> EditMode {
    let named = env::var_os("INPUTRC").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = named.or_else(|| env::home_dir().map(|home| home.join(".inputrc")));
    let text = path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    mode_of(&text)
}

fn mode_of(inputrc: &str) -> EditMode {
    let mut settings = inputrc.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_mode = words.next()?.eq_ignore_ascii_case("set")
            && words.next()?.eq_ignore_ascii_case("editing-mode");
        words.next().filter(|_| is_mode)
    });
    match settings.next_back() {
        Some(mode) if mode.eq_ignore_ascii_case("vi") => EditMode::Vi,
        _ => EditMode::Emacs,
    }
}

/// What the keys of the shell and its prompt tell each other.
#[derive(Debug, Default)]
pub struct Shared {
    /// Whether the line continues a statement.
    pub continues: AtomicBool,
    /// Whether Up ended the line, to edit the lines above.
    pub wants_lines_above: AtomicBool,
    /// Whether Ctrl-C ended the line.
    pub is_cleared: AtomicBool,
    last_words: Mutex<LastWords>,
}

impl Shared {
    pub fn add_line(&self, line: &str) {
        let word = line.trim_end_matches([';', ' ', '\n']).rsplit(char::is_whitespace).next();
        self.last_words().add(word.unwrap_or_default());
    }

    /// Returns the word that Alt-. asked for, and the place in the line that it replaces up to the cursor.
    pub fn take_last_word(&self) -> Option<(usize, String)> {
        self.last_words().wanted.take()
    }

    fn last_words(&self) -> MutexGuard<'_, LastWords> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last word of each line before, the oldest first.
#[derive(Debug, Default)]
struct LastWords {
    words: Vec<String>,
    inserted: Option<Inserted>,
    wanted: Option<(usize, String)>,
}

/// The word that Alt-. inserted.
#[derive(Debug)]
struct Inserted {
    /// Counted from the newest.
    nth: usize,
    start: usize,
    /// The line with the word, which tells whether it was edited since.
    line: String,
    end: usize,
}

impl LastWords {
    fn add(&mut self, word: &str) {
        if !word.is_empty() && self.words.last().is_none_or(|last| last != word) {
            self.words.push(word.to_owned());
        }
    }

    /// Chooses the newest word for a place in a line; if it was just inserted there, the one before.
    fn choose(&mut self, line: &str, at: usize) {
        let (nth, start) = match &self.inserted {
            Some(last) if last.line == line && last.end == at => (last.nth + 1, last.start),
            _ => (0, at),
        };
        let Some(word) = self.words.iter().rev().cycle().nth(nth % self.words.len().max(1)) else {
            return;
        };
        let line = format!("{}{word}{}", &line[..start], &line[at..]);
        self.inserted = Some(Inserted { nth, start, line, end: start + word.len() });
        self.wanted = Some((start, word.clone()));
    }
}

/// The keys, and what they do.
pub fn bindings(shared: &Arc<Shared>) -> [(KeyEvent, Box<dyn ConditionalEventHandler>); 4] {
    let up = || Box::new(LinesAbove(Arc::clone(shared)));
    let last_word = LastWord(Arc::clone(shared));
    [
        (KeyEvent(KeyCode::Up, Modifiers::NONE), up()),
        (KeyEvent::ctrl('P'), up()),
        (KeyEvent::alt('.'), Box::new(last_word)),
        (KeyEvent::ctrl('C'), Box::new(Clear(Arc::clone(shared)))),
    ]
}

/// Up on an empty line of an unfinished statement edits all of the statement. Elsewhere it does what
/// it always does.
struct LinesAbove(Arc<Shared>);

impl ConditionalEventHandler for LinesAbove {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        if !line.line().is_empty() || !self.0.continues.load(Ordering::SeqCst) {
            return None;
        }
        self.0.wants_lines_above.store(true, Ordering::SeqCst);
        Some(Cmd::AcceptLine)
    }
}

/// Ctrl-C clears the line. rustyline would return an error for it, and lose what is typed or sent after it.
struct Clear(Arc<Shared>);

impl ConditionalEventHandler for Clear {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.is_cleared.store(true, Ordering::SeqCst);
        Some(Cmd::AcceptLine)
    }
}

/// Alt-. inserts the last word of the line before, and again that of the line before it. rustyline has no
/// command that replaces text and moves behind it, except a completion with one candidate.
struct LastWord(Arc<Shared>);

impl ConditionalEventHandler for LastWord {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        let mut last = self.0.last_words();
        last.choose(line.line(), line.pos());
        Some(if last.wanted.is_some() { Cmd::Complete } else { Cmd::Noop })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vi_keys_are_those_of_readline() {
        assert_eq!(mode_of(""), EditMode::Emacs);
        assert_eq!(mode_of("# set editing-mode vi\n"), EditMode::Emacs);
        assert_eq!(mode_of("set bell-style none\n  set editing-mode vi\n"), EditMode::Vi);
        assert_eq!(mode_of("set editing-mode vi\nset editing-mode emacs"), EditMode::Emacs);
    }
}
