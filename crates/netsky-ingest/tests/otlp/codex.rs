//! Telemetry of Codex.

use serde_json::json;

use crate::{Store, capture, log_request};

#[test]
fn a_session_gives_the_rows_of_its_rollout() {
    let Some(requests) = capture("codex-0.169") else { return };
    let store = Store::new();
    store.record(&requests);
    let usage = store.rows("token_usage");
    let counts: Vec<_> = usage
        .iter()
        .map(|row| {
            ["input_tokens", "cached_input_tokens", "output_tokens"]
                .map(|it| row[it].as_i64().unwrap())
        })
        .collect();
    assert_eq!(counts, [[400, 600, 50], [800, 1_200, 50], [1_200, 1_800, 50]]);
    assert_eq!(store.rows("mcp_tool_calls").len(), 4);
    let commands = store.rows("cli_invocations");
    let exit_codes: Vec<_> = commands.iter().map(|row| row["exit_code"].as_i64()).collect();
    assert_eq!(exit_codes, [Some(0), Some(1)]);
    assert_eq!(store.rows("messages").len(), 1);
    assert_eq!(store.rows("sessions").len(), 2);
}

#[test]
fn a_refusal_and_a_failed_request_are_events() {
    let store = Store::new();
    let event = |name: &str, more: serde_json::Value| {
        let mut event = json!({"event.name": name, "conversation.id": "thread",
            "event.timestamp": "2026-11-23T22:06:56.559Z"});
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        event
    };
    store.record([&log_request(
        "codex_exec",
        &[
            event(
                "codex.tool_decision",
                json!({"call_id": "c", "tool_name": "exec_command", "decision": "denied"}),
            ),
            event("codex.api_request", json!({"http.response.status_code": 529, "attempt": 0})),
            event("codex.api_request", json!({"http.response.status_code": 529, "attempt": 1})),
            event("codex.api_request", json!({"http.response.status_code": 200, "attempt": 2})),
        ],
    )]);
    assert_eq!(store.rows("watchdog_events").len(), 3);
}
