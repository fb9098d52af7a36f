//! Maintenance of the store. Here are the helpers that its tests share: changes made by another
//! program, and concurrent recording.

mod backup;
mod check;
mod checksum;
mod damage;
mod progress;
mod prune;
mod space;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use netsky_db::{CheckReport, Db};
use netsky_testing::open_past_the_crate;
use redb::{TableDefinition, WriteTransaction};

const ZONES: TableDefinition<'_, (&str, i64), (u64, i64, i64)> = TableDefinition::new("zones");
const IDS: TableDefinition<'_, &str, i64> = TableDefinition::new("ids");

/// Changes the file as another program might.
fn past_the_crate(path: &Path, change: impl FnOnce(&WriteTransaction)) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

fn check(path: &Path) -> CheckReport {
    Db::open_read_only(path).unwrap().check().unwrap()
}

fn faults(path: &Path) -> Vec<String> {
    let report = check(path);
    assert_eq!(report.fault_count, report.faults.len() as u64);
    report.faults.iter().map(ToString::to_string).collect()
}

/// Runs `maintain` while a thread records ticks one by one, and returns the number of acknowledged
/// ticks.
fn while_recording(db: &Db, maintain: impl FnOnce()) -> i64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let mut last = 0;
            while !stop.load(Ordering::Relaxed) {
                last = db.record_tick(Utc::now(), "recorder", "{}").unwrap();
            }
            last
        });
        maintain();
        stop.store(true, Ordering::Relaxed);
        recorder.join().unwrap()
    })
}

fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
