//! `netsky timeline`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::cli::Home;

#[test]
fn a_timeline_ends_with_the_newest_of_all_tables() {
    let home = Home::new();
    for (table, row) in [
        (
            "crashes",
            r#"{"ts_utc":"2026-04-15T23:02:00Z","kind":"oom","agent":"dev1","detail_json":"{}"}"#,
        ),
        (
            "sessions",
            r#"{"ts_utc":"2026-04-15T23:00:00Z","agent":"dev1","session_num":4,"event":"up"}"#,
        ),
        (
            "sessions",
            r#"{"ts_utc":"2026-04-15T23:00:00Z","agent":"dev2","session_num":4,"event":"up"}"#,
        ),
        (
            "messages",
            r#"{"ts_utc":"2026-04-15T23:01:00Z","source":"chat","direction":"inbound","from_agent":"dev2","to_agent":"dev1","body":"do\n\u001b[31mit"}"#,
        ),
    ] {
        home.ok(&["record", table, row]);
    }
    let events = |args: &[&str]| -> Vec<(String, String)> {
        let out = home.ok(&[&["timeline"], args, &["--format", "json"]].concat());
        let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(&row["kind"]), text(&row["what"]))).collect()
    };
    let event = |kind: &str, what: &str| (kind.to_owned(), what.to_owned());
    let received = event("received", "from dev2 (chat): do [31mit");
    assert_eq!(
        events(&["dev1"]),
        [event("session", "up, session 4"), received.clone(), event("crash", "oom")]
    );
    let table = home.ok(&["timeline", "dev1"]);
    assert!(table.contains("| 2026-04-15 23:02:00 | crash    |  1 | oom "), "{table}");
    assert_eq!(events(&["dev1", "--limit", "2"]), [received, event("crash", "oom")]);
    assert_eq!(events(&["dev1", "--since", "2026-04-15T23:02:00Z"]), [event("crash", "oom")]);
    assert_eq!(events(&["dev1", "--since", "1m"]), []);

    assert_eq!(
        home.fails(1, &["timeline", "dve1"]),
        "netsky: no agent named 'dve1'; did you mean 'dev1'?\n"
    );
    // A name is a value, not SQL.
    assert!(home.fails(1, &["timeline", "' OR true --"]).contains("there are: dev1, dev2"));
}

fn record_model_call(home: &Home, agent: &str) {
    home.ok(&["record", "token_usage", &json!({"agent": agent, "model": "opus"}).to_string()]);
}

#[test]
fn a_tool_call_shows_what_it_ran() {
    let home = Home::new();
    let call = |request: &str, more: Value| {
        let mut row = json!({"source": "claude", "tool": "Bash", "agent": "dev1", "success": false,
            "timeout_race": false, "request_json": request});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        home.ok(&["record", "mcp_tool_calls", &row.to_string()]);
    };
    call(r#"{"input":{"command":"cargo\n test"}}"#, json!({"duration_ms": 7, "success": true}));
    call(r#"{"file_path":"/a"}"#, json!({"error": "no such file"}));
    call("{}", json!({"duration_ms": 7, "success": true}));
    let out = home.ok(&["timeline", "dev1", "--json"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    let what: Vec<&Value> =
        answer["rows"].as_array().unwrap().iter().map(|row| &row["what"]).collect();
    assert_eq!(
        what,
        [
            "Bash (claude), 7 ms: cargo test",
            "Bash (claude), failed: /a: no such file",
            "Bash (claude), 7 ms"
        ]
    );
    assert!(home.ok(&["timeline"]).contains("Bash (claude), 7 ms: cargo test"));
}

#[test]
fn all_agents_share_a_timeline() {
    let home = Home::new();
    for agent in ["dev1", "dev2"] {
        record_model_call(&home, agent);
    }
    let rows: Vec<Value> =
        serde_json::from_str(&home.ok(&["timeline", "--format", "json"])).unwrap();
    let agents: Vec<&Value> = rows.iter().map(|row| &row["agent"]).collect();
    assert_eq!(agents, ["dev1", "dev2"]);
    let table = home.ok(&["timeline"]);
    assert!(table.contains("| agent | kind  | id | what"), "{table}");
}

#[test]
fn new_events_are_followed() {
    let home = Home::new();
    record_model_call(&home, "dev1");
    let mut child = home.command(&["timeline", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["agent"], "dev1");
    home.ok(&["record", "ticks", r#"{"source":"x","detail_json":"{}"}"#]);
    record_model_call(&home, "dev2");
    let crash = r#"{"kind":"oom","agent":"dev3","detail_json":"{}"}"#;
    home.ok(&["record", "crashes", crash]);
    assert_eq!(next()["agent"], "dev2");
    let event = next();
    assert_eq!((&event["kind"], &event["what"]), (&json!("crash"), &json!("oom")));
    child.kill().unwrap();
    child.wait().unwrap();

    let terminal = home.terminal((80, 24), &["timeline", "-f", "dev2"]);
    terminal.until_shown("dev2  model  opus");
    record_model_call(&home, "dev2");
    terminal.until(|screen| screen.matches("dev2  model").count() == 2);
    assert!(home.fails(2, &["timeline", "-f", "--format", "csv"]).contains("ndjson"));
}

#[test]
fn an_unknown_agent_is_answered_with_the_busiest() {
    let home = Home::new();
    let mut lines = String::new();
    for clone in 0..30 {
        lines += &format!(
            "{{\"ts_utc_start\":\"2026-04-15T23:00:00Z\",\"agent_id\":\"{clone:07x}\"}}\n"
        );
    }
    home.run_with_input(&["import", "clone_dispatches", "-"], &lines);
    for agent in ["dev8", "dev1", "dev1"] {
        record_model_call(&home, agent);
    }
    let error = home.fails(1, &["timeline", "nope"]);
    assert!(
        error.starts_with("netsky: no agent named 'nope'; there are: dev1, dev8, 0000000, "),
        "{error}"
    );
    assert!(home.fails(1, &["timeline", "dev2"]).contains("did you mean 'dev1' or 'dev8'?"));
    assert!(
        home.fails(1, &["views", "nope"])
            .starts_with("netsky: no view named 'nope'; there are: v_")
    );
}

#[test]
fn a_timeline_without_events_names_the_last() {
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"x","detail_json":"{}"}"#]);
    assert_eq!(home.ok(&["timeline"]), "no events are recorded\n");
    let old = r#"{"ts_utc":"2026-04-15T23:00:00Z","agent":"dev1"}"#;
    home.ok(&["record", "token_usage", old]);
    let told = home.ok(&["timeline", "dev1", "--since", "2026-05-01"]);
    assert_eq!(
        told,
        "no events of dev1 since 2026-05-01 00:00; the last one is of 2026-04-15 23:00 (UTC)\n"
    );
}
