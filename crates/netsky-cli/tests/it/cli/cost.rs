//! `netsky cost`

use serde_json::{Value, json};

use crate::cli::Home;

fn home() -> Home {
    let home = Home::new();
    let mut lines = String::new();
    for (ts, agent, model, session, micros) in [
        ("2026-04-15T23:59:59.999Z", "agent0", "opus", "s-1", json!(1_234_560_000)),
        ("2026-04-16T00:00:00Z", "agent0", "haiku", "s-1", json!(4_000)),
        ("2026-04-16T01:00:00Z", "agent1", "opus", "s-2", json!(null)),
    ] {
        lines += &json!({"ts_utc": ts, "agent": agent, "model": model, "session_id": session,
            "input_tokens": 1_500, "cost_usd_micros": micros})
        .to_string();
        lines.push('\n');
    }
    assert_eq!(home.run_with_input(&["import", "token_usage", "-"], &lines).code, 0);
    home
}

#[test]
fn costs_are_summed_by_what_is_asked_for_with_a_total() {
    let home = home();
    let mut terminal = home.terminal_with(&[("NO_COLOR", "1")], (80, 24), &["cost"]);
    assert_eq!(terminal.end(), 0);
    let by_day = "\
day         calls  unpriced  input        usd
──────────  ─────  ────────  ─────  ─────────
2026-04-15      1         0  1,500  $1,234.56
2026-04-16      2         1  3,000     <$0.01
(all)           3         1  4,500  $1,234.56";
    assert_eq!(terminal.screen().trim(), by_day);
    // Programs that read a table get digits.
    let piped = home.ok(&["cost"]);
    assert!(piped.contains("| 2026-04-15 |     1 |        0 |         1500 |"), "{piped}");
    assert!(piped.contains("| (all)      |     3 |        1 |         4500 |"), "{piped}");
    assert!(piped.contains("| 1234.564 |"), "{piped}");
    for (by, first) in [("model", "opus"), ("agent", "agent0"), ("session", "s-1")] {
        let rows = home.ok(&["cost", "--by", by, "--format", "json"]);
        let rows: Value = serde_json::from_str(&rows).unwrap();
        assert_eq!(rows.as_array().unwrap().len(), 2, "no total among rows for programs: {rows}");
        assert_eq!(rows[0][by], first, "the dearest is first: {rows}");
    }
    let rows = home.ok(&["cost", "--by", "model", "--format", "ndjson"]);
    assert!(rows.contains("\"calls\":2,\"unpriced\":1,") && rows.contains("\"usd\":1234.56}"));
}

#[test]
fn costs_since_a_time_are_those_of_its_calls() {
    let home = home();
    let rows = home.ok(&["cost", "--since", "2026-04-16", "--by", "agent", "--format", "csv"]);
    assert_eq!(
        rows,
        "agent,calls,unpriced,input_tokens,output_tokens,cached_input_tokens,cache_write_tokens,usd\n\
         agent0,1,0,1500,,,,0.004\nagent1,1,1,1500,,,,\n"
    );
    for since in ["0001-01-01", "1677-09-21T00:12:44Z"] {
        let all = home.ok(&["cost", "--since", since, "--by", "model", "--format", "csv"]);
        assert!(all.contains("opus,2,") && all.contains("haiku,1,"), "{since}: {all}");
    }
    let only = home.ok(&["cost", "--until", "2026-04-16", "--by", "model", "--format", "csv"]);
    assert!(only.contains("opus,1,0,1500,,,,1234.56") && !only.contains("haiku"), "{only}");
    assert!(home.fails(2, &["cost", "--since", "soon"]).contains("an age such"));
}

#[test]
fn an_empty_period_names_the_last_call() {
    let home = home();
    assert_eq!(
        home.ok(&["cost", "--agent", "agent0", "--since", "2026-05-01"]),
        "no calls of agent0 since 2026-05-01 00:00; the last call is of 2026-04-16 00:00 (UTC)\n"
    );
    assert_eq!(home.ok(&["cost", "--since", "2026-05-01", "--format", "json"]), "[]\n");
    let markdown = home.ok(&["cost", "--since", "2026-05-01", "--format", "markdown"]);
    assert!(
        markdown.starts_with("| day | calls |") && markdown.contains("| (all) | 0 |"),
        "{markdown}"
    );
    assert_eq!(
        home.fails(1, &["cost", "--agent", "agnet1"]),
        "netsky: no model call has the agent 'agnet1'; did you mean 'agent1' or 'agent0'?\n"
    );
    assert!(home.fails(1, &["cost", "--model", "opsu"]).contains("did you mean 'opus'"));
    let empty = Home::new();
    empty.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    assert_eq!(empty.ok(&["cost"]), "no calls are recorded in token_usage\n");
}

#[test]
fn periods_are_those_of_the_zone() {
    let home = home();
    let first = |args: &[&str]| {
        let rows = home.ok(&[&["cost", "--format", "csv"], args].concat());
        let rows: Vec<String> =
            rows.lines().skip(1).map(|row| row.split(",0,").next().unwrap().to_owned()).collect();
        rows
    };
    assert_eq!(first(&[]), ["2026-04-15,1", "2026-04-16,2,1,3000,,,,0.004"]);
    assert_eq!(first(&["--tz", "Asia/Kolkata"]), ["2026-04-16,3,1,4500,,,,1234.564"]);
    assert_eq!(first(&["--by", "week"]), ["2026-04-13,3,1,4500,,,,1234.564"]);
    assert_eq!(first(&["--by", "month"]), ["2026-04,3,1,4500,,,,1234.564"]);
    assert_eq!(
        first(&["--by", "hour", "--tz", "Asia/Kolkata", "--until", "2026-04-16T00:30:00Z"]),
        ["2026-04-16T05:00:00+05:30,2"]
    );
    let table = home.ok(&["cost", "--by", "hour", "--tz", "Asia/Kolkata"]);
    assert!(
        table.contains("| 2026-04-16 05:00 |     2 ")
            && table.contains("| 2026-04-16 06:00 |     1 ")
    );
}

/// Records rows of a table, each with the columns that it needs besides.
fn record(home: &Home, table: &str, common: &Value, rows: &[Value]) {
    for row in rows {
        let mut all = common.clone();
        all.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
        home.ok(&["record", table, &all.to_string()]);
    }
}

#[test]
fn tools_projects_and_runtimes_share_the_cost_of_their_calls() {
    let home = Home::new();
    let ts = "2026-04-15T09:00:00Z";
    let detail = |detail: Value| json!({"detail_json": detail.to_string()});
    let mut calls = [
        detail(json!({"request_id": "r1", "cwd": "/home/me/store", "runtime": "codex"})),
        detail(json!({"cache_creation": 700})),
        detail(json!({"cache_write_5m_tokens": 30, "cache_write_1h_tokens": 4})),
    ];
    for (call, (session, micros)) in
        calls.iter_mut().zip([("s-1", 3_000_000), ("s-2", 500_000), ("s-3", 100_000)])
    {
        let call = call.as_object_mut().unwrap();
        call.insert("session_id".to_owned(), session.into());
        call.insert("cost_usd_micros".to_owned(), micros.into());
    }
    record(&home, "token_usage", &json!({"ts_utc": ts, "agent": "dev1"}), &calls);
    let request = |request: Value| json!({"request_json": request.to_string()});
    let common = json!({"ts_utc_start": ts, "source": "s", "success": true, "timeout_race": false});
    let mut tools = [
        request(json!({"request_id": "r1"})),
        request(json!({"request_id": "r1"})),
        request(json!({"session_id": "s-2"})),
    ];
    for (tool, name) in tools.iter_mut().zip(["Read", "Bash", "Bash"]) {
        tool.as_object_mut().unwrap().insert("tool".to_owned(), name.into());
    }
    record(&home, "mcp_tool_calls", &common, &tools);
    let git = json!({"ts_utc": ts, "operation": "commit", "repo": "fleet/web", "status": "ok",
        "detail_json": "{\"session_id\":\"s-2\"}"});
    record(&home, "git_operations", &git, &[json!({})]);
    let message =
        json!({"ts_utc": ts, "source": "claude-code", "direction": "inbound", "chat_id": "s-3"});
    record(&home, "messages", &message, &[json!({})]);

    let costs = |by: &str| -> Vec<(Value, i64, f64)> {
        let rows = home.ok(&["cost", "--by", by, "--format", "json"]);
        let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
        let cost = |row: &Value| row["usd"].as_f64().unwrap();
        rows.iter()
            .map(|row| (row[by].clone(), row["calls"].as_i64().unwrap(), cost(row)))
            .collect()
    };
    let unknown = Value::Null;
    assert_eq!(
        costs("tool"),
        [(json!("Bash"), 2, 2.0), (json!("Read"), 1, 1.5), (unknown.clone(), 1, 0.1)]
    );
    assert_eq!(
        costs("project"),
        [(json!("store"), 1, 3.0), (json!("fleet/web"), 1, 0.5), (unknown.clone(), 1, 0.1)]
    );
    assert_eq!(
        costs("runtime"),
        [(json!("codex"), 1, 3.0), (unknown, 1, 0.5), (json!("claude-code"), 1, 0.1)]
    );
    let table = home.ok(&["cost", "--by", "tool"]);
    assert!(
        table.contains("| (no tool) |     1 ") && table.contains("| (all)     |     3 "),
        "{table}"
    );
    let writes = home.ok(&["cost", "--by", "session", "--format", "csv"]);
    assert!(writes.contains(",700,0.5") && writes.contains(",34,0.1"), "{writes}");
    assert!(writes.starts_with("session,agent,model,begin,duration_ms,calls,"), "{writes}");
}

#[test]
fn a_group_that_is_nowhere_recorded_says_where_it_would_be() {
    let ran = home().run(&["cost", "--by", "project"]);
    assert!(ran.code == 0 && ran.out.contains("(unknown)"), "{}", ran.out);
    assert!(ran.err.contains("no call has a known project: it is project or cwd"), "{}", ran.err);
}

#[test]
fn sessions_fit_eighty_columns_and_name_agent_and_begin() {
    let home = home();
    let mut terminal =
        home.terminal_with(&[("NO_COLOR", "1")], (80, 24), &["cost", "--by", "session"]);
    assert_eq!(terminal.end(), 0);
    let screen = terminal.screen();
    assert!(screen.contains("s-1      agent0  haiku, opus  2026-04-15 23:59"), "{screen}");
}
