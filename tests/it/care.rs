//! Care of the store. What its tests share: changes past the crate, and others at work.

mod backup;
mod check;
mod checksum;
mod damage;
mod progress;
mod prune;
mod room;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use netsky_db::{CheckReport, Db, TABLES};
use redb::{TableDefinition, WriteTransaction};

use crate::support::{message, open_past_the_crate, stored_rows};

const ZONES: TableDefinition<'_, (&str, i64), (u64, i64, i64)> = TableDefinition::new("zones");
const IDS: TableDefinition<'_, &str, i64> = TableDefinition::new("ids");

/// Changes the file as another program might.
fn past_the_crate(path: &Path, change: impl FnOnce(&WriteTransaction)) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// Messages a second apart.
fn record_messages(db: &Db, seconds: std::ops::Range<i64>) {
    db.record_all(seconds.map(|second| message(at(second), "body"))).unwrap();
}

fn check(path: &Path) -> CheckReport {
    Db::open_read_only(path).unwrap().check().unwrap()
}

fn faults(path: &Path) -> Vec<String> {
    let report = check(path);
    assert_eq!(report.fault_count, report.faults.len() as u64);
    report.faults.iter().map(ToString::to_string).collect()
}

/// Every byte of every place where the text stands in the file.
fn damage(path: &Path, text: &[u8]) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| *window == text)
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] ^= 1;
    }
    fs::write(path, &bytes).unwrap();
    bytes
}

/// Runs `care` while a thread records ticks one by one, and returns how many were acknowledged.
fn while_recording(db: &Db, care: impl FnOnce()) -> i64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let mut last = 0;
            while !stop.load(Ordering::Relaxed) {
                last = db.record_tick(Utc::now(), "recorder", "{}").unwrap();
            }
            last
        });
        care();
        stop.store(true, Ordering::Relaxed);
        recorder.join().unwrap()
    })
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Every row of every table, as it is stored.
fn everything(path: &Path) -> Vec<(&'static str, Vec<(i64, String)>)> {
    TABLES.iter().map(|table| (table.name(), stored_rows(path, table.name()))).collect()
}
