//! The shell on a terminal: it reads lines until a statement is complete, and runs it.

use std::env;
use std::fs;
use std::io;

use crate::commands::shell::editor::{Editor, Input};
use crate::commands::shell::find;
use crate::commands::shell::lexer::{Piece, piece, pieces};
use crate::commands::shell::prompt;
use crate::commands::shell::script::Script;
use crate::commands::shell::session::{Next, Session, report};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{print_line, warn_plain};

/// Commands and queries that run at startup, in the home directory.
pub const RC_FILE: &str = ".netskyrc";

/// Reads from the terminal until the end of input.
pub fn talk(session: &mut Session) -> Result<(), Failure> {
    let history = match &session.store.lake {
        Some(url) => url.clone(),
        None => session.store.path_or_default()?.display().to_string(),
    };
    print_line(&format!(
        "netsky {} on {history}\nEnd each query with ; and type .help for commands. Ctrl-D exits.",
        env!("CARGO_PKG_VERSION")
    ))?;
    if run_rc_file(session)? == Next::Quit {
        return Ok(());
    }
    session.is_interactive = true;
    let mut editor = Editor::new(session.store.clone())?;
    let (mut typed, mut initial) = (Typed::default(), String::new());
    loop {
        editor.use_keys(session.keys);
        let text = match editor.read(&typed.unfinished, &std::mem::take(&mut initial))? {
            Input::Text(text) => text,
            Input::LinesAbove => {
                initial = std::mem::take(&mut typed).unfinished.trim_end().to_owned();
                continue;
            }
            Input::Cleared => {
                typed = Typed::default();
                continue;
            }
            Input::End => return Ok(()),
        };
        match typed.take(text, &mut editor, session)? {
            Next::Go => {}
            Next::Quit => return Ok(()),
            Next::Typed(text) if text.trim_end().ends_with(';') => {
                print_line(text.trim_end())?;
                if typed.take(text, &mut editor, session)? == Next::Quit {
                    return Ok(());
                }
            }
            Next::Typed(text) => text.trim_end().clone_into(&mut initial),
        }
    }
}

/// What was typed and is not complete.
#[derive(Default)]
struct Typed {
    /// The statement that lacks its end.
    unfinished: String,
    /// All lines since the first of it, for the history.
    lines: String,
}

impl Typed {
    /// Takes lines, and runs what is complete.
    fn take(
        &mut self,
        text: String,
        editor: &mut Editor,
        session: &mut Session,
    ) -> Result<Next, Failure> {
        self.lines += &text;
        self.lines.push('\n');
        // Before it runs, so that a shell that is killed meanwhile has saved it.
        if self.is_complete_with(&text) {
            editor.keep(&std::mem::take(&mut self.lines));
        }
        for line in text.split('\n') {
            match self.take_line(line, session) {
                Ok(Next::Go) => {}
                Ok(next) => return Ok(next),
                // The rest may depend on this.
                Err(failure) => {
                    report(failure);
                    self.unfinished.clear();
                    break;
                }
            }
        }
        if self.unfinished.is_empty() {
            let lines = std::mem::take(&mut self.lines);
            editor.keep(&lines);
        }
        Ok(Next::Go)
    }

    /// Whether nothing is unfinished after the text.
    fn is_complete_with(&self, text: &str) -> bool {
        if !self.unfinished.is_empty() && !may_end_statement(text) {
            return false;
        }
        let whole = format!("{}{text}\n", self.unfinished);
        !pieces(&whole).any(|piece| matches!(piece, Piece::Unfinished(_)))
    }

    fn take_line(&mut self, line: &str, session: &mut Session) -> Result<Next, Failure> {
        if !self.unfinished.is_empty() && find::is_meant(line) {
            match prompt::why_not_a_command(&self.unfinished) {
                Some(reason) => warn_plain(reason),
                None => return self.run_command(line.trim(), session),
            }
        }
        let ends_nothing = !self.unfinished.is_empty() && !may_end_statement(line);
        self.unfinished += line;
        self.unfinished.push('\n');
        if ends_nothing {
            return Ok(Next::Go);
        }
        loop {
            let Some((piece, end)) = piece(&self.unfinished, 0) else {
                self.unfinished.clear();
                return Ok(Next::Go);
            };
            if let Piece::WithCommand { statement, command } = piece {
                let command = self.unfinished[command].to_owned();
                self.unfinished = self.unfinished[statement].to_owned() + "\n";
                return self.run_command(&command, session);
            }
            if let Piece::Unfinished(range) = piece {
                self.unfinished.drain(..range.start);
                if self.unfinished.lines().count() == 1 {
                    find::check_first_line(&self.unfinished)?;
                }
                return Ok(Next::Go);
            }
            let rest = self.unfinished.split_off(end);
            let text = std::mem::replace(&mut self.unfinished, rest);
            let captured = interrupt::capture();
            let done = session.run_piece(&piece, &text);
            drop(captured);
            match done? {
                Next::Go => {}
                next => return Ok(next),
            }
        }
    }

    /// Runs a command that was typed in a statement, which stays unfinished unless the command has run it.
    fn run_command(&mut self, line: &str, session: &mut Session) -> Result<Next, Failure> {
        let takes_it = find::find(line).is_ok_and(|(command, _)| command.action.takes_statement());
        let unfinished = self.unfinished.trim_end().to_owned();
        if takes_it {
            self.unfinished.clear();
        }
        let captured = interrupt::capture();
        let done = session.run_command(line, &unfinished);
        drop(captured);
        match done {
            Ok(Next::Go) if !takes_it => {
                warn_plain("the statement above is unfinished: end it with ; or press Ctrl-C");
                Ok(Next::Go)
            }
            Err(failure) if !takes_it => {
                report(failure);
                Ok(Next::Go)
            }
            done => done,
        }
    }
}

/// Whether text can end a statement that began before it. Otherwise the statement is not cut into tokens
/// again: with each line that would take longer.
fn may_end_statement(text: &str) -> bool {
    text.contains([';', '\\'])
}

fn run_rc_file(session: &mut Session) -> Result<Next, Failure> {
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
    match session.run_script(&mut script, &name, &reported) {
        Ok(next) => Ok(next),
        Err(failure) => {
            report(failure);
            Ok(Next::Go)
        }
    }
}
