//! Recording from asynchronous code: calls share commits, block no thread, and time out.

use std::cell::Cell;
use std::time::Duration;

use chrono::DateTime;
use futures::future::{FutureExt, join_all};
use netsky_db::{Error, OpenOptions, TickRecord};
use netsky_testing::{store, value};
use redb::{Builder, ConcurrencyMode};
use tokio::runtime;

fn tick(source: &str) -> TickRecord<'_> {
    TickRecord { ts_utc: DateTime::UNIX_EPOCH, source, detail_json: "{}" }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn many_tasks_of_one_thread_record_at_once() {
    let store = store();
    let ids = block_on(async {
        // Records need not live as long as their futures.
        let calls = (0..200).map(|n| store.db.record_async(&tick(&n.to_string())));
        join_all(calls).await
    });
    let mut ids: Vec<i64> = ids.into_iter().map(Result::unwrap).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=200).collect::<Vec<_>>());
    assert_eq!(value(&store.db, "SELECT count(DISTINCT source) FROM ticks"), 200);
    let all = block_on(store.db.record_all_async((0..60_000).map(|_| tick("many"))));
    assert_eq!(all.unwrap(), 201..60_201);
    let some = block_on(store.db.record_all_async((0..3).map(|_| tick("few"))));
    assert_eq!(some.unwrap(), 60_201..60_204);
}

#[test]
fn a_locked_store_does_not_block_the_executor() {
    let store = store();
    let options = OpenOptions::new().busy_timeout(Duration::from_millis(300));
    let db = options.open(&store.path).unwrap();
    let mut builder = Builder::new();
    let other = builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    let other = other.create(&store.path).unwrap();
    let held = other.begin_write().unwrap();
    let turns = Cell::new(0);
    let error = block_on(async {
        let mut recorded = db.record_async(&tick("a"));
        loop {
            if let Some(recorded) = (&mut recorded).now_or_never() {
                break recorded;
            }
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    });
    assert!(matches!(error, Err(Error::Busy { .. })), "{error:?}");
    assert!(turns.get() > 0);
    // The row of a future that is dropped while it waits is not stored.
    let mut dropped = db.record_async(&tick("dropped"));
    assert!((&mut dropped).now_or_never().is_none());
    drop(dropped);
    held.abort().unwrap();
    assert_eq!(block_on(db.record_async(&tick("b"))).unwrap(), 1);
    assert_eq!(value(&db, "SELECT string_agg(source, ' ') FROM ticks"), "b");
}

#[test]
fn a_future_that_is_not_polled_stores_nothing() {
    let store = store();
    drop(store.db.record_async(&tick("a")));
    let time = DateTime::<chrono::Utc>::MAX_UTC;
    let wrong = store.db.record_async(&TickRecord { ts_utc: time, ..tick("a") });
    assert!(matches!(block_on(wrong), Err(Error::InvalidValue { .. })));
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 0);
}

#[test]
fn a_replaced_store_is_opened_again() {
    let store = store();
    std::fs::remove_file(&store.path).unwrap();
    assert_eq!(block_on(store.db.record_async(&tick("a"))).unwrap(), 1);
    assert!(store.path.exists());
}
