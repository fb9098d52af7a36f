//! Signals that end a command: Ctrl-C outside of the shell, SIGTERM and SIGHUP.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use chrono::Utc;
use netsky_db::{Db, TickRecord};

use super::{Home, TICK};
use crate::terminal::Terminal;

/// It takes minutes, gives one row, and its joins go on for long between two looks around.
const ENDLESS: &str = "SELECT sum(a.value * b.value % c.value) FROM generate_series(1, 100000) a, \
    generate_series(1, 100000) b, generate_series(1, 100000) c";

fn store() -> Home {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    fs::create_dir(home.path("tmp")).unwrap();
    home
}

/// What a signal is called, and the exit code of a command that it ends.
const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

fn start(home: &Home, args: &[&str]) -> Child {
    // The tests may run where signals are ignored, which would be inherited.
    start_with(home, "--default-signal=INT,TERM,HUP", args)
}

fn start_with(home: &Home, signals: &str, args: &[&str]) -> Child {
    let mut command = Command::new("env");
    command
        .args([signals, env!("CARGO_BIN_EXE_netsky")])
        .args(args)
        .env("HOME", home.path(""))
        .env("TMPDIR", home.path("tmp"))
        .env_remove("NETSKY_DB")
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

fn send(signal: &str, process: u32) {
    let kill = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(kill.unwrap().success());
}

fn end(mut child: Child, signal: &str) -> Option<i32> {
    send(signal, child.id());
    child.wait().unwrap().code()
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Waits until there is a file with that in its name.
fn until_there(dir: &Path, part: &str) {
    for _ in 0..3_000 {
        if names_in(dir).iter().any(|name| name.contains(part)) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("no {part} in {}: {:?}", dir.display(), names_in(dir));
}

#[test]
fn a_query_that_never_looks_around_ends_with_130() {
    let home = store();
    let mut terminal = home.terminal((80, 24), &["query", ENDLESS]);
    // The bar is there.
    terminal.until(|screen| !screen.trim().is_empty());
    terminal.press(Terminal::CTRL_C);
    assert_eq!(terminal.end(), 130);
}

fn record_long_texts(home: &Home) {
    let text = |index: usize| format!("{:0>200}", index * 7_919 % 100_000);
    let texts: Vec<String> = (0..100_000).map(text).collect();
    let tick = |text| TickRecord { ts_utc: Utc::now(), source: "x", detail_json: text };
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    db.record_all(texts.iter().map(|text| tick(text))).unwrap();
}

#[test]
fn a_signal_removes_private_spill_files() {
    let home = store();
    record_long_texts(&home);
    // Nobody reads the answer, so it is never at its end.
    let sql = "SELECT detail_json FROM ticks ORDER BY detail_json";
    for (signal, code) in SIGNALS {
        let query = start(&home, &["query", "--format", "csv", "--memory-limit", "16MiB", sql]);
        until_there(&home.path("tmp"), ".netsky-");
        let dir = fs::read_dir(home.path("tmp")).unwrap().next().unwrap().unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(end(query, signal), Some(code));
        assert_eq!(names_in(&home.path("tmp")), [""; 0]);
    }
}

#[test]
fn a_signal_removes_unfinished_output() {
    let home = store();
    let file = home.path("answer.csv").display().to_string();
    for (signal, code) in SIGNALS {
        let query = start(&home, &["query", "--output", &file, ENDLESS]);
        until_there(&home.path(""), ".part");
        assert_eq!(end(query, signal), Some(code));
        let mut left = names_in(&home.path(""));
        left.sort();
        assert_eq!(left, [".netsky", "tmp"]);
    }
}

#[test]
fn a_signal_removes_an_unfinished_backup() {
    let home = store();
    record_long_texts(&home);
    fs::create_dir(home.path("to")).unwrap();
    let file = home.path("to/backup.db").display().to_string();
    for (signal, code) in SIGNALS {
        let backup = start(&home, &["backup", "--force", &file]);
        until_there(&home.path("to"), ".netsky-");
        match end(backup, signal) {
            Some(0) => home.ok(&["check", "--db", &file]),
            ended => {
                assert_eq!(ended, Some(code));
                String::new()
            }
        };
        assert!(names_in(&home.path("to")).iter().all(|name| name == "backup.db"));
    }
}

#[test]
fn an_ignored_hangup_stays_ignored() {
    let home = store();
    let mut tail = start_with(&home, "--ignore-signal=HUP", &["tail", "-f", "ticks"]);
    let mut printed = [0; 1];
    tail.stdout.as_mut().unwrap().read_exact(&mut printed).unwrap();
    send("HUP", tail.id());
    assert_eq!(end(tail, "TERM"), Some(143));
}

#[test]
fn a_signal_ends_a_watch_and_restores_the_terminal() {
    let home = store();
    for (signal, code) in SIGNALS {
        let mut terminal = home.terminal((80, 24), &["top", "--watch"]);
        terminal.until_shown("q quits");
        // Keys are read on a thread of its own.
        terminal.until(|_| !terminal.has_its_mode());
        send(signal, terminal.process_id());
        assert_eq!(terminal.end() as i32, code);
        assert!(terminal.has_its_mode());
        let printed = terminal.printed();
        assert!(printed.ends_with("\x1b[?25h\x1b[?1049l"), "{printed:?}");
    }
}

#[test]
fn a_signal_ends_the_shell_and_restores_the_terminal() {
    let home = store();
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let mut terminal = home.terminal((80, 24), &["shell"]);
        terminal.until_shown("netsky>");
        terminal.press(&format!("SELECT 'before {signal}' AS x;\r"));
        terminal.until(|screen| screen.matches(&format!("before {signal}")).count() == 2);
        terminal.until(|screen| screen.trim_end().ends_with("netsky>"));
        terminal.press("SELECT unfinished");
        terminal.until_shown("unfinished");
        send(signal, terminal.process_id());
        assert_eq!(terminal.end() as i32, code);
        assert!(terminal.has_its_mode());
        assert!(terminal.printed().ends_with("\x1b[?2004l\r\n"), "{:?}", terminal.printed());
        let history = fs::read_to_string(home.path(".netsky/history")).unwrap();
        assert!(history.contains(&format!("before {signal}")), "{history}");
    }
}

#[test]
fn a_signal_ends_the_pager_and_restores_the_terminal() {
    let home = store();
    let file = home.path("pager");
    let pager = format!("stty raw -echo < /dev/tty; echo $$ > {}; exec sleep 1000", file.display());
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let with = [("NETSKY_PAGER", pager.as_str())];
        let sql = "SELECT value FROM generate_series(1, 40)";
        let mut terminal = home.terminal_with(&with, (80, 24), &["query", sql]);
        let pid = loop {
            match fs::read_to_string(&file).unwrap_or_default().trim().parse::<u32>() {
                Ok(pid) => break pid,
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        };
        terminal.until(|_| !terminal.has_its_mode());
        send("INT", terminal.process_id());
        send(signal, terminal.process_id());
        assert_eq!(terminal.end() as i32, code);
        assert!(terminal.has_its_mode());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        fs::remove_file(&file).unwrap();
    }
}
