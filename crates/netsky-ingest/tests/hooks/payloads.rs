//! What agents tell a hook, and what is recorded then.

use std::fs;
use std::path::{Path, PathBuf};

use netsky_ingest::hooks::{HookPayload, MAX_PAYLOAD_BYTES, PayloadError, SessionChange};
use proptest::prelude::*;
use serde_json::{Value, json};

const CAPTURES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/agents/fixtures/hooks");

fn parsed(payload: &Value) -> HookPayload {
    HookPayload::parse(payload.to_string().as_bytes()).unwrap()
}

#[test]
fn every_captured_payload_is_understood() {
    let mut events = Vec::new();
    for file in ["claude-2.1.330.ndjson", "codex-0.169.ndjson"] {
        let Ok(text) = fs::read_to_string(Path::new(CAPTURES).join(file)) else {
            eprintln!("skipped: there is no {CAPTURES}/{file}");
            return;
        };
        for line in text.lines() {
            let raw: Value = serde_json::from_str(line).unwrap();
            let payload = HookPayload::read(line.as_bytes()).unwrap();
            assert_eq!(payload.event, raw["hook_event_name"]);
            assert_eq!(payload.session_id.as_deref(), raw["session_id"].as_str());
            assert_eq!(payload.cwd.as_deref(), Some("/home/dev/shop"));
            let task = payload.task();
            let transcript = PathBuf::from(raw["transcript_path"].as_str().unwrap());
            match payload.event.as_str() {
                "Stop" => assert_eq!(task.transcripts, [transcript]),
                "SubagentStop" => {
                    let subagent = raw["agent_transcript_path"].as_str().unwrap();
                    assert_eq!(task.transcripts, [Path::new(subagent)]);
                    assert_eq!(payload.agent_id.as_deref(), Some("a0f5c7e0245b27194"));
                }
                "SessionStart" => assert_eq!(task.session, Some(SessionChange::Started)),
                "SessionEnd" => {
                    assert_eq!(task.session, Some(SessionChange::Ended));
                    assert_eq!(
                        task.transcripts,
                        [transcript.clone(), transcript.with_extension("")]
                    );
                }
                _ => assert!(task.is_empty(), "{task:?}"),
            }
            events.push(payload.event);
        }
    }
    assert_eq!(events.len(), 29);
    for event in ["SessionStart", "Stop", "SubagentStop", "SessionEnd"] {
        assert!(events.iter().any(|seen| seen == event), "{event}");
    }
}

#[test]
fn fields_of_other_types_count_as_absent() {
    for other in [
        json!(null),
        json!(7),
        json!(-1.5),
        json!(true),
        json!([["x"]]),
        json!({"a": {}}),
        json!(""),
    ] {
        let payload = parsed(&json!({
            "hook_event_name": "Stop", "session_id": other, "transcript_path": other, "cwd": other,
            "tool_input": other,
        }));
        assert_eq!((&payload.session_id, &payload.cwd), (&None, &None));
        assert!(payload.task().is_empty());
    }
}

#[test]
fn events_that_do_not_exist_yet_are_ignored() {
    let payload = parsed(&json!({"hook_event_name": "Dreamt", "transcript_path": "/x.jsonl"}));
    assert!(payload.task().is_empty());
}

#[test]
fn a_relative_transcript_is_in_the_directory_of_the_agent() {
    let payload =
        parsed(&json!({"hook_event_name": "Stop", "cwd": "/shop", "transcript_path": "a/b.jsonl"}));
    assert_eq!(payload.task().transcripts, [Path::new("/shop/a/b.jsonl")]);
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let text = br#" {"hook_event_name": "Stop", "cwd": "/a", "cwd": "/b"}
    "#;
    assert_eq!(HookPayload::parse(text).unwrap().cwd.as_deref(), Some("/b"));
}

#[test]
fn text_that_is_not_unicode_is_skipped_where_it_does_not_matter() {
    let text = b"{\"hook_event_name\": \"Stop\", \"prompt\": \"\\ud800 \xff\"}";
    assert_eq!(HookPayload::parse(text).unwrap().event, "Stop");
}

#[test]
fn broken_payloads_are_errors() {
    for text in
        ["", "{", "[]", "7", "null", "{\"hook_event_name\": \"Stop\"} x", "\0\0\0", "\u{feff}{}"]
    {
        let error = HookPayload::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, PayloadError::InvalidJson(_)), "{text}: {error}");
    }
    for text in ["{}", "{\"hook_event_name\": 7}", "{\"hook_event_name\": \"\"}"] {
        assert!(
            matches!(HookPayload::parse(text.as_bytes()), Err(PayloadError::NoEvent)),
            "{text}"
        );
    }
    let deep = format!("{{\"hook_event_name\": \"Stop\", \"x\": {}", "[".repeat(1_000_000));
    assert!(HookPayload::parse(deep.as_bytes()).is_err());
}

#[test]
fn a_payload_of_16_mib_is_read_and_no_larger_one() {
    let start = "{\"hook_event_name\": \"Stop\", \"prompt\": \"";
    let of_size = |size: usize| format!("{start}{}\"}}", "x".repeat(size - start.len() - 2));
    let largest = of_size(MAX_PAYLOAD_BYTES as usize);
    assert_eq!(HookPayload::read(largest.as_bytes()).unwrap().event, "Stop");
    let larger = of_size(MAX_PAYLOAD_BYTES as usize + 1);
    assert!(matches!(HookPayload::read(larger.as_bytes()), Err(PayloadError::TooLarge)));
    // One without an end is not read to its end.
    assert!(matches!(HookPayload::read(std::io::repeat(b' ')), Err(PayloadError::TooLarge)));
}

proptest! {
    #[test]
    fn no_bytes_make_a_payload_panic(bytes in any::<Vec<u8>>(), cut in 0_usize..200, flipped in 0_usize..200) {
        let _ = HookPayload::parse(&bytes);
        let whole = json!({"hook_event_name": "SubagentStop", "session_id": "é\n", "cwd": "/a",
            "agent_transcript_path": "b", "tool_input": {"a": [1, 2.5e3, null, {"b": "\\"}]}});
        let mut text = whole.to_string().into_bytes();
        if let Some(byte) = text.get_mut(flipped) {
            *byte ^= 0x15;
        }
        text.truncate(cut);
        let _ = HookPayload::parse(&text).map(|payload| payload.task());
    }
}
