//! Queries that take too long, need too much memory, or read rows that cannot be decoded.

use std::process::Command;
use std::time::Duration;

use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use netsky_db::{Db, Error, QueryOptions};
use netsky_testing::{rows, store_past_the_crate, value, with_large_texts, with_ticks};

/// It takes minutes, returns one row, and its joins run for a long time before they check the
/// timeout.
const ENDLESS: &str = "SELECT sum(a.id * b.id % c.id) FROM ticks a, ticks b, ticks c, ticks d";

fn limited(db: &Db, bytes: usize) -> Db {
    db.with_query_options(QueryOptions::new().memory_limit(bytes))
}

#[test]
fn queries_end_at_their_timeout() {
    let store = with_ticks(3_000);
    let options = QueryOptions::new().timeout(Duration::from_millis(300));
    let open = || store.db.with_query_options(options.clone());
    let timed_out = |error: &Error| matches!(error, Error::TimedOut { .. });
    assert!(timed_out(&open().query(ENDLESS).unwrap_err()));
    assert!(timed_out(&open().query_batches(ENDLESS).unwrap_err()));
    let answer =
        block_on(async { open().query_stream(ENDLESS).await?.try_collect::<Vec<_>>().await });
    assert!(timed_out(&answer.unwrap_err()));
    // A query that finished in time is not cancelled later.
    let db = open();
    let mut stream = block_on(db.query_stream("SELECT count(*) FROM ticks")).unwrap();
    assert_eq!(block_on(stream.next()).unwrap().unwrap().num_rows(), 1);
    std::thread::sleep(Duration::from_millis(1_000));
    assert!(block_on(stream.next()).is_none());
}

/// A function of constants, which the planner evaluates. It takes a minute.
const SLOW_TO_PLAN: &str = "SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))";

#[test]
fn planning_ends_at_the_timeout() {
    let store = with_ticks(3);
    let options = QueryOptions::new().timeout(Duration::from_millis(300));
    let db = store.db.with_query_options(options);
    let started = std::time::Instant::now();
    let answer = block_on(db.query_stream(SLOW_TO_PLAN)).unwrap_err();
    assert!(matches!(answer, Error::TimedOut { .. }), "{answer}");
    let answer = db.query(SLOW_TO_PLAN).unwrap_err();
    assert!(matches!(answer, Error::TimedOut { .. }), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    // Neither query blocks another one.
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 3);
}

/// Queries that double a value from one common table expression to the next.
fn doubling(first: &str, twice: &str, last: &str) -> String {
    let steps = (0..30).map(|step| format!("t{} AS (SELECT {twice} AS a FROM t{step})", step + 1));
    let steps = steps.collect::<Vec<_>>().join(", ");
    format!("WITH t0 AS ({first}), {steps} SELECT {last} FROM t30")
}

#[test]
fn doubled_values_count_against_the_memory_limit() {
    let store = with_ticks(1_000);
    let db = limited(&store.db, 100 << 20);
    for sql in [
        doubling("SELECT 'xxxx' AS a", "a || a", "length(a)"),
        doubling("SELECT * FROM (VALUES ('xxxx')) v(a)", "a || a", "length(a)"),
        doubling("SELECT source AS a FROM ticks", "a || a", "length(a)"),
        doubling("SELECT source AS a FROM ticks", "concat(a, a)", "max(length(a))"),
        doubling("SELECT make_array(1) AS a FROM ticks", "array_concat(a, a)", "max(cardinality(a))"),
        doubling("SELECT make_array(1) AS a FROM ticks", "a || a", "count(a)"),
        doubling("SELECT arrow_cast(source, 'Utf8View') AS a FROM ticks", "a || a", "max(length(a))"),
        "WITH RECURSIVE r AS (SELECT 'x' AS a UNION ALL SELECT a || a FROM r) SELECT max(length(a)) FROM r"
            .to_owned(),
    ] {
        let error = db.query(&sql).unwrap_err();
        assert!(matches!(error, Error::MemoryLimit { .. }), "{sql}: {error}");
    }
}

#[test]
fn functions_count_against_the_memory_limit() {
    let store = with_ticks(1_000);
    let db = limited(&store.db, 100 << 20);
    for (function, sql) in [
        ("repeat", "SELECT length(repeat('x', 2000000000))"),
        ("repeat", "SELECT sum(length(repeat(detail_json, 1000000))) FROM ticks"),
        ("lpad", "SELECT length(lpad('x', 2000000000))"),
        ("rpad", "SELECT length(rpad('x', 600000000, '🦀'))"),
        ("replace", "SELECT length(replace(repeat('x', 1000000), 'x', repeat('y', 1000)))"),
        (
            "regexp_replace",
            "SELECT regexp_replace(repeat('x', 1000000), 'x', repeat('y', 999), 'g')",
        ),
        ("array_repeat", "SELECT array_repeat(1, 1000000000)"),
        ("array_repeat", "SELECT array_repeat(detail_json, 1000000000) FROM ticks"),
        ("array_resize", "SELECT array_resize([1], 1000000000, 0)"),
        ("array_to_string", "SELECT array_to_string(range(0, 10000), repeat(' ', 1000000))"),
        ("range", "SELECT array_length(range(0, 1000000000))"),
        (
            "range",
            "SELECT range(TIMESTAMP '2000-01-01', TIMESTAMP '2100-01-01', INTERVAL '1 second')",
        ),
        ("generate_series", "SELECT generate_series(0, 1000000000, 2)"),
        ("printf", "SELECT sum(length(printf(repeat('%1000d', 60000), id))) FROM ticks"),
        (
            "strftime",
            "SELECT sum(length(strftime(repeat('x', 1000000) || '%Y', ts_utc))) FROM ticks",
        ),
        ("json_array", "SELECT sum(length(json_array(id, repeat('x', 1000000)))) FROM ticks"),
    ] {
        match db.query_batches(sql) {
            Err(Error::MemoryLimit { message }) => {
                assert!(message.contains(&format!("{function}()")), "{sql}: {message}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    // Whatever the limit is.
    let refused = store.db.query_batches("SELECT array_repeat(1, 1000000000000)").unwrap_err();
    assert!(matches!(refused, Error::MemoryLimit { .. }), "{refused}");
    for (sql, length) in [
        ("SELECT length(repeat('x', 1000000))", 1_000_000),
        ("SELECT sum(length(repeat(detail_json, 1000))) FROM ticks", 2_000_000),
        ("SELECT length(lpad('x', 1000, 'é'))", 1_000),
        ("SELECT length(replace('a-b-c', '-', '--'))", 7),
        ("SELECT length(array_to_string(array_repeat('ab', 3), ', '))", 10),
        ("SELECT array_length(range(0, 1000000))", 1_000_000),
        (
            "SELECT array_length(generate_series(DATE '2000-01-01', '2000-01-31', INTERVAL '1 day'))",
            31,
        ),
        ("SELECT count(*) FROM ticks WHERE repeat(NULL, id) IS NULL", 1_000),
    ] {
        assert_eq!(value(&db, sql), length, "{sql}");
    }
}

#[test]
fn memory_has_a_limit_by_default() {
    let limit = QueryOptions::default_memory_limit();
    assert_eq!(limit.is_some(), cfg!(target_os = "linux"));
    assert!(limit.is_none_or(|bytes| bytes > 64 << 20), "{limit:?}");
    let store = with_ticks(20_000);
    let plan =
        store.db.query("EXPLAIN SELECT source, count(*) FROM ticks GROUP BY source").unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(plan.contains("RepartitionExec"), cores > 1, "{plan}");
}

#[cfg(target_os = "linux")]
const CHILD: &str = "NETSKY_TEST_DROPS_QUERIES";

/// Not a test itself: it needs a process of its own, because it measures the process's CPU time.
#[cfg(target_os = "linux")]
#[test]
fn child_that_drops_queries() {
    use std::time::Instant;
    let Some(path) = std::env::var_os(CHILD) else { return };
    let processor_time = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // In hundredths of a second.
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let db = Db::open_read_only(&path).unwrap();
    for sql in [
        "SELECT sum(a.id * b.id) FROM ticks a, ticks b",
        "SELECT count(*) FROM ticks a JOIN ticks b ON a.id + b.id < 0",
        "SELECT count(*) FROM ticks a LEFT JOIN ticks b ON a.id * b.id = -1",
        "SELECT count(*) FROM ticks a FULL JOIN ticks b ON a.id * b.id = -1",
        "SELECT sum(a.id + b.id) FROM ticks a JOIN ticks b ON a.source = b.source",
        "SELECT count(*) FROM ticks a JOIN ticks b ON a.source = b.source AND a.id + b.id < 0",
        "SELECT count(*) FROM ticks a WHERE EXISTS
             (SELECT 1 FROM ticks b WHERE b.source = a.source AND b.id + a.id < 0)",
        "SELECT count(*) FROM ticks a WHERE EXISTS
             (SELECT 1 FROM ticks b, ticks c WHERE b.source = a.source)",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + t.id FROM r, ticks t)
             SELECT sum(n) FROM r",
        "SELECT max(s) FROM (SELECT sum(a.id) OVER (ORDER BY b.id, a.id) s FROM ticks a, ticks b)",
        "SELECT a.id FROM ticks a, ticks b ORDER BY a.id * b.id % 1000, b.id LIMIT 10",
        "SELECT a.id * b.id % 1000000 k, count(*) FROM ticks a, ticks b GROUP BY k",
    ] {
        // At least as many as there are cores.
        let queries = (0..3).map(|_| block_on(db.query_stream(sql)).unwrap()).collect::<Vec<_>>();
        std::thread::sleep(Duration::from_millis(1_000));
        assert_eq!(value(&db, "SELECT count(*) FROM ticks WHERE id < 10"), 9, "{sql}");
        drop(queries);
        let dropped = Instant::now();
        loop {
            let before = processor_time();
            std::thread::sleep(Duration::from_millis(200));
            if processor_time() - before <= 2 {
                break;
            }
            assert!(dropped.elapsed() < Duration::from_secs(20), "goes on: {sql}");
        }
        eprintln!("{:?} {sql}", dropped.elapsed());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_query_stops_computing() {
    let store = with_ticks(100_000);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "limits::child_that_drops_queries", "--nocapture"]);
    let ran = child.env(CHILD, &store.path).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    eprintln!("{said}");
}

#[test]
fn sorts_spill_past_the_memory_limit() {
    const ROWS: usize = 100_000;
    let store = with_large_texts(ROWS);
    let db = limited(&store.db, 16 << 20);
    let sql = "SELECT detail_json FROM ticks ORDER BY detail_json";
    let plan = db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
    assert!(plan.contains("spill_count=") && !plan.contains("spill_count=0,"), "{plan}");
    let mut seen = 0;
    for batch in db.query_batches(sql).unwrap() {
        let texts = arrow::array::AsArray::as_string_view(batch.column(0)).iter().flatten();
        for text in texts.map(ToOwned::to_owned) {
            assert_eq!(text, format!("{seen:0>200}"));
            seen += 1;
        }
    }
    assert_eq!(seen, ROWS);
}

#[test]
fn aggregations_spill_past_the_memory_limit() {
    const ROWS: usize = 100_000;
    let store = with_large_texts(ROWS);
    // Tasks that wait for each other would wait for ever.
    let options = QueryOptions::new().timeout(Duration::from_secs(120)).memory_limit(16 << 20);
    let db = store.db.with_query_options(options);
    let groups = "SELECT detail_json, count(*) AS n FROM ticks GROUP BY detail_json";
    let plan = db.query(&format!("EXPLAIN ANALYZE {groups}")).unwrap();
    assert!(plan.contains("spill_count=") && !plan.contains("spill_count=0,"), "{plan}");
    for sql in [
        format!("SELECT count(*) FROM ({groups}) WHERE n = 1"),
        format!("SELECT count(*) FROM (SELECT detail_json FROM ({groups}) ORDER BY n, 1 OFFSET 0)"),
        "SELECT count(*) FROM (SELECT DISTINCT detail_json, id FROM ticks)".to_owned(),
        "SELECT count(DISTINCT detail_json) FROM ticks GROUP BY source".to_owned(),
    ] {
        assert_eq!(value(&db, &sql), ROWS, "{sql}");
    }
    // The aggregation must leave memory for the sort above it.
    let sql = format!("SELECT detail_json FROM ({groups}) ORDER BY n, detail_json DESC");
    let batches = db.query_batches(&sql).unwrap();
    let texts = batches.iter().flat_map(|batch| {
        let texts = arrow::array::AsArray::as_string_view(batch.column(0));
        texts.iter().flatten().map(ToOwned::to_owned).collect::<Vec<_>>()
    });
    assert!(texts.eq((0..ROWS).rev().map(|number| format!("{number:0>200}"))));
}

#[test]
fn joins_past_the_memory_limit_are_refused() {
    let store = with_large_texts(20_000);
    let sql = "SELECT a.id FROM ticks a JOIN ticks b ON a.detail_json = b.detail_json";
    let db = limited(&store.db, 1 << 20);
    let error = db.query(sql).unwrap_err();
    assert!(matches!(error, Error::MemoryLimit { .. }), "{error}");
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 20_000);
}

#[test]
fn corrupt_rows_are_skipped_and_counted_on_request() {
    let store = with_ticks(4);
    let path = &store.path;
    store_past_the_crate(path, "ticks", 2, b"{\"ts_utc\":\"2026-04-03T00:00:00.000Z\",");
    store_past_the_crate(path, "ticks", 5, b"not JSON");
    // Its time is valid and its source is not.
    let row = r#"{"id":6,"ts_utc":"2026-04-03T00:00:00.000Z","source":7,"detail_json":"{}"}"#;
    store_past_the_crate(path, "ticks", 6, row.as_bytes());

    let error = Db::open_read_only(path).unwrap().query("SELECT * FROM ticks").unwrap_err();
    assert!(matches!(error, Error::CorruptRow { .. }), "{error}");

    let db = store.db.with_query_options(QueryOptions::new().skip_corrupt(true));
    let ids = |sql: &str| -> Vec<i64> {
        rows(&db, sql).iter().map(|row| row["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("SELECT * FROM ticks ORDER BY id"), [1, 3, 4]);
    assert_eq!(ids("SELECT * FROM ticks WHERE source = 'x' ORDER BY id DESC LIMIT 2"), [4, 3]);
    assert_eq!(ids("SELECT id, ts_utc FROM ticks ORDER BY id"), [1, 3, 4]);
    assert_eq!(ids("SELECT count(*) AS id FROM ticks"), [3]);
    assert_eq!(ids("SELECT max(id) AS id FROM ticks"), [4]);
    assert_eq!(ids("SELECT id, source FROM ticks WHERE ts_utc < '2026-05-01' ORDER BY id"), [0; 0]);
    for sql in [
        "SELECT source FROM ticks",
        "SELECT count(*) FROM ticks",
        // The planner reads the first and last block of a time range, and then the scan reads them.
        "SELECT source FROM ticks WHERE ts_utc > '1990-01-01' AND ts_utc < '2090-01-01'",
        "SELECT a.id FROM ticks a JOIN ticks b ON a.source = b.source WHERE a.ts_utc > '1990-01-01'",
    ] {
        let mut stream = block_on(db.query_stream(sql)).unwrap();
        block_on(async { while stream.next().await.is_some() {} });
        assert_eq!(stream.skipped_rows(), 3, "{sql}");
    }
}
