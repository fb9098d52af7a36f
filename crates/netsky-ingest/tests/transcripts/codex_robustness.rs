//! Restarts after any line, and lines of any kind.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::rollout::{Rollout, meta};
use super::store::{Reading, Store, rows_of, utc};

const PATH: &str = "/r/rollout-2026-03-01T10-00-00-019ca900-0000-7000-8000-000000000003.jsonl";
const NOW: &str = "2026-03-01T12:00:00Z";

/// Checks that the rows are the same wherever a new reader goes on.
pub fn check_restarts(path: &str, lines: &[String], now: DateTime<Utc>) {
    let whole = rows_of(path, lines, now);
    for cut in 1..lines.len() {
        let (store, mut reading) = (Store::new(), Reading::new(path, now));
        reading.read(&lines[..cut], &store);
        // The last line is read again if it may not be whole.
        reading.read(&lines[cut - 1..], &store);
        assert_eq!(store.rows(), whole, "cut after line {cut}");
    }
    let (store, mut reading) = (Store::new(), Reading::new(path, now));
    for line in lines.chunks(1) {
        reading.read_to(line, true, &store);
    }
    assert_eq!(store.rows(), whole, "line by line, each the end for now");
}

/// A thread with everything.
fn rich() -> Vec<String> {
    let mut rollout = Rollout::old(meta("019ca900-0000-7000-8000-000000000003"));
    rollout
        .event(json!({"type": "thread_settings_applied", "thread_settings": {"model": "gpt-5"}}));
    rollout.turn("1", "gpt-5");
    rollout.event(json!({"type": "user_message", "message": "go"}));
    rollout.count([100, 50, 10], [100, 50, 10]).count([100, 50, 10], [100, 50, 10]);
    rollout.call("a", "shell", json!({"command": ["bash", "-lc", "git push origin main"]}));
    rollout.call("b", "exec_command", json!({"cmd": "cargo test", "workdir": "/src/other"}));
    rollout.event(json!({
        "type": "exec_command_end", "call_id": "a", "command": ["bash", "-lc", "git push origin main"],
        "exit_code": 0, "duration": {"secs": 1, "nanos": 5}, "aggregated_output": "ok",
    }));
    rollout.output("a", "Exit code: 0\nOutput:\nok");
    rollout.output("b", "Process running with session ID 4\n");
    rollout.call("c", "mcp__docs__find", json!({"q": "x"}));
    rollout.event(json!({
        "type": "mcp_tool_call_end", "call_id": "c", "invocation": {"server": "docs", "tool": "find"},
        "result": {"Err": "no such page"},
    }));
    rollout.output("c", "err");
    rollout.call("d", "spawn_agent", json!({"message": "look"}));
    rollout.output("d", json!({"agent_id": "t9"}).to_string());
    rollout.call("open", "exec_command", json!({"cmd": "sleep 9"}));
    rollout.event(json!({"type": "turn_aborted", "turn_id": "1", "reason": "interrupted"}));
    rollout.wait(4_000).turn("2", "gpt-5.1-codex");
    rollout.event(json!({
        "type": "item_completed", "started_at_ms": 1_772_359_200_500_i64,
        "completed_at_ms": 1_772_359_260_500_i64,
        "item": {"type": "CommandExecution", "id": "b", "command": ["cargo", "test"], "exit_code": 1},
    }));
    rollout.event(json!({
        "type": "item_completed", "item": {"type": "CommandExecution", "id": "exec-1", "command": ["ls"],
        "status": "declined"},
    }));
    rollout.output("open", "aborted");
    rollout.call("e", "wait", json!({"ids": ["t9"]}));
    rollout.output("e", json!({"status": {"t9": {"errored": "x"}}}).to_string());
    rollout.count([7, 0, 3], [107, 50, 13]);
    rollout.usage("019ca900-0000-7000-8000-000000000003", "r1", [8, 0, 4], [115, 50, 17]);
    rollout.count([8, 0, 4], [115, 50, 17]);
    rollout.record("compacted", json!({"message": ""}));
    rollout.event(json!({"type": "agent_message", "message": "done"})).done("2");
    rollout.lines
}

#[test]
fn a_new_reader_goes_on_after_any_line() {
    check_restarts(PATH, &rich(), utc(NOW));
}

#[test]
fn a_thread_without_its_first_record_has_the_id_of_its_file() {
    let lines = rich();
    let rows = rows_of(PATH, &lines[1..], utc(NOW));
    assert_eq!(rows["token_usage"][0]["session_id"], "019ca900-0000-7000-8000-000000000003");
}

#[test]
fn unknown_records_are_counted() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.record("novelty", json!({})).event(json!({"type": "news"})).event(json!(7));
    let output = Reading::new(PATH, utc(NOW)).output(&rollout.lines, false);
    let unknown: Vec<(&str, u64)> =
        output.unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(unknown, [("event_msg/", 1), ("event_msg/news", 1), ("novelty", 1)]);
}

#[test]
fn open_calls_are_bounded() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5");
    for n in 0..1_000 {
        rollout.call(&format!("c{n}"), "exec_command", json!({"cmd": "x".repeat(9_000)}));
    }
    let (store, mut reading) = (Store::new(), Reading::new(PATH, rollout.time));
    reading.read(&rollout.lines, &store);
    // Those that were too many went out.
    assert_eq!(store.rows()["mcp_tool_calls"].len(), 1_000 - 128);
}

/// A change of a record.
#[derive(Debug, Clone)]
enum Damage {
    Remove(usize),
    Replace(usize, Value),
    Swap(usize, usize),
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("")),
        Just(json!("\u{0}\u{1F98A}")),
        Just(json!("x".repeat(70_000))),
        Just(json!(-1)),
        Just(json!(i64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!(u64::MAX)),
        Just(json!(1e300)),
        Just(json!(0.5)),
        Just(json!("+262142-12-31T23:59:59Z")),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("99999999999999999999")),
        Just(json!([[[{"text": ["text"]}]]])),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<usize>().prop_map(Damage::Remove),
        (any::<usize>(), odd()).prop_map(|(at, value)| Damage::Replace(at, value)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

/// Returns the pointers to all values in a record.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(values) => {
            values.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect()
        }
        _ => return,
    };
    for (key, value) in members {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        places(value, &at, found);
        found.push(at);
    }
}

fn damaged(line: &str, damages: &[Damage]) -> String {
    let mut record: Value = serde_json::from_str(line).unwrap();
    for damage in damages {
        let mut found = Vec::new();
        places(&record, "", &mut found);
        let (Damage::Remove(at) | Damage::Replace(at, _) | Damage::Swap(at, _)) = damage;
        let Some(at) = found.get(at % found.len().max(1)) else { continue };
        match damage {
            Damage::Remove(_) => {
                let (parent, key) = at.rsplit_once('/').unwrap();
                if let Some(Value::Object(object)) = record.pointer_mut(parent) {
                    object.remove(key);
                }
            }
            Damage::Replace(_, value) => *record.pointer_mut(at).unwrap() = value.clone(),
            Damage::Swap(_, other) => {
                let other = record.pointer(&found[other % found.len()]).cloned().unwrap();
                *record.pointer_mut(at).unwrap() = other;
            }
        }
    }
    record.to_string()
}

/// Where reading stops in between makes no difference, even if only the end of a call says whose tool it is.
#[test]
fn the_end_of_a_call_can_name_its_server() {
    let mut lines = rich();
    let call = lines.iter().position(|line| line.contains("mcp__docs__find")).unwrap();
    lines[call] = lines[call].replace("mcp__docs__find", "find");
    let whole = rows_of(PATH, &lines, utc(NOW));
    for cut in call..lines.len() {
        let (store, mut reading) = (Store::new(), Reading::new(PATH, utc(NOW)));
        reading.read(&lines[..cut], &store);
        reading.read(&lines[cut..], &store);
        assert_eq!(store.rows(), whole, "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_records_never_stop_a_reader(
        damages in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(damage(), 1..4)), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut lines = rich();
        for (line, damages) in &damages {
            let line = line.index(lines.len());
            if serde_json::from_str::<Map<String, Value>>(&lines[line]).is_ok() {
                lines[line] = damaged(&lines[line], damages);
            }
        }
        let whole = rows_of(PATH, &lines, utc(NOW));
        let cut = cut.index(lines.len());
        let (store, mut reading) = (Store::new(), Reading::new(PATH, utc(NOW)));
        reading.read(&lines[..cut], &store);
        reading.read(&lines[cut..], &store);
        prop_assert_eq!(store.rows(), whole);
    }

    #[test]
    fn bytes_never_stop_a_reader(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        Reading::new(PATH, utc(NOW)).output(&lines, true);
    }
}
