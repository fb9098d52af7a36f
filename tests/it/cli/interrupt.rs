//! Ctrl-C outside of the shell.

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

fn start(home: &Home, args: &[&str]) -> Child {
    // Who runs the tests may ignore interrupts, and would bequeath that.
    let mut command = Command::new("env");
    command
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_netsky")])
        .args(args)
        .env("HOME", home.path(""))
        .env("TMPDIR", home.path("tmp"))
        .env_remove("NETSKY_DB")
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

fn interrupt(mut child: Child) -> Option<i32> {
    let interrupted =
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
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

#[test]
fn what_a_query_has_put_into_temporary_files_goes_with_it() {
    let home = store();
    let text = |index: usize| format!("{:0>200}", index * 7_919 % 100_000);
    let texts: Vec<String> = (0..100_000).map(text).collect();
    let tick = |text| TickRecord { ts_utc: Utc::now(), source: "x", detail_json: text };
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    db.record_all(texts.iter().map(|text| tick(text))).unwrap();
    drop(db);
    // Nobody reads the answer, so it is never at its end.
    let sql = "SELECT detail_json FROM ticks ORDER BY detail_json";
    let query = start(&home, &["query", "--format", "csv", "--memory-limit", "16MiB", sql]);
    until_there(&home.path("tmp"), "");
    assert_eq!(interrupt(query), Some(130));
    assert_eq!(names_in(&home.path("tmp")), [""; 0]);
}

#[test]
fn a_file_that_is_not_whole_goes_with_its_query() {
    let home = store();
    let file = home.path("answer.csv").display().to_string();
    let query = start(&home, &["query", "--output", &file, ENDLESS]);
    until_there(&home.path(""), ".part");
    assert_eq!(interrupt(query), Some(130));
    let mut left = names_in(&home.path(""));
    left.sort();
    assert_eq!(left, [".netsky", "tmp"]);
}
