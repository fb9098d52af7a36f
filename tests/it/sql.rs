//! Which SQL is allowed, which is not, and where it can be run from.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use netsky_db::{Db, Error, Position};
use netsky_testing::{TestStore, rows, store, store_past_the_crate, value};
use serde_json::{Value, json};

fn with_ticks(times: &[&str]) -> TestStore {
    let store = store();
    for (index, time) in times.iter().enumerate() {
        let time = DateTime::parse_from_rfc3339(time).unwrap().to_utc();
        let detail = format!(r#"{{"n":{index},"hook":"h{index}","deep":{{"x":[1,2]}}}}"#);
        store.db.record_tick(time, "cron", &detail).unwrap();
    }
    store
}

const THREE_TIMES: [&str; 3] =
    ["2026-04-02T23:59:59.999Z", "2026-04-03T00:00:00.000Z", "2026-04-03T00:00:00.500Z"];

fn ids(db: &Db, condition: &str) -> Vec<i64> {
    let rows = rows(db, &format!("SELECT id FROM ticks WHERE {condition} ORDER BY id"));
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[test]
fn times_compare_with_text_literals() {
    let store = with_ticks(&THREE_TIMES);
    for (condition, expected) in [
        ("ts_utc >= '2026-04-03T00:00:00Z'", &[2, 3][..]),
        ("ts_utc > '2026-04-03T00:00:00.000Z'", &[3]),
        ("'2026-04-03' <= ts_utc", &[2, 3]),
        ("ts_utc = '2026-04-03T02:00:00+02:00'", &[2]),
        ("ts_utc BETWEEN '2026-04-02' AND '2026-04-03T00:00:00Z'", &[1, 2]),
        ("ts_utc IN ('2026-04-03T00:00:00.500Z', '2026-04-03')", &[2, 3]),
        ("ts_utc < TIMESTAMP '2026-04-03 00:00:00'", &[1]),
        ("ts_utc::date = '2026-04-03'", &[2, 3]),
        ("date_trunc('day', ts_utc) = '2026-04-03'", &[2, 3]),
        ("ts_utc > now() - INTERVAL '36500 days'", &[1, 2, 3]),
        ("to_timestamp(ts_utc) >= to_timestamp('2026-04-03T00:00:00Z')", &[2, 3]),
    ] {
        assert_eq!(ids(&store.db, condition), expected, "{condition}");
    }
}

#[test]
fn text_operations_see_times_in_stored_form() {
    let store = with_ticks(&THREE_TIMES);
    for (condition, expected) in [
        ("ts_utc LIKE '2026-04-03%'", &[2, 3][..]),
        ("ts_utc NOT LIKE '%.000Z'", &[1, 3]),
        ("ts_utc ILIKE '%t00:00:00.5%'", &[3]),
        ("ts_utc SIMILAR TO '2026-04-02T%'", &[1]),
        ("ts_utc GLOB '*:59.???Z'", &[1]),
        ("ts_utc ~ 'T23:[0-9]{2}'", &[1]),
        ("substr(ts_utc, 1, 10) = '2026-04-03'", &[2, 3]),
        ("SUBSTRING(ts_utc FROM 12 FOR 2) = '23'", &[1]),
        ("left(ts_utc, 10) = '2026-04-02'", &[1]),
        ("right(ts_utc, 4) = '500Z'", &[3]),
        ("starts_with(ts_utc, '2026-04-03T00:00:00.5')", &[3]),
        ("split_part(ts_utc, 'T', 1) = '2026-04-02'", &[1]),
        ("length(ts_utc) = 24", &[1, 2, 3]),
        ("position('T' IN ts_utc) = 11", &[1, 2, 3]),
        ("replace(ts_utc, 'T', ' ') = '2026-04-03 00:00:00.500Z'", &[3]),
        ("regexp_like(ts_utc, '\\.999Z$')", &[1]),
        ("ts_utc || '' = '2026-04-03T00:00:00.000Z'", &[2]),
        ("concat('at ', ts_utc) = 'at 2026-04-03T00:00:00.000Z'", &[2]),
        ("CAST(ts_utc AS VARCHAR) = '2026-04-03T00:00:00.000Z'", &[2]),
        ("ts_utc::text = '2026-04-03T00:00:00.500Z'", &[3]),
        ("upper(ts_utc) = ts_utc", &[1, 2, 3]),
        ("'2026-04-03T00:00:00.500Z' LIKE ts_utc", &[3]),
        ("coalesce(ts_utc, 'running') LIKE '%.500Z'", &[3]),
        ("coalesce(ts_utc, now()) < now()", &[1, 2, 3]),
    ] {
        assert_eq!(ids(&store.db, condition), expected, "{condition}");
    }
    let days = rows(
        &store.db,
        "SELECT substr(ts_utc, 1, 10) AS day, COUNT(*) AS n FROM ticks GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(
        Value::from_iter(days),
        json!([{"day": "2026-04-02", "n": 1}, {"day": "2026-04-03", "n": 2}])
    );
    assert_eq!(value(&store.db, "SELECT left(max(ts_utc), 19) FROM ticks"), "2026-04-03T00:00:00");
    assert_eq!(
        value(&store.db, "SELECT source || '@' || ts_utc FROM ticks WHERE id = 3"),
        "cron@2026-04-03T00:00:00.500Z"
    );
}

#[test]
fn text_functions_still_work_on_texts() {
    let store = with_ticks(&THREE_TIMES[..1]);
    for (expression, expected) in [
        ("substr(source, 2, 2)", json!("ro")),
        ("substr(source, 2)", json!("ron")),
        ("left(source, 1)", json!("c")),
        ("upper(source)", json!("CRON")),
        ("length(source)", json!(4)),
        ("concat(source, 1, NULL, true)", json!("cron1true")),
        ("concat_ws('-', source, 'x')", json!("cron-x")),
        ("regexp_replace(source, 'r', 'R')", json!("cRon")),
        ("position('o' IN source)", json!(3)),
        ("coalesce(nullif(source, 'cron'), 'none')", json!("none")),
    ] {
        assert_eq!(
            value(&store.db, &format!("SELECT {expression} FROM ticks")),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn times_print_as_they_are_stored() {
    let store = with_ticks(&THREE_TIMES);
    let table = store.db.query("SELECT ts_utc FROM ticks ORDER BY id").unwrap();
    for time in THREE_TIMES {
        assert!(table.contains(&format!("| {time} |")), "{table}");
    }
    for (expression, printed) in [
        ("date_trunc('hour', ts_utc)", "2026-04-03T00:00:00.000Z"),
        ("to_timestamp(ts_utc)", "2026-04-03T00:00:00.000Z"),
        ("min(ts_utc) OVER (ORDER BY id)", "2026-04-02T23:59:59.999Z"),
        ("ts_utc + INTERVAL '1 day'", "2026-04-04T00:00:00.000Z"),
        ("date_bin(INTERVAL '10 minutes', ts_utc)", "2026-04-03T00:00:00.000Z"),
        ("ts_utc AT TIME ZONE 'Europe/Berlin'", "2026-04-03T02:00:00+02:00"),
    ] {
        let sql = format!("SELECT t FROM (SELECT id, {expression} AS t FROM ticks) WHERE id = 2");
        assert_eq!(value(&store.db, &sql), printed, "{expression}");
    }
    store_past_the_crate(
        &store.path,
        "ticks",
        4,
        br#"{"ts_utc":"2026-04-03T00:00:00.000000001+01:00","source":"x","detail_json":"{}"}"#,
    );
    assert_eq!(
        value(&store.db, "SELECT ts_utc FROM ticks WHERE id = 4"),
        "2026-04-02T23:00:00.000000001Z"
    );
}

#[test]
fn json_functions_and_operators_read_columns() {
    let store = with_ticks(&THREE_TIMES);
    for (expression, expected) in [
        ("json_get_int(detail_json, 'n')", json!(1)),
        ("detail_json->>'hook'", json!("h1")),
        ("json_get_str(detail_json, 'hook')", json!("h1")),
        ("json_get_str(detail_json, '$.hook')", json!("h1")),
        ("json_get_int(detail_json, '$.deep', '$.x[#-1]')", json!(2)),
        ("detail_json->>'$.deep.x[1]'", json!("2")),
        ("json_as_text('{\"$schema\": \"s\"}', '$schema')", json!("s")),
        ("(detail_json->'deep'->'x'->>1)", json!("2")),
        ("json_length(detail_json, 'deep', 'x')", json!(2)),
        ("detail_json->>'none'", json!(null)),
        ("json_contains(detail_json, 'n')", json!(true)),
    ] {
        let sql = format!("SELECT {expression} FROM ticks WHERE id = 2");
        assert_eq!(value(&store.db, &sql), expected, "{expression}");
    }
    assert_eq!(ids(&store.db, "detail_json->>'hook' = 'h2'"), [3]);
}

#[test]
fn sorts_by_filtered_casts_are_kept() {
    let store =
        with_ticks(&["2026-04-03T05:00:00Z", "2026-04-03T07:00:00Z", "2026-04-03T06:00:00Z"]);
    let numbered = "(SELECT id, ts_utc, id / 2.0 AS half, row_number() OVER (ORDER BY id) AS nth \
                    FROM ticks)";
    let limited = "(SELECT id, ts_utc, id / 2.0 AS half, 1 AS nth FROM ticks ORDER BY id LIMIT 3)";
    for (condition, order, expected) in [
        ("ts_utc::date = '2026-04-03' AND nth < 9", "ts_utc", [1, 3, 2]),
        ("ts_utc::date >= '2025-01-01' AND nth < 9", "ts_utc DESC", [2, 3, 1]),
        ("arrow_cast(ts_utc, 'Timestamp(s)') > '2020-01-01' AND nth < 9", "ts_utc DESC", [2, 3, 1]),
        ("id::double > nth - 100.5", "ts_utc", [1, 3, 2]),
        ("(half + 10)::int / 9 = 1 AND nth < 9", "half DESC", [3, 2, 1]),
        ("(half / 2)::int = 0 AND nth < 9", "half DESC", [3, 2, 1]),
    ] {
        for table in [numbered, limited] {
            let sql = format!("SELECT id FROM {table} WHERE {condition} ORDER BY {order}");
            let ids: Vec<i64> =
                rows(&store.db, &sql).iter().map(|row| row["id"].as_i64().unwrap()).collect();
            assert_eq!(ids, expected, "{sql}");
        }
    }
}

#[test]
fn empty_answers_have_a_header() {
    let store = store();
    let table = store.db.query("SELECT id, ts_utc FROM ticks").unwrap();
    assert_eq!(table, "+----+--------+\n| id | ts_utc |\n+----+--------+\n+----+--------+");
}

#[test]
fn only_queries_run() {
    let store = with_ticks(&THREE_TIMES);
    let outside = store.path.with_file_name("outside");
    let out = outside.display();
    for (sql, kind) in [
        ("INSERT INTO ticks VALUES (9, now(), 'x', '{}')".to_owned(), "INSERT"),
        ("  -- a comment\n DELETE FROM ticks".to_owned(), "DELETE"),
        ("UPDATE ticks SET source = 'x'".to_owned(), "UPDATE"),
        ("DROP TABLE ticks".to_owned(), "DROP"),
        ("CREATE TABLE x AS SELECT 1".to_owned(), "CREATE"),
        ("CREATE VIEW v AS SELECT 1".to_owned(), "CREATE"),
        ("CREATE SCHEMA s".to_owned(), "CREATE"),
        (format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{out}'"), "CREATE"),
        (format!("COPY (SELECT 1) TO '{out}.csv'"), "COPY"),
        (format!("COPY ticks TO '{out}.json'"), "COPY"),
        (format!("EXPLAIN COPY ticks TO '{out}.json'"), "COPY"),
        (format!("EXPLAIN ANALYZE COPY ticks TO '{out}.json'"), "COPY"),
        ("EXPLAIN ANALYZE INSERT INTO ticks VALUES (9, now(), 'x', '{}')".to_owned(), "INSERT"),
        ("SET datafusion.execution.batch_size = 1".to_owned(), "SET"),
        ("RESET datafusion.execution.batch_size".to_owned(), "RESET"),
        ("SELECT * INTO x FROM ticks".to_owned(), "SELECT INTO"),
        ("SHOW CREATE TABLE ticks".to_owned(), "SHOW CREATE"),
        ("PREPARE p AS SELECT 1".to_owned(), "PREPARE"),
        ("BEGIN".to_owned(), "BEGIN"),
        ("TRUNCATE TABLE ticks".to_owned(), "TRUNCATE"),
        ("VACUUM ticks".to_owned(), "VACUUM"),
    ] {
        match store.db.query(&sql) {
            Err(Error::ReadOnlySql { statement }) => assert_eq!(statement, kind, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
    assert_eq!(value(&store.db, "SELECT COUNT(*) FROM ticks"), 3);
    assert_eq!(
        std::fs::read_dir(store.path.parent().unwrap()).unwrap().count(),
        1,
        "a file was made"
    );
}

#[test]
fn sql_reaches_no_file() {
    let store = store();
    let csv = store.path.with_file_name("secret.csv");
    std::fs::write(&csv, "a,b\n1,2\n").unwrap();
    let path = csv.display();
    for sql in [
        format!("SELECT * FROM '{path}'"),
        format!("SELECT * FROM \"{path}\""),
        format!("SELECT * FROM 'file://{path}'"),
        format!("SELECT * FROM read_csv('{path}')"),
        format!("SELECT * FROM csv_scan('{path}')"),
        format!("WITH x AS (SELECT * FROM '{path}') SELECT * FROM x"),
    ] {
        assert!(store.db.query(&sql).is_err(), "{sql}");
    }
}

#[test]
fn nested_queries_run() {
    let store = with_ticks(&THREE_TIMES);
    for sql in [
        "EXPLAIN SELECT * FROM ticks",
        "EXPLAIN ANALYZE SELECT * FROM ticks",
        "EXPLAIN FORMAT TREE SELECT * FROM ticks",
        "DESCRIBE ticks",
        "SHOW TABLES",
        "SHOW COLUMNS FROM ticks",
        "SHOW datafusion.execution.batch_size",
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM generate_series(1, 3)",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
        "SELECT 1;",
    ] {
        store.db.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let plan = store.db.query("EXPLAIN ANALYZE SELECT source FROM ticks").unwrap();
    assert!(plan.contains("table=ticks, columns=[source]"), "{plan}");
    assert!(plan.contains("rows_read=3"), "{plan}");
}

#[test]
fn syntax_errors_name_the_position() {
    let store = store();
    for (sql, said, at) in [
        ("SELEC 1", "SELEC", Some((1, 1))),
        ("SELECT 1\n  FROM ticks WHERE )", "found: )", Some((2, 20))),
        ("SELECT 'open", "Unterminated", Some((1, 8))),
        ("", "expected a statement", None),
        (" ; ", "expected a statement", None),
        ("SELECT 1; SELECT 2", "expected one statement", None),
    ] {
        match store.db.query(sql) {
            Err(Error::Syntax { message, position }) => {
                assert!(message.contains(said) && !message.contains("Line"), "{sql}: {message}");
                assert_eq!(position.map(|place| (place.line, place.column)), at, "{sql}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn in_lists_with_nulls_follow_sql() {
    let store = store();
    let with = |values: &str, condition: &str| {
        value(
            &store.db,
            &format!("SELECT count(*) FROM (VALUES {values}) t(x, a, b) WHERE {condition}"),
        )
    };
    let rows = "(1, 1, 1), (2, 3, 2), (5, 5, NULL), (NULL, 1, 1)";
    for (condition, right) in [
        ("x IN (1, 2) AND x NOT IN (3, NULL)", 0),
        ("x IN (1, 2, 4, 5) AND x NOT IN (3, 6, 7, NULL)", 0),
        ("x IN (1, 2) AND x NOT IN (3, nullif(1, 1))", 0),
        ("x IN (1, 2) AND NOT x IN (2, NULL)", 0),
        ("(x = 1 OR x = 2) AND x NOT IN (3, NULL)", 0),
        ("x IN (a, 7, 8, 9) AND x NOT IN (b, 10, 11, 12)", 0),
        ("x IN (a, 7, 8, 9) AND x NOT IN (b + 1, 10, 11, 12)", 1),
        ("x NOT IN (1, 2, 3, 4) OR x NOT IN (5, 6, 7, 8)", 3),
        ("x NOT IN (1, 2, 3, NULL) OR x NOT IN (2, 7, 8, 9)", 2),
        ("NOT (x IN (1, 2, 3, 4) AND x IN (5, 6, 7, 8))", 3),
        ("(x IN (1, 2, 3, 4) AND x IN (5, 6, 7, 8)) IS NULL", 1),
        ("(x IN (1, NULL)) IS NULL", 3),
        ("x IN (1, NULL, 2)", 2),
        ("x NOT IN (1, 2)", 1),
        ("x IN (1, 2, 3) AND x NOT IN (2, 4, 6)", 1),
        ("x IN (5, (SELECT 1))", 2),
        ("x IN ((SELECT 1 UNION SELECT 2))", 2),
        ("(x IN (1, 2)) = (x NOT IN (5, 6))", 3),
    ] {
        assert_eq!(with(rows, condition), right, "{condition}");
    }
    // Lists of keys still become point lookups.
    let store = with_ticks(&THREE_TIMES);
    for (list, right) in [
        ("id IN (1, 3)", &[1, 3][..]),
        ("id IN (1, 1 + 1)", &[1, 2]),
        ("ts_utc IN ('2026-04-03', to_timestamp('2026-04-03T00:00:00.5Z'))", &[2, 3]),
    ] {
        assert_eq!(ids(&store.db, list), right, "{list}");
        let plan =
            store.db.query(&format!("EXPLAIN SELECT source FROM ticks WHERE {list}")).unwrap();
        assert!(!plan.contains("set_apart") && !plan.contains("predicate="), "{plan}");
    }
    assert_eq!(ids(&store.db, "id IN (1, 1 + 1, NULL)"), [1, 2]);
    assert_eq!(ids(&store.db, "id NOT IN (1, NULL)"), [0; 0]);
}

#[test]
fn distinct_from_binds_as_a_comparison() {
    let store = store();
    for (condition, right) in [
        ("a IS DISTINCT FROM true AND b", 0),
        ("b AND a IS DISTINCT FROM true", 0),
        ("a IS NOT DISTINCT FROM false AND NOT b", 1),
        ("a IS DISTINCT FROM true OR true", 1),
        ("NOT a IS DISTINCT FROM false", 1),
        ("a::int IS DISTINCT FROM 1 - 1 OR b", 0),
        ("a IS NULL", 0),
        ("a IS NOT NULL AND a IS NOT TRUE", 1),
    ] {
        let sql = format!("SELECT count(*) FROM (VALUES (false, false)) t(a, b) WHERE {condition}");
        assert_eq!(value(&store.db, &sql), right, "{condition}");
    }
}

#[test]
fn comparisons_work_in_either_order() {
    let store = with_ticks(&THREE_TIMES);
    let all = value(&store.db, "SELECT count(*) FROM ticks WHERE source = 'cron'");
    assert_ne!(all, 0);
    for (condition, right) in [
        ("'cron' = source AND source = 'cron'", &all),
        ("source = 'cron' AND 'cron' = source", &all),
        ("'cron' = source AND source LIKE 'cron'", &all),
        ("source <= 'cron' AND 'cron' > source", &json!(0)),
        ("'cron' < source AND source >= 'cron'", &json!(0)),
        ("1 = id AND id = 1", &json!(1)),
    ] {
        let sql = format!("SELECT count(*) FROM ticks WHERE {condition}");
        assert_eq!(value(&store.db, &sql), *right, "{condition}");
    }
    let named = rows(&store.db, "SELECT 1 < id FROM ticks LIMIT 1");
    assert_eq!(named[0].keys().next().unwrap(), "1 < id");
}

#[test]
fn sort_keys_may_repeat() {
    let store = store();
    let table = "(VALUES (1, 2), (1, 3), (2, 1)) t(a, b)";
    for (select, rest) in [
        ("DISTINCT ON (a) a, b", "ORDER BY a, a, b DESC"),
        ("DISTINCT ON (a) a, b", "ORDER BY a, a DESC, b DESC, b"),
        ("DISTINCT ON (a) a, b", "ORDER BY a, b DESC, a"),
        // These become equal when they are simplified.
        ("DISTINCT ON (a) a, b", "ORDER BY a, a + 0, b DESC"),
        ("a, last_value(b ORDER BY b, b * 1 DESC) AS b", "GROUP BY a ORDER BY a"),
        ("a, last_value(b ORDER BY b, b DESC) AS b", "GROUP BY a ORDER BY a, a"),
        ("a, first_value(b ORDER BY b DESC, b) AS b", "GROUP BY a ORDER BY a, a"),
    ] {
        let answer = rows(&store.db, &format!("SELECT {select} FROM {table} {rest}"));
        let right = json!([{"a": 1, "b": 3}, {"a": 2, "b": 1}]);
        assert_eq!(Value::from_iter(answer), right, "{select} {rest}");
    }
    let twice = rows(&store.db, &format!("SELECT DISTINCT ON (a, a) a FROM {table}"));
    assert_eq!(twice.len(), 2);
}

/// Returns a statement that repeats the part that makes it deep this many times.
type Shape = fn(usize) -> String;

#[test]
fn oversized_sql_is_refused_with_the_limit() {
    let store = with_ticks(&THREE_TIMES);
    let shapes: [(Shape, usize, usize); 11] = [
        (|n| format!("SELECT 1 FROM ticks WHERE {}", vec!["id=7"; n].join(" OR ")), 2_100, 20_090),
        (|n| format!("SELECT 1 FROM ticks WHERE {}", vec!["id<7"; n].join(" AND ")), 2_100, 20_090),
        (|n| vec!["SELECT 1"; n].join(" UNION ALL "), 600, 5_850),
        (|n| vec!["VALUES (1)"; n].join(" EXCEPT "), 50, 5_850),
        (|n| format!("SELECT {}", vec!["'a'"; n].join("||")), 1_000, 18_220),
        (|n| format!("SELECT {}", vec!["1"; n].join("+")), 300, 18_220),
        (|n| format!("SELECT 1{}", "::int".repeat(n)), 1_900, 18_220),
        (|n| format!("SELECT 1{}", " IS NULL".repeat(n)), 6_000, 18_220),
        (|n| format!("SELECT '{{}}'{}", "->'a'".repeat(n)), 1_000, 10_000),
        (
            |n| {
                let tables = (0..n).map(|i| format!("(SELECT 1) t{i}")).collect::<Vec<_>>();
                format!("SELECT count(*) FROM {}", tables.join(","))
            },
            100,
            3_000,
        ),
        (
            |n| {
                let more = |i| format!(", c{} AS (SELECT * FROM c{i})", i + 1);
                let more = (0..n).map(more).collect::<String>();
                format!("WITH c0 AS (SELECT 1){more} SELECT * FROM c{n}")
            },
            500,
            7_620,
        ),
    ];
    for (shape, works, too_large) in shapes {
        let answer = store.db.query_batches(&shape(works));
        assert!(answer.is_ok(), "{:.60}: {}", shape(1), answer.unwrap_err());
        match store.db.query_batches(&shape(too_large)) {
            Err(Error::Syntax { message, .. }) => {
                assert!(message.contains("more than"), "{message}")
            }
            other => panic!("{:.60}: {other:?}", shape(1)),
        }
    }
    // 50 MB in total, large by length, by operators and without any.
    let long = [
        format!("SELECT 1 /*{}*/", " ".repeat(50 << 20)),
        format!("SELECT 1 IN (1{})", ",1".repeat(25 << 20)),
        format!("SELECT 1{}", "+1".repeat(25 << 20)),
        "(".repeat(50 << 20),
    ];
    for sql in long {
        match store.db.query_batches(&sql) {
            Err(Error::Syntax { message, .. }) => {
                assert!(message.contains("16777216"), "{message}")
            }
            other => panic!("{other:?}"),
        }
    }
    // Long, but not deep.
    let numbers = (0..200_000).map(|n| format!("-{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(ids(&store.db, &format!("-id IN ({numbers})")), [1, 2, 3]);
    let arms = (0..20_000).map(|n| format!(" WHEN id = {n} THEN {n}")).collect::<String>();
    assert_eq!(value(&store.db, &format!("SELECT sum(CASE{arms} END) FROM ticks")), 6);
}

#[test]
fn chained_arrows_become_one_path() {
    let store = store();
    let json = r#"{"a":{"b":[{"c":"x","d":null,"s":"{\"k\":1}"},7]},"n":1}"#;
    let paths: [&[&str]; 10] = [
        &["'a'"],
        &["'a'", "'b'", "0", "'c'"],
        &["'a'", "'b'", "0", "'d'"],
        &["'a'", "'b'", "0", "'s'"],
        &["'a'", "'b'", "1"],
        &["'a'", "'b'", "-1"],
        &["'a'", "'b'", "9", "'c'"],
        &["'n'", "'b'"],
        &["'a'", "substr('b', 1)", "1"],
        &["'a'", "(NULL::text)", "'b'"],
    ];
    for path in paths {
        let (last, before) = path.split_last().unwrap();
        let arrows = before.iter().map(|key| format!("->{key}")).collect::<String>();
        // A key that is not a literal is looked up separately.
        let nested = before.iter().fold("j".to_owned(), |j, key| format!("json_get({j}, {key})"));
        for (arrow, function) in [("->", "json_get"), ("->>", "json_as_text")] {
            let sql = format!(
                "SELECT j{arrows}{arrow}{last} AS a, {function}({nested}, {last}) AS b \
                 FROM (VALUES ('{json}')) t(j)"
            );
            let answer = &store.db.query_batches(&sql).unwrap()[0];
            assert_eq!(answer.column(0), answer.column(1), "{sql}");
        }
    }
    // The name of the whole expression is unchanged.
    let plan = store.db.query(&format!("SELECT j->'a'->>'b' FROM (VALUES ('{json}')) t(j)"));
    assert!(plan.unwrap().contains("j->'a'->>'b'"));
    let deep = store.db.query_batches(&format!("SELECT '{{}}'{}", "->>'a'".repeat(60)));
    assert_eq!(deep.unwrap()[0].num_rows(), 1);
}

#[test]
fn unknown_names_get_suggestions() {
    let store = store();
    for (sql, unknown, near) in [
        ("SELECT * FROM mesages", "mesages", "messages"),
        ("SELECT * FROM ticks JOIN token_usages USING (id)", "token_usages", "token_usage"),
        ("SELECT * FROM public.tick", "public.tick", "ticks"),
        ("SELECT (SELECT 1 FROM sesions) FROM ticks", "sesions", "sessions"),
    ] {
        let column = u64::try_from(sql.find(unknown).unwrap() + 1).unwrap();
        match store.db.query(sql) {
            Err(Error::UnknownTable { name, nearest, position }) => {
                assert_eq!((name.as_str(), nearest.names()[0].as_str()), (unknown, near), "{sql}");
                assert_eq!(position, Some(Position::new(1, column)), "{sql}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    for (sql, unknown, near) in [
        ("SELECT form_agent FROM messages", "form_agent", "from_agent"),
        ("SELECT source FROM ticks WHERE ts > '2026'", "ts", "ts_utc"),
        ("SELECT m.bdy FROM messages m", "m.bdy", "body"),
        ("SELECT id FROM messages WHERE length(bdy) > 1", "bdy", "body"),
        ("SELECT count(*) FROM messages GROUP BY bdy", "bdy", "body"),
        ("SELECT id FROM messages ORDER BY bdy", "bdy", "body"),
    ] {
        let column = u64::try_from(sql.find(unknown).unwrap() + 1).unwrap();
        match store.db.query(sql) {
            Err(Error::UnknownColumn { name, nearest, position }) => {
                assert_eq!(name, unknown, "{sql}");
                assert_eq!(position, Some(Position::new(1, column)), "{sql}");
                assert!(nearest.names().iter().any(|name| name == near), "{sql}: {nearest:?}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    let error = store.db.query("SELECT lenght(source) FROM ticks").unwrap_err().to_string();
    assert!(error.contains("lenght") && error.contains("length"), "{error}");
}

#[test]
fn query_works_with_and_without_a_runtime() {
    let store = with_ticks(&THREE_TIMES);
    let db = store.db.clone();
    let ask = move || assert_eq!(value(&db, "SELECT COUNT(*) FROM ticks"), 3);
    ask();
    std::thread::spawn(ask.clone()).join().unwrap();
    let (in_current, in_multi, in_futures) = (ask.clone(), ask.clone(), ask);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async move { in_current() });
    tokio::runtime::Builder::new_multi_thread()
        .build()
        .unwrap()
        .block_on(async move { in_multi() });
    futures::executor::block_on(async move { in_futures() });
}

#[test]
fn a_db_can_be_dropped_inside_a_runtime() {
    for build in [
        tokio::runtime::Builder::new_current_thread as fn() -> _,
        tokio::runtime::Builder::new_multi_thread,
    ] {
        build().build().unwrap().block_on(async {
            let store = with_ticks(&THREE_TIMES);
            store.db.query("SELECT 1").unwrap();
            drop(store);
        });
    }
}

#[test]
fn streams_work_on_any_executor() {
    let store = store();
    let tick = |n: i64| json!({"ts_utc": "2026-04-15T23:00:00Z", "source": n.to_string(), "detail_json": "{}"});
    let lines: String = (0..50_000).map(|n| format!("{}\n", tick(n))).collect();
    store.db.import("ticks", lines.as_bytes()).unwrap();

    let streamed = futures::executor::block_on(async {
        let answer = store.db.query_stream("SELECT source FROM ticks").await.unwrap();
        assert_eq!(answer.schema().field(0).name(), "source");
        answer.try_fold(0, async |n, batch| Ok(n + batch.num_rows())).await.unwrap()
    });
    assert_eq!(streamed, 50_000);

    let first = futures::executor::block_on(async {
        let mut answer = store.db.query_stream("SELECT source FROM ticks").await.unwrap();
        answer.next().await.unwrap().unwrap()
    });
    assert!(first.num_rows() <= 8_192);
    // Abandoned streams block nothing: the store can be written and queried at once.
    store.db.record_tick(Utc::now(), "x", "{}").unwrap();
    assert_eq!(value(&store.db, "SELECT COUNT(*) FROM ticks"), 50_001);

    let failed = futures::executor::block_on(store.db.query_stream("SELECT nothing FROM ticks"));
    assert!(matches!(failed, Err(Error::UnknownColumn { .. })));
}

#[test]
fn limits_read_only_needed_rows() {
    let store = store();
    let lines = "{\"ts_utc\":\"2026-04-15T23:00:00Z\",\"source\":\"a\",\"detail_json\":\"{}\"}\n"
        .repeat(20_000);
    store.db.import("ticks", lines.as_bytes()).unwrap();
    let plan = store.db.query("EXPLAIN ANALYZE SELECT source FROM ticks LIMIT 7").unwrap();
    assert!(plan.contains("fetch=7") && plan.contains("rows_read=7,"), "{plan}");
    assert_eq!(rows(&store.db, "SELECT source FROM ticks LIMIT 0").len(), 0);
    assert_eq!(rows(&store.db, "SELECT id FROM ticks LIMIT 3 OFFSET 19998").len(), 2);
}

#[tokio::test]
async fn foreign_sessions_see_the_latest_commit() {
    let store = with_ticks(&THREE_TIMES);
    let own = SessionContext::new();
    own.register_table("heartbeats", store.db.table("ticks").unwrap()).unwrap();
    let count = async |session: &SessionContext, sql: &str| {
        session.sql(sql).await.unwrap().count().await.unwrap()
    };
    assert_eq!(count(&own, "SELECT * FROM heartbeats").await, 3);
    store.db.record_tick(Utc::now(), "x", "{}").unwrap();
    assert_eq!(count(&own, "SELECT * FROM heartbeats").await, 4);

    let session = store.db.session().unwrap();
    assert_eq!(count(&session, "SELECT * FROM ticks WHERE ts_utc LIKE '2026-04-03%'").await, 2);
    store.db.record_tick(Utc::now(), "y", "{}").unwrap();
    assert_eq!(count(&session, "SELECT * FROM ticks").await, 5);
    session.register_table("mine", store.db.table("sessions").unwrap()).unwrap();
    assert_eq!(count(&session, "SELECT * FROM mine").await, 0);
    assert!(matches!(store.db.table("tick"), Err(Error::UnknownTable { .. })));
}

#[test]
fn a_query_reads_one_snapshot() {
    let store = store();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (db, stopped) = (store.db.clone(), Arc::clone(&stop));
    let writer = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            // A tick first: at every commit there are as many ticks as crashes, or one more.
            db.record_tick(Utc::now(), "x", "{}").unwrap();
            db.record_crash(Utc::now(), "k", "a", "{}").unwrap();
        }
    });
    for _ in 0..100 {
        let sql = "SELECT (SELECT COUNT(*) FROM ticks) - (SELECT COUNT(*) FROM crashes) AS d";
        let ahead = value(&store.db, sql).as_i64().unwrap();
        assert!((0..=1).contains(&ahead), "{ahead}");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
}

netsky_db::tables! {
    /// A table declared by another program.
    pub static FOREIGN_TABLES;

    /// Finished builds.
    #[table = "builds"]
    pub struct BuildRecord<'a> {
        /// The time at which the build ended.
        pub ts_utc: DateTime<Utc>,
        /// What was built.
        #[max_chars = 3]
        pub target: &'a str,
        /// Whether it passed.
        pub passed: Option<bool>,
    }

    /// Numbers without a time.
    #[table = "numbers"]
    pub struct NumberRecord {
        /// A number.
        pub n: i64,
    }
}

#[test]
fn custom_tables_work_like_builtin_ones() {
    let store = store();
    let db = store.db.with_tables(FOREIGN_TABLES).unwrap();
    let ts_utc = DateTime::UNIX_EPOCH;
    assert_eq!(db.record(&BuildRecord { ts_utc, target: "netsky", passed: None }).unwrap(), 1);
    assert_eq!(db.record_all((0..100).map(|n| NumberRecord { n })).unwrap(), 1..101);
    assert_eq!(db.record_json("numbers", "{\"n\":-1}").unwrap(), 101);
    let all = rows(
        &db,
        "SELECT b.*, (SELECT SUM(n) FROM numbers) AS sum FROM builds b JOIN numbers n ON n.id = b.id",
    );
    assert_eq!(
        Value::from_iter(all),
        json!([{"id": 1, "ts_utc": "1970-01-01T00:00:00.000Z", "target": "net", "passed": null, "sum": 4949}])
    );
    assert!(db.summaries().unwrap().iter().any(|t| t.table.name() == "numbers" && t.rows == 101));
    assert!(matches!(db.with_tables(FOREIGN_TABLES), Err(Error::TableExists { .. })));
    assert!(matches!(store.db.query("SELECT * FROM builds"), Err(Error::UnknownTable { .. })));

    // A read-only `Db` can have the tables too.
    let reader = Db::open_read_only(&store.path).unwrap().with_tables(FOREIGN_TABLES).unwrap();
    assert_eq!(value(&reader, "SELECT COUNT(*) FROM numbers"), 101);
}

#[test]
fn a_subquery_without_a_row_is_null() {
    let TestStore { db: store, .. } = &store();
    for (sql, expected) in [
        ("SELECT (SELECT source FROM ticks WHERE id = 0) IS NULL AS x", json!(true)),
        ("SELECT (SELECT source FROM ticks WHERE id = 0) AS x", Value::Null),
        ("SELECT coalesce((SELECT id FROM ticks WHERE id = 0), -1) AS x", json!(-1)),
        ("SELECT (SELECT ts_utc FROM ticks WHERE id = 0) > now() AS x", Value::Null),
        (
            "SELECT count(*) AS x FROM (VALUES (1)) WHERE (SELECT id FROM ticks WHERE id = 0) IS NULL",
            json!(1),
        ),
        ("SELECT (SELECT count(*) FROM ticks WHERE id = 0) IS NULL AS x", json!(false)),
    ] {
        assert_eq!(value(store, sql), expected, "{sql}");
    }
}

#[test]
fn a_constant_of_an_outer_join_sorts_after_what_has_no_match() {
    let TestStore { db: store, .. } = &with_ticks(&THREE_TIMES);
    for side in [
        "SELECT id, 'x' AS s FROM ticks WHERE id > 1",
        "SELECT id, source AS s FROM ticks WHERE source = 'cron' AND id > 1",
        "SELECT id, s FROM (SELECT id, 'x' AS s FROM ticks) WHERE id > 1",
        "SELECT id, s FROM (SELECT id, 'x' AS s FROM ticks UNION ALL SELECT 9, 'x') WHERE id > 1",
    ] {
        for join in [
            format!("ticks a LEFT JOIN ({side}) b ON a.id = b.id"),
            format!("({side}) b RIGHT JOIN ticks a ON a.id = b.id"),
            format!("ticks a FULL JOIN ({side}) b ON a.id = b.id AND b.id < 9"),
            format!("ticks a LEFT JOIN ({side}) b ON a.id < b.id + 1 AND a.id > b.id - 1"),
        ] {
            for limit in ["", " LIMIT 5"] {
                let sql =
                    format!("SELECT a.id FROM {join} WHERE a.id > 0 ORDER BY b.s, a.id{limit}");
                let found: Vec<i64> =
                    rows(store, &sql).iter().map(|row| row["id"].as_i64().unwrap()).collect();
                assert_eq!(found, [2, 3, 1], "{sql}");
            }
        }
    }
}
