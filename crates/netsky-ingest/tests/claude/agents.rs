//! Agents, their sessions and their subagents.

use std::fs;
use std::path::{Path, PathBuf};

use netsky_ingest::{LineReader, ReadOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Store, detail};
use crate::script::{Script, assistant, call, prompt, record, result, text, usage};

fn agents(store: &Store) -> Vec<Value> {
    store.rows("token_usage").iter().map(|row| row["agent"].clone()).collect()
}

/// Returns a record of a subagent in its session's file.
fn progress(seconds: u32, agent_id: &str, parent: &str, nested: Value) -> Value {
    let data = json!({"type": "agent_progress", "agentId": agent_id, "message": nested});
    record("progress", seconds, json!({"data": data, "parentToolUseID": parent}))
}

/// Returns a record that is nested in one of progress.
fn nested(record: Value) -> Value {
    let mut record = record;
    for key in ["sessionId", "cwd", "gitBranch", "version", "isSidechain"] {
        record.as_object_mut().unwrap().remove(key);
    }
    record
}

fn task(id: &str, more: Value) -> Value {
    let mut input = json!({"description": "look", "prompt": "Look!", "subagent_type": "Explore"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call(id, "Task", input)
}

#[test]
fn the_first_directory_names_the_agent() {
    let mut script = Script::new();
    script.read(&record("queue-operation", 0, json!({"cwd": "absent"})));
    script.read(&record("system", 0, json!({"cwd": "absent"})));
    script.read(&prompt(1, "x", json!({})));
    script.read(&assistant("1", 2, text("x"), json!({"cwd": "/home/dev/shop/src"})));
    script.restart();
    script.read(&assistant("2", 3, text("x"), json!({"cwd": "/tmp"})));
    script.read(&assistant("3", 4, text("x"), json!({"sessionId": "s2", "cwd": "/home/dev/api"})));
    assert_eq!(agents(&script.finish()), ["shop", "api"]);
}

#[test]
fn a_given_name_replaces_the_projects() {
    let options = ReadOptions { agent: Some("netsky".into()), ..ReadOptions::default() };
    let mut script = Script::with("/p/s1.jsonl", options);
    script.read(&assistant("1", 1, text("x"), json!({"cwd": "absent"})));
    script.read(&assistant("2", 1, text("x"), json!({"agentId": "a1", "attributionAgent": "t"})));
    let store = script.finish();
    assert_eq!(agents(&store), ["netsky", "netsky/t"]);
    assert!(store.rows("sessions").iter().all(|row| row["agent"] == "netsky"));
}

#[test]
fn pauses_of_an_hour_split_a_session() {
    let mut script = Script::new();
    let at = |time: &str| json!({"timestamp": format!("2026-03-01T{time}Z")});
    script.read(&prompt(0, "x", at("12:00:00")));
    script.read(&record("file-history-snapshot", 0, at("12:59:59.999")));
    script.read(&record("queue-operation", 0, at("13:30:00")));
    script.read(&record("user", 0, at("13:59:59.999")));
    script.read(&record("user", 0, json!({"timestamp": "absent"})));
    script.read(&record(
        "user",
        0,
        json!({"timestamp": "2026-03-01T18:00:00Z", "sessionId": "absent"}),
    ));
    let rows = script.finish().rows("sessions");
    let found: Vec<_> =
        rows.iter().map(|row| (row["ts_utc"].clone(), row["event"].clone())).collect();
    let expected = [
        ("12:00:00.000", "up"),
        ("12:59:59.999", "down"),
        ("13:59:59.999", "up"),
        ("13:59:59.999", "down"),
    ];
    let expected =
        expected.map(|(time, event)| (json!(format!("2026-03-01T{time}Z")), json!(event)));
    assert_eq!(found, expected);
}

#[test]
fn only_its_own_file_is_a_sessions_transcript() {
    for (path, is_own) in
        [("/p/s1.jsonl", true), ("/p/copy.jsonl", false), ("/p/s1/subagents/agent-a1.jsonl", false)]
    {
        let mut script = Script::at(path);
        script.read(&prompt(0, "x", json!({})));
        let update = &script.out.take_sessions()[0];
        assert_eq!(update.transcript.as_deref(), is_own.then_some(path));
        assert_eq!(update.cwd.as_deref(), Some("/home/dev/shop"));
    }
}

/// Returns a folder with a session of `shop`, and the path of a subagent's file in it.
fn subagent_file(meta: Option<&str>) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("s1/subagents");
    fs::create_dir_all(&folder).unwrap();
    let main = format!("no JSON\n{}\n{}\n", json!({"type": "mode"}), prompt(0, "x", json!({})));
    fs::write(dir.path().join("s1.jsonl"), main).unwrap();
    if let Some(meta) = meta {
        fs::write(folder.join("agent-a1.meta.json"), meta).unwrap();
    }
    (dir, folder.join("agent-a1.jsonl"))
}

fn of_subagent(path: &Path, more: Value) -> Store {
    let mut script = Script::at(path);
    let mut fields = json!({"isSidechain": true, "agentId": "a1", "cwd": "/home/dev/shop/web"});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    script.read(&assistant("1", 1, text("x"), fields.clone()));
    script.read(&assistant("1", 70, call("t1", "Read", json!({})), fields.clone()));
    script.restart();
    script.read(&assistant("1", 70, call("t1", "Read", json!({})), fields.clone()));
    script.read(&result("t1", 130, "x", false, fields));
    script.finish()
}

#[test]
fn subagents_are_named_after_project_and_type() {
    let meta = r#"{"agentType": "Explore", "toolUseId": "t0"}"#;
    for (meta, attribution, expected) in [
        (Some(meta), "Plan", "shop/Plan"),
        (Some(meta), "", "shop/Explore"),
        (Some("{"), "", "shop/agent"),
        (Some(r#"{"agentType": 7}"#), "", "shop/agent"),
        (None, "", "shop/agent"),
    ] {
        let (_dir, path) = subagent_file(meta);
        let store = of_subagent(&path, json!({"attributionAgent": attribution}));
        assert_eq!(agents(&store), [expected]);
        let call = &store.rows("mcp_tool_calls")[0];
        assert_eq!(call["agent"], expected);
        assert_eq!(detail(call, "request_json")["agent_id"], "a1");
        let usage = detail(&store.rows("token_usage")[0], "detail_json");
        assert_eq!((&usage["subagent"], &usage["agent_id"]), (&json!(true), &json!("a1")));
        assert!(store.rows("sessions").iter().all(|row| row["agent"] == "shop"));
        assert!(store.rows("clone_dispatches").is_empty());
    }
}

#[test]
fn a_finished_subagents_file_ends_its_dispatch() {
    let meta = r#"{"agentType": "Explore", "toolUseId": "t0", "finished": true}"#;
    let (_dir, path) = subagent_file(Some(meta));
    let store = of_subagent(&path, json!({}));
    let row = &store.rows("clone_dispatches")[0];
    assert_eq!((&row["agent_id"], &row["status"]), (&json!("a1"), &json!("completed")));
    assert_eq!(row["ts_utc_start"], "2026-03-01T12:00:01.000Z");
    assert_eq!(row["ts_utc_end"], "2026-03-01T12:02:10.000Z");
    // The call in the session's file is the same dispatch.
    let mut script = Script::new();
    script.read(&assistant("0", 0, task("t0", json!({})), json!({})));
    let launched = json!({"toolUseResult": {"status": "async_launched", "agentId": "a1"}});
    script.read(&result("t0", 1, "x", false, launched));
    store.commit(std::mem::take(&mut script.out));
    let rows = store.rows("clone_dispatches");
    assert_eq!((rows.len(), &rows[0]["brief"]), (1, &json!("Look!")));
    assert_eq!(rows[0]["ts_utc_start"], "2026-03-01T12:00:00.000Z");
}

#[test]
fn progress_of_subagents_is_theirs() {
    let mut script = Script::new();
    script.read(&assistant("0", 0, task("t0", json!({})), json!({})));
    let step = |id: &str, seconds, block| nested(assistant(id, seconds, block, json!({})));
    script.read(&progress(2, "a1", "t0", nested(prompt(2, "Look!", json!({})))));
    script.read(&progress(4, "a1", "t0", step("1", 3, call("t1", "Grep", json!({})))));
    script.read(&progress(6, "a1", "t0", nested(result("t1", 5, "x", false, json!({})))));
    script.read(&progress(7, "a1", "t0", step("2", 7, text("done"))));
    script.read(&progress(8, "a1", "t9", json!([1])));
    script.read(&record(
        "progress",
        8,
        json!({"data": {"type": "bash_progress", "message": step("3", 8, text("x"))}}),
    ));
    assert_eq!(script.reader.unfinished(), Some(0));
    // The result of the dispatch ends the last message of the subagent.
    script.read(&result("t0", 9, "x", false, json!({"toolUseResult": {"agentId": "a1"}})));
    script.read(&assistant("4", 10, text("x"), json!({"message": {"stop_reason": "end_turn"}})));
    assert_eq!(script.reader.unfinished(), None);
    let store = script.finish();
    assert_eq!(agents(&store), ["shop/Explore", "shop/Explore", "shop", "shop"]);
    let call = &store.rows("mcp_tool_calls")[0];
    assert_eq!((&call["tool"], &call["agent"]), (&json!("Grep"), &json!("shop/Explore")));
    assert_eq!(
        (&call["ts_utc_start"], &call["duration_ms"]),
        (&json!("2026-03-01T12:00:03.000Z"), &json!(2_000))
    );
    let details = detail(call, "request_json");
    assert_eq!((&details["session_id"], &details["agent_id"]), (&json!("s1"), &json!("a1")));
    assert_eq!(details["cwd"], "/home/dev/shop");
    assert_eq!(store.rows("messages").len(), 1);
}

#[test]
fn a_dispatch_has_its_brief_and_outcome() {
    let mut script = Script::new();
    script.read(&assistant("0", 0, task("t0", json!({})), json!({})));
    let more = json!({"toolUseResult": {
        "status": "completed", "agentId": "a1", "totalTokens": 70_542, "totalToolUseCount": 25,
        "totalDurationMs": 67_950, "resolvedModel": "claude-opus-5-5",
    }});
    script.read(&result("t0", 68, "x", false, more));
    let store = script.finish();
    let row = &store.rows("clone_dispatches")[0];
    for (column, expected) in [
        ("ts_utc_start", json!("2026-03-01T12:00:00.000Z")),
        ("ts_utc_end", json!("2026-03-01T12:01:08.000Z")),
        ("agent_id", json!("a1")),
        ("runtime", json!("claude")),
        ("brief", json!("Look!")),
        ("workspace", json!("/home/dev/shop")),
        ("branch", json!("main")),
        ("status", json!("completed")),
        ("exit_code", json!(null)),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    let expected = json!({
        "runtime": "claude", "session_id": "s1", "session_num": 1, "cwd": "/home/dev/shop",
        "git_branch": "main", "version": "2.1.330", "via": "transcript", "agent": "shop/Explore",
        "tool_use_id": "t0", "subagent_type": "Explore", "description": "look",
        "total_tokens": 70_542, "total_tool_uses": 25, "total_duration_ms": 67_950,
        "model": "claude-opus-5-5",
    });
    assert_eq!(detail(row, "detail_json"), expected);
    assert_eq!(store.rows("mcp_tool_calls").len(), 1);
}

#[test]
fn dispatches_run_until_they_end() {
    let notice = |status: &str| {
        format!("<task-notification><tool-use-id>t0</tool-use-id><status>{status}</status>")
    };
    let launched = json!({"toolUseResult": {"status": "async_launched", "agentId": "a1"}});
    let queued = |text: String| record("queue-operation", 9, json!({"content": text}));
    let attached = |text: String| record("attachment", 9, json!({"attachment": {"prompt": text}}));
    let (time, none) = (json!("2026-03-01T12:00:09.000Z"), Value::Null);
    for (lines, status, end) in [
        (vec![], "running", &none),
        (vec![result("t0", 1, "x", false, launched.clone())], "running", &none),
        (vec![result("t0", 9, "x", true, launched.clone())], "failed", &time),
        (vec![result("t0", 9, "x", false, json!({}))], "completed", &time),
        (
            vec![
                result("t0", 1, "x", false, launched.clone()),
                prompt(9, &notice("completed"), json!({})),
            ],
            "completed",
            &time,
        ),
        (
            vec![result("t0", 1, "x", false, launched.clone()), queued(notice("failed"))],
            "failed",
            &time,
        ),
        (vec![result("t0", 1, "x", false, launched), attached(notice("killed"))], "failed", &time),
    ] {
        let mut script = Script::new();
        script.read(&assistant("0", 0, task("t0", json!({})), json!({})));
        script.end(1);
        let running = script.out.sightings.last().unwrap();
        assert_eq!(running.row.text("status"), Some("running"));
        for line in &lines {
            script.read(line).restart();
            script.read(&assistant("0", 0, task("t0", json!({})), json!({}))).read(line);
        }
        let rows = script.finish().rows("clone_dispatches");
        assert_eq!((rows.len(), &rows[0]["status"]), (1, &json!(status)));
        assert_eq!(&rows[0]["ts_utc_end"], end);
        let is_known =
            lines.len() > 1 || status == "failed" || (status == "running" && !lines.is_empty());
        assert_eq!(rows[0]["agent_id"], if is_known { "a1" } else { "t0" });
    }
}

#[test]
fn a_resumed_subagent_is_dispatched_twice() {
    let mut script = Script::new();
    for (n, id) in ["t0", "t1"].iter().enumerate() {
        let seconds = 2 * u32::try_from(n).unwrap();
        script.read(&assistant(id, seconds, task(id, json!({"resume": "a1"})), json!({})));
        let more = json!({"toolUseResult": {"status": "completed", "agentId": "a1"}});
        script.read(&result(id, seconds + 1, "x", false, more));
    }
    assert_eq!(script.finish().rows("clone_dispatches").len(), 2);
}

#[test]
fn rows_from_before_the_given_time_are_left_out() {
    let since = Some("2026-03-01T12:00:05Z".parse().unwrap());
    let mut script = Script::with("/p/s1.jsonl", ReadOptions { since, ..ReadOptions::default() });
    for seconds in [1, 5] {
        let more = json!({"message": {"usage": usage(1)}});
        script.read(&assistant(&seconds.to_string(), seconds, text("x"), more));
    }
    let store = script.finish();
    assert_eq!((store.rows("token_usage").len(), store.rows("messages").len()), (1, 1));
    assert_eq!(store.rows("sessions")[0]["ts_utc"], "2026-03-01T12:00:05.000Z");
}
