//! Calls of models and tools.

use netsky_ingest::{LineReader, ReadOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Store, detail};
use crate::script::{Script, assistant, call, record, result, text, usage};

/// The tables of the rows that were handed out so far, and whether something is held.
fn handed_out(script: &Script) -> (Vec<&'static str>, Option<u64>) {
    let tables = script.out.sightings.iter().map(|sighting| sighting.row.table().name());
    (tables.collect(), script.reader.unfinished())
}

#[test]
fn a_message_is_held_until_the_next() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, json!({"type": "thinking"}), json!({})));
    script.read(&assistant("1", 2, json!({"type": "thinking"}), json!({})));
    assert_eq!(handed_out(&script), (vec![], Some(0)));
    // Messages of subagents are others.
    let aside = json!({"isSidechain": true, "agentId": "a1"});
    script.read(&assistant("2", 3, json!({"type": "thinking"}), aside));
    assert_eq!(handed_out(&script), (vec![], Some(0)));
    script.read(&assistant("3", 4, json!({"type": "thinking"}), json!({})));
    assert_eq!(handed_out(&script), (vec!["token_usage"], Some(200)));
}

#[test]
fn a_complete_message_goes_out_at_once() {
    let done = json!({"message": {"stop_reason": "end_turn"}});
    let mut script = Script::new();
    script.read(&assistant("1", 1, json!({"type": "thinking"}), done.clone()));
    assert_eq!(handed_out(&script), (vec!["token_usage"], None));
    script.read(&assistant("1", 2, json!({"type": "thinking"}), done));
    assert_eq!(handed_out(&script), (vec!["token_usage"], None));
    // A line that tells more hands it out again.
    let more = json!({"message": {"stop_reason": "end_turn", "usage": usage(9)}});
    script.read(&assistant("1", 3, json!({"type": "thinking"}), more));
    assert_eq!(handed_out(&script).0.len(), 2);
    assert_eq!(script.finish().rows("token_usage")[0]["output_tokens"], 9);
}

#[test]
fn quiet_for_ten_minutes_hands_out_what_is_open() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Read", json!({})), json!({})));
    script.end(10);
    assert_eq!(handed_out(&script), (vec![], Some(0)));
    script.end(11);
    assert_eq!(handed_out(&script), (vec!["token_usage", "mcp_tool_calls"], None));
    script.end(24 * 60);
    assert_eq!(handed_out(&script).0.len(), 2);
}

#[test]
fn the_lines_of_a_message_are_one_call() {
    let mut script = Script::new();
    for (seconds, output) in [(5, 3), (4, 90), (6, 40)] {
        let more = json!({"message": {"usage": usage(output)}, "effort": "high"});
        script.read(&assistant("1", seconds, text("x"), more));
    }
    let rows = script.finish().rows("token_usage");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["ts_utc"], "2026-03-01T12:00:04.000Z");
    assert_eq!((&row["session_id"], &row["agent"]), (&json!("s1"), &json!("shop")));
    assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&json!(7), &json!(90)));
    assert_eq!(row["cached_input_tokens"], 2_000);
    // 7 × $4 + 90 × $20 + 2,000 × $0.2 + 400 × $5 + 600 × $8, each for a million.
    assert_eq!(row["cost_usd_micros"], 9_028);
    let expected = json!({
        "runtime": "claude", "session_id": "s1", "session_num": 1, "cwd": "/home/dev/shop",
        "git_branch": "main", "version": "2.1.330", "via": "transcript", "cost_source": "list",
        "request_id": "req_1", "message_id": "msg_1", "cache_write_5m_tokens": 400,
        "cache_write_1h_tokens": 600, "subagent": false, "effort": "high",
    });
    assert_eq!(detail(row, "detail_json"), expected);
}

#[test]
fn every_detail_of_the_usage_is_kept() {
    let usage = json!({
        "input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 4, "cache_creation": "absent", "speed": "fast",
        "service_tier": "priority", "inference_geo": "us",
        "output_tokens_details": {"thinking_tokens": 5},
        "server_tool_use": {"web_search_requests": 6},
    });
    let more = json!({"costUSD": 0.25, "message": {"usage": usage, "stop_reason": "end_turn"}});
    let rows = Script::new().read(&assistant("1", 1, text("x"), more)).finish().rows("token_usage");
    let detail = detail(&rows[0], "detail_json");
    for (key, expected) in [
        ("cache_write_5m_tokens", json!(4)),
        ("cache_write_1h_tokens", Value::Null),
        ("speed", json!("fast")),
        ("service_tier", json!("priority")),
        ("inference_geo", json!("us")),
        ("thinking_tokens", json!(5)),
        ("web_searches", json!(6)),
        ("reported_cost_usd_micros", json!(250_000)),
        ("stop_reason", json!("end_turn")),
    ] {
        assert_eq!(detail[key], expected, "{key}");
    }
}

#[test]
fn made_up_messages_are_no_calls() {
    let mut script = Script::new();
    let more = json!({"message": {"model": "<synthetic>", "stop_reason": "stop_sequence"}});
    script.read(&assistant("1", 1, text("x"), more));
    script.read(&assistant("2", 2, text("x"), json!({"message": {"usage": null}})));
    let store = script.finish();
    assert!(store.rows("token_usage").is_empty());
    assert_eq!(store.rows("messages").len(), 1);
}

#[test]
fn a_copy_in_a_fork_stays_the_originals() {
    let mut script = Script::new();
    for session in ["s1", "s2"] {
        let more = json!({"sessionId": session});
        script.read(&prompt_of(session));
        script.read(&assistant("1", 1, text("x"), more.clone()));
        script.read(&assistant("1", 2, call("t1", "Read", json!({})), more.clone()));
        script.read(&result("t1", 3, "x", false, more));
    }
    let store = script.finish();
    for (table, rows) in [("token_usage", 1), ("mcp_tool_calls", 1), ("messages", 2)] {
        let found = store.rows(table);
        assert_eq!(found.len(), rows, "{table}");
        let column = ["detail_json", "request_json", "raw_json"]
            .into_iter()
            .find(|c| found[0][c].is_string());
        assert!(found.iter().all(|row| detail(row, column.unwrap())["session_id"] == "s1"));
    }
    assert_eq!(store.rows("sessions").len(), 4);
}

fn prompt_of(session: &str) -> Value {
    crate::script::prompt(0, "x", json!({"sessionId": session}))
}

#[test]
fn an_answered_tool_call_goes_out_at_once() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "mcp__db__query", json!({"q": "x"})), json!({})));
    script.read(&result("t1", 3, "ok", false, json!({})));
    assert_eq!(handed_out(&script), (vec!["mcp_tool_calls"], Some(0)));
    let row = &script.finish().rows("mcp_tool_calls")[0];
    assert_eq!((&row["source"], &row["tool"]), (&json!("db"), &json!("query")));
    assert_eq!(row["ts_utc_start"], "2026-03-01T12:00:01.000Z");
    assert_eq!(row["ts_utc_end"], "2026-03-01T12:00:03.000Z");
    assert_eq!((&row["duration_ms"], &row["success"]), (&json!(2_000), &json!(true)));
    assert_eq!((&row["error"], &row["timeout_race"]), (&json!(null), &json!(false)));
    assert_eq!(detail(row, "response_json"), json!({"bytes": 2, "text": "ok"}));
    let expected = json!({
        "runtime": "claude", "session_id": "s1", "session_num": 1, "cwd": "/home/dev/shop",
        "git_branch": "main", "version": "2.1.330", "via": "transcript", "tool_use_id": "t1",
        "request_id": "req_1", "input": {"q": "x"},
    });
    assert_eq!(detail(row, "request_json"), expected);
}

#[test]
fn failures_of_tools_have_their_text() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Read", json!({})), json!({})));
    script.read(&assistant("1", 2, call("t2", "Bash", json!({"command": "ls"})), json!({})));
    script.read(&result("t1", 3, "no such file", true, json!({})));
    script.read(&result("t2", 4, "", false, json!({"toolUseResult": {"interrupted": true}})));
    let rows = script.finish().rows("mcp_tool_calls");
    assert_eq!((&rows[0]["success"], &rows[0]["error"]), (&json!(false), &json!("no such file")));
    assert_eq!(rows[1]["error"], "interrupted");
    assert_eq!(
        detail(&rows[1], "response_json"),
        json!({"bytes": 0, "interrupted": true, "text": ""})
    );
}

#[test]
fn what_is_told_of_one_result_is_not_of_two() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Read", json!({})), json!({})));
    script.read(&assistant("1", 2, call("t2", "Read", json!({})), json!({})));
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "x"});
    let more = json!({
        "message": {"content": [result("t1"), result("t2")]},
        "toolUseResult": {"interrupted": true},
    });
    script.read(&record("user", 3, more));
    let rows = script.finish().rows("mcp_tool_calls");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["error"].is_null() && !row["ts_utc_end"].is_null()));
}

#[test]
fn a_later_message_leaves_a_call_unanswered() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Read", json!({})), json!({})));
    script.read(&assistant("2", 2, text("x"), json!({})));
    let rows = Store::rows(&script.store(), "mcp_tool_calls");
    assert_eq!((&rows[0]["ts_utc_end"], &rows[0]["success"]), (&Value::Null, &json!(false)));
    assert_eq!((&rows[0]["duration_ms"], &rows[0]["response_json"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_late_answer_completes_the_call() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Bash", json!({"command": "ls"})), json!({})));
    script.read(&assistant("2", 2, text("x"), json!({})));
    script.end(24 * 60 * 9).restart();
    script.read(&result("t1", 9, "ok", false, json!({})));
    let store = script.finish();
    let rows = store.rows("mcp_tool_calls");
    assert_eq!((rows.len(), &rows[0]["duration_ms"]), (1, &json!(8_000)));
    assert_eq!(store.rows("cli_invocations").len(), 1);
}

#[test]
fn time_that_runs_back_gives_no_duration() {
    let mut script = Script::new();
    script.read(&assistant("1", 9, call("t1", "Read", json!({})), json!({})));
    script.read(&result("t1", 3, "x", false, json!({})));
    assert!(script.finish().rows("mcp_tool_calls")[0]["duration_ms"].is_null());
}

#[test]
fn commands_have_their_exit_code() {
    let mut script = Script::new();
    let results = [
        ("ok", false, json!({}), json!(0)),
        ("Exit code 12\nno", true, json!({}), json!(12)),
        ("Error: Exit code 3", true, json!({}), json!(3)),
        ("refused", true, json!({}), Value::Null),
        ("", false, json!({"returnCodeInterpretation": "No matches found"}), Value::Null),
        ("", false, json!({"backgroundTaskId": "b1"}), Value::Null),
    ];
    for (n, (text, is_error, more, _)) in (1..).zip(&results) {
        let id = format!("t{n}");
        let input = json!({"command": "cd src && cargo test -q"});
        script.read(&assistant("1", n, call(&id, "Bash", input), json!({})));
        script.read(&result(&id, n, text, *is_error, json!({"toolUseResult": more})));
    }
    let rows = script.finish().rows("cli_invocations");
    assert_eq!(rows.len(), results.len());
    for (row, (text, .., code)) in rows.iter().zip(&results) {
        assert_eq!(&row["exit_code"], code, "{text}");
        assert_eq!((&row["bin"], &row["host"]), (&json!("cargo"), &json!("anvil")));
        assert_eq!(row["argv_json"], r#"["cargo","test","-q"]"#);
    }
}

#[test]
fn a_call_without_a_command_is_an_invocation() {
    let mut script = Script::new();
    script.read(&assistant("1", 1, call("t1", "Bash", json!({"cmd": "ls"})), json!({})));
    script.read(&result("t1", 2, "InputValidationError", true, json!({})));
    let row = &script.finish().rows("cli_invocations")[0];
    assert_eq!((&row["bin"], &row["exit_code"]), (&json!("bash"), &Value::Null));
}

#[test]
fn commands_of_git_are_operations() {
    let mut script = Script::new();
    let command =
        json!({"command": "git add . && git commit -m x && git -C ../api push origin dev"});
    script.read(&assistant("1", 1, call("t1", "Bash", command), json!({})));
    let output =
        "[main 1a2b3c4] x\n 1 file changed\nTo ../api.git\n   1a2b3c4..5d6e7f8  dev -> dev";
    script.read(&result("t1", 2, output, false, json!({})));
    let more =
        json!({"prNumber": 7, "prUrl": "https://x/7", "prRepository": "me/shop", "uuid": "absent"});
    script.read(&record("pr-link", 3, more.clone()));
    script.read(&record("pr-link", 3, more));
    let rows = script.finish().rows("git_operations");
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            ["operation", "repo", "branch", "status"]
                .map(|column| row[column].as_str().unwrap_or("-").to_owned())
        })
        .collect();
    assert_eq!(
        found,
        [
            ["commit", "shop", "main", "ok"],
            ["push", "api", "dev", "ok"],
            ["pull_request", "me/shop", "-", "ok"],
        ]
    );
    assert_eq!(rows[0]["to_sha"], "1a2b3c4");
    assert_eq!(rows[1]["remote"], "origin");
    assert_eq!(detail(&rows[2], "detail_json")["number"], 7);
    assert!(detail(&rows[0], "detail_json")["input"].is_null());
}

#[test]
fn without_content_no_text_is_kept() {
    const SECRET: &str = "SECRET";
    let options = ReadOptions { without_content: true, ..ReadOptions::default() };
    let mut script = Script::with("/p/s1.jsonl", options);
    script.read(&crate::script::prompt(0, SECRET, json!({})));
    script.read(&assistant("1", 1, text(SECRET), json!({})));
    let input = json!({"prompt": SECRET, "description": SECRET, "subagent_type": "t"});
    script.read(&assistant("1", 2, call("t1", "Task", input), json!({})));
    script.read(&assistant("1", 2, call("t2", "Bash", json!({"command": "ls SECRET"})), json!({})));
    let message = json!({"to": "b", "message": SECRET});
    script.read(&assistant("1", 2, call("t3", "SendMessage", message), json!({})));
    for id in ["t1", "t2", "t3"] {
        script.read(&result(id, 3, SECRET, true, json!({})));
    }
    let error = json!({"subtype": "api_error", "error": {"message": SECRET}});
    script.read(&record("system", 4, error));
    let hooks = json!({"subtype": "stop_hook_summary", "hookErrors": [SECRET]});
    script.read(&record("system", 5, hooks));
    let failed = json!({"isApiErrorMessage": true, "message": {"model": "<synthetic>"}});
    script.read(&assistant("2", 6, text(SECRET), failed));
    let store = script.finish();
    let tables = store.counts();
    assert_eq!(tables.values().sum::<u64>(), 2 + 3 + 1 + 1 + 3 + 3 + 1, "{tables:?}");
    for (table, rows) in store.contents() {
        assert!(rows.iter().all(|row| !row.contains(SECRET)), "{table}: {rows:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|value| json!(value)),
        ".{0,3000}".prop_map(Value::from),
        "[\u{0}-\u{1f}\"\\\\]{0,3000}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
            prop::collection::btree_map(".{0,50}", inner, 0..40)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inputs_and_outputs_of_any_size_stay_json(input in any_json(), output in ".{0,9000}") {
        let mut script = Script::new();
        script.read(&assistant("1", 1, call("t1", "Bash", json!({"command": input, "more": [input]})), json!({})));
        script.read(&result("t1", 2, &output.repeat(3), true, json!({})));
        let row = &script.finish().rows("mcp_tool_calls")[0];
        prop_assert!(detail(row, "request_json")["input"].is_object());
        prop_assert!(detail(row, "response_json")["text"].is_string());
    }
}
