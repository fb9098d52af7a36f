//! Many threads on one store, and a busy store: every row is stored once, and no call waits longer
//! than its timeout.

use std::thread;
use std::time::Duration;

use netsky_db::{Error, OpenOptions};
use netsky_testing::{open_past_the_crate, rows, store, tick, value};
use serde_json::json;

fn impatient() -> OpenOptions {
    OpenOptions::new().busy_timeout(Duration::from_millis(100))
}

#[test]
fn calls_that_time_out_store_nothing() {
    let store = store();
    let db = impatient().open(&store.path).unwrap();
    let other = open_past_the_crate(&store.path);
    let txn = other.begin_write().unwrap();

    let error = db.record(&tick("in vain")).unwrap_err();
    assert!(matches!(&error, Error::Busy { path, .. } if *path == store.path), "{error}");
    assert!(error.to_string().contains("busy"), "{error}");
    let error = db.record_all([tick("in"), tick("vain")]).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    // Queries still work.
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 0);

    txn.abort().unwrap();
    assert_eq!(db.record(&tick("in time")).unwrap(), 1);
    assert_eq!(
        rows(&db, "SELECT id, source FROM ticks"),
        [json!({"id": 1, "source": "in time"}).as_object().unwrap().clone()]
    );
}

#[test]
fn a_zero_timeout_records_without_contention() {
    let store = store();
    drop(store.db);
    let db = OpenOptions::new().busy_timeout(Duration::ZERO).open(&store.path).unwrap();
    assert_eq!(db.record(&tick("at once")).unwrap(), 1);
}

#[test]
fn opening_times_out_without_blocking_other_stores() {
    let (held, free) = (store(), store());
    drop(held.db);
    let other = open_past_the_crate(&held.path);
    let txn = other.begin_write().unwrap();
    thread::scope(|scope| {
        let patient = scope.spawn(|| OpenOptions::new().open(&held.path).unwrap());
        let error = impatient().open(&held.path).unwrap_err();
        assert!(matches!(error, Error::Busy { .. }), "{error}");
        impatient().open(&free.path).unwrap().record(&tick("free")).unwrap();
        assert_eq!(value(&impatient().open_read_only(&held.path).unwrap(), "SELECT 1"), 1);
        txn.abort().unwrap();
        patient.join().unwrap().record(&tick("patient")).unwrap();
    });
}

#[test]
fn many_threads_record_at_once_without_gaps() {
    let store = store();
    thread::scope(|scope| {
        for thread in 0..8 {
            let db = &store.db;
            scope.spawn(move || {
                for row in 0..20 {
                    let source = format!("{thread}-{row}");
                    let id = db.record(&tick(&source)).unwrap();
                    let found = format!("SELECT source FROM ticks WHERE id = {id}");
                    assert_eq!(value(db, &found), source.as_str());
                }
            });
        }
    });
    let sql = "SELECT count(*), max(id), count(DISTINCT source) FROM ticks";
    let found = rows(&store.db, sql);
    assert!(found[0].values().all(|value| *value == 160), "{found:?}");
}
