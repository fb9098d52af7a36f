//! Bodies that no client sends.

use std::sync::LazyLock;

use netsky_ingest::otlp::{Encoding, Signal, decode, map};
use proptest::prelude::*;
use serde_json::json;

use crate::{Store, fixtures};

static BODIES: LazyLock<Vec<(Signal, Encoding, Vec<u8>)>> = LazyLock::new(bodies);

/// The bodies of all captures.
fn bodies() -> Vec<(Signal, Encoding, Vec<u8>)> {
    let mut bodies = Vec::new();
    for capture in std::fs::read_dir(fixtures().join("otlp")).into_iter().flatten() {
        for file in std::fs::read_dir(capture.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let signal = match &name {
                name if name.contains("logs") => Signal::Logs,
                name if name.contains("metrics") => Signal::Metrics,
                _ => Signal::Traces,
            };
            let encoding = if name.ends_with(".pb") { Encoding::Protobuf } else { Encoding::Json };
            bodies.push((signal, encoding, std::fs::read(path).unwrap()));
        }
    }
    // There is always one, if there are no captures.
    bodies.push((
        Signal::Logs,
        Encoding::Json,
        br#"{"resourceLogs":[{"scopeLogs":[{}]}]}"#.to_vec(),
    ));
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_changed_body_is_mapped_or_refused(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let store = Store::new();
        let (signal, encoding, mut body) = BODIES[which.index(BODIES.len())].clone();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(request) = decode(signal, encoding, &body) {
            // Whatever it says can be stored.
            store.record([&request]);
        }
    }

    #[test]
    fn any_attributes_can_be_stored(
        name in prop::sample::select(vec![
            "api_request", "tool_result", "user_prompt", "assistant_response", "subagent_completed",
            "api_error", "internal_error", "codex.sse_event", "codex.tool_result", "codex.user_prompt",
        ]),
        time in any::<u64>(),
        values in prop::collection::vec(any_value(), 24),
    ) {
        let keys = [
            "session.id", "conversation.id", "event.timestamp", "event.sequence", "model", "input_tokens",
            "output_tokens", "cache_creation_tokens", "cost_usd", "duration_ms", "request_id", "tool_name",
            "tool_use_id", "tool_input", "tool_parameters", "success", "error", "prompt", "message.uuid",
            "agent_id", "call_id", "output", "output_token_count", "prompt_length",
        ];
        let mut attributes = vec![json!({"key": "event.name", "value": {"stringValue": name}})];
        for (key, value) in keys.iter().zip(values) {
            attributes.push(json!({"key": key, "value": value}));
        }
        let body = json!({"resourceLogs": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}]},
            "scopeLogs": [{"logRecords": [{"timeUnixNano": time.to_string(), "attributes": attributes}]}],
        }]});
        let request = decode(Signal::Logs, Encoding::Json, body.to_string().as_bytes()).unwrap();
        let store = Store::new();
        let before = map(&request, &store.lookup);
        store.record([&request, &request]);
        prop_assert_eq!(before.records, 1);
    }
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<i64>().prop_map(|it| json!({"intValue": it.to_string()})),
        any::<f64>()
            .prop_filter("JSON has no others", |it| it.is_finite())
            .prop_map(|it| json!({"doubleValue": it})),
        ".{0,40}".prop_map(|it| json!({"stringValue": it})),
        Just(json!({"stringValue": "{\"command\":\"git commit -m \\\"x\\\" && git push\"}"})),
        Just(json!({"stringValue": "Bash"})),
        Just(json!({"stringValue": "9999-12-31T23:59:59Z"})),
        Just(json!({"stringValue": "1e300"})),
        Just(json!({"stringValue": "x".repeat(20_000)})),
        any::<bool>().prop_map(|it| json!({"boolValue": it})),
        Just(json!({})),
    ]
}
