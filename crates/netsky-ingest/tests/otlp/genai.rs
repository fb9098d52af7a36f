//! Spans of any program by the GenAI conventions.

use serde_json::json;

use crate::{Store, capture, span_request};

#[test]
fn a_call_of_the_python_sdk_is_a_row() {
    let Some(requests) = capture("python-sdk-1.45.2") else { return };
    let store = Store::new();
    store.record(&requests);
    let usage = store.rows("token_usage");
    assert_eq!(usage.len(), 1);
    assert_eq!(usage[0]["model"], "gpt-5");
    assert!(usage[0]["output_tokens"].as_i64().unwrap() > 0);
}

#[test]
fn counts_without_the_cache_are_stored() {
    let store = Store::new();
    store.record([&span_request(&[json!({
        "spanId": "0000000000000001", "name": "chat gpt-5.4",
        "attributes": {
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5.4", "gen_ai.provider.name": "openai",
            "gen_ai.conversation.id": "conversation", "gen_ai.agent.name": "critic",
            "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 600,
            "gen_ai.usage.cache_creation.input_tokens": 100, "gen_ai.usage.output_tokens": 50,
        },
    })])]);
    let usage = &store.rows("token_usage")[0];
    assert_eq!(
        (&usage["input_tokens"], &usage["cached_input_tokens"], &usage["output_tokens"]),
        (&json!(300), &json!(600), &json!(50))
    );
    assert_eq!((&usage["agent"], &usage["session_id"]), (&json!("critic"), &json!("conversation")));
    assert_eq!(usage["detail"]["duration_ms"], 1500);
    assert_eq!(usage["detail"]["cost_source"], "list");
}

#[test]
fn old_names_are_understood() {
    let store = Store::new();
    store.record([&span_request(&[json!({
        "spanId": "0000000000000001", "name": "openai.chat",
        "attributes": {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-5.4",
            "gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 20},
    })])]);
    let usage = &store.rows("token_usage")[0];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(10), &json!(20)));
}

#[test]
fn layers_that_tell_of_one_call_give_one_row() {
    let store = Store::new();
    let layer = |span: &str, parent: &str| {
        json!({
            "spanId": span, "parentSpanId": parent, "name": "chat",
            "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
                "gen_ai.response.id": "chatcmpl-7", "gen_ai.usage.output_tokens": 5},
        })
    };
    store.record([&span_request(&[
        layer("0000000000000001", ""),
        layer("0000000000000002", "0000000000000001"),
    ])]);
    assert_eq!(store.rows("token_usage").len(), 1);
}

#[test]
fn tools_agents_and_failures_are_rows() {
    let store = Store::new();
    store.record([&span_request(&[
        json!({"spanId": "0000000000000001", "name": "invoke_agent lead",
            "attributes": {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "lead",
                "gen_ai.conversation.id": "c"}}),
        json!({"spanId": "0000000000000002", "parentSpanId": "0000000000000001", "name": "invoke_agent helper",
            "attributes": {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}}),
        json!({"spanId": "0000000000000003", "parentSpanId": "0000000000000002", "name": "execute_tool search",
            "status": {"code": 2, "message": "no network"},
            "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": "{\"q\":1}"}}),
        json!({"spanId": "0000000000000004", "parentSpanId": "0000000000000002", "name": "chat m",
            "status": {"code": 2}, "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}}),
        json!({"spanId": "0000000000000005", "name": "GET /", "attributes": {}}),
    ])]);
    let tool = &store.rows("mcp_tool_calls")[0];
    assert_eq!((&tool["tool"], &tool["error"]), (&json!("search"), &json!("no network")));
    assert_eq!(tool["detail"]["input"]["q"], 1);
    assert_eq!(store.rows("clone_dispatches").len(), 1);
    assert_eq!(store.rows("sessions").len(), 2);
    assert_eq!(store.rows("watchdog_events").len(), 1);
}

#[test]
fn parents_in_a_circle_end() {
    let store = Store::new();
    store.record([&span_request(&[
        json!({"spanId": "0000000000000001", "parentSpanId": "0000000000000002", "name": "a",
            "attributes": {"gen_ai.operation.name": "create_agent"}}),
        json!({"spanId": "0000000000000002", "parentSpanId": "0000000000000001", "name": "b", "attributes": {}}),
    ])]);
    assert_eq!(store.rows("clone_dispatches").len(), 0);
}
