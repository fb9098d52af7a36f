//! Queries detect bytes that changed in the file, and rows that another program changed.
//!
//! `NETSKY_LONG_TESTS=1` tries thousands of changed bits.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use arrow::util::pretty::pretty_format_batches;
use netsky_db::{Db, Error, Fault, QueryOptions, SessionEvent, TABLES, Table, times_as_text};
use netsky_testing::{
    Dice, TestStore, at, change_row, full_row, message, record_messages, rows, store,
    store_past_the_crate, stored_rows, to_json, value,
};
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::maintenance::{IDS, ZONES, check, faults, past_the_crate, time_text};

const MARKS: TableDefinition<'_, &str, (i64, u64)> = TableDefinition::new("zone_marks");
const MESSAGES: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("messages");
const CHECKSUMS: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("messages.checksums");

fn messages(rows: i64) -> TestStore {
    let store = store();
    record_messages(&store.db, 0..rows);
    store
}

fn reason(db: &Db, sql: &str) -> String {
    match db.query(sql) {
        Err(Error::Damaged { reason, .. }) => reason,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn queries_name_the_block_of_changed_rows() {
    let store = messages(3_000);
    change_row(&store.path, 1_500);
    let named = "the rows of messages with ids 1024 to 2047 differ from what was recorded";
    for sql in [
        "SELECT body FROM messages",
        "SELECT count(body) FROM messages",
        "SELECT id FROM messages ORDER BY id DESC",
        "SELECT max(length(body)) FROM messages WHERE ts_utc > '2023-11-14T22:40:00Z'",
        "SELECT id FROM messages WHERE id >= 1024 AND source <> 'x'",
    ] {
        let reason = reason(&store.db, sql);
        assert!(reason.starts_with(named) && reason.contains("netsky check"), "{reason}");
    }
    // The other blocks, and parts of this one, are readable.
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages WHERE id < 1024"), 1_023);
    assert_eq!(value(&store.db, "SELECT body FROM messages WHERE id = 1500"), "bodz");
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 3_000);
    let lenient = Db::open_read_only(&store.path)
        .unwrap()
        .with_query_options(QueryOptions::new().skip_corrupt(true));
    assert_eq!(value(&lenient, "SELECT count(body) FROM messages"), 3_000);

    // Rows recorded later do not hide it.
    record_messages(&store.db, 3_000..3_010);
    reason(&store.db, "SELECT body FROM messages");
    assert_eq!(
        faults(&store.path),
        ["changed rows in messages, ids 1024 to 2047: they differ from what was recorded"]
    );
    let copy = store.path.with_file_name("copy.db");
    assert!(matches!(store.db.backup(&copy), Err(Error::Damaged { .. })));
    assert!(!copy.exists());

    store.db.repair().unwrap();
    assert_eq!(faults(&store.path), Vec::<String>::new());
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages WHERE body = 'bodz'"), 1);
    store.db.backup(&copy).unwrap();
    change_row(&copy, 1_501);
    reason(&Db::open_path(&copy).unwrap(), "SELECT body FROM messages");
}

#[test]
fn prune_refuses_blocks_with_changed_rows() {
    let store = messages(3_000);
    change_row(&store.path, 1_500);
    match store.db.prune(at(1_200), Some("messages")) {
        Err(Error::Damaged { reason, .. }) => assert!(reason.contains("1024 to 2047"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 3_000);
    store.db.repair().unwrap();
    assert_eq!(store.db.prune(at(1_200), Some("messages")).unwrap()[0].rows, 1_200);
    // The remaining rows have checksums.
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages"), 1_800);
    change_row(&store.path, 1_600);
    reason(&store.db, "SELECT body FROM messages");
}

/// Records a message like netsky 0.3.0, which maintains zones but no checksums.
fn record_without_checksum(path: &Path, id: i64) {
    let row = stored_rows(path, "messages")[0].1.replace("\"id\":1,", &format!("\"id\":{id},"));
    past_the_crate(path, |txn| {
        txn.open_table(MESSAGES).unwrap().insert(id, row.as_bytes()).unwrap();
        txn.open_table(IDS).unwrap().insert("messages", id).unwrap();
        let mut marks = txn.open_table(MARKS).unwrap();
        let rows = marks.get("messages").unwrap().unwrap().value().1;
        marks.insert("messages", (id, rows + 1)).unwrap();
        let mut zones = txn.open_table(ZONES).unwrap();
        let first = at(0).timestamp_nanos_opt().unwrap();
        let before = zones.get(("messages", id >> 10)).unwrap().map(|zone| zone.value());
        let (rows, low, high) = before.unwrap_or((0, first, first));
        zones.insert(("messages", id >> 10), (rows + 1, low.min(first), high.max(first))).unwrap();
    });
}

#[test]
fn rows_of_older_versions_get_checksums_later() {
    let store = messages(1_500);
    record_without_checksum(&store.path, 1_501);
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages"), 1_501);
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 1_501);
    assert!(check(&store.path).is_clean());
    // The block's checksum is invalid now, so a change of a row in it goes unnoticed.
    change_row(&store.path, 1_400);
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages"), 1_501);
    // After this version records one row, the block has a checksum again.
    assert_eq!(store.db.record(&message(at(0), "body")).unwrap(), 1_502);
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages"), 1_502);
    change_row(&store.path, 1_401);
    reason(&store.db, "SELECT body FROM messages");

    // A block that only the older version wrote has a zone without a checksum.
    store.db.repair().unwrap();
    record_without_checksum(&store.path, 2_048);
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages"), 1_503);
    change_row(&store.path, 2_048);
    assert_eq!(value(&store.db, "SELECT count(body) FROM messages"), 1_503);
    assert!(check(&store.path).is_clean());
    assert_eq!(store.db.prune(at(5_000), Some("messages")).unwrap()[0].rows, 1_503);
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 0);
    assert!(check(&store.path).is_clean());
}

#[test]
fn foreign_inserts_and_deletes_are_not_damage() {
    let mut dice = Dice(5);
    for round in 0..12 {
        let store = messages(1);
        let mut ids = BTreeSet::from([1]);
        for step in 0..14 {
            let last = ids.last().copied().unwrap_or(0);
            let did = dice.below(6);
            match did {
                0 => {
                    let rows = dice.below(1_500) as i64;
                    let new = store.db.record_all((0..rows).map(|n| message(at(n), "body")));
                    ids.extend(new.unwrap());
                }
                1 => ids.extend([store.db.record(&message(at(last), "body")).unwrap()]),
                2 => {
                    // The last row stays, so that ids continue after it.
                    let gone = dice.below(last as u64) as i64..last.min(last / 2 + 700);
                    past_the_crate(&store.path, |txn| {
                        let mut rows = txn.open_table(MESSAGES).unwrap();
                        rows.retain_in(gone.clone(), |_, _| false).unwrap();
                    });
                    ids.retain(|id| !gone.contains(id));
                }
                3 => {
                    let id = last + 1 + dice.below(900) as i64;
                    let row = to_json(&full_row(Table::find("messages", TABLES).unwrap(), id));
                    store_past_the_crate(&store.path, "messages", id, row.as_bytes());
                    ids.insert(id);
                }
                4 => past_the_crate(&store.path, |txn| {
                    txn.delete_table(ZONES).unwrap();
                    txn.delete_table(MARKS).unwrap();
                }),
                _ => {
                    let before = at(dice.below(600) as i64);
                    store.db.prune(before, Some("messages")).unwrap();
                    let left = rows(&store.db, "SELECT id FROM messages");
                    ids = left.iter().map(|row| row["id"].as_i64().unwrap()).collect();
                }
            }
            let at = format!("round {round}, step {step}, kind {did}");
            let db = &store.db;
            assert_eq!(value(db, "SELECT count(*) FROM messages"), ids.len(), "{at}");
            assert_eq!(value(db, "SELECT count(source) FROM messages"), ids.len(), "{at}");
            let changed = |fault: &&Fault| matches!(fault, Fault::ChangedRows { .. });
            assert_eq!(check(&store.path).faults.iter().find(changed), None, "{at}");
            if ids.is_empty() {
                break;
            }
        }
        store.db.migrate().unwrap();
        assert!(
            check(&store.path).faults.iter().all(|f| matches!(f, Fault::IdCounterBehind { .. }))
        );
    }
}

/// Changes the stored zone or checksum of a block whose zone is given.
type Change = fn(&WriteTransaction, (u64, i64, i64));

#[test]
fn zones_contradicting_their_checksums_are_ignored() {
    let zone = |txn: &WriteTransaction, block: i64| {
        let zones = txn.open_table(ZONES).unwrap();
        zones.get(("messages", block)).unwrap().unwrap().value()
    };
    let changes: [Change; 5] = [
        |txn, (rows, low, _)| {
            txn.open_table(ZONES).unwrap().insert(("messages", 1), (rows, low, low)).unwrap();
        },
        |txn, (rows, low, high)| {
            txn.open_table(ZONES).unwrap().insert(("messages", 1), (rows + 4, low, high)).unwrap();
        },
        // A changed key moves a zone to a block without rows.
        |txn, zone| {
            let mut zones = txn.open_table(ZONES).unwrap();
            zones.remove(("messages", 1)).unwrap();
            zones.insert(("messages", 9), zone).unwrap();
        },
        |txn, _| {
            txn.open_table(ZONES).unwrap().remove(("messages", 1)).unwrap();
        },
        |txn, _| {
            txn.open_table(CHECKSUMS).unwrap().insert(1, &b"no entry"[..]).unwrap();
        },
    ];
    for change in changes {
        let store = messages(3_000);
        past_the_crate(&store.path, |txn| change(txn, zone(txn, 1)));
        for (sql, expected) in [
            ("SELECT count(*) FROM messages", 3_000),
            ("SELECT count(body) FROM messages", 3_000),
            ("SELECT count(*) FROM messages WHERE ts_utc >= '2023-11-14T22:40:00Z'", 1_400),
            ("SELECT count(body) FROM messages WHERE ts_utc >= '2023-11-14T22:40:00Z'", 1_400),
        ] {
            assert_eq!(value(&store.db, sql), expected, "{sql}");
        }
        let old = store.db.prune_dry_run(at(1_600), Some("messages")).unwrap();
        assert_eq!(old[0].rows, 1_600);
    }
}

#[test]
fn recording_repairs_the_damaged_zone() {
    let store = messages(3_000);
    past_the_crate(&store.path, |txn| {
        let mut zones = txn.open_table(ZONES).unwrap();
        let (rows, low, _) = zones.get(("messages", 2)).unwrap().unwrap().value();
        zones.insert(("messages", 2), (rows, low, low)).unwrap();
    });
    store.db.record(&message(at(0), "late")).unwrap();
    let sql = "SELECT count(body) FROM messages WHERE ts_utc >= '2023-11-14T23:03:00Z'";
    assert_eq!(value(&store.db, sql), 20);
    assert!(check(&store.path).is_clean());
}

#[test]
fn a_lost_table_is_damage_and_not_recreated() {
    let store = messages(10);
    drop(store.db);
    past_the_crate(&store.path, |txn| {
        txn.delete_table(MESSAGES).unwrap();
    });
    let db = Db::open_read_only(&store.path).unwrap();
    assert!(
        reason(&db, "SELECT count(*) FROM messages")
            .contains("messages is missing, but it had 10 rows")
    );
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 0);
    drop(db);
    assert!(matches!(Db::open_path(&store.path), Err(Error::Damaged { .. })));
}

/// Set for a child process that queries changed copies of a store, to the store's path.
const CHILD: &str = "NETSKY_TEST_CHANGED";
/// The range of changes to try.
const ROUNDS: &str = "NETSKY_TEST_ROUNDS";

const TABLES_WITH_ROWS: [&str; 4] = ["messages", "ticks", "crashes", "sessions"];

/// Returns the queries for every copy: all columns of all rows, and sums over them.
fn questions() -> Vec<String> {
    let tables = TABLES.iter().map(|table| table.name());
    let mut all: Vec<String> =
        tables.map(|table| format!("SELECT count(*) FROM {table}")).collect();
    for table in TABLES_WITH_ROWS {
        all.push(format!("SELECT * FROM {table} ORDER BY id"));
    }
    all.push(
        "SELECT body, count(*), sum(length(source)) FROM messages GROUP BY body ORDER BY 1".into(),
    );
    all.push(
        "SELECT sum(length(detail_json)) FROM ticks WHERE ts_utc >= '2023-11-14T22:20:00Z'".into(),
    );
    all
}

fn answers(path: &Path) -> Vec<Result<String, Error>> {
    let db = match Db::open_read_only(path) {
        Ok(db) => db,
        Err(error) => return vec![Err(error)],
    };
    let text = |sql: &String| {
        let batches = db.query_batches(sql)?;
        let batches: Vec<_> = batches.iter().map(|batch| times_as_text(batch).unwrap()).collect();
        Ok(pretty_format_batches(&batches).unwrap().to_string())
    };
    questions().iter().map(text).collect()
}

/// Returns the copy for a round, with one bit changed. Mostly a bit of a page in use is chosen.
fn changed(sound: &[u8], round: u64) -> (usize, Vec<u8>) {
    let mut dice = Dice(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    dice.below(2);
    let place = loop {
        let place = dice.below(sound.len() as u64) as usize;
        // The byte after redb's magic number has a bit that selects the newest of the file's last
        // two commits, and the older one is intact as well.
        if place != 9 && (sound[place] != 0 || dice.below(8) == 0) {
            break place;
        }
    };
    let mut bytes = sound.to_vec();
    bytes[place] ^= 1 << dice.below(8);
    (place, bytes)
}

/// Not a test itself: it queries changed copies and prints the outcome of each. A panic on any
/// thread ends it, because redb panics at some damage.
#[test]
fn child_that_queries_changed_stores() {
    let Some(path) = env::var_os(CHILD).map(PathBuf::from) else { return };
    let rounds = env::var(ROUNDS).unwrap();
    let (first, end) = rounds.split_once(' ').unwrap();
    let panicked = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        panicked(info);
        exit(101);
    }));
    let (sound, expected) = (fs::read(&path).unwrap(), answers(&path));
    for round in first.parse::<u64>().unwrap()..end.parse().unwrap() {
        let (place, bytes) = changed(&sound, round);
        let copy = path.with_file_name(format!("{round}.db"));
        fs::write(&copy, &bytes).unwrap();
        let found = answers(&copy);
        fs::remove_file(&copy).unwrap();
        let wrong = found.iter().zip(&expected).zip(questions()).find(|((found, expected), _)| {
            found.as_ref().is_ok_and(|found| Some(found) != expected.as_ref().ok())
        });
        let said = match wrong {
            Some((_, sql)) => format!("wrong at byte {place}: {sql}"),
            None if found.iter().any(Result::is_err) => "error".to_owned(),
            None => "right".to_owned(),
        };
        eprintln!("round {round} {said}");
    }
}

#[derive(Debug, Default)]
struct Outcome {
    right: u64,
    errors: u64,
    ended: u64,
    wrong: Vec<String>,
}

/// Runs a child process over the rounds, and another one after each that ends early or hangs.
fn try_rounds(path: &Path, mut rounds: Range<u64>) -> Outcome {
    let mut outcome = Outcome::default();
    while !rounds.is_empty() {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "maintenance::checksum::child_that_queries_changed_stores",
                "--nocapture",
            ])
            .env(CHILD, path)
            .env(ROUNDS, format!("{} {}", rounds.start, rounds.end))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (said, heard) = mpsc::channel();
        let listener = thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| said.send(line).ok());
        });
        let hangs = loop {
            match heard.recv_timeout(Duration::from_secs(120)) {
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
                Ok(line) => match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
                    ["round", round, result] if round.parse() == Ok(rounds.start) => {
                        match result {
                            "right" => outcome.right += 1,
                            "error" => outcome.errors += 1,
                            wrong => outcome.wrong.push(wrong.to_owned()),
                        }
                        rounds.start += 1;
                    }
                    // The output of a panic.
                    _ => {}
                },
            }
        };
        if hangs {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        listener.join().unwrap();
        if !rounds.is_empty() {
            outcome.ended += 1;
            rounds.start += 1;
        }
    }
    outcome
}

#[test]
fn changed_bits_never_give_wrong_answers() {
    let rounds = if env::var_os("NETSKY_LONG_TESTS").is_some() { 6_000 } else { 200 };
    let store = messages(1_500);
    for second in 0..3 {
        let name = format!("crash of {second}");
        store.db.record_crash(at(second), "panic", &name, "{\"a\":1}").unwrap();
        store.db.record_session(at(second), &name, second, SessionEvent::Up).unwrap();
    }
    let ticks = (0..1_100).map(|second| {
        format!(
            "{{\"ts_utc\":\"{}\",\"source\":\"s{}\",\"detail_json\":\"{{}}\"}}\n",
            time_text(at(second)),
            second % 7
        )
    });
    store.db.import("ticks", ticks.collect::<String>().as_bytes()).unwrap();
    let path = store.path.clone();
    drop(store.db);
    assert!(answers(&path).iter().all(Result::is_ok));
    let outcome = try_rounds(&path, 0..rounds);
    println!("{outcome:?}");
    assert_eq!(outcome.wrong, Vec::<String>::new());
    assert!(outcome.right > 0 && outcome.errors > rounds / 10, "{outcome:?}");
}
