//! A disk that fails while segments are sealed, pruned and rebuilt. Whatever operation fails, the rows
//! stay, no copy has values of other rows, and the store works again once the disk does.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::columnar::Segment;
use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::row::EncodedRow;
use crate::schema::TickRecord;
use crate::store::append::TableAppender;
use crate::store::faults::{Fault, row, store_on_failing_disk};
use crate::store::tables::IDS;
use crate::store::{Store, check_report};
use crate::table::{Record, Table};

const TICKS: &Table = TickRecord::TABLE;

/// The number of rows in each segment of the store, and of segments that have no ids left.
const ROWS: usize = 40;
const COMPLETE: usize = 3;

/// The rows before this second, all of the first segment and half of the second, are pruned.
const CUTOFF: usize = ROWS + ROWS / 2;

fn append(store: &Store, seconds: std::ops::Range<usize>) -> Result<()> {
    let rows: Vec<EncodedRow> = seconds.map(row).collect();
    store.append(TICKS, move |appender: &mut TableAppender<'_>| {
        rows.iter().try_for_each(|row| appender.push(row).map(drop))
    })
}

/// Makes a store with segments of a few rows each, none of which has a copy.
fn make(path: &Path) {
    let store = Store::open(path, &OpenOptions::new()).unwrap();
    store.create_tables(&[TICKS]).unwrap();
    store.keep_columns(false).unwrap();
    for segment in 0..=COMPLETE {
        append(&store, segment * ROWS..(segment + 1) * ROWS).unwrap();
        let last = (segment * Segment::IDS + Segment::IDS) as i64 - 1;
        if segment < COMPLETE {
            let raise = move |txn: &redb::WriteTransaction| {
                txn.open_table(IDS)?.insert(TICKS.name(), last)?;
                Ok(())
            };
            store.write(raise).unwrap();
        }
    }
    store.keep_columns(true).unwrap();
}

/// What a store has: the second of each row by its id, the copies that are used, and the faults.
#[derive(Debug, PartialEq)]
struct Found {
    seconds: BTreeMap<i64, usize>,
    sealed: usize,
    faults: Vec<check_report::Fault>,
}

/// Reads the store from a disk that works.
fn find(path: &Path) -> Found {
    let store = Store::open_read_only(path, &OpenOptions::new()).unwrap();
    let mut seconds = BTreeMap::new();
    let snapshot = store.snapshot().unwrap();
    let visit = |id, json: &[u8]| {
        let text = std::str::from_utf8(json).unwrap();
        let source = text.split("\"source\":\"").nth(1).unwrap().split('"').next().unwrap();
        seconds.insert(id, source.parse().unwrap());
        ControlFlow::Continue(())
    };
    snapshot.stored_rows(TICKS.name(), visit).unwrap();
    let complete = snapshot.zones(TICKS).unwrap().complete_segments();
    let headers = snapshot.segment_headers(TICKS, complete.into_iter()).unwrap();
    for header in &headers {
        let ids = header.ids.ids(header.segment, header.rows);
        let rows = seconds.range(header.segment.ids()).map(|(id, _)| *id);
        assert_eq!(ids, rows.collect::<Vec<i64>>(), "{:?}", header.segment);
    }
    // The check compares the values of the copies with the rows.
    let faults = store.check(&[TICKS]).unwrap().faults;
    Found { seconds, sealed: headers.len(), faults }
}

type Call = fn(&Store) -> Result<()>;

/// The place of the call that appends a row, and the second of that row.
const APPEND: usize = 1;
const APPENDED: usize = ROWS * (COMPLETE + 1);

/// The call that prunes.
const PRUNE: usize = 2;

/// What is done with the store, and how many segments have a copy after it.
const CALLS: [(Call, usize); 6] = [
    (|store| store.seal(TICKS), COMPLETE),
    (|store| append(store, APPENDED..APPENDED + 1), COMPLETE),
    (|store| store.prune(TICKS, CUTOFF as i64 * 1_000_000_000).map(drop), COMPLETE - 2),
    (|store| store.seal(TICKS), COMPLETE - 1),
    (|store| store.repair(&[TICKS]), COMPLETE - 1),
    (|store| store.keep_columns(false), 0),
];

/// Makes all calls, and those that fail once more. Returns the numbers of these.
fn run(store: &Store, path: &Path, at: &str) -> Vec<usize> {
    let mut failed = Vec::new();
    let mut expected = find(path).seconds;
    for (index, (call, copies)) in CALLS.iter().enumerate() {
        let at = format!("{at}, call {index}");
        let result = call(store);
        let before = expected.clone();
        match index {
            APPEND => drop(expected.insert(before.keys().last().unwrap() + 1, APPENDED)),
            PRUNE => expected.retain(|_, second| *second >= CUTOFF),
            _ => {}
        }
        if let Err(error) = result {
            let is_expected = matches!(
                error,
                Error::CommitUncertain(_) | Error::Storage(_) | Error::Damaged { .. }
            );
            assert!(is_expected, "{at}: {error:?}");
            failed.push(index);
            // Finishes a commit whose outcome was uncertain.
            store.write(|_| Ok(())).unwrap_or_else(|error| panic!("{at}: {error}"));
            let found = find(path);
            assert_eq!(found.faults, [], "{at}");
            let is_done = found.seconds == expected;
            assert!(is_done || found.seconds == before, "{at}: {:?}", found.seconds);
            if !(index == APPEND && is_done) {
                call(store).unwrap_or_else(|error| panic!("{at}, once more: {error}"));
            }
        }
        let wanted = Found { seconds: expected.clone(), sealed: *copies, faults: Vec::new() };
        assert_eq!(find(path), wanted, "{at}");
    }
    failed
}

#[test]
fn sealing_on_a_failing_disk_changes_no_row() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made.db");
    make(&made);
    for fault in [Fault::Refused, Fault::Short, Fault::Full, Fault::Panics, Fault::ReadsPanic] {
        let (mut operations, mut failures) = (0, [0; CALLS.len()]);
        loop {
            let path = dir.path().join("meta.db");
            fs::copy(&made, &path).unwrap();
            let at = format!("{fault:?} after {operations} operations");
            let (store, left) = store_on_failing_disk(&path, fault, operations);
            if let Ok(store) = store {
                let failed = run(&store, &path, &at);
                assert!(failed.len() < 2, "{at}: {failed:?}");
                failed.iter().for_each(|index| failures[*index] += 1);
            }
            if left.load(Ordering::SeqCst) > 0 {
                break;
            }
            // Panics follow the same paths, and unwinding is slow.
            operations += if matches!(fault, Fault::Panics | Fault::ReadsPanic) { 7 } else { 3 };
        }
        println!("{fault:?}: {operations} operations, failures by call {failures:?}");
        assert!(failures.iter().all(|failures| *failures > 0), "{fault:?}: {failures:?}");
    }
}
