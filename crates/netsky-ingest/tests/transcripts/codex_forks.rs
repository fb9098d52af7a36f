//! Threads that begin with the history of another one.

use serde_json::{Value, json};

use super::rollout::{Rollout, meta};
use super::store::{column, rows_of, sum, utc};

const PARENT: &str = "019ca800-0000-7000-8000-000000000001";
const TURN: &str = "019ca800-1000-7000-8000-000000000002";
const CHILD: &str = "019ca900-0000-7000-8000-000000000003";
const CHILD_TURN: &str = "019ca900-0100-7000-8000-000000000004";
const NOW: &str = "2026-03-01T12:00:00Z";

fn child(more: Value) -> Value {
    let mut meta = meta(CHILD);
    meta["timestamp"] = json!("2026-03-01T11:00:00Z");
    for (key, value) in more.as_object().unwrap() {
        meta[key] = value.clone();
    }
    meta
}

/// Adds the history of the parent, and a turn of the child's own.
fn write(rollout: &mut Rollout, turns: [&str; 2], seconds: i64) {
    rollout.record("session_meta", meta(PARENT));
    rollout.turn(turns[0], "gpt-5");
    rollout.event(json!({"type": "user_message", "message": "before"}));
    for n in 1..=20 {
        rollout.wait(seconds).count([100, 0, 1], [100 * n, 0, n]);
    }
    rollout.call("a", "exec_command", json!({"cmd": "ls"})).output("a", "Exit code: 0");
    rollout.done(turns[0]);
    rollout.wait(30).turn(turns[1], "gpt-5");
    rollout.event(json!({"type": "user_message", "message": "after"}));
    // The total is that of before.
    rollout.count([100, 0, 1], [2_000, 0, 20]).count([7, 0, 3], [2_007, 0, 23]);
    rollout.done(turns[1]);
}

fn assert_own_only(rollout: &Rollout) {
    let rows = rows_of("/r/x.jsonl", &rollout.lines, utc(NOW));
    assert_eq!(rows["token_usage"].len(), 1);
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 7);
    assert_eq!(column(&rows, "token_usage", "session_id"), [CHILD]);
    assert!(!rows.contains_key("mcp_tool_calls"));
    assert_eq!(column(&rows, "messages", "body"), ["after"]);
    let sessions = column(&rows, "sessions", "agent");
    assert!(sessions.iter().all(|agent| **agent == "shop"), "{sessions:?}");
}

#[test]
fn history_of_a_fork_counts_in_the_other_thread() {
    let mut rollout = Rollout::old(child(json!({"forked_from_id": PARENT})));
    write(&mut rollout, [TURN, CHILD_TURN], 0);
    assert_own_only(&rollout);
}

#[test]
fn history_copied_for_minutes_counts_in_the_other_thread() {
    let mut rollout = Rollout::old(child(json!({"forked_from_id": PARENT})));
    write(&mut rollout, [TURN, CHILD_TURN], 9);
    assert_own_only(&rollout);
}

#[test]
fn history_ends_at_the_told_ordinal() {
    let own = 1 + 1 + 3 + 20 + 2 + 1;
    let meta = child(json!({"forked_from_id": PARENT, "subagent_history_start_ordinal": own}));
    let mut rollout = Rollout::new(meta);
    write(&mut rollout, ["1", "2"], 9);
    assert_own_only(&rollout);
}

#[test]
fn the_record_with_the_told_ordinal_is_the_first_one() {
    let meta = child(json!({"forked_from_id": PARENT, "subagent_history_start_ordinal": 2}));
    let mut rollout = Rollout::new(meta);
    rollout.usage(PARENT, "r1", [100, 0, 1], [100, 0, 1]).usage(CHILD, "r2", [7, 0, 3], [7, 0, 3]);
    let rows = rows_of("/r/x.jsonl", &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 7);
}

#[test]
fn history_of_a_fork_without_ids_ends_after_a_second() {
    let mut rollout = Rollout::old(child(json!({"forked_from_id": PARENT})));
    // Nothing but the time tells: a tenth of a second for each of nine records.
    rollout.record("session_meta", meta(PARENT)).turn("1", "gpt-5");
    for n in 1..=5 {
        rollout.count([100, 0, 1], [100 * n, 0, n]);
    }
    rollout.wait(30).turn("2", "gpt-5").count([7, 0, 3], [507, 0, 8]);
    let rows = rows_of("/r/x.jsonl", &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 7);
}

#[test]
fn a_fork_with_a_base_has_no_history() {
    let base = json!({"thread_id": PARENT, "end_ordinal_exclusive": 9, "end_byte_offset": 99});
    let mut rollout = Rollout::new(child(json!({"forked_from_id": PARENT, "history_base": base})));
    rollout.turn("1", "gpt-5").usage(CHILD, "r1", [7, 0, 3], [7, 0, 3]);
    let rows = rows_of("/r/x.jsonl", &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 7);
}

#[test]
fn a_started_agent_is_one_dispatch_in_any_order() {
    let mut parent = Rollout::old(meta(PARENT));
    parent.turn(TURN, "gpt-5").call("a", "spawn_agent", json!({"message": "look around"}));
    parent.output("a", json!({"agent_id": CHILD, "nickname": "Bo"}).to_string());
    let status = json!({"status": {CHILD: {"completed": "done"}}, "timed_out": false});
    parent.wait(3_700).call("b", "wait", json!({"ids": [CHILD]})).output("b", status.to_string());
    let spawn = json!({"parent_thread_id": PARENT, "depth": 1, "agent_role": "explorer"});
    let source = json!({"subagent": {"thread_spawn": spawn}});
    let mut agent = Rollout::old(child(json!({"source": source})));
    agent
        .turn(CHILD_TURN, "gpt-5")
        .event(json!({"type": "user_message", "message": "look around"}));
    agent.count([7, 0, 3], [7, 0, 3]).done(CHILD_TURN);

    let mut all = Vec::new();
    for order in [[&parent, &agent], [&agent, &parent]] {
        let store = super::store::Store::new();
        for (place, rollout) in order.into_iter().enumerate() {
            let path = format!("/r/{place}.jsonl");
            super::store::Reading::new(&path, utc(NOW)).read(&rollout.lines, &store);
        }
        all.push(store.rows());
    }
    assert_eq!(all[0], all[1]);
    let rows = &all[0];
    let runs = &rows["clone_dispatches"];
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (&runs[0]["brief"], &runs[0]["status"]),
        (&json!("look around"), &json!("completed"))
    );
    assert_eq!(column(rows, "token_usage", "agent"), ["shop/explorer"]);
    assert!(!rows.contains_key("messages"));
}
