//! Any sequence of recording, pruning, repairing, copying, reopening and changes by other programs,
//! through two handles: every row exists once, under its id, and all kinds of query agree.

#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use arbitrary::Arbitrary;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use netsky_db::{Db, TickRecord};
use redb::{Builder, ConcurrencyMode, Database, TableDefinition, TableHandle};

const TICKS: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("ticks");

#[derive(Debug, Arbitrary)]
enum Step {
    Record {
        minute: i16,
        source: String,
    },
    RecordAll {
        minute: i16,
        count: u16,
    },
    OpenAnew,
    Migrate,
    /// Switches to the other handle of the store.
    Swap,
    /// Deletes the rows before a time.
    PruneBefore {
        minute: i16,
    },
    /// After it, a check finds no fault.
    Repair,
    /// Continues with a backup, or with a store restored from it.
    Copy {
        restored: bool,
    },
    /// Another program removes rows without maintaining zones.
    Prune {
        first: u16,
        count: u16,
    },
    /// Another program adds a row past the end.
    Add {
        minute: i16,
        gap: u16,
    },
    /// Another program drops the zones.
    DropZones,
    Ask {
        from: i16,
        to: i16,
        first: u16,
        last: u16,
    },
}

/// The time of each id, in milliseconds.
type Model = BTreeMap<i64, i64>;

fuzz_target!(|steps: Vec<Step>| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut path = dir.path().join("meta.db");
    let mut db = Db::open_path(&path).expect("a new store");
    let mut other = Db::open_path(&path).expect("a second handle");
    let mut model = Model::new();
    let mut highest = 0;
    for (index, step) in steps.into_iter().take(24).enumerate() {
        match step {
            Step::Record { minute, source } => {
                let id = db.record(&tick(minute, &source)).expect("a row");
                highest += 1;
                assert_eq!(id, highest);
                model.insert(id, millis(minute));
            }
            Step::RecordAll { minute, count } => {
                let count = i64::from(count % 3_000);
                let rows = (0..count).map(|_| tick(minute, "many"));
                db.record_all(rows).expect("rows");
                model.extend((highest + 1..=highest + count).map(|id| (id, millis(minute))));
                highest += count;
            }
            Step::OpenAnew => {
                drop(db);
                db = Db::open_path(&path).expect("the store");
            }
            Step::Migrate => db.migrate().expect("the store's zones"),
            Step::Swap => std::mem::swap(&mut db, &mut other),
            Step::PruneBefore { minute } => {
                let before = DateTime::from_timestamp_millis(millis(minute)).expect("a time");
                let pruned = db.prune(before, Some("ticks")).expect("a store that takes changes");
                let rows = model.len();
                model.retain(|_, time| *time >= millis(minute));
                assert_eq!(pruned[0].rows, (rows - model.len()) as u64);
            }
            Step::Repair => {
                db.repair().expect("a sound store");
                let report = other.check().expect("a readable store");
                assert!(report.faults.is_empty(), "{:?}", report.faults);
            }
            Step::Copy { restored } => {
                let copy = dir.path().join(format!("copy-{index}.db"));
                db.backup(&copy).expect("a copy");
                path = copy;
                if restored {
                    let restored = dir.path().join(format!("restored-{index}.db"));
                    Db::restore(&path, &restored).expect("a copy of the copy");
                    path = restored;
                }
                db = Db::open_path(&path).expect("the copy");
                other = Db::open_path(&path).expect("the copy again");
            }
            Step::Prune { first, count } => {
                let ids = i64::from(first)..i64::from(first) + i64::from(count);
                // The next id follows the highest existing one, so the last row stays.
                let ids = ids.start..ids.end.min(highest);
                edit(&path, |rows| rows.retain_in(ids.clone(), |_, _| false).expect("pruned"));
                model.retain(|id, _| !ids.contains(id));
            }
            Step::Add { minute, gap } => {
                highest += 1 + i64::from(gap);
                let time = DateTime::from_timestamp_millis(millis(minute)).expect("a time");
                let row = format!(r#"{{"ts_utc":"{time:?}","detail_json":"{{}}","source":"x"}}"#);
                edit(&path, |rows| {
                    rows.insert(highest, row.as_bytes()).expect("added");
                });
                model.insert(highest, millis(minute));
            }
            Step::DropZones => drop_zones(&path),
            Step::Ask { from, to, first, last } => ask(&db, &model, from, to, first, last),
        }
    }
    ask(&db, &model, i16::MIN, i16::MAX, 0, u16::MAX);
});

fn millis(minute: i16) -> i64 {
    i64::from(minute) * 60_000
}

fn tick(minute: i16, source: &str) -> TickRecord<'_> {
    let ts_utc = DateTime::from_timestamp_millis(millis(minute)).expect("a time");
    TickRecord { ts_utc, source, detail_json: "{}" }
}

/// Queries the same rows by statistics, by a scan, by id and by time.
fn ask(db: &Db, model: &Model, from: i16, to: i16, first: u16, last: u16) {
    let (from, to) = (millis(from), millis(to));
    let ids = i64::from(first)..i64::from(first) + i64::from(last);
    let wanted = model.iter().filter(|(id, time)| ids.contains(id) && (from..=to).contains(time));
    let wanted: Vec<i64> = wanted.map(|(id, _)| *id).collect();
    let literal = |millis| DateTime::from_timestamp_millis(millis).expect("a time").to_rfc3339();
    let condition = format!(
        "id >= {} AND id < {} AND ts_utc BETWEEN '{}' AND '{}'",
        ids.start,
        ids.end,
        literal(from),
        literal(to)
    );
    let count = |what: &str, condition: &str| {
        let sql = format!("SELECT {what} FROM ticks WHERE {condition}");
        let batches = db.query_batches(&sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
        let values = batches.iter().flat_map(|batch| {
            let column = batch.column(0);
            let numbers =
                arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(column);
            numbers.values().to_vec()
        });
        values.collect::<Vec<i64>>()
    };
    assert_eq!(count("count(*)", &condition), [wanted.len() as i64]);
    assert_eq!(count("id", &format!("{condition} ORDER BY id")), wanted);
    let rows = format!("{condition} AND source <> 'nothing'");
    assert_eq!(count("count(source)", &rows), [wanted.len() as i64]);
    if let (Some(min), Some(max)) = (wanted.first(), wanted.last()) {
        assert_eq!(count("min(id)", &condition), [*min]);
        assert_eq!(count("max(id)", &condition), [*max]);
        assert_eq!(count("id", &format!("id = {max}")), [*max]);
    }
}

fn open_past_the_crate(path: &Path) -> Database {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    builder.create(path).expect("the store")
}

fn edit(path: &Path, change: impl FnOnce(&mut redb::Table<'_, i64, &'static [u8]>)) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().expect("a transaction");
    change(&mut txn.open_table(TICKS).expect("the table"));
    txn.commit().expect("committed");
}

fn drop_zones(path: &Path) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().expect("a transaction");
    let zones: Vec<_> = txn
        .list_tables()
        .expect("tables")
        .filter(|table| ["zones", "zone_marks"].contains(&table.name()))
        .collect();
    for table in zones {
        txn.delete_table(table).expect("dropped");
    }
    txn.commit().expect("committed");
}
