//! `netsky tail`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use chrono::Utc;
use netsky_db::{Db, TickRecord};
use serde_json::Value;

use crate::cli::Home;
use crate::terminal::Terminal;

/// Records a row with a text that is not JSON, which only the typed calls take.
fn record(home: &Home, source: &str) {
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    let tick = TickRecord { ts_utc: Utc::now(), source, detail_json: "{\"a\":\n\"\u{1b}[31m\"}" };
    db.record(&tick).unwrap();
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
    let screen = terminal.until_shown("short");
    let lines: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() == 2 && lines[0].contains("  漢字") && lines[0].ends_with('…'), "{screen}");
    record(&home, "later");
    terminal.until_shown("later");
    terminal.press(Terminal::CTRL_C);
    assert_ne!(terminal.end(), 0);
    assert!(!terminal.printed().contains("\u{1b}[31m"), "an escape of a row reached the terminal");
}

/// The lines that a command prints on a terminal of eighty columns.
fn lines(home: &Home, args: &[&str]) -> Vec<String> {
    let plain = [("NO_COLOR", "1"), ("NETSKY_TZ", "Asia/Kolkata")];
    let mut terminal = home.terminal_with(&plain, (80, 24), args);
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    let screen = terminal.screen();
    screen.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn call(minute: u32, more: Value) -> Value {
    let mut row = serde_json::json!({
        "ts_utc_start": format!("2026-04-15T23:{minute:02}:00Z"), "source": "builtin", "tool": "Bash",
        "agent": "dev1", "success": false, "timeout_race": false,
        "request_json": "{\"command\": \"cargo test --workspace --all-features\"}"});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

#[test]
fn agent_tool_outcome_and_error_come_first() {
    let home = Home::new();
    for (minute, more) in [
        (0, serde_json::json!({"success": true, "duration_ms": 900})),
        (1, serde_json::json!({"agent": "coordinator", "error": "no such file: src/main.rs"})),
        (2, serde_json::json!({"timeout_race": true, "duration_ms": 31_000})),
        (3, serde_json::json!({})),
    ] {
        home.ok(&["record", "mcp_tool_calls", &call(minute, more).to_string()]);
    }
    let lines = lines(&home, &["tail", "mcp_tool_calls"]);
    for (line, start) in lines.iter().zip([
        "2026-04-16 04:30:00  dev1         Bash  ok       900ms  id=1",
        "2026-04-16 04:31:00  coordinator  Bash  FAIL     no such file: src/main.rs  id=2",
        "2026-04-16 04:32:00  dev1         Bash  FAIL     31s  id=3 timeout_race=true",
        "2026-04-16 04:33:00  dev1         Bash  running  id=4",
    ]) {
        assert_eq!(line.trim_end(), start);
    }
    assert_eq!(lines.len(), 4);
}

#[test]
fn failures_are_red() {
    let home = Home::new();
    let failed = call(1, serde_json::json!({"error": "boom"}));
    home.ok(&["record", "mcp_tool_calls", &failed.to_string()]);
    let mut terminal = home.terminal((80, 24), &["tail"]);
    assert_eq!(terminal.end(), 0);
    assert!(terminal.printed().contains("\u{1b}[31mboom"), "{:?}", terminal.printed());
}

#[test]
fn what_all_rows_share_is_left_out_until_it_changes() {
    let home = Home::new();
    let row = |host: &str| {
        serde_json::json!({"bin": "git", "argv_json": "[]", "exit_code": 1, "host": host})
            .to_string()
    };
    home.ok(&["record", "cli_invocations", &row("anvil")]);
    let alone = lines(&home, &["tail", "cli_invocations"]);
    assert!(alone[0].contains("host=anvil"), "one row has nothing in common: {alone:?}");
    home.ok(&["record", "cli_invocations", &row("anvil")]);
    let plain = [("NO_COLOR", "1")];
    let terminal = home.terminal_with(&plain, (80, 24), &["tail", "-f", "cli_invocations"]);
    let screen = terminal.until_shown("id=2");
    assert!(screen.contains("git  FAIL (exit 1)  id=1") && !screen.contains("host"), "{screen}");
    home.ok(&["record", "cli_invocations", &row("kiln")]);
    terminal.until_shown("id=3 host=kiln");
}

#[test]
fn rows_of_all_tables_are_merged_by_time() {
    let home = Home::new();
    record(&home, "now");
    home.ok(&["record", "mcp_tool_calls", &call(1, serde_json::json!({})).to_string()]);
    let message = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"chat","direction":"inbound","from_agent":"owner","to_agent":"dev1","body":"ship\nit"}"#;
    home.ok(&["record", "messages", message]);
    let objects = |args: &[&str]| -> Vec<Value> {
        let out = home.ok(&[&["tail"], args].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let tables: Vec<Value> = objects(&[]).iter().map(|row| row["table"].clone()).collect();
    assert_eq!(tables, ["messages", "mcp_tool_calls", "ticks"]);
    assert_eq!(objects(&["-n", "1"])[0]["source"], "now");
    assert!(
        home.ok(&["tail"])
            .starts_with(r#"{"table":"messages","id":1,"ts_utc":"2026-04-15T23:00:00.000Z","#)
    );
    let shown = lines(&home, &["tail"]);
    assert_eq!(
        shown[0],
        "2026-04-16 04:30:00  messages        owner -> dev1  ship it  id=1 source=chat d…"
    );
    assert!(
        shown[1].starts_with("2026-04-16 04:31:00  mcp_tool_calls  dev1  Bash  running  "),
        "{shown:?}"
    );

    assert!(home.fails(2, &["tail", "--format", "csv"]).contains("name a table"));
    assert!(home.fails(2, &["tail", "--where", "true"]).contains("TABLE"));
    let empty = Home::new();
    empty.ok(&["record", "ticks", r#"{"source":"x","detail_json":"{}"}"#]);
    assert_eq!(empty.ok(&["tail", "crashes"]), "");
    assert_eq!(self::lines(&empty, &["tail", "crashes"]), ["no rows"]);
}

#[test]
fn new_rows_of_all_tables_are_followed() {
    let home = Home::new();
    record(&home, "old");
    let mut child = home.command(&["tail", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["source"], "old");
    let crash = r#"{"kind":"oom","agent":"dev1","detail_json":"{}"}"#;
    home.ok(&["record", "crashes", crash]);
    assert_eq!(next()["table"], "crashes");
    record(&home, "new");
    assert_eq!(next()["source"], "new");
    child.kill().unwrap();
    child.wait().unwrap();
}
