//! A terminal with `netsky` in it: keys go in, and what a person would see comes out.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::cli::Home;

/// Only a screen that never comes is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Arc<Mutex<Output>>,
    reader: Option<JoinHandle<()>>,
    /// How the terminal treats keys, before anything ran in it.
    mode: String,
    // A terminal that is closed ends what runs in it.
    master: Box<dyn MasterPty + Send>,
}

struct Output {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Home {
    /// Runs `netsky` in a terminal of so many columns and lines.
    pub fn terminal(&self, (columns, lines): (u16, u16), args: &[&str]) -> Terminal {
        self.terminal_with(&[], (columns, lines), args)
    }

    /// As [`terminal`](Self::terminal), with more in its environment.
    pub fn terminal_with(
        &self,
        environment: &[(&str, &str)],
        (columns, lines): (u16, u16),
        args: &[&str],
    ) -> Terminal {
        let size = PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_netsky"));
        command.args(args);
        command.env("HOME", self.path(""));
        command.env("TERM", "xterm-256color");
        for inherited in [
            "NETSKY_DB",
            "NETSKY_TZ",
            "CLAUDE_CONFIG_DIR",
            "CODEX_HOME",
            "NO_COLOR",
            "PAGER",
            "NETSKY_PAGER",
            "COLUMNS",
            "LINES",
            "VISUAL",
            "EDITOR",
            "INPUTRC",
        ] {
            command.env_remove(inherited);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        let mode = mode(&*pty.master);
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let (lines, columns) = (NonZeroU16::new(lines).unwrap(), NonZeroU16::new(columns).unwrap());
        let output = Arc::new(Mutex::new(Output {
            screen: vt100::Parser::new(lines, columns, 0),
            bytes: Vec::new(),
        }));
        let mut from = pty.master.try_clone_reader().unwrap();
        let into = Arc::clone(&output);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // On Linux the end of a terminal is an error.
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                let mut output = into.lock().unwrap();
                output.screen.process(&bytes[..read]);
                output.bytes.extend(&bytes[..read]);
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Terminal { child, keys, output, reader: Some(reader), mode, master: pty.master }
    }
}

fn mode(master: &dyn MasterPty) -> String {
    #[cfg(unix)]
    return format!("{:?}", master.get_termios().unwrap().local_flags);
    #[cfg(not(unix))]
    String::new()
}

impl Terminal {
    pub const CTRL_C: &str = "\x03";
    pub const CTRL_D: &str = "\x04";
    pub const ENTER: &str = "\r";
    pub const TAB: &str = "\t";
    pub const UP: &str = "\x1b[A";

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub fn process_id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Gives the terminal another size, of so many columns and lines.
    pub fn resize(&self, (columns, lines): (u16, u16)) {
        let size = PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).unwrap();
        let (lines, columns) = (NonZeroU16::new(lines).unwrap(), NonZeroU16::new(columns).unwrap());
        self.output.lock().unwrap().screen.screen_mut().set_size(lines, columns);
    }

    /// Whether keys are treated as before anything ran here.
    pub fn has_its_mode(&self) -> bool {
        mode(&*self.master) == self.mode
    }

    /// What stands on the screen, line by line, without the blanks at their ends.
    pub fn screen(&self) -> String {
        let output = self.output.lock().unwrap();
        let (_, columns) = output.screen.screen().size();
        let lines = output.screen.screen().rows(0, columns.get());
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    /// Everything that was printed, with what moves the cursor and colours.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap().bytes).into_owned()
    }

    /// Waits for a screen as is wanted, and returns it.
    #[track_caller]
    pub fn until(&self, wanted: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "what was waited for is not on\n{screen}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the text stands on the screen.
    #[track_caller]
    pub fn until_shown(&self, text: &str) -> String {
        self.until(|screen| screen.contains(text))
    }

    /// Waits for the end of the program; its exit code, or as portable-pty tells it.
    pub fn end(&mut self) -> u32 {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "still running:\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_terminal_shows_what_is_printed_takes_keys_and_tells_how_it_ended() {
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    let mut terminal = home.terminal((60, 10), &["record", "ticks", "-"]);
    terminal.press(r#"{"source":"typed","detail_json":"{}"}"#);
    terminal.until_shown("typed");
    terminal.press(Terminal::ENTER);
    terminal.press(Terminal::CTRL_D);
    assert_eq!(terminal.end(), 0);
    assert!(terminal.screen().ends_with("2") || terminal.screen().contains("\n2\n"));
    assert!(!terminal.printed().contains('\x1b'), "nothing is coloured here");
}
