//! Care of the store: what a check finds, what pruning leaves, and that copies are whole.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::demo::Fleet;
use netsky_db::{CheckReport, Db, Error, Fault, TABLES, Table};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde_json::json;

use crate::cli::Home;
use crate::support::{
    full_row, message, open_past_the_crate, rows, sparse_row, store, store_past_the_crate,
    stored_rows, to_json, value,
};

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

#[test]
fn a_check_of_a_sound_store_counts_everything_and_changes_nothing() {
    let store = store();
    assert!(store.db.check().unwrap().is_clean(), "an empty store");
    Fleet::new(20_000).record(&store.db).unwrap();
    let report = store.db.check().unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.tables, report.rows), (14, 20_000));
    let summaries = store.db.summaries().unwrap();
    let blocks: u64 = summaries.iter().map(|table| table.rows / 1024 + 1).sum();
    let full: u64 = summaries.iter().filter(|table| table.rows.is_multiple_of(1024)).count() as u64;
    assert!((blocks - full..=blocks).contains(&report.zones), "{report:?}");

    let path = store.path.clone();
    drop(store.db);
    let before = fs::read(&path).unwrap();
    assert!(check(&path).is_clean());
    assert!(fs::read(&path).unwrap() == before, "the check changed the file");
}

#[test]
fn a_check_names_each_corrupt_row_and_lists_no_more_than_a_thousand() {
    let store = store();
    for (index, table) in TABLES.iter().enumerate() {
        let id = index as i64 * 1_000 + 1;
        for good in [id - 1, id + 1] {
            let row = to_json(&full_row(table, good));
            store_past_the_crate(&store.path, table.name(), good, row.as_bytes());
        }
        let mut row = full_row(table, id);
        let last = table.columns().last().unwrap().name;
        row.insert(last.to_owned(), json!(["neither"]));
        store_past_the_crate(&store.path, table.name(), id, to_json(&row).as_bytes());
    }
    let report = store.db.check().unwrap();
    assert_eq!(report.rows, 3 * 14);
    for (index, table) in TABLES.iter().enumerate() {
        let id = index as i64 * 1_000 + 1;
        let named = report.faults.iter().any(|fault| match fault {
            Fault::CorruptRow { table: name, id: row, reason } => {
                *name == table.name()
                    && *row == id
                    && reason.contains(table.columns().last().unwrap().name)
            }
            _ => false,
        });
        assert!(named, "{}: {:?}", table.name(), report.faults);
    }

    let store = crate::support::store();
    past_the_crate(&store.path, |txn| {
        let ticks = TableDefinition::<i64, &[u8]>::new("ticks");
        let mut ticks = txn.open_table(ticks).unwrap();
        for id in 1..=1_500 {
            ticks.insert(id, &b"nonsense"[..]).unwrap();
        }
        txn.open_table(IDS).unwrap().insert("ticks", 1_500).unwrap();
    });
    let report = store.db.check().unwrap();
    assert_eq!((report.rows, report.fault_count, report.faults.len()), (1_500, 1_500, 1_000));
}

#[test]
fn a_check_finds_each_kind_of_untrue_zone() {
    let change = |change: fn(&WriteTransaction)| {
        let store = store();
        record_messages(&store.db, 0..3_000);
        assert!(store.db.check().unwrap().is_clean());
        past_the_crate(&store.path, change);
        faults(&store.path)
    };

    let counted = change(|txn| {
        let mut zones = txn.open_table(ZONES).unwrap();
        let (rows, low, high) = zones.get(("messages", 1)).unwrap().unwrap().value();
        zones.insert(("messages", 1), (rows + 5, low, high)).unwrap();
    });
    assert_eq!(
        counted,
        ["untrue zone of messages, ids 1024 to 2047: it counts 1029 rows, and there are 1024"]
    );
    let wide = change(|txn| {
        let mut zones = txn.open_table(ZONES).unwrap();
        let (rows, low, high) = zones.get(("messages", 0)).unwrap().unwrap().value();
        zones.insert(("messages", 0), (rows, low - 1_000_000, high)).unwrap();
    });
    assert_eq!(
        wide,
        ["untrue zone of messages, ids 0 to 1023: it spans 2023-11-14T22:13:19.999Z to \
          2023-11-14T22:30:22Z, and the rows 2023-11-14T22:13:20Z to 2023-11-14T22:30:22Z"]
    );
    let removed = change(|txn| {
        txn.open_table(ZONES).unwrap().remove(("messages", 2)).unwrap();
    });
    assert_eq!(
        removed,
        ["untrue zone of messages, ids 2048 to 3071: there is none, and there are 953 rows"]
    );
    let invented = change(|txn| {
        txn.open_table(ZONES).unwrap().insert(("messages", 9), (7, 0, 1)).unwrap();
    });
    assert_eq!(
        invented,
        ["untrue zone of messages, ids 9216 to 10239: it counts 7 rows, and there are none"]
    );
    let deleted = change(|txn| {
        let messages = TableDefinition::<i64, &[u8]>::new("messages");
        txn.open_table(messages).unwrap().remove(1_500).unwrap();
    });
    assert_eq!(
        deleted,
        [
            "untrue zone of messages, ids 1024 to 2047: it counts 1024 rows, and there are 1023",
            "untrue zones of messages: they count 3000 rows of 2999",
        ]
    );
    // A zone may know no times, as where a row's could not be read.
    assert_eq!(
        change(|txn| {
            let mut zones = txn.open_table(ZONES).unwrap();
            zones.insert(("messages", 1), (1_024, i64::MAX, i64::MIN)).unwrap();
        }),
        Vec::<String>::new()
    );
}

#[test]
fn rows_that_another_program_has_just_written_are_no_fault_but_ids_that_it_did_not_write_are() {
    let store = store();
    record_messages(&store.db, 0..1_500);
    let row = to_json(&full_row(Table::find("messages", TABLES).unwrap(), 1));
    store_past_the_crate(&store.path, "messages", 1_501, row.as_bytes());
    store_past_the_crate(&store.path, "messages", 4_000, row.as_bytes());
    assert_eq!(
        faults(&store.path),
        ["ids of messages are behind: 1500 was the last given out, and a row has 4000"]
    );
    past_the_crate(&store.path, |txn| {
        txn.open_table(IDS).unwrap().insert("messages", 4_000).unwrap();
    });
    assert_eq!(faults(&store.path), Vec::<String>::new());
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

#[test]
fn a_damaged_page_is_found_even_if_its_rows_can_be_read_and_is_left_as_it_is() {
    let store = store();
    record_messages(&store.db, 0..1_000);
    store.db.record_tick(at(0), "unmistakable", "{}").unwrap();
    let path = store.path.clone();
    drop(store.db);
    let bytes = damage(&path, b"unmistakable");
    let db = Db::open_read_only(&path).unwrap();
    assert_eq!(value(&db, "SELECT source FROM ticks"), "tnmistakable");
    let report = db.check().unwrap();
    assert!(matches!(&report.faults[..], [Fault::Pages { .. }]), "{report:?}");
    assert_eq!((report.fault_count, report.rows), (1, 0));
    assert!(fs::read(&path).unwrap() == bytes, "the check changed the file");
}

#[test]
fn a_file_whose_end_is_gone_while_it_is_open_fails_the_check() {
    let store = store();
    record_messages(&store.db, 0..20_000);
    let reader = Db::open_read_only(&store.path).unwrap();
    let whole = fs::metadata(&store.path).unwrap().len();
    let copy = store.path.with_file_name("cut.db");
    fs::copy(&store.path, &copy).unwrap();
    assert!(check(&copy).is_clean());
    let cut = Db::open_read_only(&copy).unwrap();
    fs::OpenOptions::new().write(true).open(&copy).unwrap().set_len(whole / 2).unwrap();
    let report = cut.check().unwrap();
    assert!(matches!(&report.faults[..], [Fault::Pages { .. }]), "{report:?}");
    assert!(reader.check().unwrap().is_clean());
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

#[test]
fn a_check_beside_a_busy_writer_finds_no_fault() {
    let store = store();
    Fleet::new(20_000).record(&store.db).unwrap();
    let reader = Db::open_read_only(&store.path).unwrap();
    let recorded = while_recording(&store.db, || {
        for _ in 0..5 {
            assert_eq!(store.db.check().unwrap().faults, []);
            assert_eq!(reader.check().unwrap().faults, []);
        }
    });
    assert!(recorded > 0);
}

#[test]
fn the_check_command_prints_a_line_for_each_fault_and_exits_with_3() {
    let home = Home::new();
    let path = home.path(".netsky/meta.db");
    assert!(home.fails(3, &["check"]).contains("no store at"));
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", tick]);
    assert_eq!(home.ok(&["check"]), "1 rows and 1 zones in 14 tables: no fault\n");
    store_past_the_crate(&path, "ticks", 2, b"nonsense");
    store_past_the_crate(&path, "crashes", 7, b"{}");
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, 3);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("corrupt row 7 in crashes: "), "{}", ran.out);
    assert!(lines[1].starts_with("ids of crashes are behind"), "{}", ran.out);
    assert!(lines[2].starts_with("corrupt row 2 in ticks: invalid JSON at byte 0"), "{}", ran.out);
    assert_eq!(lines[4], "3 rows and 1 zones in 14 tables: 4 faults");
    assert!(ran.err.contains("has faults") && ran.err.contains("netsky backup"), "{}", ran.err);
    assert!(home.ok(&["check", "--help"]).contains("Examples:"));
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

/// What a table should hold: the ids and times of its rows.
#[derive(Default)]
struct Model {
    rows: Vec<(i64, DateTime<Utc>)>,
    last_id: i64,
}

impl Model {
    /// Records rows of rising times, among which some come late and some early.
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
        assert!(found == expected, "{name}");
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
fn pruning_leaves_what_a_plain_list_would_keep_and_zones_that_are_true() {
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
        let would = db.would_prune(before, named).unwrap();
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

    // All of it, and then ids go on.
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
fn pruning_keeps_rows_whose_time_cannot_be_read_and_does_not_take_a_zone_at_its_word() {
    let store = store();
    record_messages(&store.db, 0..2_000);
    store_past_the_crate(&store.path, "messages", 10, b"nonsense");
    past_the_crate(&store.path, |txn| {
        // The zone says that all are old, and they are not.
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
fn an_id_that_another_program_gave_a_row_is_not_given_out_once_that_row_is_pruned() {
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
        /// What it is.
        pub what: &'a str,
    }
}

#[test]
fn a_table_without_a_time_is_left_alone_and_refused_if_it_is_named() {
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
    assert_eq!(reader.would_prune(Utc::now(), None).unwrap().len(), 14);
}

#[test]
fn the_prune_command_says_how_many_rows_go_by_table() {
    let home = Home::new();
    assert!(home.fails(3, &["prune", "--before", "7d"]).contains("no store at"));
    assert!(!home.path(".netsky").exists());
    for day in 1..=5 {
        let tick = format!(
            r#"{{"ts_utc":"2023-04-0{day}T12:00:00Z","source":"cron","detail_json":"{{}}"}}"#
        );
        home.ok(&["record", "ticks", &tick]);
    }
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    home.ok(&["record", "crashes", r#"{"kind":"k","agent":"a","detail_json":"{}"}"#]);
    assert_eq!(
        home.ok(&["prune", "--before", "2023-04-03", "--dry-run"]),
        "ticks: 2 rows\n2 rows of before 2023-04-03T00:00:00Z would be deleted\n"
    );
    assert_eq!(
        home.ok(&["prune", "--before", "2023-04-03", "--table", "crashes"]),
        "0 rows of before 2023-04-03T00:00:00Z deleted\n"
    );
    assert_eq!(
        home.ok(&["prune", "--before", "2023-04-03T12:00:00.001Z"]),
        "ticks: 3 rows\n3 rows of before 2023-04-03T12:00:00.001Z deleted\n"
    );
    assert!(home.ok(&["prune", "--before", "1h"]).starts_with("ticks: 2 rows\n2 rows of before "));
    let left = home.ok(&["query", "--format", "csv", "SELECT id FROM ticks"]);
    assert_eq!(left, "id\n6\n");
    for wrong in ["yesterday", "7", "7y", "2023-04-31"] {
        assert!(
            home.fails(2, &["prune", "--before", wrong]).contains("an age as in 90s"),
            "{wrong}"
        );
    }
    home.fails(2, &["prune"]);
    assert!(home.fails(1, &["prune", "--before", "1h", "--table", "tick"]).contains("'ticks'"));
    assert!(home.ok(&["prune", "--help"]).contains("Examples:"));
}

#[test]
fn stats_count_rows_bytes_and_zones_and_find_the_earliest_and_the_latest_time() {
    let store = store();
    let empty = store.db.stats().unwrap();
    assert_eq!(empty.tables.len(), 14);
    assert!(empty.tables.iter().all(|table| (table.rows, table.span, table.zones) == (0, None, 0)));
    record_messages(&store.db, 0..3_000);
    record_messages(&store.db, -50..-40);
    let of = |name| {
        let stats = store.db.stats().unwrap();
        stats.tables.into_iter().find(|table| table.table.name() == name).unwrap()
    };
    let found = of("messages");
    let stored: u64 =
        stored_rows(&store.path, "messages").iter().map(|(_, json)| json.len() as u64 + 8).sum();
    assert_eq!((found.rows, found.row_bytes, found.zones), (3_010, stored, 3));
    assert_eq!(found.span, Some((at(-50), at(2_999))));
    assert!(found.page_bytes >= stored && found.page_bytes < 2 * stored, "{found:?}");
    let file = fs::metadata(&store.path).unwrap().len();
    assert_eq!(store.db.stats().unwrap().file_bytes, file);

    // A row that no zone knows of, and one whose time cannot be read.
    let mut row = full_row(Table::find("messages", TABLES).unwrap(), 1);
    row["ts_utc"] = time_text(at(9_999)).into();
    store_past_the_crate(&store.path, "messages", 4_000, to_json(&row).as_bytes());
    store_past_the_crate(&store.path, "messages", 7, b"nonsense");
    assert_eq!(of("messages").span, Some((at(-50), at(9_999))));
}

#[test]
fn the_stats_command_shows_each_table_and_the_whole_file() {
    let home = Home::new();
    assert!(home.fails(3, &["stats"]).contains("no store at"));
    let tick = r#"{"ts_utc":"2023-04-15T23:00:00Z","source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", tick]);
    let bytes = stored_rows(&home.path(".netsky/meta.db"), "ticks")[0].1.len() + 8;
    let stats: serde_json::Value =
        serde_json::from_str(&home.ok(&["stats", "--format", "json"])).unwrap();
    let stats = stats.as_array().unwrap();
    assert_eq!(stats.len(), 15);
    let ticks = stats.iter().find(|line| line["table"] == "ticks").unwrap();
    assert_eq!(
        (&ticks["rows"], &ticks["row_bytes"], &ticks["zones"]),
        (&json!(1), &json!(bytes), &json!(1))
    );
    let file = fs::metadata(home.path(".netsky/meta.db")).unwrap().len();
    assert_eq!(
        stats[14],
        json!({"table": "(file)", "rows": 1, "row_bytes": bytes, "file_bytes": file, "zones": 1,
            "first": "2026-04-15T23:00:00.000Z", "last": "2026-04-15T23:00:00.000Z"})
    );
    assert!(home.ok(&["stats"]).contains("| (file) "));
    assert!(home.ok(&["stats", "--help"]).contains("Examples:"));
}

/// Every row of every table, as it is stored.
fn everything(path: &Path) -> Vec<(&'static str, Vec<(i64, String)>)> {
    TABLES.iter().map(|table| (table.name(), stored_rows(path, table.name()))).collect()
}

fn names_beside(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_a_store_of_its_own_with_every_row_as_it_was() {
    let store = store();
    Fleet::new(20_000).record(&store.db).unwrap();
    store_past_the_crate(&store.path, "crashes", 9_000, b"nonsense");
    store_past_the_crate(&store.path, "theirs", 3, b"{}");
    let copy = store.path.with_file_name("copy.db");
    let copied = store.db.backup(&copy).unwrap();
    assert_eq!((copied.rows, copied.kept.as_ref()), (20_002, None));
    assert_eq!(copied.file_bytes, fs::metadata(&copy).unwrap().len());
    assert_eq!(names_beside(&copy), ["copy.db", "meta.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The fault is the row's. The ids are right again, and all zones are there for a reader already.
    let faults = faults(&copy);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("corrupt row 9000 in crashes"), "{faults:?}");
    let stats = Db::open_read_only(&copy).unwrap().stats().unwrap();
    assert!(stats.tables.iter().all(|table| (table.rows == 0) == (table.zones == 0)));
    assert_eq!(stored_rows(&copy, "theirs"), [(3, "{}".to_owned())]);
    assert!(everything(&copy) == everything(&store.path));

    let copy = Db::open_path(&copy).unwrap();
    let next = copy.record_crash(Utc::now(), "k", "a", "{}").unwrap();
    assert_eq!(next, 9_001);
    assert_eq!(store.db.record_crash(Utc::now(), "k", "a", "{}").unwrap(), next);
}

#[test]
fn a_backup_while_others_record_is_a_prefix_of_what_was_acknowledged() {
    let store = store();
    record_messages(&store.db, 0..30_000);
    let copies: Vec<_> = (0..4).map(|n| store.path.with_file_name(format!("{n}.db"))).collect();
    let acknowledged = std::sync::atomic::AtomicI64::new(0);
    let mut bounds = Vec::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let id = store.db.record_tick(Utc::now(), "recorder", "{}").unwrap();
                acknowledged.store(id, Ordering::SeqCst);
            }
        });
        for copy in &copies {
            let before = acknowledged.load(Ordering::SeqCst);
            let copied = store.db.backup(copy).unwrap();
            // One more may be committed that its caller does not yet know of.
            let after = acknowledged.load(Ordering::SeqCst) + 1;
            bounds.push((before, copied.rows as i64 - 30_000, after));
        }
        stop.store(true, Ordering::Relaxed);
    });
    for (copy, (before, ticks, after)) in copies.iter().zip(bounds) {
        assert!((before..=after).contains(&ticks), "{before} {ticks} {after}");
        let rows = stored_rows(copy, "ticks");
        assert_eq!(rows.len() as i64, ticks);
        assert!(rows == stored_rows(&store.path, "ticks")[..rows.len()]);
        assert_eq!(faults(copy), Vec::<String>::new());
    }
}

#[test]
fn a_backup_replaces_a_file_only_if_it_is_told_to_and_never_a_store_in_use() {
    let store = store();
    store.db.record_tick(at(0), "a", "{}").unwrap();
    let copy = store.path.with_file_name("copy.db");
    fs::write(&copy, b"something else").unwrap();
    match store.db.backup(&copy) {
        Err(Error::FileExists { path }) => assert_eq!(path, copy),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&copy).unwrap(), b"something else");
    assert_eq!(store.db.backup_over(&copy).unwrap().rows, 1);
    store.db.record_tick(at(0), "a", "{}").unwrap();
    assert_eq!(store.db.backup_over(&copy).unwrap().rows, 2);
    {
        let _reader = Db::open_read_only(&copy).unwrap();
        assert!(matches!(store.db.backup_over(&copy), Err(Error::InUse { .. })));
    }
    assert!(matches!(store.db.backup_over(&store.path), Err(Error::InUse { .. })));
    assert!(store.db.backup(store.path.with_file_name("no").join("dir.db")).is_err());
    assert_eq!(names_beside(&copy), ["copy.db", "meta.db"]);
    assert_eq!(store.db.record_tick(at(0), "a", "{}").unwrap(), 3);
}

#[test]
fn a_restored_store_is_what_was_backed_up_and_the_one_before_it_is_kept() {
    let store = store();
    Fleet::new(3_000).record(&store.db).unwrap();
    let backup = store.path.with_file_name("backup.db");
    store.db.backup(&backup).unwrap();
    let saved = everything(&backup);
    let fresh = store.path.with_file_name("new").join("dir").join("meta.db");
    assert_eq!(Db::restore(&backup, &fresh).unwrap().rows, 3_000);
    assert!(everything(&fresh) == saved);

    store.db.record_tick(at(0), "later", "{}").unwrap();
    let path = store.path.clone();
    // Somebody has it open: this process, by now.
    assert!(matches!(Db::restore_over(&backup, &path), Err(Error::InUse { .. })));
    drop(store.db);
    let newer = everything(&path);
    assert!(matches!(Db::restore(&backup, &path), Err(Error::FileExists { .. })));
    let copied = Db::restore_over(&backup, &path).unwrap();
    let kept = copied.kept.unwrap();
    assert!(everything(&path) == saved && everything(&kept) == newer);
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("meta.before-restore-") && name.ends_with(".bak"), "{name}");
    assert_eq!(faults(&path), Vec::<String>::new());
    // Within the same second another name is found.
    let again = Db::restore_over(&kept, &path).unwrap().kept.unwrap();
    assert!(again != kept && everything(&path) == newer && everything(&again) == saved);
}

#[test]
fn what_is_no_store_is_not_restored_and_what_is_broken_can_be_replaced() {
    let store = store();
    store.db.record_tick(at(0), "a", "{}").unwrap();
    let beside = |name: &str| store.path.with_file_name(name);
    let (text, empty, backup) = (beside("text"), beside("empty.db"), beside("backup.db"));
    fs::write(&text, b"something else").unwrap();
    drop(redb::Database::create(&empty).unwrap());
    store.db.backup(&backup).unwrap();
    let broken = beside("broken.db");
    let mut bytes = fs::read(&backup).unwrap();
    bytes[4_096..].fill(0xAA);
    fs::write(&broken, &bytes).unwrap();
    for refused in [&text, &empty] {
        match Db::restore_over(refused, &broken) {
            Err(Error::NotAStore { path, .. }) => assert_eq!(&path, refused),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(Db::restore(beside("absent"), &broken), Err(Error::StoreNotFound { .. })));
    assert!(fs::read(&broken).unwrap() == bytes);
    let kept = Db::restore_over(&backup, &broken).unwrap().kept.unwrap();
    assert!(fs::read(kept).unwrap() == bytes);
    assert_eq!(value(&Db::open_path(&broken).unwrap(), "SELECT source FROM ticks"), "a");
}

#[test]
fn the_backup_and_restore_commands_say_what_went_where() {
    let home = Home::new();
    let (file, absent) = (home.path("monday.db"), home.path("absent.db"));
    let (file, absent) = (file.to_str().unwrap(), absent.to_str().unwrap());
    assert!(home.fails(3, &["backup", file]).contains("no store at"));
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", tick]);
    let out = home.ok(&["backup", file]);
    assert!(out.starts_with(&format!("1 rows in {file}, ")) && out.ends_with("iB\n"), "{out}");
    let error = home.fails(1, &["backup", file]);
    assert!(error.contains("exists already") && error.contains("--force"), "{error}");
    home.ok(&["record", "ticks", tick]);
    assert!(home.ok(&["backup", file, "--force"]).starts_with("2 rows"));
    home.ok(&["check", "--db", file]);

    home.ok(&["record", "ticks", tick]);
    assert!(home.fails(1, &["restore", absent]).contains("cannot read"));
    assert!(home.fails(1, &["restore", file]).contains("--force"));
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    let error = home.fails(3, &["restore", file, "--force"]);
    assert!(error.contains("in use") && error.contains("try again"), "{error}");
    drop(db);
    let ran = home.run(&["restore", file, "--force"]);
    assert_eq!((ran.code, ran.out.starts_with("2 rows in ")), (0, true), "{}", ran.err);
    assert!(ran.err.contains("meta.before-restore-"), "{}", ran.err);
    assert_eq!(home.ok(&["record", "ticks", tick]), "3\n");
    for command in ["backup", "restore"] {
        assert!(home.ok(&[command, "--help"]).contains("Examples:"));
    }
}

#[test]
fn a_damaged_store_is_neither_backed_up_nor_restored_as_if_it_were_sound() {
    let store = store();
    record_messages(&store.db, 0..1_000);
    store.db.record_tick(at(0), "unmistakable", "{}").unwrap();
    let path = store.path.clone();
    drop(store.db);
    damage(&path, b"unmistakable");
    let copy = path.with_file_name("copy.db");
    match Db::open_read_only(&path).unwrap().backup(&copy) {
        Err(Error::Damaged { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
    assert!(matches!(Db::restore(&path, &copy), Err(Error::Damaged { .. })));
    assert_eq!(names_beside(&path), ["meta.db"]);
}

#[test]
fn compacting_gives_the_room_of_pruned_rows_back_unless_somebody_reads() {
    let store = store();
    record_messages(&store.db, 0..30_000);
    store.db.prune(at(29_000), None).unwrap();
    let left = stored_rows(&store.path, "messages");
    let size = || fs::metadata(&store.path).unwrap().len();
    let other = Db::open_read_only(&store.path).unwrap();
    let before = size();

    let reading = futures::executor::block_on(other.query_stream("SELECT body FROM messages"));
    assert!(matches!(store.db.compact(), Err(Error::InUse { .. })));
    drop(reading);
    let compacted = compact_soon(&store.db);
    assert_eq!((compacted.bytes_before, compacted.bytes_after), (before, size()));
    assert!(compacted.bytes_after * 4 < before, "{compacted:?}");
    assert!(stored_rows(&store.path, "messages") == left);
    assert!(matches!(other.compact(), Err(Error::ReadOnlyStore { .. })));
    // Those who have it open go on.
    assert_eq!(value(&other, "SELECT count(*) FROM messages"), 1_000);
    record_messages(&store.db, 0..2_000);
    assert_eq!(value(&other, "SELECT count(*) FROM messages"), 3_000);
    assert_eq!(store.db.check().unwrap().faults, []);
}

/// The threads of a stream that was dropped let go of their snapshot a moment later.
fn compact_soon(db: &Db) -> netsky_db::Compacted {
    for _ in 0..100 {
        match db.compact() {
            Err(Error::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
            compacted => return compacted.unwrap(),
        }
    }
    panic!("still in use");
}

#[test]
fn a_compact_waits_for_writers_and_they_for_it() {
    let store = store();
    record_messages(&store.db, 0..20_000);
    let recorded = while_recording(&store.db, || {
        for round in 1..=3 {
            store.db.prune(at(round * 5_000), None).unwrap();
            compact_soon(&store.db);
        }
    });
    let counts = "SELECT (SELECT count(*) FROM ticks) + (SELECT count(*) FROM messages)";
    let ticks = value(&store.db, "SELECT max(id) FROM ticks").as_i64().unwrap_or(0);
    assert_eq!(ticks, recorded);
    let old = value(&store.db, counts).as_i64().unwrap();
    assert_eq!(old, recorded + 5_000);
    assert_eq!(store.db.check().unwrap().faults, []);
}

#[test]
fn the_compact_command_says_how_much_was_gained_or_that_somebody_reads() {
    let home = Home::new();
    assert!(home.fails(3, &["compact"]).contains("no store at"));
    let path = home.path(".netsky/meta.db");
    fs::create_dir(home.path(".netsky")).unwrap();
    let db = Db::open_path(&path).unwrap();
    record_messages(&db, 0..10_000);
    drop(db);
    home.ok(&["prune", "--before", "1s"]);
    let reader = open_past_the_crate(&path);
    let reading = redb::ReadableDatabase::begin_read(&reader).unwrap();
    let error = home.fails(3, &["compact"]);
    assert!(error.contains("in use") && error.contains("try again"), "{error}");
    drop(reading);
    let out = home.ok(&["compact"]);
    assert!(out.contains(" MiB given back: from ") && out.ends_with(" KiB\n"), "{out}");
    assert!(home.ok(&["compact", "--help"]).contains("Examples:"));
}
