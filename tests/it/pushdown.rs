//! What a query reads. A pushdown that silently stops working still gives the right answer; here it
//! fails a test on the metrics that `EXPLAIN ANALYZE` shows.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use futures::executor::block_on;
use netsky_db::{Db, ScanCounts, TickRecord};
use netsky_testing::{TestStore, rows, store, store_past_the_crate, value};
use serde_json::json;

/// The number of blocks of 1,024 ids. The first has 1,023, because ids begin with 1.
const BLOCKS: i64 = 20;

/// Returns a store with one tick a second from midnight on, and a late one in block 15.
fn ticks() -> TestStore {
    let store = store();
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    let rows = (1..BLOCKS * 1_024).map(|id| TickRecord {
        ts_utc: start + chrono::TimeDelta::seconds(if id == 15 * 1_024 { 0 } else { id }),
        source: if id % 2 == 0 { "even" } else { "odd" },
        detail_json: "{}",
    });
    store.db.record_all(rows).unwrap();
    store
}

#[derive(Debug, PartialEq)]
struct Read {
    blocks_total: u64,
    blocks_pruned: u64,
    blocks_counted: u64,
    rows_read: u64,
}

/// Returns what a query's scan read; `None` if there was no scan. Large figures are rounded.
fn read(store: &TestStore, sql: &str) -> Option<Read> {
    let plan = store.db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
    let figure = |name: &str| {
        let after = &plan[plan.find(&format!("{name}="))? + name.len() + 1..];
        let figure = after.split([',', ']', ' ']).next()?;
        let thousands = after[figure.len()..].starts_with(" K");
        let figure: f64 = figure.parse().ok()?;
        Some((figure * if thousands { 1_000.0 } else { 1.0 }) as u64)
    };
    Some(Read {
        blocks_total: figure("blocks_total")?,
        blocks_pruned: figure("blocks_pruned")?,
        blocks_counted: figure("blocks_counted")?,
        rows_read: figure("rows_read")?,
    })
}

fn rows_read(store: &TestStore, sql: &str) -> u64 {
    read(store, sql).unwrap_or_else(|| panic!("no scan: {sql}")).rows_read
}

#[test]
fn time_ranges_read_only_overlapping_blocks() {
    let store = ticks();
    // Half an hour has 1,800 rows, in 3 blocks; the block with the late row may have some, too.
    for condition in [
        "ts_utc >= '2026-04-03T01:00:00Z' AND ts_utc < '2026-04-03T01:30:00Z'",
        "ts_utc BETWEEN '2026-04-03T01:00:00Z' AND '2026-04-03T01:29:59.999Z'",
        "'2026-04-03T01:00:00Z' <= ts_utc AND NOT (ts_utc >= '2026-04-03T01:30:00Z')",
        "date_bin(INTERVAL '30 minutes', ts_utc) = '2026-04-03T01:00:00Z'",
        "to_timestamp(ts_utc) >= '2026-04-03T01:00:00Z' AND ts_utc::timestamp < '2026-04-03T01:30:00Z'",
    ] {
        let found = read(&store, &format!("SELECT source FROM ticks WHERE {condition}")).unwrap();
        assert_eq!((found.blocks_total, found.blocks_pruned), (20, 16), "{condition}");
        assert_eq!(
            value(&store.db, &format!("SELECT count(source) FROM ticks WHERE {condition}")),
            1_800
        );
    }
    let late = "SELECT source FROM ticks WHERE ts_utc = '2026-04-03T00:00:00Z'";
    assert_eq!(read(&store, late).unwrap().blocks_pruned, 19);
}

#[test]
fn queries_report_their_progress() {
    let store = ticks();
    let sql = "SELECT source FROM ticks WHERE id > 4000 AND ts_utc < '2026-04-03T05:00:00Z'";
    let mut answer = block_on(store.db.query_stream(sql)).unwrap();
    let progress = answer.progress();
    assert!(block_on(answer.next()).unwrap().is_ok());
    let begun = progress.counts();
    assert_eq!((begun.blocks_total, begun.blocks_pruned), (20, 5), "{begun:?}");
    assert!(begun.rows_read > 0 && begun.blocks_read > 0, "{begun:?}");
    while block_on(answer.next()).is_some() {}
    drop(answer);
    let ended = progress.counts();
    assert_eq!((ended.blocks_read, ended.blocks_counted), (15, 0), "{ended:?}");
    // To the end of the block in which the fifth hour ends.
    assert_eq!(ended.rows_read, 18 * 1_024 - 4_001, "{ended:?}");
    assert!(ended.bytes_scanned > 50 * ended.rows_read, "{ended:?}");

    let sql = "SELECT count(*) FROM ticks";
    let mut answer = block_on(store.db.query_stream(sql)).unwrap();
    while block_on(answer.next()).is_some() {}
    assert_eq!(answer.progress().counts(), ScanCounts::default(), "no scan is needed");

    let sql = "SELECT count(a.source) FROM ticks a JOIN ticks b USING (id) WHERE a.id < 1000";
    let mut answer = block_on(store.db.query_stream(sql)).unwrap();
    while block_on(answer.next()).is_some() {}
    let both = answer.progress().counts();
    assert_eq!((both.blocks_total, both.rows_read), (40, 2 * 999), "{both:?}");
}

#[test]
fn zones_count_rows_without_columns() {
    let store = ticks();
    let of_each = |condition: &str| {
        format!(
            "SELECT n, count(*) FROM ticks, (VALUES (1), (2)) v (n) WHERE {condition} GROUP BY n"
        )
    };
    let counts = |sql: &str| {
        let rows = rows(&store.db, sql);
        rows.iter().map(|row| row["count(*)"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let all = of_each("true");
    let found = read(&store, &all).unwrap();
    assert_eq!((found.blocks_counted, found.rows_read), (20, 0), "{all}");
    assert_eq!(counts(&all), [BLOCKS * 1_024 - 1; 2]);
    // A range ends within a block, and that block is read.
    let some = of_each("id <= 5000");
    let found = read(&store, &some).unwrap();
    assert_eq!((found.blocks_counted, found.rows_read), (4, 905), "{some}");
    assert_eq!(counts(&some), [5_000; 2]);
}

#[test]
fn limits_stop_scans_below_projections() {
    let store = ticks();
    for (order, rows) in [("id", 5), ("id DESC", 5), ("ts_utc DESC, id DESC", 2_048)] {
        let sql = format!("SELECT id, upper(source) FROM ticks ORDER BY {order} LIMIT 5");
        assert!(rows_read(&store, &sql) <= rows, "{sql}: {:?}", read(&store, &sql));
    }
    let sql = "SELECT upper(source) FROM ticks ORDER BY id DESC LIMIT 5 OFFSET 7";
    assert_eq!(rows_read(&store, sql), 12);
}

/// Returns the number of rows that a plan's scans have read so far.
fn rows_read_so_far(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let read = plan.metrics().and_then(|metrics| metrics.sum_by_name("rows_read"));
    let here = read.map_or(0, |read| read.as_usize());
    here + plan.children().into_iter().map(rows_read_so_far).sum::<usize>()
}

#[tokio::test]
async fn dropped_streams_stop_their_scan_within_a_segment() {
    const ROWS: usize = 150_000;
    const TASKS: usize = 2;
    let store = store();
    let tick = TickRecord { ts_utc: Utc::now(), source: "cron", detail_json: "{}" };
    store.db.record_all(std::iter::repeat_n(tick, ROWS)).unwrap();

    let session = store.db.session().unwrap();
    {
        // Each task gets only its share, so that it would run for a long time.
        let state = session.state_ref();
        let mut state = state.write();
        let config = state.config().clone().with_batch_size(ROWS / TASKS);
        *state.config_mut() = config.with_target_partitions(TASKS);
    }
    let frame = session.sql("SELECT source, detail_json FROM ticks").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let mut stream = execute_stream(Arc::clone(&plan), session.task_ctx()).unwrap();
    // Starts the tasks.
    let _ = futures::poll!(stream.next());
    while rows_read_so_far(&plan) == 0 {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    drop(stream);
    let at_drop = rows_read_so_far(&plan);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let read = rows_read_so_far(&plan);
    // Each task counts a block of rows, or a segment of columns, once it has finished it.
    assert!(read - at_drop <= 2 * TASKS * 8_192, "{at_drop} rows at the drop, {read} in the end");
}

#[test]
fn ids_are_looked_up() {
    let store = ticks();
    for (condition, rows) in [
        ("id = 4321", 1),
        ("4321 = id", 1),
        ("id IN (5, 4321, 999999)", 2),
        ("id BETWEEN 2000 AND 2099", 100),
        ("id > 20470", 9),
        ("id <= 3 OR id > 20476", 6),
        ("NOT (id > 7)", 7),
        ("id = 4321 AND ts_utc < '2026-04-04'", 1),
    ] {
        assert_eq!(
            rows_read(&store, &format!("SELECT source FROM ticks WHERE {condition}")),
            rows,
            "{condition}"
        );
    }
}

#[test]
fn contradictory_filters_read_nothing() {
    let store = ticks();
    for condition in [
        "id > 5 AND id < 3",
        "ts_utc > '2027-01-01'",
        "ts_utc < '2026-04-01' OR ts_utc > '2026-05-01'",
        "id = 7 AND ts_utc > '2026-04-03T05:00:00Z'",
        "date_trunc('day', ts_utc) = '2026-04-03T12:00:00Z'",
        "ts_utc > now() + INTERVAL '1000 days'",
    ] {
        let read = read(&store, &format!("SELECT source FROM ticks WHERE {condition}"));
        assert!(read.is_none_or(|read| read.rows_read <= 1), "{condition}");
    }
    assert_eq!(
        rows_read(&store, "SELECT source FROM ticks WHERE ts_utc::date = '2026-04-03'"),
        20_480
    );
}

#[test]
fn counts_and_extremes_need_no_scan() {
    let store = ticks();
    let half_hour = "ts_utc >= '2026-04-03T01:00:00Z' AND ts_utc < '2026-04-03T01:30:00Z'";
    for (sql, answer) in [
        ("SELECT count(*) FROM ticks".to_owned(), json!(20_479)),
        ("SELECT count(id) FROM ticks".to_owned(), json!(20_479)),
        ("SELECT min(id) FROM ticks".to_owned(), json!(1)),
        ("SELECT max(id) FROM ticks".to_owned(), json!(20_479)),
        ("SELECT min(ts_utc) FROM ticks".to_owned(), json!("2026-04-03T00:00:00.000Z")),
        ("SELECT max(ts_utc) FROM ticks".to_owned(), json!("2026-04-03T05:41:19.000Z")),
        ("SELECT count(*) FROM ticks WHERE id > 20000".to_owned(), json!(479)),
        (format!("SELECT count(*) FROM ticks WHERE {half_hour}"), json!(1_800)),
        (format!("SELECT min(id) FROM ticks WHERE {half_hour}"), json!(3_600)),
        (
            format!("SELECT max(ts_utc) FROM ticks WHERE {half_hour}"),
            json!("2026-04-03T01:29:59.000Z"),
        ),
    ] {
        assert_eq!(value(&store.db, &sql), answer, "{sql}");
        assert_eq!(read(&store, &sql), None, "{sql}");
    }
}

#[test]
fn statistics_are_never_stale() {
    let store = ticks();
    let db = &store.db;
    for expected in 20_480..20_490 {
        db.record_tick(Utc::now(), "new", "{}").unwrap();
        assert_eq!(value(db, "SELECT count(*) FROM ticks"), expected);
        assert_eq!(value(db, "SELECT max(id) FROM ticks"), expected);
    }
    // Another program's row has no zone, but is found.
    let row = r#"{"ts_utc":"2031-01-01T00:00:00Z","source":"other","detail_json":"{}"}"#;
    store_past_the_crate(&store.path, "ticks", 30_000, row.as_bytes());
    assert_eq!(value(db, "SELECT count(*) FROM ticks"), 20_490);
    assert_eq!(value(db, "SELECT max(ts_utc) FROM ticks"), "2031-01-01T00:00:00.000Z");
    let other = "SELECT source FROM ticks WHERE ts_utc > '2030-01-01'";
    assert_eq!(value(db, other), "other");
    assert_eq!(rows_read(&store, other), 1, "its run alone");
    // The next write catches up.
    db.record_tick(Utc::now(), "new", "{}").unwrap();
    assert_eq!(read(&store, "SELECT count(*) FROM ticks"), None);
    assert_eq!(value(db, other), "other");
}

#[test]
fn limits_stop_scans_early() {
    let store = ticks();
    assert_eq!(rows_read(&store, "SELECT source FROM ticks LIMIT 7"), 7);
    assert_eq!(rows_read(&store, "SELECT source FROM ticks WHERE id > 1000 LIMIT 30"), 30);
    assert!(
        rows_read(&store, "SELECT source FROM ticks WHERE ts_utc > '2026-04-03T03:00:00Z' LIMIT 5")
            <= 1_024
    );
}

fn plan(store: &TestStore, sql: &str) -> String {
    store.db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap()
}

#[test]
fn the_highest_ids_need_no_sort() {
    let store = ticks();
    for (sql, rows) in [
        ("SELECT id, source FROM ticks ORDER BY id DESC LIMIT 5", 5),
        ("SELECT source FROM ticks ORDER BY id LIMIT 5 OFFSET 3", 8),
        ("SELECT id, source FROM ticks WHERE id < 9000 ORDER BY id DESC, source LIMIT 5", 5),
    ] {
        assert_eq!(rows_read(&store, sql), rows, "{sql}");
        assert!(!plan(&store, sql).contains("Sort"), "{sql}");
    }
    let odd = "SELECT id FROM ticks WHERE source = 'odd' ORDER BY id DESC LIMIT 5";
    assert!(rows_read(&store, odd) <= 1_024 && !plan(&store, odd).contains("Sort"));
}

#[test]
fn a_hundred_thousand_ids_are_planned() {
    // Joining the ranges one by one took minutes.
    let store = ticks();
    let ids: Vec<String> = (0..100_000).map(|id| (id * 7 % 1_000_003).to_string()).collect();
    let sql = format!("SELECT count(source) FROM ticks WHERE id IN ({})", ids.join(", "));
    let expected =
        (0..100_000_i64).map(|id| id * 7 % 1_000_003).filter(|id| (1..20_480).contains(id));
    assert_eq!(value(&store.db, &sql), expected.count());
}

#[test]
fn sorting_above_a_limit_keeps_its_rows() {
    let store = ticks();
    for (sql, answer) in [
        ("SELECT max(id) FROM (SELECT id FROM ticks ORDER BY id LIMIT 3)", 3),
        ("SELECT id FROM (SELECT id FROM ticks ORDER BY id LIMIT 3) ORDER BY id DESC LIMIT 1", 3),
        (
            "SELECT id FROM (SELECT id FROM ticks ORDER BY id DESC LIMIT 3) ORDER BY id LIMIT 1",
            20_477,
        ),
        (
            "SELECT id FROM (SELECT * FROM ticks ORDER BY id LIMIT 3) ORDER BY ts_utc DESC LIMIT 1",
            3,
        ),
    ] {
        assert_eq!(value(&store.db, sql), answer, "{sql}");
    }
}

#[test]
fn the_newest_rows_are_found_in_the_newest_blocks() {
    let store = ticks();
    for sql in [
        "SELECT id FROM ticks ORDER BY ts_utc DESC LIMIT 5",
        "SELECT id, source FROM ticks ORDER BY ts_utc DESC, id DESC LIMIT 5",
        "SELECT id FROM ticks WHERE source = 'odd' ORDER BY ts_utc DESC LIMIT 3",
        "SELECT id FROM ticks ORDER BY ts_utc LIMIT 1",
    ] {
        let read = read(&store, sql).unwrap();
        assert!(read.rows_read <= 2_048 && read.blocks_pruned >= 18, "{sql}: {read:?}");
    }
}

#[test]
fn join_keys_become_point_lookups() {
    let store = ticks();
    for id in [7, 4_321, 20_000] {
        store.db.record_session(Utc::now(), "a", id, netsky_db::SessionEvent::Up).unwrap();
    }
    let sql = "SELECT t.source FROM sessions s JOIN ticks t ON t.id = s.session_num";
    let plan = plan(&store, sql);
    let scan = plan.lines().find(|line| line.contains("table=ticks")).unwrap();
    assert!(scan.contains("rows_read=3]") || scan.contains("rows_read=3,"), "{scan}");
    assert_eq!(value(&store.db, &sql.replace("t.source", "count(*)")), 3);
}

#[test]
fn scans_apply_filters_on_other_columns() {
    let store = ticks();
    let plan =
        plan(&store, "SELECT id FROM ticks WHERE source = 'odd' AND detail_json IS NOT NULL");
    assert!(!plan.contains("FilterExec") && plan.contains("predicate=source"), "{plan}");
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks WHERE source = 'odd'"), 10_240);
}

#[test]
fn dropped_zones_are_rebuilt() {
    let mut store = ticks();
    // The thread that seals the rows of `ticks` rebuilds zones, like every writer. It ends with its
    // store, and a reader starts none.
    let path = store.path.clone();
    store.db = Db::open_read_only(&path).unwrap();
    delete_zones(&path);
    let hour = "SELECT count(source) FROM ticks \
                WHERE ts_utc >= '2026-04-03T01:00:00Z' AND ts_utc < '2026-04-03T02:00:00Z'";
    assert_eq!(value(&store.db, hour), 3_600);
    let rows = hour.replace("count(source)", "source");
    assert_eq!(read(&store, &rows).unwrap().blocks_pruned, 0);
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 20_479);

    store.db = Db::open_path(&path).unwrap();
    assert_eq!(value(&store.db, hour), 3_600);
    assert_eq!(read(&store, &rows).unwrap().blocks_pruned, 14);
}

fn delete_zones(path: &Path) {
    let mut builder = redb::Builder::new();
    builder.set_concurrency_mode(redb::ConcurrencyMode::MultiWriter);
    let txn = builder.create(path).unwrap().begin_write().unwrap();
    for name in ["zones", "zone_marks"] {
        let found = txn.list_tables().unwrap().find(|table| redb::TableHandle::name(table) == name);
        assert!(txn.delete_table(found.unwrap()).unwrap());
    }
    txn.commit().unwrap();
}

#[test]
fn blocks_with_unreadable_times_are_always_read() {
    let store = ticks();
    store_past_the_crate(
        &store.path,
        "ticks",
        40_000,
        br#"{"ts_utc":"soon","source":"x","detail_json":"{}"}"#,
    );
    store.db.migrate().unwrap();
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 20_480);
    assert!(store.db.query("SELECT source FROM ticks WHERE ts_utc > '2030-01-01'").is_err());
    assert!(store.db.query("SELECT max(ts_utc) FROM ticks").is_err());
    assert_eq!(value(&store.db, "SELECT source FROM ticks WHERE id = 40000"), "x");
}
