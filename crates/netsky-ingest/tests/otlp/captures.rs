//! Captures of real clients.

use netsky_db::TABLES;
use netsky_ingest::otlp::{Encoding, Request, Signal, decode, map};
use prost::Message;
use serde_json::Value;

use crate::{Store, capture};

const ALL: [&str; 7] = [
    "claude-2.1.330",
    "claude-2.1.330-mcp",
    "claude-2.1.330-more",
    "claude-2.1.330-protobuf",
    "claude-2.1.37",
    "codex-0.169",
    "python-sdk-1.45.2",
];

#[test]
fn every_record_of_a_real_client_is_understood() {
    let store = Store::new();
    for name in ALL {
        for request in capture(name).into_iter().flatten() {
            let mapped = map(&request, &store.lookup);
            assert_eq!(mapped.rejected, 0, "{name}: {:?}", mapped.reason);
            assert!(mapped.records > 0, "{name}");
        }
    }
}

#[test]
fn a_request_that_is_sent_again_changes_nothing() {
    for name in ALL {
        let Some(requests) = capture(name) else { return };
        let store = Store::new();
        store.record(&requests);
        let once = store.all_rows();
        let again = store.record(requests.iter().chain(&requests));
        let after = store.all_rows();
        let changed: Vec<_> = after.iter().filter(|row| !once.contains(row)).collect();
        assert!(changed.is_empty(), "{name}: {changed:#?}");
        assert_eq!((again.rows(), again.amended), (0, 0), "{name}");
    }
}

#[test]
fn the_order_of_requests_makes_no_difference() {
    for name in ALL {
        let Some(requests) = capture(name) else { return };
        let (forth, back) = (Store::new(), Store::new());
        forth.record(&requests);
        back.record(requests.iter().rev());
        let (forth, back) = (rows_without_order(&forth), rows_without_order(&back));
        for row in &back {
            assert!(forth.contains(row), "{name}: {row}");
        }
        assert_eq!(forth.len(), back.len(), "{name}");
    }
}

/// All rows, without what depends on the order: numbers by arrival, and how long a call took, which events and
/// spans measure at different places.
fn rows_without_order(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        for mut row in store.rows(table.name()) {
            for column in ["id", "session_num", "detail_json", "request_json", "raw_json"] {
                row[column] = Value::Null;
            }
            for key in ["session_num", "duration_ms"] {
                row["detail"][key] = Value::Null;
            }
            all.push(format!("{} {row}", table.name()));
        }
    }
    all
}

#[test]
fn both_encodings_give_the_same_rows() {
    for name in ALL {
        let Some(requests) = capture(name) else { return };
        let store = Store::new();
        for request in requests {
            let (signal, protobuf, json) = match &request {
                Request::Logs(it) => {
                    (Signal::Logs, it.encode_to_vec(), serde_json::to_vec(it).unwrap())
                }
                Request::Metrics(it) => {
                    (Signal::Metrics, it.encode_to_vec(), serde_json::to_vec(it).unwrap())
                }
                Request::Traces(it) => {
                    (Signal::Traces, it.encode_to_vec(), serde_json::to_vec(it).unwrap())
                }
            };
            let rows = |encoding, body: &[u8]| {
                let request = decode(signal, encoding, body).unwrap();
                format!("{:?}", map(&request, &store.lookup).chunk)
            };
            assert_eq!(rows(Encoding::Protobuf, &protobuf), rows(Encoding::Json, &json), "{name}");
        }
    }
}
