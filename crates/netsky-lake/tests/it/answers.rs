//! A lake of one machine answers as its store does.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use flate2::read::GzDecoder;
use netsky_db::{Db, Direction, MessageRecord, Record, TABLES, TickRecord, VIEWS};
use netsky_testing::{has_data, rows, value};
use serde_json::json;

use super::{Directory, open, push, sorted, view};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fleet");
const QUESTIONS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/queries/operators.sql");

fn import(db: &Db, from: &Path) {
    for table in TABLES {
        let file = from.join(format!("{}.ndjson.gz", table.name()));
        if let Ok(file) = File::open(file) {
            db.import(table.name(), BufReader::new(GzDecoder::new(file))).unwrap();
        }
    }
}

#[test]
fn every_table_view_and_question_answers_as_the_store() {
    if ![DATA, QUESTIONS].into_iter().all(|path| has_data("fleet", Path::new(path))) {
        return;
    }
    let directory = Directory::new();
    let store = directory.store("a");
    import(&store, Path::new(DATA));
    let pushed = push(&store, &directory.lake(), "dev3");
    assert_eq!(pushed, 90_651);
    let lake = open(&directory.lake());
    for table in TABLES {
        let columns = table.columns().iter().map(|column| column.name);
        let columns: Vec<&str> = std::iter::once("id").chain(columns).collect();
        let sql = format!("SELECT {} FROM {} ORDER BY id", columns.join(", "), table.name());
        assert!(rows(&lake, &sql) == rows(&store, &sql), "{sql}");
    }
    for name in VIEWS.iter().map(|view| view.name()) {
        let sql = view(name);
        assert_eq!(sorted(&lake, &sql), sorted(&store, &sql), "{sql}");
    }
    let questions = std::fs::read_to_string(QUESTIONS).unwrap();
    let statements = questions.split("\n-- ").filter_map(|question| question.split_once('\n'));
    let mut asked = 0;
    for (title, sql) in
        statements.filter(|(title, _)| title.starts_with(|it: char| it.is_ascii_digit()))
    {
        asked += 1;
        let (found, expected) = (sorted(&lake, sql), sorted(&store, sql));
        // A limit may choose other rows of those that are equal by the order, and percentiles are estimated.
        match sql.contains("LIMIT") || sql.contains("approx_") {
            true => assert_eq!(found.len(), expected.len(), "{title}"),
            false => assert_eq!(found, expected, "{title}"),
        }
    }
    assert_eq!(asked, 20);
}

#[test]
fn filters_on_times_and_ids_select_the_same_rows() {
    let directory = Directory::new();
    let store = directory.store("a");
    // Rows of all days of a month, late ones among them, some at the edges of days. A day has a file of each push.
    for time in ["12:30:00.001", "23:59:59.999", "00:00:00.000"] {
        let line = |i: usize| {
            let (day, source) = (1 + (i * 5) % 28, format!("s{}", i % 5));
            let time = format!("2026-02-{day:02}T{time}Z");
            format!("{}\n", json!({"ts_utc": time, "source": source, "detail_json": "{}"}))
        };
        store.import("ticks", (0..100).map(line).collect::<String>().as_bytes()).unwrap();
        push(&store, &directory.lake(), "m");
    }
    let lake = open(&directory.lake());
    for condition in [
        "ts_utc >= '2026-02-10'",
        "ts_utc < '2026-02-10'",
        "ts_utc BETWEEN '2026-02-09T23:59:59.999Z' AND '2026-02-10T00:00:00Z'",
        "ts_utc = '2026-02-10T00:00:00Z'",
        "ts_utc::date = '2026-02-14'",
        "ts_utc::date IN ('2026-02-14', '2026-02-20')",
        "date_trunc('month', ts_utc) = '2026-02-01'",
        "(ts_utc AT TIME ZONE 'Europe/Berlin')::date = '2026-02-14'",
        "ts_utc LIKE '2026-02-1%'",
        "NOT (ts_utc > '2026-02-05' AND ts_utc < '2026-02-25')",
        "ts_utc < '2026-02-03' OR ts_utc > '2026-02-27'",
        "ts_utc > '2030-01-01'",
        "ts_utc > now() - INTERVAL '100 years'",
        "id IN (1, 7, 300)",
        "id > 290 AND source = 's1'",
        "id = 5 OR ts_utc < '2026-02-02'",
    ] {
        for select in ["id, ts_utc, source", "count(*)", "min(ts_utc), max(id)"] {
            let sql = format!("SELECT {select} FROM ticks WHERE {condition}");
            assert_eq!(sorted(&lake, &sql), sorted(&store, &sql), "{sql}");
        }
        // The days of files say which can have the first rows.
        for order in ["ts_utc DESC, id", "ts_utc, id DESC", "ts_utc DESC NULLS LAST, id DESC"] {
            for limit in ["1", "7", "7 OFFSET 20"] {
                let sql = format!(
                    "SELECT id, ts_utc FROM ticks WHERE {condition} ORDER BY {order} LIMIT {limit}"
                );
                assert_eq!(rows(&lake, &sql), rows(&store, &sql), "{sql}");
            }
        }
    }
}

#[test]
fn a_table_without_rows_is_empty() {
    let directory = Directory::new();
    let store = directory.store("a");
    store.record_tick(chrono::DateTime::UNIX_EPOCH, "x", "{}").unwrap();
    push(&store, &directory.lake(), "m");
    let lake = open(&directory.lake());
    assert_eq!(value(&lake, "SELECT count(*) FROM messages"), json!(0));
    assert_eq!(rows(&lake, "SELECT machine, max(body) FROM messages GROUP BY machine").len(), 0);
    assert_eq!(value(&lake, "SELECT count(*) FROM ticks WHERE ts_utc > '2026-01-01'"), json!(0));
    for name in VIEWS.iter().map(|view| view.name()) {
        rows(&lake, &view(name));
    }
}

#[test]
fn a_file_that_lacks_a_column_has_nulls() {
    let directory = Directory::new();
    let store = directory.store("a");
    let message = MessageRecord {
        body: Some("new"),
        ..MessageRecord::new(chrono::DateTime::UNIX_EPOCH, "agent", Direction::Inbound)
    };
    store.record(&message).unwrap();
    push(&store, &directory.lake(), "m");
    // As an older version would have written it.
    let old = "SELECT id, ts_utc, source, direction FROM messages";
    let old = open(&directory.lake()).query_batches(old).unwrap();
    let answer =
        netsky_formats::Answer { schema: old[0].schema(), batches: old.into_iter().map(Ok) };
    let mut content = Vec::new();
    netsky_formats::columnar::write_table(MessageRecord::TABLE, answer, &mut content).unwrap();
    let file = directory.path("lake").join(&directory.files()[0]);
    std::fs::write(&file, content).unwrap();
    let lake = open(&directory.lake());
    let sql = "SELECT source, body FROM messages WHERE body IS NULL AND machine = 'm'";
    assert_eq!(rows(&lake, sql).len(), 1);
}

#[test]
fn a_join_builds_from_the_smaller_table_whichever_is_first() {
    let directory = Directory::new();
    let store = directory.store("a");
    let times = (0..5_000).map(|nth| chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(nth));
    store.record_all(times.map(|time| TickRecord::new(time, "x", "{}"))).unwrap();
    store
        .record(&MessageRecord::new(chrono::DateTime::UNIX_EPOCH, "x", Direction::Inbound))
        .unwrap();
    push(&store, &directory.lake(), "m");
    let lake = open(&directory.lake());
    for from in ["ticks t JOIN messages m USING (source)", "messages m JOIN ticks t USING (source)"]
    {
        let sql = format!("EXPLAIN FORMAT indent SELECT t.id, m.id FROM {from}");
        let plan = lake.query(&sql).unwrap();
        let (_, physical) = plan.split_once("HashJoinExec").unwrap();
        let of = |table: &str| physical.find(&format!("{table}/date=")).unwrap();
        assert!(of("messages") < of("ticks"), "{plan}");
    }
    // The filtered side of one table is the smaller one.
    let some = "SELECT DISTINCT source FROM ticks WHERE id > 100";
    for from in [format!("ticks t JOIN ({some}) s"), format!("({some}) s JOIN ticks t")] {
        let sql = format!("EXPLAIN FORMAT indent SELECT count(*) FROM {from} USING (source)");
        let plan = lake.query(&sql).unwrap();
        let (_, physical) = plan.split_once("HashJoinExec").unwrap();
        let filter = physical.find("FilterExec").unwrap();
        assert!(filter < physical.find("ticks/date=").unwrap(), "{plan}");
    }
}

#[test]
fn a_query_sees_what_was_pushed_before_it() {
    let directory = Directory::new();
    let store = directory.store("a");
    store.record_tick(chrono::DateTime::UNIX_EPOCH, "x", "{}").unwrap();
    push(&store, &directory.lake(), "m");
    let lake = open(&directory.lake());
    for expected in 1..=3 {
        assert_eq!(value(&lake, "SELECT count(*) FROM ticks"), json!(expected));
        store.record_tick(chrono::DateTime::UNIX_EPOCH, "x", "{}").unwrap();
        push(&store, &directory.lake(), "m");
    }
}

#[test]
fn a_measured_plan_says_how_many_files_were_listed_and_left_out() {
    let directory = Directory::new();
    let store = directory.store("a");
    for day in 1..=5 {
        let time = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(day);
        store.record_tick(time, "x", "{}").unwrap();
    }
    push(&store, &directory.lake(), "m");
    let lake = open(&directory.lake());
    let plan = lake
        .query("EXPLAIN ANALYZE SELECT * FROM ticks WHERE ts_utc BETWEEN '1970-01-02' AND '1970-01-04' AND id > 1")
        .unwrap();
    assert!(plan.contains("files_listed=3"), "{plan}");
    assert!(plan.contains("row_groups_pruned_statistics=3 total → 2 matched"), "{plan}");
    let stream = netsky_db::Db::query_stream(&lake, "SELECT source FROM ticks");
    let mut stream = futures::executor::block_on(stream).unwrap();
    while let Some(batch) = futures::executor::block_on(futures::StreamExt::next(&mut stream)) {
        batch.unwrap();
    }
    assert_eq!(stream.progress().counts().rows_read, 5);
}
