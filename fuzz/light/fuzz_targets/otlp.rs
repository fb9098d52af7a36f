//! Any bytes as a request of OpenTelemetry: whatever can be decoded can be stored, and a request that is sent
//! again changes nothing.

#![no_main]

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use libfuzzer_sys::{Corpus, fuzz_target};
use netsky_db::Db;
use netsky_ingest::otlp::{Encoding, Lookup, Request, Signal, decode, map};
use netsky_ingest::prices::Prices;
use netsky_ingest::{Batch, Committed, Committer, ReadOptions};
use tempfile::TempDir;

struct Store {
    committer: Committer,
    lookup: Lookup,
    _dir: TempDir,
}

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open_path(dir.path().join("meta.db")).expect("a new store");
    let prices = Arc::new(Prices::load(None).expect("the embedded prices"));
    let lookup = Lookup::new(Some(db.clone()), |_: &str, _: &str| None, ReadOptions::default());
    Store { committer: Committer::new(db, prices), lookup, _dir: dir }
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((&kind, body)) = input.split_first() else { return Corpus::Reject };
    let signal = [Signal::Logs, Signal::Metrics, Signal::Traces][usize::from(kind) % 3];
    let encoding = if kind & 0x80 == 0 { Encoding::Json } else { Encoding::Protobuf };
    let Ok(request) = decode(signal, encoding, body) else { return Corpus::Reject };
    record(&request);
    let again = record(&request);
    assert_eq!((again.rows(), again.amended), (0, 0));
    Corpus::Keep
});

fn record(request: &Request) -> Committed {
    let mapped = map(request, &STORE.lookup);
    // Whether sessions have ended must not depend on when this runs.
    let now = DateTime::<Utc>::MAX_UTC;
    STORE.committer.commit(Batch { chunks: vec![mapped.chunk] }, now).expect("rows that can be stored")
}
