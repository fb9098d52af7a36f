//! What versions before 0.169 wrote.

use serde_json::json;

use super::rollout::{Rollout, meta};
use super::store::{Reading, Store, column, json as json_of, rows_of, sum, utc};

const PATH: &str = "/r/rollout-2026-03-01T10-00-00-t1.jsonl";
const NOW: &str = "2026-03-01T12:00:00Z";

#[test]
fn counts_written_again_are_no_calls() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5.2-codex");
    rollout.event(json!({"type": "token_count", "info": null}));
    rollout.count([1_000, 400, 10], [1_000, 400, 10]).count([1_000, 400, 10], [1_000, 400, 10]);
    rollout.wait(60).count([1_000, 400, 10], [1_000, 400, 10]);
    // Two calls with equal counts are two.
    rollout.count([1_000, 400, 10], [2_000, 800, 20]).done("1");
    // At the start of the next turn, the last counts are shown again.
    rollout.wait(600).turn("2", "gpt-5.1-codex").count([1_000, 400, 10], [2_000, 800, 20]);
    rollout.count([500, 0, 5], [2_500, 800, 25]).done("2");
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    assert_eq!(rows["token_usage"].len(), 3);
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 600 + 600 + 500);
    assert_eq!(sum(&rows, "token_usage", "cached_input_tokens"), 800);
    assert_eq!(sum(&rows, "token_usage", "output_tokens"), 25);
    let models = column(&rows, "token_usage", "model");
    assert_eq!(models.iter().filter(|model| **model == "gpt-5.1-codex").count(), 1);
    assert!(rows["token_usage"].iter().all(|call| call["cost_usd_micros"].as_i64() > Some(0)));
}

#[test]
fn counts_without_those_of_the_call_are_differences() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5");
    for total in [100, 100, 350] {
        let total = json!({"input_tokens": total, "output_tokens": total / 10});
        rollout.event(json!({"type": "token_count", "info": {"total_token_usage": total}}));
    }
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 350);
    assert_eq!(sum(&rows, "token_usage", "output_tokens"), 35);
    assert_eq!(rows["token_usage"].len(), 2);
}

#[test]
fn counts_beside_records_are_no_calls() {
    let mut rollout = Rollout::new(meta("t1"));
    rollout.turn("1", "gpt-6.1-sol");
    rollout.usage("t1", "r1", [100, 0, 10], [100, 0, 10]).count([100, 0, 10], [100, 0, 10]);
    // Without a record, as after a compaction.
    rollout.count([0, 0, 0], [100, 0, 10]).count([7, 0, 7], [107, 0, 17]);
    rollout.usage("t1", "r2", [50, 0, 5], [150, 0, 15]).count([50, 0, 5], [150, 0, 15]);
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 150);
}

#[test]
fn a_thread_that_a_new_version_goes_on_with_counts_whole() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5.4").count([100, 0, 10], [100, 0, 10]).done("1");
    rollout.turn("2", "gpt-5.4").count([100, 0, 10], [100, 0, 10]);
    rollout.usage("t1", "r1", [20, 0, 2], [120, 0, 12]).count([20, 0, 2], [120, 0, 12]);
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 120);
}

#[test]
fn a_count_before_its_record_is_the_same_call() {
    let mut rollout = Rollout::new(meta("t1"));
    rollout.turn("1", "gpt-5.4");
    rollout.count([100, 0, 10], [100, 0, 10]).usage("t1", "r1", [100, 0, 10], [100, 0, 10]);
    rollout.usage("t1", "r2", [0, 0, 0], [100, 0, 10]);
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 100);
    assert_eq!(rows["token_usage"].len(), 2);
}

#[test]
fn outputs_of_all_versions_tell_exit_codes() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5");
    let json = json!({"output": "no\n", "metadata": {"exit_code": 2, "duration_seconds": 0.1}});
    rollout.call("a", "shell", json!({"command": ["bash", "-lc", "git commit -m x"]}));
    rollout.output("a", json.to_string());
    rollout.call("b", "shell_command", json!({"command": "ls -l"}));
    rollout.output("b", "Exit code: 0\nWall time: 0.2 seconds\nOutput:\nExit code: 7\n");
    rollout.call("c", "exec_command", json!({"cmd": "cd web && npm test"}));
    rollout.output("c", "Chunk ID: 1\nProcess exited with code 1\nOutput:\n");
    rollout.item(json!({
        "type": "local_shell_call", "call_id": "d", "status": "completed",
        "action": {"type": "exec", "command": ["cat", "a b"]},
    }));
    rollout.output("d", json!([{"type": "input_text", "text": "Exit code: 0\n"}]));
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    let commands: Vec<(&str, Option<i64>)> = rows["cli_invocations"]
        .iter()
        .map(|row| (row["argv_json"].as_str().unwrap(), row["exit_code"].as_i64()))
        .collect();
    for expected in [
        (r#"["git","commit","-m","x"]"#, Some(2)),
        (r#"["ls","-l"]"#, Some(0)),
        (r#"["npm","test"]"#, Some(1)),
        (r#"["cat","a b"]"#, Some(0)),
    ] {
        assert!(commands.contains(&expected), "{expected:?} in {commands:?}");
    }
    let git = &rows["git_operations"][0];
    assert_eq!((&git["operation"], &git["status"]), (&json!("commit"), &json!("failed")));
    assert_eq!(git["branch"], "main");
    assert_eq!(rows["mcp_tool_calls"].len(), 4);
    let responses = column(&rows, "mcp_tool_calls", "response_json");
    assert!(responses.iter().any(|text| text.as_str().unwrap().contains("\"exit_code\":2")));
}

#[test]
fn a_command_that_goes_on_is_one_command() {
    let mut rollout = Rollout::new(meta("t1"));
    rollout.turn("1", "gpt-6.1-sol");
    rollout.call("a", "exec_command", json!({"cmd": "cargo test"}));
    rollout.output("a", "Wall time: 1 seconds\nProcess running with session ID 7\nOutput:\n");
    rollout.done("1");
    rollout.turn("2", "gpt-6.1-sol");
    rollout.event(json!({
        "type": "item_completed", "started_at_ms": 1_772_359_200_500_i64,
        "completed_at_ms": 1_772_359_260_500_i64,
        "item": {"type": "CommandExecution", "id": "a", "command": ["/bin/bash", "-lc", "cargo test"],
                 "status": "failed", "exit_code": 101, "aggregated_output": "1 failed"},
    }));
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    assert_eq!(rows["mcp_tool_calls"].len(), 1);
    assert_eq!(rows["cli_invocations"].len(), 1);
    let command = &rows["cli_invocations"][0];
    assert_eq!(
        (command["exit_code"].as_i64(), command["duration_ms"].as_i64()),
        (Some(101), Some(60_000))
    );
}

#[test]
fn tools_of_servers_have_their_server() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5");
    for (place, name) in ["mcp__docs__find_page", "docs__find_page", "find_page", "update_plan"]
        .into_iter()
        .enumerate()
    {
        let id = format!("c{place}");
        let namespace = if place == 2 { json!("mcp__docs") } else { json!(null) };
        rollout.item(json!({
            "type": "function_call", "name": name, "namespace": namespace, "arguments": "{", "call_id": id,
        }));
        rollout.output(&id, "ok");
    }
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    let mut tools: Vec<String> = rows["mcp_tool_calls"]
        .iter()
        .map(|row| format!("{}/{}", row["source"].as_str().unwrap(), row["tool"].as_str().unwrap()))
        .collect();
    tools.sort();
    assert_eq!(
        tools,
        ["builtin/update_plan", "docs/find_page", "docs/find_page", "docs/find_page"]
    );
}

#[test]
fn an_unanswered_call_goes_out_when_its_turn_ends() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5").call("a", "exec_command", json!({"cmd": "sleep 9"}));
    let now = utc("2026-03-01T10:01:00Z");
    let (store, mut reading) = (Store::new(), Reading::new(PATH, now));
    reading.read(&rollout.lines, &store);
    assert!(!store.rows().contains_key("mcp_tool_calls"));
    let read = rollout.lines.len();
    rollout.event(json!({"type": "turn_aborted", "turn_id": "1", "reason": "interrupted"}));
    reading.read(&rollout.lines[read..], &store);
    let rows = store.rows();
    assert_eq!(rows["mcp_tool_calls"].len(), 1);
    assert!(rows["mcp_tool_calls"][0]["ts_utc_end"].is_null());
    assert_eq!(rows["mcp_tool_calls"][0]["success"], false);
    assert_eq!(rows["watchdog_events"][0]["status"], "interrupted");
    // An answer that comes late after all amends it.
    let read = rollout.lines.len();
    rollout.output("a", "aborted by user after 9.0s");
    reading.read(&rollout.lines[read..], &store);
    let rows = store.rows();
    assert_eq!(rows["mcp_tool_calls"].len(), 1);
    assert_eq!(rows["mcp_tool_calls"][0]["error"], "aborted by user after 9.0s");
    assert!(!rows["mcp_tool_calls"][0]["ts_utc_end"].is_null());
}

#[test]
fn an_unanswered_call_goes_out_after_ten_minutes_or_at_the_end() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5").call("a", "exec_command", json!({"cmd": "sleep 9"}));
    for (now, is_final, expected) in [
        ("2026-03-01T10:09:00Z", false, 0),
        ("2026-03-01T10:11:00Z", false, 1),
        ("2026-03-01T10:01:00Z", true, 1),
    ] {
        let (store, mut reading) = (Store::new(), Reading::new(PATH, utc(now)));
        reading.read_to(&rollout.lines, is_final, &store);
        assert_eq!(store.rows().get("mcp_tool_calls").map_or(0, Vec::len), expected, "{now}");
    }
}

#[test]
fn messages_of_events_are_those_of_people_and_agents() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5");
    rollout.event(json!({"type": "user_message", "message": "<environment_context>x", "kind": "environment_context"}));
    rollout.event(
        json!({"type": "user_message", "message": "fix it", "kind": "plain", "images": null}),
    );
    rollout.item(json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]}));
    rollout.event(json!({"type": "agent_message", "message": "done"}));
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    let messages: Vec<[&str; 3]> = rows["messages"]
        .iter()
        .map(|row| ["from_agent", "to_agent", "body"].map(|column| row[column].as_str().unwrap()))
        .collect();
    assert!(messages.contains(&["user", "shop", "fix it"]));
    assert!(messages.contains(&["shop", "user", "done"]));
    assert_eq!(messages.len(), 2);
}

#[test]
fn compactions_and_errors_are_events() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5").record("compacted", json!({"message": "so far"}));
    rollout.event(json!({"type": "context_compacted"}));
    rollout.event(
        json!({"type": "error", "message": "limit", "codex_error_info": "usage_limit_exceeded"}),
    );
    let rows = rows_of(PATH, &rollout.lines, utc(NOW));
    let events = column(&rows, "watchdog_events", "event");
    assert_eq!(events.len(), 2);
    assert!(events.contains(&&json!("compaction")) && events.contains(&&json!("error")));
    let error = rows["watchdog_events"].iter().find(|row| row["event"] == "error").unwrap();
    assert_eq!(json_of(error, "detail_json")["error"], "usage_limit_exceeded");
}

#[test]
fn texts_are_left_out_on_request() {
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5");
    rollout.event(json!({"type": "user_message", "message": "SECRET"}));
    rollout.call("a", "exec_command", json!({"cmd": "echo SECRET"}));
    rollout.output("a", "Exit code: 0\nOutput:\nSECRET");
    rollout.call("b", "spawn_agent", json!({"message": "SECRET"}));
    rollout.output("b", json!({"agent_id": "t2"}).to_string());
    rollout.call("c", "exec_command", json!({"cmd": "echo SECRET"}));
    rollout.output("c", "aborted SECRET");
    rollout.event(json!({"type": "error", "message": "SECRET"}));
    let (store, mut reading) = (Store::new(), Reading::new(PATH, utc(NOW)));
    reading.options.without_content = true;
    reading.read(&rollout.lines, &store);
    let rows = format!("{:?}", store.rows());
    assert!(!rows.contains("SECRET"), "{rows}");
    assert!(rows.contains("clone_dispatches") && rows.contains("cli_invocations"));
}
