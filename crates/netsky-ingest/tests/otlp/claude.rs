//! Telemetry of Claude Code.

use serde_json::{Value, json};

use crate::{Store, capture, log_request};

fn event(name: &str, more: Value) -> Value {
    let mut event = json!({
        "session.id": "s1",
        "event.name": name,
        "event.timestamp": "2026-11-23T22:02:46.224Z",
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

fn call(sequence: i64, request_id: Option<&str>) -> Value {
    let mut call = event(
        "api_request",
        json!({"event.sequence": sequence, "model": "claude-opus-5-5", "input_tokens": 7,
               "output_tokens": "100", "cache_read_tokens": 2000.0, "cache_creation_tokens": 1000,
               "cache_creation_5m_tokens": 400, "cache_creation_1h_tokens": 600,
               "cost_usd_micros": 9248, "duration_ms": 1224}),
    );
    if let Some(id) = request_id {
        call["request_id"] = json!(id);
    }
    call
}

#[test]
fn a_session_gives_the_rows_of_its_transcript() {
    let Some(requests) = capture("claude-2.1.330") else { return };
    let store = Store::new();
    store.record(&requests);

    let usage = store.rows("token_usage");
    assert_eq!(usage.len(), 6);
    let sum = |column: &str| usage.iter().filter_map(|row| row[column].as_i64()).sum::<i64>();
    assert_eq!(
        (sum("input_tokens"), sum("output_tokens"), sum("cached_input_tokens")),
        (55, 613, 26_000)
    );
    for row in &usage {
        // Priced from the counts, and as Claude Code does.
        assert_eq!(row["cost_usd_micros"], row["detail"]["reported_cost_usd_micros"]);
        assert_eq!(row["detail"]["cost_source"], "list");
    }
    let agents: Vec<_> = usage.iter().map(|row| row["agent"].as_str().unwrap()).collect();
    assert_eq!(agents.iter().filter(|agent| **agent == "shop/general-purpose").count(), 2);
    assert_eq!(agents.iter().filter(|agent| **agent == "shop").count(), 4);

    let tools = store.rows("mcp_tool_calls");
    assert_eq!(tools.len(), 6);
    let failed = tools.iter().filter(|row| row["success"] == false);
    let errors: Vec<_> = failed.map(|row| row["error"].as_str().unwrap()).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");

    assert_eq!(store.rows("cli_invocations").len(), 4);
    let git: Vec<_> = store.rows("git_operations");
    let operations: Vec<_> = git.iter().map(|row| row["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["init", "commit"]);
    // The prompt and two answers; those of the subagent are no messages.
    assert_eq!(store.rows("messages").len(), 3);
    assert_eq!(store.rows("clone_dispatches").len(), 1);
    assert_eq!(store.rows("sessions").len(), 2);
    assert_eq!(store.rows("ticks").len(), 2);
}

#[test]
fn spans_add_nothing_to_events_and_stand_in_for_them() {
    let Some(requests) = capture("claude-2.1.330") else { return };
    let is_traces = |request: &&netsky_ingest::otlp::Request| {
        matches!(request, netsky_ingest::otlp::Request::Traces(_))
    };
    let store = Store::new();
    store.record(requests.iter().filter(is_traces));
    assert_eq!(store.rows("token_usage").len(), 6);
    assert_eq!(store.rows("mcp_tool_calls").len(), 6);
    assert_eq!(store.rows("mcp_tool_calls").iter().filter(|row| row["success"] == true).count(), 4);
    store.record(&requests);
    assert_eq!(store.rows("token_usage").len(), 6);
    assert_eq!(store.rows("mcp_tool_calls").len(), 6);
    for row in store.rows("token_usage") {
        assert_eq!(row["cost_usd_micros"], row["detail"]["reported_cost_usd_micros"]);
    }
}

#[test]
fn mcp_tools_have_their_server_and_name() {
    let Some(requests) = capture("claude-2.1.330-mcp") else { return };
    let store = Store::new();
    store.record(&requests);
    let tools = store.rows("mcp_tool_calls");
    let probe: Vec<_> = tools.iter().filter(|row| row["source"] == "probe").collect();
    assert_eq!(probe.len(), 1);
    assert_eq!(
        (&probe[0]["tool"], &probe[0]["detail"]["input"]["text"]),
        (&json!("echo"), &json!("hi"))
    );
}

#[test]
fn calls_without_an_id_are_counted() {
    let store = Store::new();
    let request = log_request("claude-code", &[call(1, None), call(2, None)]);
    store.record([&request, &request, &request]);
    assert_eq!(store.rows("token_usage").len(), 2);
    // A later call with the same counts.
    store.record([&log_request("claude-code", &[call(3, None)]), &request]);
    assert_eq!(store.rows("token_usage").len(), 3);
}

#[test]
fn numbers_may_be_texts() {
    let Some(requests) = capture("claude-2.1.37") else { return };
    let store = Store::new();
    store.record(&requests);
    let usage = store.rows("token_usage");
    let outputs: Vec<_> = usage.iter().map(|row| row["output_tokens"].as_i64().unwrap()).collect();
    // Two calls of the conversation, and one of a helper.
    assert_eq!(outputs, [100, 100, 101]);
    assert_eq!(usage[0]["detail"]["cache_write_tokens"], 1000);
    assert_eq!(usage[0]["detail"]["reported_cost_usd_micros"], 8785);
    // All written to the cache for five minutes, as long as nothing else is known: 7 * 3 + 100 * 15 + 1000 * 3.75.
    assert_eq!(usage[0]["cost_usd_micros"], 5271);
}

#[test]
fn broken_records_are_rejected_and_others_kept() {
    let store = Store::new();
    let no_model = event("api_request", json!({"input_tokens": 1, "output_tokens": 1}));
    let bad_count =
        event("api_request", json!({"model": "m", "input_tokens": "x", "output_tokens": -4}));
    let other = event("plugin_loaded", json!({}));
    let request = log_request("claude-code", &[no_model, bad_count, call(1, Some("req_1")), other]);
    let mapped = netsky_ingest::otlp::map(&request, &store.lookup);
    assert_eq!((mapped.records, mapped.rejected), (4, 2));
    assert_eq!(mapped.ignored["plugin_loaded"], 1);
    assert_eq!(mapped.chunk.sightings.len(), 1);
}

#[test]
fn texts_are_left_out_if_wanted() {
    let request = log_request(
        "claude-code",
        &[
            event(
                "user_prompt",
                json!({"prompt": "secret one", "prompt.id": "p", "message.uuid": "u"}),
            ),
            event(
                "tool_result",
                json!({"tool_name": "Bash", "tool_use_id": "t", "success": "false", "error": "secret two",
                       "tool_input": r#"{"command":"git commit -m secret"}"#, "duration_ms": "3"}),
            ),
            event("api_error", json!({"error": "secret three", "status_code": "529"})),
        ],
    );
    let kept = Store::new();
    kept.record([&request]);
    assert_eq!(kept.all_rows().iter().filter(|row| row.contains("secret")).count(), 4);

    let mut without = Store::new();
    let options = netsky_ingest::ReadOptions { without_content: true, ..Default::default() };
    without.lookup = netsky_ingest::otlp::Lookup::new(None, crate::shop, options);
    without.record([&request]);
    assert!(without.all_rows().iter().all(|row| !row.contains("secret")));
    assert_eq!(without.rows("mcp_tool_calls").len(), 1);
}

#[test]
fn refusals_and_failures_are_events() {
    let store = Store::new();
    store.record([&log_request(
        "claude-code",
        &[
            event(
                "tool_decision",
                json!({"decision": "reject", "tool_name": "Bash", "tool_use_id": "t1"}),
            ),
            event(
                "tool_decision",
                json!({"decision": "accept", "tool_name": "Bash", "tool_use_id": "t2"}),
            ),
            event("mcp_server_connection", json!({"status": "failed", "server_name": "probe"})),
            event("mcp_server_connection", json!({"status": "connected", "server_name": "probe"})),
            event("internal_error", json!({"error_name": "TypeError"})),
        ],
    )]);
    let mut events: Vec<_> =
        store.rows("watchdog_events").iter().map(|row| row["event"].to_string()).collect();
    events.sort();
    assert_eq!(events, [r#""internal_error""#, r#""mcp_error""#, r#""permission_denied""#]);
}

#[test]
fn a_session_without_a_transcript_is_of_its_service() {
    let mut store = Store::new();
    store.lookup =
        netsky_ingest::otlp::Lookup::new(None, |_: &str, _: &str| None, Default::default());
    store.record([&log_request("claude-code", &[call(1, Some("req_1"))])]);
    let usage = store.rows("token_usage");
    assert_eq!(
        (&usage[0]["agent"], &usage[0]["session_id"]),
        (&json!("claude-code"), &json!("s1"))
    );
}
