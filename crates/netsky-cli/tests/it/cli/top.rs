//! `netsky top`

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::cli::Home;
use crate::terminal::Terminal;

/// A home with one of each that is worth a line, and one that is not yet.
fn troubled() -> Home {
    let home = Home::new();
    let ago = |minutes: i64| (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339();
    let record = |table: &str, row: Value| drop(home.ok(&["record", table, &row.to_string()]));
    for (minutes, name) in [(6, "cron"), (90, "cron"), (1, "alive"), (125, "sleepy")] {
        record("ticks", json!({"ts_utc": ago(minutes), "source": name, "detail_json": "{}"}));
    }
    for (minutes, agent) in [(20, "dev1"), (1, "dev2")] {
        record(
            "mcp_tool_calls",
            json!({"ts_utc_start": ago(minutes), "source": "s", "tool": "t", "agent": agent,
                "success": false, "timeout_race": false}),
        );
    }
    let (start, later) = (ago(200), ago(190));
    record("clone_dispatches", json!({"ts_utc_start": start, "agent_id": "ended"}));
    record(
        "clone_dispatches",
        json!({"ts_utc_start": start, "agent_id": "ended", "ts_utc_end": later}),
    );
    record("clone_dispatches", json!({"ts_utc_start": start, "agent_id": "works"}));
    for (minutes, agent, event) in [(9, "dev1", "up"), (8, "dev1", "down"), (7, "dev2", "up")] {
        record(
            "sessions",
            json!({"ts_utc": ago(minutes), "agent": agent, "session_num": 3, "event": event}),
        );
    }
    for minutes in [300, 299, 298, 15, 14, 13] {
        record(
            "crashes",
            json!({"ts_utc": ago(minutes), "kind": "oom", "agent": "dev1", "detail_json": "{}"}),
        );
    }
    home
}

#[test]
fn what_is_open_stuck_or_silent_is_listed_worst_first() {
    let home = troubled();
    let rows: Vec<Value> = serde_json::from_str(&home.ok(&["top", "--format", "json"])).unwrap();
    let told: Vec<[&str; 3]> = rows
        .iter()
        .map(|row| ["state", "who", "what"].map(|name| row[name].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ["crash loop", "dev1", "3 crashes: oom"],
            ["stuck call", "dev1", "t (s)"],
            ["stuck clone", "works", ""],
            ["silent", "sleepy", "ticks"],
            ["silent", "cron", "ticks"],
            ["open session", "dev2", "session 3"],
        ]
    );
    let age = rows[3]["age_ms"].as_i64().unwrap();
    assert!((7_500_000..7_560_000).contains(&age), "{age}");
    let table = home.ok(&["top"]);
    assert!(table.contains("2h 5m") && table.contains("20m"), "{table}");
}

#[test]
fn all_is_well_where_nothing_is_wrong() {
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    assert_eq!(home.ok(&["top"]), "All is well: nothing is open, stuck or silent.\n");
    assert_eq!(home.ok(&["top", "--format", "json"]), "[]\n");
}

#[test]
fn a_table_has_the_first_few_of_a_kind_and_the_number_of_the_others() {
    let home = Home::new();
    let ticks = |source: usize| {
        json!({"ts_utc": "2026-02-16T00:16:42Z", "source": format!("s{source:02}"), "detail_json": "{}"})
            .to_string()
    };
    let lines: Vec<String> = (0..40).map(ticks).collect();
    assert_eq!(home.run_with_input(&["import", "ticks", "-"], &lines.join("\n")).code, 0);
    let table = home.ok(&["top"]);
    assert!(table.lines().count() < 12 && table.contains("and 35 more"), "{table}");
    let all: Value = serde_json::from_str(&home.ok(&["top", "--format", "json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 40);
}

#[test]
fn a_watch_shows_what_comes_until_a_key_ends_it() {
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"alive","detail_json":"{}"}"#]);
    let mut watch = home.terminal((80, 24), &["top", "--watch"]);
    watch.until_shown("All is well");
    home.ok(&["record", "sessions", r#"{"agent":"dev1","session_num":7,"event":"up"}"#]);
    watch.until_shown("session 7");
    home.ok(&["record", "sessions", r#"{"agent":"dev1","session_num":7,"event":"down"}"#]);
    watch.until_shown("All is well");
    watch.press("q");
    assert_eq!(watch.end(), 0);
    assert!(watch.printed().ends_with("\u{1b}[?25h\u{1b}[?1049l"), "the screen is left as it was");

    let mut watch = home.terminal((80, 24), &["top", "--watch"]);
    watch.until_shown("All is well");
    watch.press(Terminal::CTRL_C);
    assert_eq!(watch.end(), 130);
    assert!(home.fails(2, &["top", "--watch"]).contains("terminal"));
}
