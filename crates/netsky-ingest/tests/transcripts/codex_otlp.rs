//! A thread of which both its rollout and OpenTelemetry tell.

use std::fs;
use std::path::Path;

use netsky_ingest::otlp::{Encoding, FoundSession, Lookup, Request, Signal, decode, map};
use netsky_ingest::{Batch, ReadOptions};

use super::codex::{DATA, NOW, captures};
use super::store::{Reading, Rows, Store, column, json, sum, utc};

fn requests() -> Vec<Request> {
    let dir = Path::new(DATA).join("otlp/codex-0.169");
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let signal = |path: &Path| match path.to_str().unwrap().rsplit('-').next().unwrap() {
        "logs.json" => Signal::Logs,
        "metrics.json" => Signal::Metrics,
        _ => Signal::Traces,
    };
    let request = |path: &Path| decode(signal(path), Encoding::Json, &fs::read(path).unwrap());
    paths.iter().map(|path| request(path).unwrap()).collect()
}

fn tell(requests: &[Request], store: &Store) {
    let options = ReadOptions { host: "box".to_owned(), ..ReadOptions::default() };
    let shop = |_: &str, _: &str| {
        let (agent, cwd) = (Some("shop".to_owned()), Some("/home/dev/shop".to_owned()));
        Some(FoundSession { agent, cwd })
    };
    let lookup = Lookup::new(Some(store.committer.db().clone()), shop, options);
    for request in requests {
        let chunk = map(request, &lookup).chunk;
        store.committer.commit(Batch { chunks: vec![chunk] }, utc(NOW)).unwrap();
    }
}

#[test]
fn a_thread_told_twice_is_stored_once_in_any_order() {
    let Some(captures) = captures() else { return };
    let (capture, requests) = (&captures[0], requests());
    let mut whole: Option<Rows> = None;
    for cut in (0..=capture.lines.len()).rev() {
        let (store, mut reading) = (Store::new(), Reading::new(&capture.path, utc(NOW)));
        reading.read(&capture.lines[..cut], &store);
        tell(&requests, &store);
        reading.read(&capture.lines[cut..], &store);
        tell(&requests, &store);
        let rows = store.rows();
        assert_eq!(rows, *whole.get_or_insert_with(|| rows.clone()), "told after line {cut}");
    }
    let rows = whole.unwrap();
    let counts: Vec<(&str, usize)> =
        rows.iter().map(|(table, rows)| (*table, rows.len())).collect();
    assert_eq!(
        counts,
        [
            ("cli_invocations", 2),
            ("git_operations", 1),
            ("mcp_tool_calls", 4),
            ("messages", 2),
            ("sessions", 1),
            ("token_usage", 3),
        ]
    );
    assert_eq!(sum(&rows, "token_usage", "input_tokens"), 2_400);
    for row in &rows["token_usage"] {
        assert_eq!(json(row, "detail_json")["via"], "transcript+otlp");
    }
    for row in &rows["mcp_tool_calls"] {
        assert_eq!(json(row, "request_json")["via"], "transcript+otlp");
    }
    let prompts = column(&rows, "messages", "body");
    assert!(prompts.iter().any(|body| **body == "MAINWORK please"), "{prompts:?}");
}
