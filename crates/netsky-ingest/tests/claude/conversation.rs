//! Messages and events.

use netsky_ingest::{ReadOptions, key};
use serde_json::{Value, json};

use crate::harness::detail;
use crate::script::{Script, assistant, call, prompt, record, result, text};

#[test]
fn a_prompt_is_a_message_to_the_agent() {
    let more = json!({"promptId": "p1", "permissionMode": "plan"});
    let row = &Script::new().read(&prompt(1, "Hello", more)).finish().rows("messages")[0];
    for (column, expected) in [
        ("ts_utc", "2026-03-01T12:00:01.000Z"),
        ("source", "claude-code"),
        ("direction", "inbound"),
        ("chat_id", "s1"),
        ("from_agent", "user"),
        ("to_agent", "shop"),
        ("body", "Hello"),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    let expected = json!({
        "runtime": "claude", "session_id": "s1", "session_num": 1, "cwd": "/home/dev/shop",
        "git_branch": "main", "version": "2.1.330", "via": "transcript", "uuid": "user-1",
        "prompt_id": "p1", "permission_mode": "plan",
    });
    assert_eq!(detail(row, "raw_json"), expected);
}

#[test]
fn only_what_people_write_is_a_prompt() {
    let blocks = |blocks: Value| json!({"message": {"content": blocks}});
    for (line, is_prompt) in [
        (prompt(1, "x", json!({})), true),
        (prompt(1, "", json!({})), false),
        (prompt(1, "x", json!({"isMeta": true})), false),
        (prompt(1, "x", json!({"isMeta": false})), true),
        (prompt(1, "x", json!({"isCompactSummary": true})), false),
        (prompt(1, "x", json!({"isSidechain": true})), false),
        (prompt(1, "x", json!({"agentId": "a1"})), false),
        (prompt(1, "x", json!({"uuid": "absent"})), false),
        (prompt(1, "<command-name>/clear</command-name>", json!({})), false),
        (prompt(1, "<local-command-stdout>x", json!({})), false),
        (prompt(1, "<task-notification>x", json!({})), false),
        (prompt(1, "<b>bold</b>", json!({})), true),
        (prompt(1, "", blocks(json!([text("a"), {"type": "image"}, text("b")]))), true),
        (prompt(1, "", blocks(json!([{"type": "image"}]))), false),
        (prompt(1, "", blocks(json!([text("a"), {"type": "tool_result"}]))), false),
    ] {
        let store = Script::new().read(&line).finish();
        assert_eq!(store.rows("messages").len(), usize::from(is_prompt), "{line}");
    }
}

#[test]
fn texts_of_a_record_are_joined_by_blank_lines() {
    let more = json!({"message": {"content": [text("a"), {"type": "thinking"}, text("b")]}});
    let mut script = Script::new();
    script.read(&assistant("1", 1, text("x"), more));
    script.read(&assistant("1", 2, json!({"type": "thinking"}), json!({})));
    script.read(&assistant("1", 3, text("c"), json!({})));
    let rows = script.finish().rows("messages");
    let bodies: Vec<_> = rows.iter().map(|row| row["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["a\n\nb", "c"]);
    assert_eq!((&rows[0]["from_agent"], &rows[0]["to_agent"]), (&json!("shop"), &json!("user")));
    assert_eq!(rows[0]["direction"], "outbound");
    assert_eq!(detail(&rows[0], "raw_json")["model"], "claude-opus-5-5");
}

#[test]
fn a_subagent_answers_its_agent() {
    let more = json!({"isSidechain": true, "agentId": "a1", "attributionAgent": "Plan"});
    let row = &Script::new().read(&assistant("1", 1, text("x"), more)).finish().rows("messages")[0];
    assert_eq!((&row["from_agent"], &row["to_agent"]), (&json!("shop/Plan"), &json!("shop")));
}

#[test]
fn the_first_of_a_prompt_has_its_key() {
    let mut script = Script::new();
    let keys = |script: &mut Script, line: &Value, wanted| {
        script.out.sightings.clear();
        script.read(line).restart();
        script.out.sightings[0].keys.contains(&wanted)
    };
    let prompt_key = key::prompt("p1");
    let more = json!({"promptId": "p1"});
    assert!(keys(&mut script, &prompt(1, "x", more.clone()), prompt_key));
    assert!(!keys(&mut script, &prompt(2, "interrupted", more), prompt_key));
    let answer_key = key::answer("req_1");
    assert!(keys(&mut script, &assistant("1", 3, text("x"), json!({})), answer_key));
    assert!(!keys(&mut script, &assistant("1", 4, text("y"), json!({})), answer_key));
}

#[test]
fn agents_write_to_each_other() {
    let mut script = Script::new();
    for (id, input) in [
        ("t1", json!({"to": "tester", "message": "go"})),
        ("t2", json!({"recipient": "tester", "content": "go", "type": "message"})),
    ] {
        script.read(&assistant("1", 1, call(id, "SendMessage", input), json!({})));
        script.read(&assistant("1", 1, call(id, "Read", json!({})), json!({})));
    }
    let rows = script.finish().rows("messages");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((&row["source"], &row["body"]), (&json!("agent"), &json!("go")));
        assert_eq!((&row["from_agent"], &row["to_agent"]), (&json!("shop"), &json!("tester")));
    }
}

/// Returns the event, severity, status and own details of the only event of a record.
fn event(line: &Value) -> Option<(Value, Value)> {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Read", json!({})), json!({})));
    let rows = script.read(line).read(line).finish().rows("watchdog_events");
    assert!(rows.len() <= 1);
    let row = rows.first()?;
    assert_eq!(row["agent"], "shop");
    let mut detail = detail(row, "detail_json");
    let object = detail.as_object_mut()?;
    for key in ["runtime", "session_id", "session_num", "cwd", "git_branch", "version", "via"] {
        assert!(object.remove(key).is_some(), "{key}");
    }
    Some((json!([row["event"], row["severity"], row["status"]]), detail))
}

#[test]
fn events_have_their_severity_and_details() {
    let system = |subtype: &str, more: Value| {
        let mut line = record("system", 2, more);
        line["subtype"] = subtype.into();
        line
    };
    let compaction = json!({"trigger": "auto", "preTokens": 167_094, "tokensSaved": 20_801});
    for (line, event_row, details) in [
        (
            system("compact_boundary", json!({"compactMetadata": compaction})),
            json!(["compaction", "info", null]),
            json!({"trigger": "auto", "pre_tokens": 167_094, "saved_tokens": 20_801}),
        ),
        (
            system("microcompact_boundary", json!({"microcompactMetadata": compaction})),
            json!(["microcompaction", "info", null]),
            json!({"trigger": "auto", "pre_tokens": 167_094, "saved_tokens": 20_801}),
        ),
        (
            system(
                "api_error",
                json!({
                    "error": {"status": 529, "message": "{}", "formatted": "529 Overloaded"},
                    "retryInMs": 545.5, "retryAttempt": 1, "maxRetries": 10,
                }),
            ),
            json!(["api_error", "warning", "retrying"]),
            json!({"status": 529, "error": "529 Overloaded", "attempt": 1, "max_attempts": 10, "retry_in_ms": 545.5}),
        ),
        (
            system("stop_hook_summary", json!({"hookErrors": ["exit 1", "exit 2"]})),
            json!(["hook_error", "warning", null]),
            json!({"hook_event": "Stop", "hook_errors": 2, "error": "exit 1"}),
        ),
        (
            assistant(
                "2",
                2,
                text("API Error: 400 bad"),
                json!({
                    "isApiErrorMessage": true, "apiErrorStatus": 400, "error": "unknown",
                    "apiErrorType": "invalid_request_error", "message": {"model": "<synthetic>"},
                }),
            ),
            json!(["api_error", "error", "failed"]),
            json!({"status": 400, "error_type": "invalid_request_error", "error": "API Error: 400 bad", "request_id": "req_2"}),
        ),
        (
            result(
                "t1",
                2,
                "x",
                true,
                json!({"permissionDecision": {"decision": "reject", "source": "user"}}),
            ),
            json!(["permission_denied", "warning", null]),
            json!({"tool_use_id": "t1", "decision_source": "user"}),
        ),
    ] {
        assert_eq!(event(&line), Some((event_row, details)), "{line}");
    }
}

#[test]
fn what_is_no_trouble_is_no_event() {
    for line in [
        record("system", 2, json!({"subtype": "turn_duration"})),
        record("system", 2, json!({"subtype": "stop_hook_summary", "hookErrors": []})),
        record("system", 2, json!({"subtype": "compact_boundary", "uuid": "absent"})),
        assistant("2", 2, text("x"), json!({"isApiErrorMessage": false})),
        result("t1", 2, "x", false, json!({"permissionDecision": {"decision": "accept"}})),
    ] {
        assert_eq!(event(&line), None, "{line}");
    }
}

#[test]
fn unknown_types_are_counted_by_name() {
    let mut script = Script::with("/p/s1.jsonl", ReadOptions::default());
    for kind in ["later", "summary", "later", "queue-operation", &"x".repeat(900)] {
        script.read(&json!({"type": kind}));
    }
    script.read(&json!({"type": 7}));
    for n in 0..500 {
        script.read(&json!({"type": format!("type {n}")}));
    }
    let unknown = &script.out.unknown;
    assert_eq!((unknown["later"], unknown[&"x".repeat(64)], unknown[""]), (2, 1, 1));
    assert_eq!(unknown.len(), 100);
}
