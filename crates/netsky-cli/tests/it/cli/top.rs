//! `netsky top`

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::cli::Home;
use crate::terminal::Terminal;

/// A home with one of each kind of trouble, and of what is none.
fn troubled() -> Home {
    let home = Home::new();
    let ago = |minutes: i64| (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339();
    let record = |table: &str, row: Value| drop(home.ok(&["record", table, &row.to_string()]));
    for (minutes, agent, event) in [
        (60, "dev1", "up"),
        (50, "dev3", "up"),
        (7, "dev2", "up"),
        (5, "dev3", "down"),
        (2_000, "long ago", "up"),
    ] {
        record(
            "sessions",
            json!({"ts_utc": ago(minutes), "agent": agent, "session_num": 3, "event": event}),
        );
    }
    for (source, minutes) in [
        ("cron", &[8, 7, 6][..]),
        ("alive", &[1]),
        ("sleepy", &[125]),
        ("now and then", &[40, 20, 6]),
        ("dev1:bash", &[90, 30, 29]),
        ("dev3:bash", &[20, 19]),
        ("forgotten", &[1_500]),
    ] {
        for &minutes in minutes {
            record("ticks", json!({"ts_utc": ago(minutes), "source": source, "detail_json": "{}"}));
        }
    }
    let call = |minutes: i64, agent: &str, more: Value| {
        let mut row = json!({"ts_utc_start": ago(minutes), "source": "s", "tool": "t", "agent": agent,
            "success": false, "timeout_race": false});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record("mcp_tool_calls", row);
    };
    call(20, "dev1", json!({}));
    call(21, "dev1", json!({"error": "boom"}));
    call(22, "dev1", json!({"duration_ms": 12}));
    call(1, "dev1", json!({}));
    call(70, "dev1", json!({}));
    call(20, "dev3", json!({}));
    call(1_500, "without sessions", json!({}));
    let clone = |name: &str, more: Value| {
        let mut row = json!({"ts_utc_start": ago(200), "agent_id": name});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record("clone_dispatches", row);
    };
    let start = ago(200);
    clone("ended", json!({"ts_utc_start": start}));
    clone("ended", json!({"ts_utc_start": start, "ts_utc_end": ago(190)}));
    clone("failed", json!({"exit_code": 1}));
    clone("works", json!({}));
    clone("child", json!({"detail_json": "{\"parent\":\"dev3\"}"}));
    clone("worker", json!({"detail_json": "{\"agent\":\"dev3/worker\"}"}));
    clone("of a session", json!({"detail_json": "{\"session_id\":\"s-1\"}"}));
    record("token_usage", json!({"ts_utc": ago(180), "agent": "dev3", "session_id": "s-1"}));
    for minutes in [300, 299, 298, 15, 14, 13] {
        record(
            "crashes",
            json!({"ts_utc": ago(minutes), "kind": "oom", "agent": "dev1", "detail_json": "{}"}),
        );
    }
    home
}

/// The state, the name and the subject of each issue.
fn issues(home: &Home, args: &[&str]) -> Vec<[String; 3]> {
    let out = home.ok(&[&["top", "--format", "json"], args].concat());
    let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| ["state", "who", "what"].map(|name| text(row, name))).collect()
}

#[test]
fn open_stuck_and_silent_things_are_listed_worst_first() {
    let home = troubled();
    assert_eq!(
        issues(&home, &[]),
        [
            ["crash loop", "dev1", "3 crashes: oom"],
            ["stuck call", "dev1", "t (s)"],
            ["stuck clone", "works", ""],
            ["silent", "sleepy", "ticks"],
            ["silent", "dev1:bash", "ticks"],
            ["silent", "cron", "ticks"],
            ["open session", "dev1", "session 3"],
            ["open session", "dev2", "session 3"],
        ]
    );
    let longer = issues(&home, &["--since", "2d"]);
    assert_eq!(
        longer.len(),
        11,
        "the session, the call and the source of the day before: {longer:?}"
    );
    let shorter = issues(&home, &["--since", "10m"]);
    assert_eq!(shorter.len(), 4, "two sources, and the sessions that are at work: {shorter:?}");
    let rows: Vec<Value> = serde_json::from_str(&home.ok(&["top", "--format", "json"])).unwrap();
    let age = rows[3]["age_ms"].as_i64().unwrap();
    assert!((7_500_000..7_560_000).contains(&age), "{age}");
    let table = home.ok(&["top"]);
    assert!(table.contains("2h 5m") && table.contains("20m"), "{table}");
}

#[test]
fn old_sessions_stay_open_while_their_agents_work() {
    let home = troubled();
    let call = json!({"agent": "long ago"}).to_string();
    home.ok(&["record", "token_usage", &call]);
    assert!(
        issues(&home, &[]).contains(&["open session", "long ago", "session 3"].map(str::to_owned))
    );
}

#[test]
fn nothing_is_stuck_in_a_fleet_without_sessions() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fleet");
    if !netsky_testing::has_data("fleet", data.as_ref()) {
        return;
    }
    let home = Home::new();
    assert_eq!(home.run(&["import", data]).code, 0);
    for since in ["24h", "2026-01-01"] {
        assert_eq!(issues(&home, &["--since", since]), [[""; 3]; 0], "{since}");
    }
}

#[test]
fn a_check_fails_on_the_kinds_that_are_named() {
    let home = troubled();
    for kinds in ["stuck", "silent,stuck", "crash-loop"] {
        let ran = home.run(&["top", "--fail-if", kinds]);
        assert!(ran.code == 1 && ran.out.contains("stuck call"), "{kinds}: {}", ran.err);
        assert!(
            ran.err.starts_with("netsky: found ") && ran.err.contains("problem"),
            "{}",
            ran.err
        );
    }
    let calm = Home::new();
    calm.ok(&["record", "sessions", r#"{"agent":"dev1","session_num":7,"event":"up"}"#]);
    calm.ok(&["top", "--fail-if", "stuck,silent,crash-loop"]);
}

#[test]
fn nothing_wrong_is_said_in_words() {
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    let told = home.ok(&["top"]);
    assert!(told.ends_with("\n\nAll is well: nothing is open, stuck or silent.\n"), "{told}");
    assert!(
        told.contains("$0.00 in 0 model calls") && told.contains("running    0 agents\n"),
        "{told}"
    );
    assert_eq!(home.ok(&["top", "--format", "json"]), "[]\n");
}

#[test]
fn a_history_that_ended_is_not_called_well() {
    let home = Home::new();
    home.ok(&["import", "ticks", &home.file("none.ndjson", "")]);
    assert!(home.ok(&["top"]).ends_with("\n\nNothing is recorded yet.\n"));
    let row = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", row]);
    let told = home.ok(&["--tz", "UTC", "top"]);
    let expected = "\n\nNothing is at work: the last row is of 2026-04-15 23:00 (UTC).\n";
    assert!(told.ends_with(expected), "{told}");
    assert!(home.ok(&["top", "--since", "2026-01-01"]).contains("silent"));
}

#[test]
fn costs_rates_and_agents_at_work_come_first() {
    let home = Home::new();
    let ago = |minutes: i64| (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339();
    let call = |minutes: i64, agent: &str| {
        let row = json!({"ts_utc": ago(minutes), "agent": agent, "input_tokens": 5_000,
            "output_tokens": 1_000, "cached_input_tokens": 60_000, "cost_usd_micros": 1_500_000});
        home.ok(&["record", "token_usage", &row.to_string()]);
    };
    for (agent, event) in [("dev1", "up"), ("dev2", "up"), ("dev3", "up"), ("dev3", "down")] {
        let row = json!({"agent": agent, "session_num": 1, "event": event});
        home.ok(&["record", "sessions", &row.to_string()]);
    }
    for (minutes, agent) in [(2, "dev1"), (50, "dev2"), (3, "dev3"), (4, "dev4"), (70, "dev5")] {
        call(minutes, agent);
    }
    let told = home.ok(&["top"]);
    // Four calls in the last hour.
    let rate = "last hour  $6.00 per hour; 400 tokens per minute, and 4,000 from the cache\n";
    assert!(told.contains(rate), "{told}");
    assert!(told.contains("running    2 agents: dev1, dev4\nidle       1 agent: dev2\n"), "{told}");
}

#[test]
fn a_table_has_the_first_few_of_a_kind_and_the_number_of_the_others() {
    let home = Home::new();
    let ticks = |source: usize| {
        let time = (Utc::now() - TimeDelta::minutes(30)).to_rfc3339();
        json!({"ts_utc": time, "source": format!("s{source:02}"), "detail_json": "{}"}).to_string()
    };
    let lines: Vec<String> = (0..40).map(ticks).collect();
    assert_eq!(home.run_with_input(&["import", "ticks", "-"], &lines.join("\n")).code, 0);
    let table = home.ok(&["top"]);
    assert!(table.lines().count() < 16 && table.contains("and 35 more"), "{table}");
    let all: Value = serde_json::from_str(&home.ok(&["top", "--format", "json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 40);
}

#[test]
fn a_watch_follows_the_size_of_the_terminal() {
    let home = troubled();
    let mut watch = home.terminal((80, 24), &["top", "--watch"]);
    watch.until_shown("open session");
    watch.resize((40, 12));
    let screen = watch.until_shown("tokens per…");
    assert!(screen.contains("crash loop") && screen.contains("works"), "{screen}");
    assert!(!screen.contains("since"), "columns give way: {screen}");
    watch.press("q");
    assert_eq!(watch.end(), 0);
    assert!(watch.has_its_mode());
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
