//! Segments that are sealed while processes record, prune, repair, compact and are killed: a copy is
//! complete or absent, and answers are those of the rows.
//!
//! With `NETSKY_LONG_TESTS=1` the tests kill more processes and take more rounds.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::TryStreamExt;
use futures::executor::block_on;
use netsky_db::{Db, Error, OpenOptions, TickRecord};
use netsky_testing::{at, message, open_past_the_crate, rows, store, stored_rows, value};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use crate::columnar::{segments_read, without_copies};

/// The number of ids of a segment.
const SEGMENT: i64 = 8_192;

const COPIES: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("ticks.columns");

/// Returns `short`, or `long` if the long tests are to run.
fn rounds(short: usize, long: usize) -> usize {
    if env::var_os("NETSKY_LONG_TESTS").is_some() { long } else { short }
}

/// Raises the id counter, so that the rows so far are all that their segment will have.
fn raise_id_counter(path: &Path, table: &str, last: i64) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, i64>::new("ids")).unwrap().insert(table, last).unwrap();
    txn.commit().unwrap();
}

/// Returns the keys and values of all copies of ticks.
fn copies(path: &Path) -> Vec<(i64, Vec<u8>)> {
    let db = open_past_the_crate(path);
    let txn = db.begin_read().unwrap();
    let Ok(copies) = txn.open_table(COPIES) else { return Vec::new() };
    let entries = copies.iter().unwrap().map(|entry| entry.unwrap());
    entries.map(|(key, value)| (key.value(), value.value().to_vec())).collect()
}

/// Returns the number of segments of ticks that have a copy, each a header and three columns.
fn sealed_segments(path: &Path) -> usize {
    let keys: Vec<i64> = copies(path).iter().map(|(key, _)| *key).collect();
    let (segments, rest) = keys.as_chunks::<4>();
    assert!(rest.is_empty(), "{keys:?}");
    for [header, columns @ ..] in segments {
        assert_eq!(header & 0xfff, 0, "{keys:?}");
        assert_eq!(*columns, [header + 1, header + 2, header + 3], "{keys:?}");
    }
    segments.len()
}

/// Waits until so many segments have a copy.
fn wait_until_sealed(path: &Path, segments: usize) {
    let begun = Instant::now();
    while sealed_segments(path) < segments {
        assert!(begun.elapsed() < Duration::from_secs(60), "{segments} are not sealed");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the number of segments of ticks that have no ids left, if the last row has the last id.
fn complete_segments(path: &Path) -> usize {
    let last = stored_rows(path, "ticks").last().map_or(0, |row| row.0);
    usize::try_from((last + 1) / SEGMENT).unwrap()
}

fn drop_copies(path: &Path) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    txn.delete_table(COPIES).unwrap();
    txn.commit().unwrap();
}

/// Returns the options of processes that wait for each other, however slow the machine is.
fn patient() -> OpenOptions {
    OpenOptions::new().busy_timeout(Duration::from_secs(120))
}

/// Returns an answer in one batch, which is comparable; `None` if it has no rows.
fn answer(db: &Db, sql: &str) -> Option<RecordBatch> {
    let batches = db.query_batches(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
    Some(concat_batches(&batches.first()?.schema(), &batches).unwrap())
}

const QUERIES: [&str; 4] = [
    "SELECT * FROM ticks ORDER BY id",
    "SELECT source, count(*) AS n, sum(id), max(ts_utc) FROM ticks GROUP BY source ORDER BY source",
    "SELECT id, source FROM ticks WHERE source = 'three' ORDER BY id DESC LIMIT 5000",
    "SELECT direction, count(body) AS n, max(body), sum(id) FROM messages GROUP BY direction",
];

/// Checks the store, and compares its answers with those of the same rows without copies. Returns the
/// number of segments that the first query reads.
fn assert_answers_are_those_of_the_rows(path: &Path) -> u64 {
    let plain = path.with_file_name("plain.db");
    // The last commit of a process that was killed is finished by the next process that writes.
    open_past_the_crate(path).begin_write().unwrap().commit().unwrap();
    let db = Db::open_path(path).unwrap();
    let report = db.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    drop(db);
    without_copies(path, &plain);
    let (db, plain_db) = (Db::open_read_only(path).unwrap(), Db::open_read_only(&plain).unwrap());
    for sql in QUERIES {
        // The rows themselves would be megabytes of a message.
        assert!(answer(&db, sql) == answer(&plain_db, sql), "{sql}");
    }
    assert_eq!(segments_read(&plain_db, QUERIES[0]), 0);
    let read = segments_read(&db, QUERIES[0]);
    drop(plain_db);
    fs::remove_file(plain).unwrap();
    read
}

/// Set for a child process that records, to the store's path.
const CHILD: &str = "NETSKY_TEST_SEALER";

const SOURCES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Records ticks, whose time is their number, from the number `from` on.
fn record_ticks(db: &Db, from: i64, count: i64) {
    let ticks = (from..from + count).map(|number| TickRecord {
        ts_utc: at(number),
        source: SOURCES[(number % 5) as usize],
        detail_json: "{\"n\":1}",
    });
    db.record_all(ticks).unwrap();
}

/// Not a test itself: the tests run it as a child process. It waits for a line, then records until it
/// is killed: single rows, thousands at once, and imports that are staged. After each step it prints
/// how many ticks it has recorded.
#[test]
fn child_that_completes_segments() {
    let Some(path) = env::var_os(CHILD) else { return };
    let db = patient().open(&path).unwrap();
    let mut number = value(&db, "SELECT coalesce(max(id), 0) AS n FROM ticks").as_i64().unwrap();
    eprintln!("ready .");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    for step in 0_i64.. {
        let count = match step % 8 {
            3 => 52_000,
            step if step % 2 == 0 => SEGMENT + 500 - 700 * step,
            _ => 1,
        };
        record_ticks(&db, number, count);
        number += count;
        let bodies = (0..1_500).map(|body| format!("body {body} of {step}"));
        let bodies: Vec<String> = bodies.collect();
        db.record_all(bodies.iter().map(|body| message(at(number), body))).unwrap();
        // The full stop distinguishes a complete line from one that a kill cut short.
        eprintln!("recorded {number} .");
    }
}

struct Recorder {
    process: Child,
    stdin: ChildStdin,
    /// The number of ticks that were acknowledged.
    recorded: Arc<AtomicI64>,
    listener: JoinHandle<()>,
}

impl Recorder {
    /// Starts a process, and returns once it has opened the store.
    fn start(path: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "sealing::child_that_completes_segments", "--nocapture"])
            .env(CHILD, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready .");
        let recorded = Arc::new(AtomicI64::new(0));
        let listener = thread::spawn({
            let recorded = Arc::clone(&recorded);
            move || {
                for line in lines.map_while(Result::ok) {
                    match line.split(' ').collect::<Vec<_>>()[..] {
                        ["recorded", number, "."] => {
                            recorded.store(number.parse().unwrap(), Ordering::SeqCst);
                        }
                        _ => assert!("recorded".starts_with(&line[..line.len().min(8)]), "{line}"),
                    }
                }
            }
        });
        Self { process, stdin, recorded, listener }
    }

    fn go(&mut self) {
        self.stdin.write_all(b"go\n").unwrap();
    }

    /// Kills the process, and returns the number of ticks that it says it has recorded.
    fn kill(mut self) -> i64 {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.listener.join().unwrap();
        self.recorded.load(Ordering::SeqCst)
    }
}

#[test]
fn killed_processes_leave_whole_copies_or_none() {
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut kills, mut missing, mut sealed) = (0, 0, 0);
    for _ in 0..rounds(1, 15) {
        let store = store();
        drop(store.db);
        for kill in 0..4 {
            let mut recorder = Recorder::start(&store.path);
            recorder.go();
            if kill == 3 {
                wait_until_sealed(&store.path, 1);
            }
            thread::sleep(Duration::from_millis(rng.u64(50..500)));
            let recorded = recorder.kill();
            assert_answers_are_those_of_the_rows(&store.path);
            let last = stored_rows(&store.path, "ticks").last().map_or(0, |row| row.0);
            assert!(last >= recorded, "{last} of {recorded} acknowledged rows are stored");
            kills += 1;
            missing += complete_segments(&store.path) - sealed_segments(&store.path);
        }
        sealed += sealed_segments(&store.path);
        Db::open_path(&store.path).unwrap().compact().unwrap();
        let read = assert_answers_are_those_of_the_rows(&store.path);
        assert_eq!(read, complete_segments(&store.path) as u64);
    }
    println!("{kills} kills, {missing} segments left without a copy, {sealed} with one");
}

#[test]
fn two_processes_seal_the_same_segments() {
    for _ in 0..rounds(1, 40) {
        let store = store();
        // More than one transaction of copies, so that each process finds some of the other.
        record_ticks(&store.db, 0, 10 * SEGMENT);
        drop(store.db);
        drop_copies(&store.path);
        let mut both = [Recorder::start(&store.path), Recorder::start(&store.path)];
        both.iter_mut().for_each(Recorder::go);
        wait_until_sealed(&store.path, 11);
        for recorder in both {
            recorder.kill();
        }
        let read = assert_answers_are_those_of_the_rows(&store.path);
        assert!(read >= 11, "{read} segments were read");
        Db::open_path(&store.path).unwrap().compact().unwrap();
        let read = assert_answers_are_those_of_the_rows(&store.path);
        assert_eq!(read, complete_segments(&store.path) as u64);
        assert_eq!(sealed_segments(&store.path) as u64, read);
    }
}

#[test]
fn maintenance_beside_a_recorder_keeps_answers_right() {
    let store = store();
    let db = patient().open(&store.path).unwrap();
    let mut recorder = Recorder::start(&store.path);
    recorder.go();
    let (mut first, mut in_use) = (0, 0);
    for round in 0..rounds(4, 160) {
        let recorded = recorder.recorded.load(Ordering::SeqCst);
        match round % 4 {
            0 | 2 => {
                first = first.max(recorded - recorded % 1_000 - 12_345).max(0);
                db.prune(at(first), Some("ticks")).unwrap();
            }
            1 => db.repair().unwrap(),
            _ => match db.compact() {
                // The recorder's snapshot, or that of its sealer.
                Err(Error::InUse { .. }) => in_use += 1,
                compacted => drop(compacted.unwrap()),
            },
        }
        let ends = "SELECT count(source) AS n, count(*) AS rows, coalesce(min(ts_utc)::bigint, 0) AS low, \
                    coalesce(max(ts_utc)::bigint, 0) AS high FROM ticks WHERE detail_json <> ''";
        let found = &rows(&db, ends)[0];
        let [n, rows, low, high] =
            ["n", "rows", "low", "high"].map(|name| found[name].as_i64().unwrap());
        if rows > 0 {
            let number = |nanos: i64| nanos / 1_000_000_000 - at(0).timestamp();
            assert_eq!((n, number(high) - number(low) + 1), (rows, rows));
            assert!(number(low) >= first, "row {} was pruned", number(low));
        }
        thread::sleep(Duration::from_millis(100));
    }
    let recorded = recorder.kill();
    println!("{recorded} rows, {first} pruned, {in_use} compactions refused");
    assert_answers_are_those_of_the_rows(&store.path);
    let left = value(&db, "SELECT count(source) AS n FROM ticks").as_i64().unwrap();
    assert!(left >= recorded - first, "{left} rows are left");
    db.compact().unwrap();
    let read = assert_answers_are_those_of_the_rows(&store.path);
    assert_eq!(read, sealed_segments(&store.path) as u64);
}

#[test]
fn recording_one_by_one_seals_segments() {
    let store = store();
    record_ticks(&store.db, 0, 1_000);
    // As if the other rows had been pruned.
    raise_id_counter(&store.path, "ticks", SEGMENT - 11);
    for number in 1_000..1_300 {
        let ts_utc = at(number);
        store.db.record_tick(ts_utc, "single", "{}").unwrap();
    }
    drop(store.db);
    assert_eq!(assert_answers_are_those_of_the_rows(&store.path), 1);
    let db = Db::open_read_only(&store.path).unwrap();
    assert_eq!(value(&db, "SELECT max(length(source)) AS n FROM ticks WHERE id > 8000"), 6);
}

#[test]
fn readers_keep_their_snapshot_while_segments_are_sealed() {
    let store = store();
    let count = 12 * SEGMENT + 100;
    store.db.keep_columns(false).unwrap();
    record_ticks(&store.db, 0, count);
    store.db.keep_columns(true).unwrap();
    let reader = Db::open_read_only(&store.path).unwrap();
    // First of rows without copies, then of copies that are deleted and made again meanwhile.
    for sealed in [0, 12] {
        let sql = "SELECT id, source FROM ticks ORDER BY id";
        let mut stream = block_on(reader.query_stream(sql)).unwrap();
        let progress = stream.progress();
        let mut seen = block_on(stream.try_next()).unwrap().unwrap().num_rows();
        store.db.repair().unwrap();
        assert!(sealed_segments(&store.path) >= 12);
        if sealed > 0 {
            store.db.prune(at(7 * SEGMENT), Some("ticks")).unwrap();
            assert!(sealed_segments(&store.path) < 12);
        }
        record_ticks(&store.db, count, 100);
        while let Some(batch) = block_on(stream.try_next()).unwrap() {
            seen += batch.num_rows();
        }
        assert_eq!(seen as i64, if sealed > 0 { count + 100 } else { count });
        assert_eq!(progress.counts().segments_read, sealed);
    }
    drop(reader);
    assert_answers_are_those_of_the_rows(&store.path);
}

#[test]
fn compaction_makes_the_copies_of_an_older_store() {
    let store = store();
    record_ticks(&store.db, 0, 3 * SEGMENT);
    drop(store.db);
    drop_copies(&store.path);
    assert_eq!(assert_answers_are_those_of_the_rows(&store.path), 0);
    Db::open_path(&store.path).unwrap().compact().unwrap();
    assert_eq!(assert_answers_are_those_of_the_rows(&store.path), 3);
}

#[test]
fn copies_that_an_older_version_leaves_are_not_used() {
    let store = store();
    record_ticks(&store.db, 0, 4 * SEGMENT);
    wait_until_sealed(&store.path, 4);
    let stale = copies(&store.path);
    // It deletes a half of the second segment, all of the first, and no copy.
    store.db.prune(at(SEGMENT + SEGMENT / 2), Some("ticks")).unwrap();
    let db = open_past_the_crate(&store.path);
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(COPIES).unwrap();
        for (key, value) in &stale {
            table.insert(key, value.as_slice()).unwrap();
        }
    }
    txn.commit().unwrap();
    drop(db);
    assert_eq!(assert_answers_are_those_of_the_rows(&store.path), 2);
    assert_eq!(value(&store.db, "SELECT count(source) AS n FROM ticks"), 5 * SEGMENT / 2);
    store.db.compact().unwrap();
    assert_eq!(assert_answers_are_those_of_the_rows(&store.path), 3);
    store.db.repair().unwrap();
    assert_eq!(sealed_segments(&store.path), 3);
}
