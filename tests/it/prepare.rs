//! Prepared queries: planned once, each run sees the store as it is then, and the limits of its `Db` apply.

use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::Utc;
use futures::TryStreamExt;
use futures::executor::block_on;
use netsky_db::{Error, PreparedQuery, QueryOptions, Value};
use netsky_testing::{store, with_ticks};

fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

#[test]
fn each_run_takes_its_own_snapshot() {
    let store = with_ticks(3);
    let query = store.db.prepare("SELECT id FROM ticks").unwrap();
    for rows in 3..6 {
        assert_eq!(count(&query.batches().unwrap()), rows);
        store.db.record_tick(Utc::now(), "x", "{}").unwrap();
    }
    // It keeps the store open, and tables in views and subqueries are read in the run's snapshot, too.
    let query = store.db.prepare("SELECT (SELECT max(ticks) FROM v_last_tick) AS n").unwrap();
    let newest = |query: &PreparedQuery| {
        let batches = query.batches().unwrap();
        batches[0].column(0).as_primitive::<Int64Type>().value(0)
    };
    let before = newest(&query);
    store.db.record_tick(Utc::now(), "x", "{}").unwrap();
    drop(store.db);
    assert_eq!(newest(&query), before + 1);
}

#[test]
fn parameters_are_bound_without_planning_again() {
    let store = with_ticks(10);
    let sql = "SELECT id, $4 AS given FROM ticks WHERE source = $2 AND ts_utc >= $1 LIMIT $3";
    let query = store.db.prepare(sql).unwrap();
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let types = [Some(time), Some(DataType::Utf8View), Some(DataType::Int64), None];
    assert_eq!(query.parameter_types(), types);
    assert_eq!(query.schema().field(1).data_type(), &DataType::Null);
    for limit in [1, 5, 0] {
        let values = [text("2000-01-01"), text("x"), Value::Int(limit), Value::Bool(true)];
        let answer = block_on(query.bind(&values).unwrap().stream()).unwrap();
        assert_eq!(answer.schema().field(1).data_type(), &DataType::Boolean);
        let batches: Vec<RecordBatch> = block_on(answer.try_collect()).unwrap();
        assert_eq!(count(&batches), usize::try_from(limit).unwrap());
    }
    let values = [text("yesterday"), text("x"), Value::Int(1), Value::Null];
    let wrong = query.bind(&values).unwrap_err();
    assert!(matches!(wrong, Error::InvalidParameter { ref name, .. } if name == "1"), "{wrong}");
    for wrong in [query.bind(&values[..2]).unwrap_err(), query.batches().unwrap_err()] {
        assert!(matches!(wrong, Error::ParameterCount { wanted: 4, .. }), "{wrong}");
    }
    for sql in ["SELECT ?", "SELECT $70000"] {
        let error = store.db.prepare(sql).unwrap_err();
        assert!(matches!(error, Error::ParameterName { .. }), "{sql}: {error}");
    }
    assert_eq!(store.db.prepare("SELECT $2").unwrap().parameter_types(), [None, None]);
}

#[test]
fn parameters_can_have_names() {
    let store = with_ticks(10);
    let sql = "SELECT id FROM ticks WHERE id > $from AND source = $1 AND id <= $from + $count";
    let query = store.db.prepare(sql).unwrap();
    assert_eq!(query.parameter_names(), ["1", "count", "from"]);
    let answer = query.bind(&[text("x"), Value::Int(2), text("3")]).unwrap().batches().unwrap();
    assert_eq!(count(&answer), 2);
    assert_eq!(answer[0].column(0).as_primitive::<Int64Type>().values(), &[4, 5]);
    let wrong = query.bind(&[text("x"), Value::Int(2), text("three")]).unwrap_err();
    assert_eq!(wrong.to_string(), "parameter $from: 'three' is not an integer");
    assert_eq!(query.bind(&[text("x")]).unwrap_err().kind(), netsky_db::ErrorKind::InvalidInput);
}

#[test]
fn an_answer_without_rows_has_a_schema() {
    let store = store();
    for sql in [
        "SELECT * FROM messages",
        "SELECT * FROM v_cost_daily",
        "SELECT ts_utc FROM ticks UNION ALL SELECT ts_utc::date FROM crashes",
        "SELECT coalesce(ts_utc, 'never') AS at, upper(ts_utc), id / 2.0 FROM ticks",
        "SELECT id FROM ticks UNION SELECT '1' WHERE false",
        "SELECT source, count(*), avg(id) FROM ticks GROUP BY source",
        "SELECT id FROM ticks WHERE source = $1 AND id + $2 > 1",
    ] {
        let query = store.db.prepare(sql).unwrap();
        let nulls = vec![Value::Null; query.parameter_types().len()];
        let query = query.bind(&nulls).unwrap();
        let answer = block_on(query.stream()).unwrap();
        let (told, found) = (query.schema(), answer.schema());
        assert_eq!(told.fields().len(), found.fields().len(), "{sql}");
        for (told, found) in told.fields().iter().zip(found.fields()) {
            assert_eq!(told.name(), found.name(), "{sql}");
            assert_eq!(told.data_type(), found.data_type(), "{sql}");
        }
        assert_eq!(count(&query.batches().unwrap()), 0, "{sql}");
    }
}

#[test]
fn only_queries_can_be_prepared() {
    let store = store();
    for sql in [
        "INSERT INTO ticks VALUES (1)",
        "SELECT 1 INTO x",
        "CREATE TABLE x AS SELECT 1",
        "EXPLAIN DELETE FROM ticks",
        "PREPARE x AS SELECT 1",
        "SET datafusion.execution.batch_size = 1",
    ] {
        let error = store.db.prepare(sql).unwrap_err();
        assert!(matches!(error, Error::ReadOnlySql { .. }), "{sql}: {error}");
    }
    let unknown = store.db.prepare("SELECT * FROM tick").unwrap_err();
    assert!(matches!(unknown, Error::UnknownTable { .. }), "{unknown}");
    let mistyped = store.db.prepare("SELECT id + true FROM ticks").unwrap_err();
    assert!(matches!(mistyped, Error::Query(_)), "{mistyped}");
}

#[test]
fn a_deep_plan_is_freed_on_any_stack() {
    let store = store();
    let deep = vec!["id"; 1_000].join(" + ");
    let query = store.db.prepare(&format!("SELECT {deep} AS n FROM ticks")).unwrap();
    // Freeing it takes hundreds of bytes of stack for each operator.
    let freed = std::thread::Builder::new().stack_size(32 << 10).spawn(move || drop(query));
    freed.unwrap().join().unwrap();
}

#[tokio::test]
async fn a_query_is_prepared_inside_a_runtime() {
    let store = with_ticks(3);
    let query = store.db.prepare_async("SELECT id FROM ticks").await.unwrap();
    let batches: Vec<RecordBatch> = query.stream().await.unwrap().try_collect().await.unwrap();
    assert_eq!(count(&batches), 3);
    assert_eq!(count(&store.db.prepare("SELECT 1").unwrap().batches().unwrap()), 1);
}

#[test]
fn each_handle_has_limits_of_its_own() {
    let store = with_ticks(20_000);
    let limits = QueryOptions::new().timeout(Duration::from_millis(300)).memory_limit(1 << 20);
    let limited = store.db.with_query_options(limits.clone());
    assert_eq!(limited.query_options(), &limits);
    let endless = "SELECT sum(a.id * b.id % c.id) FROM ticks a, ticks b, ticks c";
    let error = limited.prepare(endless).unwrap().batches().unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let large = "SELECT length(repeat('x', $1))";
    let values = [Value::Int(2 << 20)];
    let run = |db: &netsky_db::Db| db.prepare(large)?.bind(&values)?.batches();
    let error = run(&limited).unwrap_err();
    assert!(matches!(error, Error::MemoryLimit { .. }), "{error}");
    assert_eq!(count(&run(&store.db).unwrap()), 1);
    assert_eq!(count(&run(&limited.with_query_options(QueryOptions::new())).unwrap()), 1);
}

#[test]
fn partitions_and_batches_have_limits() {
    let store = with_ticks(20_000);
    let db = store.db.with_query_options(QueryOptions::new().max_partitions(1).max_batch_rows(100));
    let grouped = "EXPLAIN SELECT source, count(*) FROM ticks GROUP BY source";
    let plan = db.query(grouped).unwrap();
    assert!(!plan.contains("RepartitionExec"), "{plan}");
    let batches = db.query_batches("SELECT id FROM ticks").unwrap();
    assert_eq!(count(&batches), 20_000);
    assert!(batches.iter().all(|batch| batch.num_rows() <= 100));
}
