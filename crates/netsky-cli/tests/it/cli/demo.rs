//! `netsky demo`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::{Home, TICK, ran};

/// What is the same in every demo of so many rows.
fn sums(home: &Home) -> String {
    let store = home.path(".netsky/demo.db").display().to_string();
    let sql = "SELECT count(*), sum(cost_usd_micros), max(session_id) FROM token_usage";
    home.ok(&["--db", &store, "query", "--format", "csv", sql])
}

#[test]
fn a_demo_replaces_an_earlier_one_and_no_other_store() {
    let home = Home::new();
    let mut command = home.command(&["demo", "--rows", "3000"]);
    let first = ran(command.env("NETSKY_DB", home.path("mine.db")).output().unwrap());
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert!(first.out.starts_with("3,000 rows of a synthetic fleet in "), "{}", first.out);
    assert!(first.out.contains("SELECT") && first.out.contains("+----"), "{}", first.out);
    // The path of the store may be long.
    let has_path = |line: &str| line.contains("demo.db");
    let wide = first.out.lines().find(|line| !has_path(line) && line.chars().count() > 80);
    assert_eq!(wide, None);
    assert!(!home.path("mine.db").exists() && !home.path(".netsky/meta.db").exists());
    let before = sums(&home);
    home.ok(&["demo", "--rows", "3000"]);
    assert_eq!(sums(&home), before, "the same rows give the same fleet");

    home.ok(&["record", "ticks", TICK]);
    let store = home.path(".netsky/meta.db").display().to_string();
    let error = home.fails(1, &["demo", "--db", &store]);
    assert!(error.contains("already has rows"), "{error}");

    let demo = home.path(".netsky/demo.db").display().to_string();
    home.ok(&["--db", &demo, "record", "ticks", TICK]);
    let error = home.fails(1, &["demo", "--rows", "3000"]);
    assert!(error.contains("demo.db has rows that are not of a demo"), "{error}");
    assert_eq!(sums(&home), before);
    home.file(".netsky/demo.db", "something else");
    assert!(home.fails(3, &["demo"]).contains("is not a netsky store"));
    assert_eq!(std::fs::read(&demo).unwrap(), b"something else");
}

#[test]
fn a_demo_is_in_trouble_and_at_work_now() {
    let home = Home::new();
    let store = home.path("fleet.db").display().to_string();
    home.ok(&["demo", "--rows", "60000", "--db", &store]);
    let ok = |args: &[&str]| home.ok(&[&["--db", &store], args].concat());
    let issues: Vec<Value> = serde_json::from_str(&ok(&["top", "--format", "json"])).unwrap();
    let count = |state: &str| issues.iter().filter(|issue| issue["state"] == state).count();
    let states = ["crash loop", "stuck call", "stuck clone", "open session"].map(count);
    assert_eq!(states, [1, 1, 1, 9], "{issues:?}");
    let silent = issues.iter().filter(|issue| issue["state"] == "silent");
    let silent: Vec<&str> = silent.map(|issue| issue["who"].as_str().unwrap()).collect();
    assert!(silent.contains(&"agent8:heartbeat"), "{silent:?}");
    let top = ok(&["top"]);
    let idle = top.lines().find(|line| line.starts_with("idle ")).unwrap();
    assert!(idle.contains("agent5") && idle.ends_with("agent8"), "{top}");
    assert!(top.contains("\nrunning ") && top.contains(" agents: agent0, agent1, "), "{top}");

    let days = ok(&["cost", "--since", "7d", "--format", "ndjson"]);
    assert_eq!(days.lines().count(), 8, "{days}");
    let tools = ok(&["cost", "--by", "tool", "--since", "1d"]);
    assert!(tools.contains("| Bash "), "{tools}");
    let projects = ok(&["cost", "--by", "project", "--since", "1d"]);
    assert!(projects.contains("| channels ") && !projects.contains("(unknown)"), "{projects}");
    assert_eq!(
        ok(&["timeline", "--since", "1h", "--limit", "5", "--format", "ndjson"]).lines().count(),
        5
    );
}

#[test]
fn a_followed_demo_goes_on_recording() {
    let home = Home::new();
    let store = home.path("fleet.db").display().to_string();
    let mut command = home.command(&["demo", "--rows", "500", "--follow", "--db", &store]);
    let mut demo = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().starts_with("The fleet goes on until Ctrl-C.")));
    let mut command = home.command(&["--db", &store, "tail", "-f", "-n", "0"]);
    let mut tail = command.stdout(Stdio::piped()).spawn().unwrap();
    let rows = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(rows.take(3).map(Result::unwrap).count(), 3);
    for mut child in [demo, tail] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
