//! Transcripts and OpenTelemetry of the same sessions, in any order, give each row once.

use std::path::Path;

use netsky_ingest::otlp::{Encoding, FoundSession, Lookup, Request, Signal, decode, map};
use netsky_ingest::{Batch, ReadOptions};
use serde_json::{Value, json};

use crate::harness::{Store, data, detail, transcripts};

fn options() -> ReadOptions {
    ReadOptions { host: "anvil".into(), ..ReadOptions::default() }
}

/// Reads the requests of a capture that have log records.
fn requests(dir: &Path) -> Vec<Request> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains("-logs."));
    paths.sort();
    let request = |path: &std::path::PathBuf| {
        decode(Signal::Logs, Encoding::Json, &std::fs::read(path).unwrap()).unwrap()
    };
    paths.iter().map(request).collect()
}

fn record(store: &Store, requests: &[Request]) {
    let shop = |_: &str, _: &str| {
        Some(FoundSession { agent: Some("shop".into()), cwd: Some("/home/dev/shop".into()) })
    };
    let lookup = Lookup::new(Some(store.committer.db().clone()), shop, options());
    for request in requests {
        let chunk = map(request, &lookup).chunk;
        store.committer.commit(Batch { chunks: vec![chunk] }, crate::harness::now()).unwrap();
    }
}

fn read(store: &mut Store, dir: &Path) {
    for path in transcripts(dir) {
        store.read(&path, &options());
    }
}

/// Stores of the transcripts and captures of a version: in both orders, and transcripts between telemetry.
fn stores(transcripts: &str, captures: &[&str]) -> Option<[Store; 3]> {
    let dir = data(&format!("fixtures/{transcripts}"))?;
    let requests: Vec<_> = captures
        .iter()
        .flat_map(|name| data(&format!("fixtures/otlp/{name}")))
        .flat_map(|dir| requests(&dir))
        .collect();
    let mut stores = [Store::new(), Store::new(), Store::new()];
    let [first, last, between] = &mut stores;
    read(first, &dir);
    record(first, &requests);
    record(last, &requests);
    read(last, &dir);
    let (some, others) = requests.split_at(requests.len() / 2);
    record(between, some);
    read(between, &dir);
    record(between, others);
    record(between, some);
    Some(stores)
}

/// Returns some columns of the rows of a table, in order.
fn columns(store: &Store, table: &str, columns: &[&str]) -> Vec<Value> {
    let rows = store.rows(table);
    let row = |row: &Value| columns.iter().map(|column| row[column].clone()).collect();
    let mut rows: Vec<Value> = rows.iter().map(row).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

#[test]
fn calls_of_both_sources_are_one_row() {
    // Not that in Protobuf: the ids in it were replaced by others than those in its transcript.
    let captures = ["claude-2.1.330", "claude-2.1.330-mcp", "claude-2.1.330-more"];
    let Some(stores) = stores("claude-2.1.330", &captures) else { return };
    let sessions: Vec<_> = transcripts(&data("fixtures/claude-2.1.330").unwrap())
        .iter()
        .map(|path| json!(path.file_stem().unwrap().to_str().unwrap()))
        .collect();
    for store in &stores {
        // The captures have a session more.
        let of_transcripts = |table: &str, column: &str| {
            let id = |row: &Value| match column {
                "session_id" | "chat_id" => row[column].clone(),
                column => detail(row, column)["session_id"].clone(),
            };
            store.rows(table).iter().filter(|row| sessions.contains(&id(row))).count()
        };
        for (table, column, rows) in [
            ("token_usage", "session_id", 19),
            ("mcp_tool_calls", "request_json", 11),
            ("messages", "chat_id", 24),
            ("clone_dispatches", "detail_json", 1),
            ("watchdog_events", "detail_json", 3),
        ] {
            assert_eq!(of_transcripts(table, column), rows, "{table}");
        }
        let [first, ..] = &stores;
        for (table, names) in [
            (
                "token_usage",
                &[
                    "session_id",
                    "agent",
                    "model",
                    "input_tokens",
                    "output_tokens",
                    "cached_input_tokens",
                    "cost_usd_micros",
                ][..],
            ),
            (
                "mcp_tool_calls",
                &["ts_utc_end", "source", "tool", "agent", "duration_ms", "success"],
            ),
            ("messages", &["direction", "chat_id", "from_agent", "to_agent", "body"]),
            ("cli_invocations", &["bin", "argv_json", "exit_code", "host"]),
            ("clone_dispatches", &["ts_utc_start", "agent_id", "brief", "status"]),
            ("watchdog_events", &["event", "agent", "severity", "status"]),
            ("sessions", &["agent", "event"]),
        ] {
            assert_eq!(columns(store, table, names), columns(first, table, names), "{table}");
        }
    }
}

#[test]
fn telemetry_corrects_the_output_of_old_versions() {
    let Some(stores) = stores("claude-2.1.37", &["claude-2.1.37"]) else { return };
    for store in &stores {
        let rows = store.rows("token_usage");
        let of_session: Vec<_> = rows
            .iter()
            .filter(|row| row["model"] == "claude-sonnet-4-5-20250929")
            .map(|row| (row["output_tokens"].clone(), detail(row, "detail_json")))
            .collect();
        assert_eq!(of_session.len(), 2);
        for ((output, detail), expected) in of_session.iter().zip([100, 101]) {
            assert_eq!(output, &json!(expected));
            assert_eq!(detail["via"], "transcript+otlp");
            assert_eq!(detail["cache_write_1h_tokens"], 600);
        }
        // A call that only telemetry tells of: that of the title.
        assert_eq!(rows.len(), 3);
    }
}
