//! Calls that two sources tell of without a common id.

use std::sync::Arc;

use netsky_db::TokenUsageRecord;
use netsky_ingest::{
    Batch, Chunk, Detail, Row, SessionRef, SessionUpdate, Sighting, Spans, Via, claude_content, key,
};

use super::store::{Store, column, utc};

const TIME: &str = "2026-03-01T10:00:00Z";

/// Returns a call of which a source tells, all with the same counts.
fn call(via: Via, session: &str, id: &str, output: i64) -> Sighting {
    let record = TokenUsageRecord {
        ts_utc: utc(TIME),
        session_id: Some(session),
        agent: Some("shop"),
        model: Some("claude-opus-4-5-20251101"),
        input_tokens: Some(1),
        output_tokens: Some(output),
        cached_input_tokens: Some(2),
        cost_usd_micros: None,
        detail_json: None,
    };
    let key = match via {
        Via::Transcript => key::message(id),
        _ => key::telemetry("token_usage", &[session, id]),
    };
    let detail = Detail::default().with("session_id", Some(session));
    Sighting::new(via, Row::new(&record, detail), [key])
        .in_session(&session_ref(session))
        .with_content(claude_content(session, "claude-opus-4-5-20251101", 1, 2, 3, false))
}

fn session_ref(id: &str) -> Arc<SessionRef> {
    Arc::new(SessionRef { id: id.to_owned(), agent: "shop".to_owned() })
}

/// Returns the outputs of the rows after a store was told of calls.
fn outputs(calls: impl IntoIterator<Item = Sighting>) -> Vec<i64> {
    let store = Store::new();
    for sighting in calls {
        let chunk = Chunk { sightings: vec![sighting], ..Chunk::default() };
        store.committer.commit(Batch { chunks: vec![chunk] }, utc(TIME)).unwrap();
    }
    let rows = store.rows();
    let outputs = column(&rows, "token_usage", "output_tokens");
    let mut outputs: Vec<i64> = outputs.iter().map(|output| output.as_i64().unwrap()).collect();
    outputs.sort_unstable();
    outputs
}

#[test]
fn equal_calls_of_one_source_are_several() {
    let both = |id: &str| [call(Via::Transcript, "s", id, 3), call(Via::Otlp, "s", id, 100)];
    assert_eq!(outputs(["a", "b", "c"].into_iter().flat_map(both)), [100, 100, 100]);
    let transcript = ["a", "b", "a"].map(|id| call(Via::Transcript, "s", id, 3));
    let telemetry = ["x", "y", "x", "z"].map(|id| call(Via::Otlp, "s", id, 100));
    assert_eq!(outputs(transcript.clone().into_iter().chain(telemetry.clone())), [100, 100, 100]);
    assert_eq!(outputs(telemetry.into_iter().chain(transcript)), [100, 100, 100]);
}

#[test]
fn a_call_that_a_fork_told_first_is_one_row() {
    let told = [
        call(Via::Transcript, "fork", "a", 3),
        call(Via::Otlp, "original", "x", 100),
        call(Via::Transcript, "original", "a", 3),
        // Sent again.
        call(Via::Otlp, "original", "x", 100),
        call(Via::Transcript, "fork", "a", 3),
    ];
    assert_eq!(outputs(told.clone()), [100]);
    let next = [call(Via::Transcript, "original", "b", 4), call(Via::Otlp, "original", "y", 101)];
    assert_eq!(outputs(told.iter().chain(&next[..1]).cloned()), [4, 100]);
    assert_eq!(outputs(told.into_iter().chain(next)), [100, 101]);
}

#[test]
fn a_call_of_two_sessions_is_of_the_older_one() {
    let update = |session: &str, created_ns| SessionUpdate {
        session: session_ref(session),
        via: Via::Transcript,
        spans: Spans::default(),
        cwd: None,
        transcript: None,
        created_ns: Some(created_ns),
    };
    let of = |session: &str, created_ns, id: &str| Chunk {
        sightings: vec![call(Via::Transcript, session, id, 3)],
        sessions: vec![update(session, created_ns)],
        progress: None,
    };
    // The fork is known by telemetry before the session that it was forked from.
    let telemetry =
        || Chunk { sightings: vec![call(Via::Otlp, "fork", "x", 9)], ..Chunk::default() };
    let (fork, original) = (|| of("fork", 2, "a"), || of("original", 1, "a"));
    for chunks in [[telemetry(), fork(), original()], [telemetry(), original(), fork()]] {
        let store = Store::new();
        for chunk in chunks {
            store.committer.commit(Batch { chunks: vec![chunk] }, utc(TIME)).unwrap();
        }
        assert_eq!(column(&store.rows(), "token_usage", "session_id"), ["original"]);
    }
}
