//! Answers in the requested order.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use chrono::{DateTime, TimeDelta};
use datafusion::prelude::SessionContext;
use netsky_db::McpToolCallRecord;
use netsky_testing::{TestStore, rows, store, ticks_by_second, value};
use serde_json::json;

/// Returns a store with ten thousand ticks, one a second, and tool calls, of which every third has
/// a duration of 0.
fn ticks_and_calls() -> TestStore {
    let store = ticks_by_second(10_000);
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    let time = |id| start + TimeDelta::seconds(id);
    let calls = (1..=3_000).map(|id| McpToolCallRecord {
        ts_utc_start: time(id),
        ts_utc_end: None,
        source: "agent",
        tool: "Bash",
        agent: None,
        duration_ms: Some(if id % 3 == 0 { 0 } else { id }),
        success: true,
        error: None,
        timeout_race: false,
        request_json: None,
        response_json: None,
    });
    store.db.record_all(calls).unwrap();
    store
}

#[test]
fn keys_after_the_id_are_planned() {
    let store = ticks_and_calls();
    let first = |order: &str, limit: &str| {
        rows(&store.db, &format!("SELECT id FROM ticks ORDER BY {order} {limit}"))[0]["id"].clone()
    };
    for limit in ["", "LIMIT 3"] {
        assert_eq!(first("id, ts_utc", limit), 1);
        assert_eq!(first("id DESC, source", limit), 10_000);
        assert_eq!(first("id, source DESC, ts_utc", limit), 1);
        assert_eq!(first("source, id, ts_utc", limit), 2);
    }
    let nth =
        "SELECT max(nth) FROM (SELECT row_number() OVER (ORDER BY id, ts_utc) AS nth FROM ticks)";
    assert_eq!(value(&store.db, nth), 10_000);
    let nth = "SELECT max(nth) FROM (SELECT row_number() OVER (PARTITION BY id ORDER BY source) AS nth FROM ticks)";
    assert_eq!(value(&store.db, nth), 1);
    let listed = "SELECT array_agg(id ORDER BY id DESC, source)[1] FROM ticks";
    assert_eq!(value(&store.db, listed), 10_000);
}

#[test]
fn set_operations_of_limited_queries_are_planned() {
    let store = ticks_and_calls();
    let sql = "SELECT * FROM (
            (SELECT id, ts_utc AS t FROM ticks
             WHERE ts_utc IN ('2026-04-03 00:00:08', '2026-04-04') ORDER BY id LIMIT 50)
            INTERSECT SELECT id, ts_utc AS t FROM ticks WHERE source NOT LIKE '%dd'
        ) x WHERE t <= to_timestamp('2026-04-03T10:51:16.192Z') ORDER BY t, id LIMIT 1023";
    assert_eq!(rows(&store.db, sql).len(), 1);
    let sql = "SELECT count(*) FROM (
            (SELECT id FROM ticks ORDER BY id DESC LIMIT 50) EXCEPT (SELECT id FROM ticks ORDER BY id LIMIT 9980)
        )";
    assert_eq!(value(&store.db, sql), 20);
}

#[test]
fn conditions_guard_sort_keys() {
    let store = ticks_and_calls();
    let sql = "SELECT id FROM mcp_tool_calls WHERE duration_ms > 0
               ORDER BY 1000000 / duration_ms DESC, id LIMIT 3";
    let ids: Vec<_> = rows(&store.db, sql).into_iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(2), json!(4)]);
    let sql =
        "SELECT count(*) FROM mcp_tool_calls WHERE duration_ms <> 0 AND 3000 / duration_ms > 1";
    assert_eq!(value(&store.db, sql), 1_000);
    for (from, condition, count) in [
        ("mcp_tool_calls", "ts_utc_start < '2026-04-03T00:00:03Z' AND 3000 / duration_ms > 1", 2),
        // The optimizer moves comparisons with a value to the end of several conditions.
        ("mcp_tool_calls", "tool LIKE 'B%' AND duration_ms > 0 AND 3000 / duration_ms > 1", 1_000),
        ("mcp_tool_calls", "3000 / duration_ms > 1 AND duration_ms <> 0 AND tool LIKE 'B%'", 1_000),
        (
            "mcp_tool_calls",
            "duration_ms > 0 AND 3000 / duration_ms > 1 AND 3000 / duration_ms < 9",
            778,
        ),
        (
            "(SELECT * FROM ticks ORDER BY id) t",
            "source ~ '^[0-9]+$' AND source::int > 5 AND source::int < 9",
            0,
        ),
        (
            "(SELECT source, count(*) - count(agent) AS n FROM mcp_tool_calls GROUP BY 1) c",
            "n NOT IN (833) AND n NOT IN (47) AND n - n <> 0 AND 10 / (n - n) > 1",
            0,
        ),
        // What is divided by has a division of its own, which its guard repeats.
        (
            "(SELECT 1000 / duration_ms AS n, source FROM mcp_tool_calls WHERE duration_ms <> 0) c",
            "source LIKE '%a%' AND n < 0 AND 1000000 / n > 119",
            0,
        ),
        // A repeated expression is not computed for rows that the other condition excludes.
        (
            "mcp_tool_calls",
            "3000 / duration_ms > 1 AND 3000 / duration_ms < 9 AND duration_ms <> 0",
            778,
        ),
        (
            "(SELECT * FROM mcp_tool_calls ORDER BY id LIMIT 900) c",
            "3000 / duration_ms > 3 AND 3000 / duration_ms < 9 AND duration_ms <> 0",
            278,
        ),
        (
            "(SELECT * FROM ticks ORDER BY id LIMIT 900) t",
            "source::int > 5 AND source::int < 9 AND source ~ '^[0-9]+$'",
            0,
        ),
        // A remainder by a number other than zero cannot fail, and a cast may guard a division.
        (
            "(SELECT id % 5 AS n FROM ticks) t",
            "n BETWEEN 28904 AND 1 AND n > 0 AND 1000000 / n >= 119",
            0,
        ),
        (
            "mcp_tool_calls",
            "437 >= 1000 / nullif(duration_ms, 0) AND duration_ms::double < 0.0 \
             AND 1000000 / duration_ms < 218",
            0,
        ),
        // No scan applies these.
        (
            "(SELECT * FROM mcp_tool_calls ORDER BY id LIMIT 900) c",
            "duration_ms > 0 AND 3000 / duration_ms > 3 AND 6000 / duration_ms > 7",
            500,
        ),
        (
            "(SELECT source, duration_ms % 7 AS n, count(*) FROM mcp_tool_calls GROUP BY 1, 2) c",
            "n <> 0 AND 6 / n = 6",
            1,
        ),
    ] {
        let sql = format!("SELECT count(*) FROM {from} WHERE {condition}");
        assert_eq!(value(&store.db, &sql), count, "{sql}");
    }
}

/// Returns a session with many partitions and small batches.
fn many_partitions(store: &TestStore) -> SessionContext {
    let session = store.db.session().unwrap();
    for (option, value) in [("target_partitions", "4"), ("batch_size", "64")] {
        let option = format!("datafusion.execution.{option}");
        session.state_ref().write().config_mut().options_mut().set(&option, value).unwrap();
    }
    session
}

#[test]
fn expression_sorts_are_planned_on_many_partitions() {
    let store = ticks_and_calls();
    let session = many_partitions(&store);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (sql, first) in [
        ("SELECT id, source FROM ticks ORDER BY id % 7 - id, id LIMIT 3", 9_996),
        (
            "SELECT id, source FROM ticks ORDER BY CASE WHEN id % 2 = 0 THEN id ELSE -id END, id LIMIT 2",
            9_999,
        ),
        (
            "SELECT id, ts_utc IN ('2026-04-03') AS x FROM ticks ORDER BY CASE WHEN ts_utc > '2026-04-03T00:00:05Z' THEN id ELSE 7 END DESC, id LIMIT 2",
            10_000,
        ),
        (
            "SELECT duration_ms AS id FROM mcp_tool_calls ORDER BY id - duration_ms, id DESC LIMIT 1",
            2_999,
        ),
    ] {
        let answer = runtime.block_on(async { session.sql(sql).await.unwrap().collect().await });
        let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(answer[0].column(0).as_primitive::<Int64Type>().value(0), first, "{sql}");
    }
}

#[test]
fn a_key_within_another_key_is_not_mistaken() {
    let store = ticks_and_calls();
    let session = many_partitions(&store);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ids = |sql: &str| -> Vec<i64> {
        let answer = runtime.block_on(async { session.sql(sql).await.unwrap().collect().await });
        let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let ids = answer.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>());
        ids.flat_map(|ids| ids.values().to_vec()).collect()
    };
    for (columns, order) in [
        ("id, tool", "CASE WHEN duration_ms % 2 = 0 THEN -duration_ms ELSE id END, id DESC"),
        ("id, source, success", "id - 2 * duration_ms, id DESC"),
        ("id", "duration_ms % 3 + id % 5, duration_ms, id"),
        // The scan outputs other columns than it filters by, so that both columns of the first key
        // have other positions in the filter's input.
        ("id, source, tool", "duration_ms % (7 + success::int), duration_ms DESC, id"),
    ] {
        let sql = format!("SELECT {columns} FROM mcp_tool_calls ORDER BY {order}");
        assert_eq!(ids(&format!("{sql} LIMIT 34")), ids(&sql)[..34], "{sql}");
    }
}

#[test]
fn topk_of_a_union_uses_all_keys() {
    let store = ticks_and_calls();
    let source = "(SELECT 'tick' AS kind, ts_utc AS t, id FROM ticks WHERE id > 5000
                   UNION ALL SELECT 'call', ts_utc_start, id FROM mcp_tool_calls
                   UNION ALL SELECT 'again', ts_utc, id FROM ticks WHERE id > 9990) u";
    for order in ["kind, t, id", "kind DESC, t, id DESC", "kind, t DESC, kind, id", "t, kind, id"] {
        let sql = format!("SELECT kind, id FROM {source} ORDER BY {order}");
        let all = rows(&store.db, &sql);
        assert_eq!(rows(&store.db, &format!("{sql} LIMIT 20")), all[..20], "{order}");
    }
}

#[test]
fn constant_keys_are_planned() {
    let store = ticks_and_calls();
    for (sql, count) in [
        ("SELECT id, 7 AS x FROM ticks WHERE source = 'odd' ORDER BY source, x, id % 3, id", 5_000),
        (
            "SELECT * FROM (SELECT source, count(*) - count(detail_json) AS n, max(id) AS m FROM ticks GROUP BY 1
             UNION ALL SELECT tool, 1, 2 FROM mcp_tool_calls) u WHERE n IN (1) ORDER BY m, source, n",
            3_000,
        ),
        ("SELECT 1 AS a, 2 AS b, source FROM ticks UNION ALL SELECT id, id AS b2, tool FROM mcp_tool_calls ORDER BY a, b, source NULLS FIRST", 13_000),
    ] {
        assert_eq!(rows(&store.db, sql).len(), count, "{sql}");
    }
}

#[test]
fn offsets_below_a_sort_are_kept() {
    let store = ticks_and_calls();
    for (from, order, right) in [
        ("SELECT id FROM ticks ORDER BY id DESC LIMIT 3 OFFSET 64", "id DESC", [9936, 9935, 9934]),
        ("SELECT id FROM ticks ORDER BY id LIMIT 3 OFFSET 64", "id, id DESC", [65, 66, 67]),
        ("SELECT id FROM ticks ORDER BY id LIMIT 3 OFFSET 64", "id DESC", [67, 66, 65]),
        ("SELECT id FROM ticks ORDER BY id OFFSET 9997", "id DESC", [10_000, 9_999, 9_998]),
        ("SELECT id FROM ticks ORDER BY id DESC OFFSET 9997", "id DESC", [3, 2, 1]),
        ("SELECT id FROM ticks ORDER BY id DESC OFFSET 9990", "id DESC LIMIT 3", [10, 9, 8]),
        ("SELECT id FROM ticks ORDER BY id LIMIT 9 OFFSET 64", "id LIMIT 3", [65, 66, 67]),
        ("SELECT id, ts_utc FROM ticks ORDER BY ts_utc LIMIT 3 OFFSET 64", "ts_utc", [65, 66, 67]),
        (
            "SELECT 2 * id AS id FROM (SELECT id FROM ticks ORDER BY id LIMIT 9 OFFSET 4) \
             ORDER BY id LIMIT 3 OFFSET 2",
            "id",
            [14, 16, 18],
        ),
    ] {
        let sql = format!("SELECT id FROM ({from}) ORDER BY {order}");
        let ids: Vec<_> = rows(&store.db, &sql).iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, right.map(|id| json!(id)), "{sql}");
    }
    let sql = "SELECT rank() OVER (ORDER BY id DESC, ts_utc DESC) AS n FROM ticks \
               ORDER BY id LIMIT 2 OFFSET 7";
    assert_eq!(rows(&store.db, sql)[0]["n"], 9_993);
    let sql = "(SELECT source, source AS s FROM ticks ORDER BY id LIMIT 2 OFFSET 8) \
               UNION ALL SELECT source, NULL FROM ticks WHERE id < 4 ORDER BY source DESC, s";
    assert_eq!(rows(&store.db, sql).len(), 5);
}

#[test]
fn unions_may_have_empty_inputs() {
    let store = ticks_and_calls();
    let sql = "SELECT source FROM ticks WHERE id IN (1) AND id IN (2)
               UNION ALL (SELECT tool FROM mcp_tool_calls ORDER BY id DESC LIMIT 1)";
    assert_eq!(rows(&store.db, sql)[0]["source"], "Bash");
}

#[test]
fn nested_aggregates_are_not_confused() {
    let store = ticks_and_calls();
    for (sql, answer) in [
        (
            "SELECT count(DISTINCT n) FILTER (WHERE n > 4) FROM (SELECT min(id) AS n FROM ticks) t",
            0,
        ),
        (
            "SELECT count(DISTINCT n) FILTER (WHERE n > 4) FROM (SELECT max(id) AS n FROM ticks) t",
            1,
        ),
        ("SELECT sum(n) FILTER (WHERE n > 4) FROM (SELECT count(*) AS n FROM ticks) t", 10_000),
        ("SELECT max(n) FROM (SELECT count(*) AS n FROM ticks UNION ALL SELECT 7) t", 10_000),
        ("SELECT count(*) FROM (SELECT 1 AS a, count(*) AS n FROM ticks) t WHERE a IN (2)", 0),
        (
            "SELECT count(*) FROM (SELECT count(DISTINCT source) AS n FROM ticks) t WHERE n NOT IN (5, NULL)",
            0,
        ),
    ] {
        assert_eq!(value(&store.db, sql), answer, "{sql}");
    }
}

#[test]
fn max_hides_no_row_from_filtered_aggregates() {
    let store = ticks_and_calls();
    let session = many_partitions(&store);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sql = "SELECT max(id), min(source) FILTER (WHERE id IN (3)), max(id) FILTER (WHERE id < 9) FROM ticks
               WHERE detail_json LIKE '%}'";
    let answer =
        runtime.block_on(async { session.sql(sql).await.unwrap().collect().await }).unwrap();
    assert_eq!(answer[0].column(1).as_string_view().value(0), "odd");
    assert_eq!(answer[0].column(2).as_primitive::<Int64Type>().value(0), 8);
}

#[test]
fn a_computed_key_is_planned_on_many_partitions() {
    let store = ticks_and_calls();
    let session = many_partitions(&store);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (order, first) in [("DESC", 9_999), ("ASC", 2)] {
        let sql = format!(
            "SELECT 1000000 / id AS a, 1000000 / id AS b, id FROM ticks
             WHERE id IS DISTINCT FROM {} ORDER BY id {order} LIMIT 58",
            if order == "ASC" { 1 } else { 10_000 }
        );
        let answer = runtime.block_on(async { session.sql(&sql).await.unwrap().collect().await });
        let ids: Vec<i64> = answer
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
            .iter()
            .flat_map(|batch| batch.column(2).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!((ids.len(), ids[0]), (58, first));
        assert!(ids.is_sorted_by(|a, b| if order == "ASC" { a < b } else { a > b }));
    }
}

netsky_db::tables! {
    static SWITCH_TABLES;

    /// Switches that may be unset.
    #[table = "switches"]
    pub struct SwitchRecord {
        /// Whether it is on.
        pub flag: Option<bool>,
    }

    /// Checks.
    #[table = "checks"]
    pub struct CheckRecord {
        /// Whether it passed.
        pub ok: bool,
    }
}

/// DataFusion 55.2 loses track of the repeated keys while it plans the sorts of several partitions,
/// and again when it pushes the sort into the union. The query is then planned again without
/// either.
#[test]
fn sorts_of_unions_by_repeated_columns_are_planned() {
    let store = store();
    let db = store.db.with_tables(SWITCH_TABLES).unwrap();
    let flags = [Some(true), None, Some(false)];
    db.record_all((0..500).map(|n| SwitchRecord { flag: flags[n % 3] })).unwrap();
    db.record_all((0..800).map(|n| CheckRecord { ok: n % 2 == 0 })).unwrap();
    let sql = "SELECT flag, flag AS c2, flag AS c3 FROM switches
               UNION ALL SELECT ok, ok AS c5, ok AS c6 FROM checks
               ORDER BY flag, c2 NULLS FIRST, c3 DESC";
    let answer = rows(&db, sql);
    let flags: Vec<_> = answer.iter().map(|row| row["flag"].as_bool()).collect();
    let in_order = |flag: &Option<bool>| flag.map_or(2, i32::from);
    assert!(flags.is_sorted_by_key(in_order), "{flags:?}");
    assert_eq!(flags.len(), 1_300);
}
