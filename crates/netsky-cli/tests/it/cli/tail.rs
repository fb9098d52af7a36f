//! `netsky tail`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::cli::Home;
use crate::terminal::Terminal;

fn record(home: &Home, source: &str) {
    let row = serde_json::json!({"source": source, "detail_json": "{\"a\":\n\"\u{1b}[31m\"}"});
    home.ok(&["record", "ticks", &row.to_string()]);
}

#[test]
fn the_last_rows_come_in_the_order_of_recording() {
    let home = Home::new();
    for source in ["a", "b", "a", "c"] {
        record(&home, source);
    }
    let ids = |args: &[&str]| -> Vec<i64> {
        let out = home.ok(&[&["tail", "ticks"], args].concat());
        let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&[]), [1, 2, 3, 4]);
    assert_eq!(ids(&["-n", "2"]), [3, 4]);
    assert_eq!(ids(&["-n", "2", "--where", "source = 'a' -- or b"]), [1, 3]);
    assert_eq!(home.ok(&["tail", "crashes"]), "");
    assert!(home.ok(&["tail", "ticks", "--format", "csv"]).starts_with("id,ts_utc,source,"));

    let error = home.fails(1, &["tail", "ticks", "--where", "true) OR (true"]);
    assert!(error.starts_with("netsky: --where: cannot parse the SQL"), "{error}");
    for outside in [
        "false UNION ALL SELECT * FROM ticks WHERE id < 3",
        "false) UNION ALL SELECT * FROM ticks WHERE (id < 3",
        "true LIMIT 1",
        "true; SELECT 1",
        "",
    ] {
        let error = home.fails(1, &["tail", "ticks", "-n", "1", "--where", outside]);
        assert!(error.starts_with("netsky: --where: cannot parse the SQL"), "{error}");
    }
    let nested = "id IN (SELECT max(id) FROM ticks) AND source = 'c'";
    assert_eq!(ids(&["--where", nested]), [4]);
    assert!(home.fails(1, &["tail", "tick"]).contains("did you mean 'ticks'?"));
    assert!(home.fails(1, &["tail", "v_timeline"]).contains("is a view"));
    assert!(home.fails(2, &["tail", "-f", "ticks", "--format", "csv"]).contains("ndjson"));
}

#[test]
fn what_other_processes_record_is_followed() {
    let home = Home::new();
    record(&home, "old");
    let mut command = home.command(&["tail", "-f", "ticks", "--where", "source <> 'other'"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["source"], "old");
    for source in ["new", "other", "newer"] {
        record(&home, source);
    }
    assert_eq!((&next()["source"], &next()["id"]), (&"new".into(), &4.into()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn new_rows_are_found_without_reading_the_table() {
    let home = Home::new();
    home.ok(&["demo", "--rows", "30000"]);
    let store = home.path(".netsky/demo.db").display().to_string();
    let plan = |sql: &str| home.ok(&["--db", &store, "query", &format!("EXPLAIN ANALYZE {sql}")]);
    // As it asks.
    assert!(!plan("SELECT max(id) FROM ticks").contains("DataSourceExec"));
    let rows = "SELECT * FROM (SELECT * FROM ticks WHERE id > 9000 AND id <= 9003) WHERE\n\
                source <> 'x'\n ORDER BY id";
    assert!(plan(rows).contains("rows_read=3,"), "{}", plan(rows));
    let last =
        "SELECT * FROM (SELECT * FROM ticks WHERE id > 0 AND id <= 9003) ORDER BY id DESC LIMIT 10";
    assert!(plan(last).contains("rows_read=10,"), "{}", plan(last));
}

#[test]
fn a_row_is_a_line_of_a_terminal() {
    let home = Home::new();
    record(&home, "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字");
    record(&home, "short");
    let mut terminal = home.terminal((60, 10), &["tail", "-f", "ticks"]);
    let screen = terminal.until_shown("source=short");
    let lines: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("1 ") && lines[0].ends_with('…'), "{screen}");
    record(&home, "later");
    terminal.until_shown("source=later");
    terminal.press(Terminal::CTRL_C);
    assert_ne!(terminal.end(), 0);
    assert!(!terminal.printed().contains("\u{1b}[31m"), "an escape of a row reached the terminal");
}
