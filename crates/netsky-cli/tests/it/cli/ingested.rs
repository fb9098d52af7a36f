//! Sessions, costs and events of rows that were read from transcripts.

use std::fs;

use serde_json::{Value, json};

use super::Home;

const SESSION: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "11111111-9999-3333-4444-555555555555";

/// A line of a transcript.
fn line(session: &str, minute: u32, more: &Value) -> String {
    let mut line = json!({
        "sessionId": session, "timestamp": format!("2026-04-15T09:{minute:02}:00Z"), "uuid": format!("{session}-{more}"),
        "cwd": "/home/ada/shop", "gitBranch": "main", "version": "2.1.37",
    });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{line}\n")
}

/// A model call of 1,000 tokens of output, with what is in its message.
fn call(name: &str, more: &Value, content: &Value) -> Value {
    let mut call = json!({"type": "assistant", "requestId": format!("req_{name}"), "message": {
        "id": format!("msg_{name}"), "role": "assistant", "model": "claude-haiku-4-5-20251001",
        "content": content, "usage": {"input_tokens": 0, "output_tokens": 1_000}}});
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

fn prompt(text: &str) -> Value {
    json!({"type": "user", "message": {"role": "user", "content": text}})
}

/// Writes the transcripts of two sessions in a project. The first moves to another directory and branch, and
/// starts a subagent, which calls the model twice.
fn transcripts(home: &Home) {
    let dir = home.path(".claude/projects/-home-ada-shop");
    let subagents = dir.join(SESSION).join("subagents");
    fs::create_dir_all(&subagents).unwrap();
    let text = json!([{"type": "text", "text": "done"}]);
    let task = json!([{"type": "tool_use", "id": "toolu_1", "name": "Task",
        "input": {"subagent_type": "reviewer", "description": "review", "prompt": "look at it"}}]);
    let result = json!({"type": "user", "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "fine"}]},
        "toolUseResult": {"status": "completed", "agentId": "a1b2c3", "content": []}});
    let elsewhere = json!({"cwd": "/home/ada/shop/web", "gitBranch": "fix"});
    let main = line(SESSION, 0, &prompt("fix it"))
        + &line(SESSION, 1, &call("1", &json!({}), &task))
        + &line(SESSION, 4, &result)
        + &line(SESSION, 5, &call("4", &elsewhere, &text));
    fs::write(dir.join(format!("{SESSION}.jsonl")), main).unwrap();
    let of_subagent = json!({"isSidechain": true, "agentId": "a1b2c3"});
    let subagent = line(SESSION, 2, &call("2", &of_subagent, &text))
        + &line(SESSION, 3, &call("3", &of_subagent, &text));
    fs::write(subagents.join("agent-a1b2c3.jsonl"), subagent).unwrap();
    fs::write(subagents.join("agent-a1b2c3.meta.json"), r#"{"agentType":"reviewer"}"#).unwrap();
    let other = line(OTHER, 30, &prompt("hello")) + &line(OTHER, 31, &call("5", &json!({}), &text));
    fs::write(dir.join(format!("{OTHER}.jsonl")), other).unwrap();
}

/// A home with the rows of the transcripts.
fn ingested() -> Home {
    let home = Home::new();
    transcripts(&home);
    let ran = home.run(&["ingest"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    home
}

fn rows(home: &Home, args: &[&str]) -> Vec<Value> {
    let out = home.ok(&[args, &["--format", "json"]].concat());
    serde_json::from_str(&out).unwrap()
}

fn calls(home: &Home, by: &str) -> Vec<(Value, Value)> {
    let rows = rows(home, &["cost", "--by", by]);
    rows.iter().map(|row| (row[by].clone(), row["calls"].clone())).collect()
}

#[test]
fn subagents_count_in_the_session_that_started_them() {
    let home = ingested();
    assert_eq!(calls(&home, "session"), [(json!(SESSION), json!(4)), (json!(OTHER), json!(1))]);
    assert_eq!(
        calls(&home, "agent"),
        [(json!("shop"), json!(3)), (json!("shop/reviewer"), json!(2))]
    );
    let sql = "SELECT session_id, session_num, agent, runtime, calls, usd, output_tokens, tool_calls, errors, \
               prompts, branch, cwd FROM v_agent_sessions ORDER BY ts_utc_first LIMIT 1";
    let session = &rows(&home, &["query", sql])[0];
    let expected = json!({"session_id": SESSION, "session_num": session["session_num"], "agent": "shop",
        "runtime": "claude", "calls": 4, "usd": 0.02, "output_tokens": 4_000, "tool_calls": 1, "errors": 0,
        "prompts": 1, "branch": "fix", "cwd": "/home/ada/shop"});
    assert_eq!(session, &expected);
}

#[test]
fn a_project_is_where_its_sessions_began() {
    let home = ingested();
    assert_eq!(calls(&home, "project"), [(json!("shop"), json!(5))]);
    assert_eq!(calls(&home, "branch"), [(json!("main"), json!(4)), (json!("fix"), json!(1))]);
    assert_eq!(calls(&home, "tool"), [(Value::Null, json!(4)), (json!("Task"), json!(1))]);
}

#[test]
fn a_session_is_found_by_the_start_of_its_id() {
    let home = ingested();
    let cost = rows(&home, &["cost", "--session", "11111111-2"]);
    let found = (&cost[0]["session"], &cost[0]["agent"], &cost[0]["usd"], cost.len());
    assert_eq!(found, (&json!(SESSION), &json!("shop"), &json!(0.02), 1));
    let by_agent = rows(&home, &["cost", "--session", SESSION, "--by", "agent"]);
    assert_eq!(by_agent.len(), 2, "{by_agent:?}");
    let error = home.fails(1, &["cost", "--session", "11111111"]);
    assert!(error.contains(&format!("2 sessions begin with '11111111': {SESSION}, {OTHER}")));
    assert!(home.fails(1, &["cost", "--session", "x"]).contains("no session begins with 'x'"));
    let mut terminal =
        home.terminal_with(&[("NO_COLOR", "1")], (80, 24), &["cost", "--by", "session"]);
    assert_eq!(terminal.end(), 0);
    let screen = terminal.screen();
    assert!(
        screen.contains("11111111-2  shop  ") && screen.contains("11111111-9  shop "),
        "{screen}"
    );
}

#[test]
fn costs_that_are_lower_bounds_say_so() {
    let home = ingested();
    let ran = home.run(&["cost"]);
    assert!(ran.err.contains("the output of 5 calls is a lower bound"), "{}", ran.err);
    assert_eq!(home.run(&["cost", "--since", "2026-04-16"]).err, "");
    assert_eq!(home.run(&["cost", "--json"]).err, "");
}

#[test]
fn the_timeline_of_a_session_has_its_subagents() {
    let home = ingested();
    let events = rows(&home, &["timeline", "11111111-2"]);
    let of = |kind: &str| -> Vec<&str> {
        let events = events.iter().filter(|event| event["kind"] == kind);
        events.map(|event| event["agent"].as_str().unwrap()).collect()
    };
    assert_eq!(of("model"), ["shop", "shop/reviewer", "shop/reviewer", "shop"]);
    assert_eq!((of("tool"), of("clone")), (vec!["shop"], vec!["shop/reviewer"]));
    assert_eq!(
        (of("received"), of("session")),
        (vec!["shop"], vec!["shop", "shop"]),
        "{events:#?}"
    );
    // A message is one event.
    assert_eq!(of("sent"), ["shop/reviewer", "shop/reviewer", "shop"]);
    assert_eq!(rows(&home, &["timeline", "shop/reviewer"]).len(), 5);
    let error = home.fails(1, &["timeline", "11111111"]);
    assert!(error.contains("2 sessions begin with"), "{error}");
}

#[test]
fn doctor_names_what_is_unread() {
    let home = Home::new();
    let about = |report: &str, about: &str| {
        let lines =
            report.lines().filter(|line| line.get(6..).is_some_and(|line| line.starts_with(about)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // A program that is not there is not mentioned.
    let report = home.ok(&["doctor"]);
    assert!(!report.contains("Claude Code") && !report.contains("Codex"), "{report}");
    transcripts(&home);
    let report = home.ok(&["doctor"]);
    assert!(
        about(&report, "transcripts")[0]
            .contains("Claude Code: 3 transcripts, 3 not read; netsky ingest")
    );
    assert!(about(&report, "hooks")[0].contains("netsky hook install claude-code"), "{report}");
    assert!(!report.contains("Codex"), "{report}");
    assert_eq!(home.run(&["ingest"]).code, 0);
    let report = home.ok(&["doctor"]);
    assert!(about(&report, "transcripts")[0].contains("3 transcripts, nothing unread"), "{report}");
    assert!(
        about(&report, "last events")[0].contains("transcript 2026-04-15T09:31:00Z"),
        "{report}"
    );
    let path = home.path(&format!(".claude/projects/-home-ada-shop/{OTHER}.jsonl"));
    let more = fs::read_to_string(&path).unwrap() + &line(OTHER, 40, &prompt("more"));
    fs::write(&path, more).unwrap();
    home.file(".netsky/hook.log", "2026-04-15T10:00:00Z the store is busy\n");
    home.file(
        ".claude/settings.json",
        r#"{"env":{"CLAUDE_CODE_ENABLE_TELEMETRY":"1","OTEL_LOGS_EXPORTER":"otlp",
            "OTEL_METRICS_EXPORTER":"otlp","OTEL_EXPORTER_OTLP_PROTOCOL":"http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT":"http://127.0.0.1:4318","OTEL_LOG_TOOL_DETAILS":"1"}}"#,
    );
    let report = home.ok(&["doctor"]);
    assert!(
        about(&report, "transcripts")[0].contains("3 transcripts, 1 changed since"),
        "{report}"
    );
    assert!(about(&report, "hook log")[0].contains("the store is busy"), "{report}");
    assert!(about(&report, "telemetry")[0].starts_with("ok    "), "{report}");
    // A version that sends nothing on some systems.
    let newer = line(OTHER, 41, &call("6", &json!({"version": "2.1.200"}), &json!([])));
    fs::write(&path, fs::read_to_string(&path).unwrap() + &newer).unwrap();
    assert_eq!(home.run(&["ingest"]).code, 0);
    let report = home.ok(&["doctor"]);
    assert!(about(&report, "telemetry")[0].contains("version 2.1.200 sends nothing"), "{report}");
    home.file(".claude/settings.json", "no json");
    assert!(home.ok(&["doctor"]).contains("warn  hooks        Claude Code: "));
}

#[test]
fn an_imported_history_is_not_recorded_again() {
    // The session ends after its last row.
    let end = |home: &Home| {
        let file = home.path(".claude/projects/-home-ada-shop").join(format!("{SESSION}.jsonl"));
        let end = json!({"type": "system", "subtype": "turn_duration"});
        let lines = fs::read_to_string(&file).unwrap() + &line(SESSION, 6, &end);
        fs::write(&file, lines).unwrap();
    };
    let home = Home::new();
    transcripts(&home);
    end(&home);
    assert_eq!(home.run(&["ingest"]).code, 0);
    let count = "SELECT (SELECT count(*) FROM token_usage) AS a, (SELECT count(*) FROM mcp_tool_calls) AS b, \
        (SELECT count(*) FROM messages) AS c, (SELECT count(*) FROM clone_dispatches) AS d, \
        (SELECT count(*) FROM sessions) AS e";
    let rows = |home: &Home| {
        let ran = home.run(&["query", "--format", "csv", count]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let expected = rows(&home);
    let export = home.path("export");
    let ran = home.run(&["export", export.to_str().unwrap(), "--format", "ndjson"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let other = Home::new();
    transcripts(&other);
    let dir = other.path(".claude/projects/-home-ada-shop");
    let file = dir.join(format!("{SESSION}.jsonl"));
    end(&other);
    // A store that has ingested something else already does not know the sessions either.
    let elsewhere = other.path("elsewhere.jsonl");
    fs::write(&elsewhere, line("other", 0, &prompt("hi")).replace("/shop", "/else")).unwrap();
    assert_eq!(other.run(&["ingest", elsewhere.to_str().unwrap()]).code, 0);
    let mut before: Vec<u64> = numbers(&rows(&other));
    let ran = other.run(&["import", export.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (sum, imported) in before.iter_mut().zip(numbers(&expected)) {
        *sum += imported;
    }
    let ran = other.run(&["ingest"]);
    assert_eq!((ran.code, numbers(&rows(&other))), (0, before.clone()), "{}", ran.err);
    assert!(ran.err.contains("of sessions that were imported were left out"), "{}", ran.err);
    // What comes later is recorded.
    let text = json!([{"type": "text", "text": "more"}]);
    let more = line(SESSION, 50, &call("9", &json!({}), &text));
    let lines = fs::read_to_string(&file).unwrap() + &more;
    fs::write(&file, lines).unwrap();
    assert_eq!(other.run(&["ingest"]).code, 0);
    assert_eq!(numbers(&rows(&other))[0], before[0] + 1);
}

/// The numbers of the last line of a CSV.
fn numbers(csv: &str) -> Vec<u64> {
    csv.trim().lines().last().unwrap().split(',').map(|number| number.parse().unwrap()).collect()
}
