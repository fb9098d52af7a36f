//! Lines that are broken, odd or made to do harm.

use netsky_ingest::{ClaudeReader, FileEnd, Line, LineReader, Output, ReadOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Store, now};
use crate::script::{Script, assistant, call, prompt, record, result, text};

/// Lines of all kinds.
fn lines() -> Vec<Value> {
    let task = json!({"description": "d", "prompt": "p", "subagent_type": "t"});
    let nested = assistant("3", 5, call("t3", "Grep", json!({})), json!({}));
    let data = json!({"type": "agent_progress", "agentId": "a1", "message": nested});
    vec![
        prompt(1, "x", json!({"promptId": "p1"})),
        assistant("1", 2, text("x"), json!({"costUSD": 0.1, "effort": "high"})),
        assistant("1", 3, call("t1", "Bash", json!({"command": "git commit -m x"})), json!({})),
        result(
            "t1",
            4,
            "[main 1a2b3c4] x",
            false,
            json!({"toolUseResult": {"interrupted": false}}),
        ),
        assistant("2", 4, call("t2", "Task", task), json!({})),
        record("progress", 5, json!({"data": data, "parentToolUseID": "t2"})),
        result(
            "t2",
            6,
            "x",
            false,
            json!({"toolUseResult": {"status": "async_launched", "agentId": "a1"}}),
        ),
        record(
            "system",
            7,
            json!({"subtype": "api_error", "error": {"status": 529}, "retryInMs": 1.5}),
        ),
        record(
            "system",
            8,
            json!({"subtype": "compact_boundary", "compactMetadata": {"preTokens": 5}}),
        ),
        record("system", 9, json!({"subtype": "stop_hook_summary", "hookErrors": ["x"]})),
        record("pr-link", 10, json!({"prNumber": 7, "prRepository": "me/shop"})),
        record(
            "queue-operation",
            11,
            json!({"content": "<task-notification><tool-use-id>t2</tool-use-id><status>completed</status>"}),
        ),
        assistant("4", 12, text("x"), json!({"isApiErrorMessage": true})),
    ]
}

/// Returns the paths of all values in a value.
fn paths(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| paths(value, format!("{path}/{key}"), found));
        }
        Value::Array(array) => {
            (0..)
                .zip(array)
                .for_each(|(n, value): (usize, _)| paths(value, format!("{path}/{n}"), found));
        }
        _ => {}
    }
    found.push(path);
}

#[test]
fn a_field_of_any_type_loses_at_most_its_record() {
    let odd = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(1e300),
        json!(-0.5),
        json!(""),
        json!("\u{0}\u{1F600}"),
        json!([]),
        json!([[{}], null, 7]),
        json!({}),
        json!({"a": {"b": []}}),
    ];
    let mut whole = Script::new();
    lines().iter().for_each(|line| {
        whole.read(line);
    });
    let whole: u64 = whole.finish().counts().values().sum();
    // One store for all: what a line gives is checked when it is encoded.
    let store = Store::new();
    for (n, line) in lines().iter().enumerate() {
        let mut found = Vec::new();
        paths(line, String::new(), &mut found);
        for path in found.iter().filter(|path| !path.is_empty()) {
            for odd in &odd {
                let mut all = lines();
                *all[n].pointer_mut(path).unwrap() = odd.clone();
                let mut script = Script::new();
                for line in &all {
                    script.read(line);
                }
                script.reader.end(FileEnd { now: now(), is_final: true }, &mut script.out);
                assert!(script.out.sightings.len() as u64 + 8 >= whole / 2, "{path} {odd}");
                for sighting in &script.out.sightings {
                    sighting.row.encode().unwrap();
                }
                if odd.is_i64() {
                    store.commit(std::mem::take(&mut script.out));
                }
            }
        }
    }
}

#[test]
fn times_that_cannot_be_stored_give_no_row() {
    for time in [
        json!("1677-09-21T00:00:00Z"),
        json!("2262-04-12T00:00:00Z"),
        json!("+99999-01-01T00:00:00Z"),
        json!("2026-02-30T00:00:00Z"),
        json!("yesterday"),
        json!(1_700_000_000),
        Value::Null,
    ] {
        let mut script = Script::new();
        for mut line in lines() {
            line["timestamp"] = time.clone();
            if let Some(nested) = line.pointer_mut("/data/message") {
                nested["timestamp"] = time.clone();
            }
            script.read(&line);
        }
        assert!(script.finish().counts().is_empty(), "{time}");
    }
    for time in ["1677-09-22T00:00:00Z", "2262-04-11T00:00:00Z"] {
        let store = Script::new().read(&prompt(1, "x", json!({"timestamp": time}))).finish();
        assert_eq!(store.rows("messages").len(), 1, "{time}");
    }
}

#[test]
fn what_is_held_is_bounded() {
    let mut script = Script::new();
    for n in 0..2_000 {
        let id = format!("t{n}");
        let more = json!({"sessionId": format!("s{n}"), "agentId": format!("a{n}")});
        let input = json!({"prompt": "x".repeat(9_000), "command": "x"});
        let name = if n % 2 == 0 { "Task" } else { "Bash" };
        script.read(&assistant(&id, 1, call(&id, name, input), more));
    }
    let context = script.reader.context().to_string();
    assert!(context.len() < 300 << 10, "{}", context.len());
    let store = script.finish();
    for (table, rows) in
        [("token_usage", 2_000), ("mcp_tool_calls", 2_000), ("clone_dispatches", 1_000)]
    {
        assert_eq!(store.rows(table).len(), rows, "{table}");
    }
}

#[test]
fn long_names_are_not_kept() {
    let long = "x".repeat(1 << 20);
    let mut script = Script::new();
    for field in ["sessionId", "agentId", "cwd", "gitBranch", "version", "requestId", "uuid"] {
        let more = json!({ field: long, "attributionAgent": long });
        script.read(&assistant(field, 1, call(field, "Task", json!({})), more.clone()));
        script.read(&prompt(1, "x", more));
    }
    script.read(&assistant("1", 2, call(&long, "Task", json!({})), json!({})));
    script.read(&assistant("2", 3, call("t2", &long, json!({})), json!({})));
    script.read(&result("t2", 4, "x", false, json!({"toolUseResult": {"agentId": long}})));
    let context = script.reader.context().to_string();
    assert!(context.len() < 20_000, "{}", context.len());
    for (table, rows) in script.finish().contents() {
        assert!(rows.iter().all(|row| row.len() < 2_000), "{table}");
    }
}

#[test]
fn details_that_are_too_long_stay_json() {
    let long = "x".repeat(4_000);
    let mut script = Script::new();
    let more = json!({"cwd": long, "gitBranch": long, "requestId": long});
    script.read(&assistant("1", 1, call("t1", "Read", json!({"text": long})), more));
    script.read(&result("t1", 2, "x", false, json!({})));
    let row = &script.finish().rows("mcp_tool_calls")[0];
    let detail = crate::harness::detail(row, "request_json");
    assert_eq!(detail["tool_use_id"], "t1");
    assert!(detail["input"]["text"].is_string());
}

#[test]
fn long_texts_are_shortened_at_once() {
    let long = "x".repeat(1 << 20);
    let mut script = Script::new();
    let task = json!({"prompt": long, "description": long, "subagent_type": long});
    script.read(&assistant("1", 1, call("t1", "Task", task), json!({})));
    script.read(&assistant("1", 2, call("t2", "Write", json!({"content": long})), json!({})));
    for id in ["t1", "t2"] {
        script.read(&result(id, 3, &long, true, json!({})));
    }
    for sighting in &script.out.sightings {
        assert!(format!("{:?}", sighting.row).len() < 100_000, "{}", sighting.row.table().name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_lines_never_panic(
        line in 0..lines().len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = lines()[line].to_string().into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2));
        let mut reader = ClaudeReader::new("/p/s1.jsonl".as_ref(), None, &ReadOptions::default());
        let mut out = Output::default();
        let _ = reader.read(Line { bytes: &bytes, offset: 0 }, &mut out);
        reader.end(FileEnd { now: now(), is_final: true }, &mut out);
        for sighting in &out.sightings {
            prop_assert!(sighting.row.encode().is_ok());
        }
    }

    #[test]
    fn any_context_is_taken(context in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let known = Script::new().reader.context();
        let mut contexts: Vec<Value> = serde_json::from_str(&context).into_iter().collect();
        for key in known.as_object().unwrap().keys() {
            let mut odd = known.clone();
            odd[key] = json!(context);
            contexts.push(odd);
        }
        for context in contexts {
            let mut reader = ClaudeReader::new("/p/s1.jsonl".as_ref(), Some(&context), &ReadOptions::default());
            let line = prompt(1, "x", json!({})).to_string();
            let mut out = Output::default();
            let read = reader.read(Line { bytes: line.as_bytes(), offset: 0 }, &mut out);
            prop_assert_eq!(read, Ok(()));
            prop_assert_eq!(out.sightings.len(), 1);
        }
    }
}
