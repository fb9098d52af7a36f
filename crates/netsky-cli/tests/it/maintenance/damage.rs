//! Commands on a store in which one byte is not what was written: none panics or hangs.
//!
//! With `NETSKY_LONG_TESTS=1` thousands of bytes are changed instead of hundreds.

use std::env;
use std::fs::{self, File};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netsky_testing::{Dice, at, change, record_messages, store, used_pages};

use crate::cli::{Home, Ran};

const PAGE: usize = 4_096;
/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const TICK: &str = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"a","detail_json":"{}"}"#;
const QUERY: &str = "SELECT (SELECT count(source) FROM ticks) AS ticks, \
                     (SELECT count(body) FROM messages) AS messages, \
                     (SELECT count(kind) FROM crashes) AS crashes";
const COMMANDS: [&[&str]; 5] = [
    &["query", QUERY, "--format", "csv"],
    &["tables"],
    &["check"],
    &["backup", "copy.db"],
    &["--busy-timeout", "1s", "record", "ticks", TICK],
];

/// A closed store with rows in several tables, as bytes.
fn small_store() -> Vec<u8> {
    let store = store();
    record_messages(&store.db, 0..200);
    let ticks = format!("{TICK}\n").repeat(300);
    store.db.import("ticks", ticks.as_bytes()).unwrap();
    store.db.record_crash(at(0), "k", "a", "{}").unwrap();
    let path = store.path.clone();
    drop(store.db);
    fs::read(path).unwrap()
}

/// Runs a command on a store of these bytes; `None` if it had to be killed.
fn run_on(bytes: &[u8], args: &[&str]) -> Option<Ran> {
    let home = Home::new();
    home.file("meta.db", bytes);
    let mut command: Command = home.command(&["--db", "meta.db"]);
    command.args(args).current_dir(home.path("."));
    let output = |name: &str| File::create(home.path(name)).unwrap();
    let mut child = command.stdout(output("out")).stderr(output("err")).spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(1)),
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
        }
    };
    let text = |name: &str| String::from_utf8_lossy(&fs::read(home.path(name)).unwrap()).into();
    // A signal, as after an overflow of the stack, has no code.
    Some(Ran { code: status.code().unwrap_or(-1), out: text("out"), err: text("err") })
}

/// What came of commands on damaged stores.
#[derive(Debug, Default)]
struct Tally {
    runs: AtomicUsize,
    refused: AtomicUsize,
    panics: AtomicUsize,
    hangs: AtomicUsize,
    changed: AtomicUsize,
}

impl Tally {
    /// Runs the command on a store with one byte changed, and tells whether its answer is a wrong one.
    fn run(&self, sound: &[u8], (place, byte): (usize, u8), args: &[&str], answer: &str) {
        let mut bytes = sound.to_vec();
        bytes[place] = byte;
        self.runs.fetch_add(1, Ordering::Relaxed);
        let at = format!("byte {place} set to {byte}, {args:?}");
        let Some(ran) = run_on(&bytes, args) else {
            println!("{at}: hangs");
            self.hangs.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if ran.err.contains("panicked at") || !matches!(ran.code, 0 | 3) {
            println!("{at}: exit code {}\n{}", ran.code, ran.err);
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
        if ran.code == 3 {
            self.refused.fetch_add(1, Ordering::Relaxed);
            assert!(ran.err.contains("meta.db") || ran.err.contains("row"), "{at}: {}", ran.err);
        } else if ran.out != answer {
            println!("{at}: {}", ran.out);
            self.changed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::Relaxed)
    }
}

#[test]
fn no_page_of_another_kind_panics_or_hangs() {
    let sound = small_store();
    let tally = Tally::default();
    let pages = used_pages(&sound);
    assert!(pages.len() > 20, "{}", pages.len());
    thread::scope(|scope| {
        for args in COMMANDS {
            let (tally, sound, pages) = (&tally, &sound, &pages);
            scope.spawn(move || {
                let answer = run_on(sound, args).unwrap();
                assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
                for page in pages {
                    for byte in [3, 255] {
                        tally.run(sound, (page * PAGE, byte), args, &answer.out);
                    }
                }
            });
        }
    });
    println!("{tally:?}");
    let [panics, hangs, changed] = [&tally.panics, &tally.hangs, &tally.changed].map(Tally::count);
    assert_eq!((panics, hangs, changed), (0, 0, 0));
    assert!(Tally::count(&tally.refused) > 50, "{tally:?}");
}

#[test]
fn no_changed_byte_panics_or_hangs_a_command() {
    let sound = small_store();
    let pages = used_pages(&sound);
    let mut dice = Dice(5);
    let changes = if env::var_os("NETSKY_LONG_TESTS").is_some() { 2_000 } else { 150 };
    let tally = Tally::default();
    let answers = COMMANDS.map(|args| run_on(&sound, args).unwrap().out);
    for round in 0..changes {
        let command = round % COMMANDS.len();
        let change = change(&mut dice, &sound, &pages);
        tally.run(&sound, change, COMMANDS[command], &answers[command]);
    }
    println!("{tally:?}");
    assert_eq!((Tally::count(&tally.panics), Tally::count(&tally.hangs)), (0, 0));
}
