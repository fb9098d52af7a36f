//! What pruning deletes, and what it keeps.

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{Db, Error, TABLES, Table};
use netsky_testing::{
    Dice, at, full_row, message, record_messages, rows, sparse_row, store, store_past_the_crate,
    to_json, value,
};
use serde_json::json;

use crate::maintenance::{ZONES, past_the_crate, time_text, while_recording};

/// The expected content of a table: the ids and times of its rows.
#[derive(Default)]
struct Model {
    rows: Vec<(i64, DateTime<Utc>)>,
    last_id: i64,
}

impl Model {
    /// Records rows with ascending times, some of them late and some early.
    fn record(&mut self, db: &Db, table: &'static Table, rows: u64, dice: &mut Dice) {
        let mut lines = String::new();
        for _ in 0..rows {
            let shift = match dice.below(100) {
                0..5 => -(dice.below(5_000) as i64),
                5 => dice.below(5_000) as i64,
                _ => 0,
            };
            self.last_id += 1;
            let time = at(self.last_id + shift);
            self.rows.push((self.last_id, time));
            let mut row = sparse_row(table, self.last_id);
            row[table.time_column().unwrap().name] = time_text(time).into();
            lines += &to_json(&row);
            lines.push('\n');
        }
        let ids = db.import(table.name(), lines.as_bytes()).unwrap();
        assert_eq!(ids.end - 1, self.last_id, "an id was given out twice, or left out");
    }

    fn prune(&mut self, before: DateTime<Utc>) -> u64 {
        let all = self.rows.len();
        self.rows.retain(|(_, time)| *time >= before);
        (all - self.rows.len()) as u64
    }

    fn assert_holds(&self, db: &Db, table: &'static Table, dice: &mut Dice) {
        let (name, time) = (table.name(), table.time_column().unwrap().name);
        let found = rows(db, &format!("SELECT id, {time} AS t FROM {name} ORDER BY id"));
        let found: Vec<_> = found.iter().map(|row| (row["id"].clone(), row["t"].clone())).collect();
        let expected: Vec<_> =
            self.rows.iter().map(|(id, time)| (json!(id), json!(time_text(*time)))).collect();
        let difference = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        let (count, wanted) = (found.len(), expected.len());
        assert!(found == expected, "{name}: {count} rows, not {wanted}; first: {difference:?}");
        let summary = &rows(
            db,
            &format!("SELECT count(*) AS n, min({time}) AS a, max({time}) AS b FROM {name}"),
        )[0];
        let times = || self.rows.iter().map(|(_, time)| *time);
        assert_eq!(summary["n"], json!(self.rows.len()));
        assert_eq!(summary["a"], json!(times().min().map(time_text)));
        assert_eq!(summary["b"], json!(times().max().map(time_text)));
        let low = at(dice.below(self.last_id as u64) as i64);
        let high = low + TimeDelta::seconds(dice.below(2_000) as i64);
        let sql = format!(
            "SELECT count(*) FROM {name} WHERE {time} >= '{}' AND {time} < '{}'",
            time_text(low),
            time_text(high)
        );
        let expected = times().filter(|time| (low..high).contains(time)).count();
        assert_eq!(value(db, &sql), json!(expected), "{sql}");
    }
}

#[test]
fn prune_matches_a_model_and_keeps_zones_correct() {
    let store = store();
    let db = &store.db;
    let tables = ["ticks", "mcp_tool_calls", "workspaces", "clone_dispatches"];
    let tables = tables.map(|name| Table::find(name, TABLES).unwrap());
    let mut models: Vec<Model> = tables.iter().map(|_| Model::default()).collect();
    let mut dice = Dice(7);
    let mut deleted = 0;
    for round in 0..9 {
        for (table, model) in tables.iter().zip(&mut models) {
            let rows = dice.below(1_500);
            model.record(db, table, rows, &mut dice);
        }
        let newest = models.iter().map(|model| model.last_id).min().unwrap() as u64;
        let before = at(dice.below(newest + 500) as i64);
        let one = (round % 3 == 0).then(|| dice.below(4) as usize);
        let named = one.map(|index| tables[index].name());
        let would = db.prune_dry_run(before, named).unwrap();
        let did = db.prune(before, named).unwrap();
        assert_eq!(would, did);
        assert_eq!(did.len(), if one.is_some() { 1 } else { 14 });
        for (index, (table, model)) in tables.iter().zip(&mut models).enumerate() {
            if one.is_none_or(|one| one == index) {
                let expected = model.prune(before);
                deleted += expected;
                let found = did.iter().find(|pruned| pruned.table == *table).unwrap();
                assert_eq!((found.rows, found.undated), (expected, 0), "{}", table.name());
            }
            model.assert_holds(db, table, &mut dice);
        }
        assert!(db.prune(before, named).unwrap().iter().all(|pruned| pruned.rows == 0));
        assert_eq!(db.check().unwrap().faults, []);
    }
    assert!(deleted > 8_000, "{deleted}");

    // After deleting everything, ids continue.
    let all = db.prune(DateTime::<Utc>::MAX_UTC, None).unwrap();
    let left: u64 = models.iter().map(|model| model.rows.len() as u64).sum();
    assert_eq!(all.iter().map(|pruned| pruned.rows).sum::<u64>(), left);
    for (table, model) in tables.iter().zip(&mut models) {
        model.rows.clear();
        model.record(db, table, 10, &mut dice);
        model.assert_holds(db, table, &mut dice);
    }
    assert_eq!(db.check().unwrap().faults, []);
    assert!(
        db.prune(DateTime::<Utc>::MIN_UTC, None).unwrap().iter().all(|pruned| pruned.rows == 0)
    );
}

#[test]
fn prune_keeps_unreadable_times_despite_wrong_zones() {
    let store = store();
    record_messages(&store.db, 0..2_000);
    store_past_the_crate(&store.path, "messages", 10, b"nonsense");
    assert!(matches!(store.db.prune(at(500), Some("messages")), Err(Error::Damaged { .. })));
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 2_000);
    store.db.repair().unwrap();
    past_the_crate(&store.path, |txn| {
        // The zone wrongly says that all rows are old.
        let (low, high) = (at(-20).timestamp_nanos_opt(), at(-10).timestamp_nanos_opt());
        let mut zones = txn.open_table(ZONES).unwrap();
        zones.insert(("messages", 1), (977, low.unwrap(), high.unwrap())).unwrap();
    });
    let pruned = store.db.prune(at(500), Some("messages")).unwrap();
    assert_eq!((pruned[0].rows, pruned[0].undated), (499, 1));
    assert_eq!(
        rows(&store.db, "SELECT id FROM messages ORDER BY id LIMIT 2"),
        [10, 501].map(|id| serde_json::Map::from_iter([("id".to_owned(), json!(id))]))
    );
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 1_501);
}

#[test]
fn pruned_foreign_ids_are_not_reused() {
    let store = store();
    record_messages(&store.db, 0..10);
    let mut row = full_row(Table::find("messages", TABLES).unwrap(), 1);
    row["ts_utc"] = time_text(at(3)).into();
    store_past_the_crate(&store.path, "messages", 5_000, to_json(&row).as_bytes());
    let pruned = store.db.prune(at(100), Some("messages")).unwrap();
    assert_eq!(pruned[0].rows, 11);
    assert_eq!(store.db.check().unwrap().faults, []);
    assert_eq!(store.db.record_message(message(at(0), "body")).unwrap(), 5_001);
}

#[test]
fn others_record_between_the_transactions_of_a_prune() {
    let store = store();
    record_messages(&store.db, 0..60_000);
    let mut during = 0;
    let recorded = while_recording(&store.db, || {
        let count = || value(&store.db, "SELECT count(*) FROM ticks").as_i64().unwrap();
        let before = count();
        assert_eq!(store.db.prune(at(50_000), Some("messages")).unwrap()[0].rows, 50_000);
        during = count() - before;
    });
    // It takes thirteen transactions.
    assert!(during > 3, "{recorded} were recorded, {during} of them during the prune");
    assert_eq!(value(&store.db, "SELECT count(*) FROM messages"), 10_000);
    assert_eq!(store.db.check().unwrap().faults, []);
}

netsky_db::tables! {
    static THING_TABLES;

    /// Things without a time.
    #[table = "things"]
    pub struct ThingRecord<'a> {
        /// The name of the thing.
        pub what: &'a str,
    }
}

#[test]
fn prune_skips_and_refuses_tables_without_times() {
    let store = store();
    let db = store.db.with_tables(THING_TABLES).unwrap();
    db.record(&ThingRecord { what: "a" }).unwrap();
    assert_eq!(db.prune(Utc::now(), None).unwrap().len(), 14);
    match db.prune(Utc::now(), Some("things")) {
        Err(Error::NoTimeColumn { table }) => assert_eq!(table, "things"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(db.prune(Utc::now(), Some("tick")), Err(Error::UnknownTable { .. })));
    assert_eq!(value(&db, "SELECT count(*) FROM things"), 1);
    assert_eq!(db.check().unwrap().faults, []);
    let reader = Db::open_read_only(&store.path).unwrap();
    assert!(matches!(reader.prune(Utc::now(), None), Err(Error::ReadOnlyStore { .. })));
    assert_eq!(reader.prune_dry_run(Utc::now(), None).unwrap().len(), 14);
}
