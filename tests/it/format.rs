//! The stored bytes of every table, written by hand from the format's description. They are what
//! netsky-db 0.1.6 writes for the same calls.

use chrono::{DateTime, Utc};
use netsky_db::{
    CloneDispatchRecord, CommunicationEventRecord, Direction, GitOperationRecord,
    HarvestEventRecord, McpToolCallRecord, MessageRecord, OwnerDirectiveRecord, SessionEvent,
    TABLES, TokenUsageRecord, WatchdogEventRecord,
};
use netsky_testing::{store, stored_rows};

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[test]
fn every_record_call_stores_the_documented_bytes() {
    let store = store();
    let db = &store.db;
    // Digits beyond milliseconds are truncated, not rounded.
    let t = time("2026-04-15T23:00:00.999999999Z");
    let end = time("2026-04-16T01:00:00+02:00");

    db.record_message(MessageRecord {
        ts_utc: t,
        source: "imessage",
        direction: Direction::Inbound,
        chat_id: Some("chat-1"),
        from_agent: None,
        to_agent: Some("agent0"),
        body: Some("say \"hi\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}/é🦀\u{2028}"),
        raw_json: Some(r#"{"n":1}"#),
    })
    .unwrap();
    db.record_cli(t, "netsky", r#"["netsky","tick"]"#, Some(-1), None, "mac").unwrap();
    db.record_crash(t, "panic", "agent3", "{}").unwrap();
    db.record_tick(t, "watchdog", "{}").unwrap();
    db.record_workspace(t, "ws-1", "main", Some(end), None).unwrap();
    db.record_session(t, "agent0", 7, SessionEvent::Up).unwrap();
    db.record_session(t, "agent0", 7, SessionEvent::Note).unwrap();
    db.record_session(t, "agent0", i64::MIN, SessionEvent::Down).unwrap();
    db.record_clone_dispatch(CloneDispatchRecord {
        ts_utc_start: t,
        ts_utc_end: None,
        agent_id: "agent3",
        runtime: Some("claude"),
        brief_path: None,
        brief: Some("do it"),
        workspace: Some("ws-1"),
        branch: Some("feat"),
        status: None,
        exit_code: Some(0),
        detail_json: None,
    })
    .unwrap();
    db.record_harvest_event(HarvestEventRecord {
        ts_utc: t,
        source_branch: "feat",
        target_branch: "main",
        commit_sha: Some("abc"),
        status: "clean",
        conflicts: None,
        detail_json: Some("{}"),
    })
    .unwrap();
    db.record_communication_event(CommunicationEventRecord {
        ts_utc: t,
        source: "email",
        tool: Some("send"),
        direction: Direction::Outbound,
        chat_id: None,
        message_id: Some("m-1"),
        handle: Some("a@example.org"),
        agent: None,
        body: Some(""),
        status: Some("sent"),
        detail_json: None,
    })
    .unwrap();
    db.record_mcp_tool_call(McpToolCallRecord {
        ts_utc_start: t,
        ts_utc_end: Some(end),
        source: "builtin",
        tool: "Grep",
        agent: Some("agent1"),
        duration_ms: Some(374),
        success: true,
        error: None,
        timeout_race: false,
        request_json: Some("{}"),
        response_json: None,
    })
    .unwrap();
    db.record_git_operation(GitOperationRecord {
        ts_utc: t,
        operation: "push",
        repo: "netsky",
        branch: Some("main"),
        remote: Some("origin"),
        from_sha: Some("a"),
        to_sha: Some("b"),
        status: "ok",
        detail_json: None,
    })
    .unwrap();
    db.record_owner_directive(OwnerDirectiveRecord {
        ts_utc: t,
        source: "imessage",
        chat_id: None,
        raw_text: "ship it",
        resolved_action: None,
        agent: Some("agent0"),
        status: Some("done"),
        detail_json: None,
    })
    .unwrap();
    db.record_token_usage(TokenUsageRecord {
        ts_utc: t,
        session_id: Some("s-1"),
        agent: None,
        model: Some("opus"),
        input_tokens: Some(10),
        output_tokens: Some(3),
        cached_input_tokens: Some(0),
        cost_usd_micros: Some(i64::MAX),
        detail_json: None,
    })
    .unwrap();
    db.record_watchdog_event(WatchdogEventRecord {
        ts_utc: t,
        event: "restart",
        agent: None,
        severity: Some("warn"),
        status: None,
        detail_json: None,
    })
    .unwrap();

    let expected: &[(&str, &[&str])] = &[
        (
            "messages",
            &[concat!(
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","source":"imessage","direction":"inbound","#,
                r#""chat_id":"chat-1","from_agent":null,"to_agent":"agent0","#,
                r#""body":"say \"hi\"\\\n\r\t\b\f\u0000\u001f"#,
                "\u{7f}/é🦀\u{2028}",
                r#"","raw_json":"{\"n\":1}"}"#
            )],
        ),
        (
            "cli_invocations",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","bin":"netsky","argv_json":"[\"netsky\",\"tick\"]","exit_code":-1,"duration_ms":null,"host":"mac"}"#,
            ],
        ),
        (
            "crashes",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","kind":"panic","agent":"agent3","detail_json":"{}"}"#,
            ],
        ),
        (
            "ticks",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","source":"watchdog","detail_json":"{}"}"#,
            ],
        ),
        (
            "workspaces",
            &[
                r#"{"id":1,"ts_utc_created":"2026-04-15T23:00:00.999Z","name":"ws-1","branch":"main","ts_utc_deleted":"2026-04-15T23:00:00.000Z","verdict":null}"#,
            ],
        ),
        (
            "sessions",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","agent":"agent0","session_num":7,"event":"up"}"#,
                r#"{"id":2,"ts_utc":"2026-04-15T23:00:00.999Z","agent":"agent0","session_num":7,"event":"note"}"#,
                r#"{"id":3,"ts_utc":"2026-04-15T23:00:00.999Z","agent":"agent0","session_num":-9223372036854775808,"event":"down"}"#,
            ],
        ),
        (
            "clone_dispatches",
            &[
                r#"{"id":1,"ts_utc_start":"2026-04-15T23:00:00.999Z","ts_utc_end":null,"agent_id":"agent3","runtime":"claude","brief_path":null,"brief":"do it","workspace":"ws-1","branch":"feat","status":null,"exit_code":0,"detail_json":null}"#,
            ],
        ),
        (
            "harvest_events",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","source_branch":"feat","target_branch":"main","commit_sha":"abc","status":"clean","conflicts":null,"detail_json":"{}"}"#,
            ],
        ),
        (
            "communication_events",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","source":"email","tool":"send","direction":"outbound","chat_id":null,"message_id":"m-1","handle":"a@example.org","agent":null,"body":"","status":"sent","detail_json":null}"#,
            ],
        ),
        (
            "mcp_tool_calls",
            &[
                r#"{"id":1,"ts_utc_start":"2026-04-15T23:00:00.999Z","ts_utc_end":"2026-04-15T23:00:00.000Z","source":"builtin","tool":"Grep","agent":"agent1","duration_ms":374,"success":true,"error":null,"timeout_race":false,"request_json":"{}","response_json":null}"#,
            ],
        ),
        (
            "git_operations",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","operation":"push","repo":"netsky","branch":"main","remote":"origin","from_sha":"a","to_sha":"b","status":"ok","detail_json":null}"#,
            ],
        ),
        (
            "owner_directives",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","source":"imessage","chat_id":null,"raw_text":"ship it","resolved_action":null,"agent":"agent0","status":"done","detail_json":null}"#,
            ],
        ),
        (
            "token_usage",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","session_id":"s-1","agent":null,"model":"opus","input_tokens":10,"output_tokens":3,"cached_input_tokens":0,"cost_usd_micros":9223372036854775807,"detail_json":null}"#,
            ],
        ),
        (
            "watchdog_events",
            &[
                r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","event":"restart","agent":null,"severity":"warn","status":null,"detail_json":null}"#,
            ],
        ),
    ];
    assert_eq!(expected.len(), TABLES.len(), "a table has no fixture");
    for (table, expected) in expected {
        let stored: Vec<String> =
            stored_rows(&store.path, table).into_iter().map(|(_, row)| row).collect();
        assert_eq!(stored, *expected, "{table}");
    }
}
