//! Subqueries that refer to outer rows, and `ASOF` joins: each answer is DuckDB's.
//!
//! The tables are small and have few values, so that keys are NULL, outer rows are equal, and many
//! outer rows match nothing or several rows.

use std::process::{Command, Stdio};

use netsky_db::Db;
use netsky_testing::{Dice, TestStore, has_program, rows, store};
use serde_json::Value;

netsky_db::tables! {
    /// Tables for this test.
    pub static TABLES;

    /// Outer rows.
    #[table = "outers"]
    pub struct OuterRecord {
        /// A key.
        pub k: Option<i64>,
        /// A time.
        pub t: Option<i64>,
    }

    /// Inner rows.
    #[table = "inners"]
    pub struct InnerRecord {
        /// A key.
        pub k: Option<i64>,
        /// A time.
        pub t: Option<i64>,
        /// A value.
        pub v: Option<i64>,
    }
}

const ROUNDS: u64 = 4;

/// Queries over `outers l` and `inners r`, whose answers do not depend on the order of rows.
fn queries() -> Vec<String> {
    let mut queries = Vec::new();
    for op in ["<", "<=", ">", ">=", "<>"] {
        for condition in [format!("r.t {op} l.t"), format!("r.k = l.k AND l.t {op} r.t")] {
            for aggregate in [
                "count(*)",
                "min(r.t)",
                "max(r.v + l.t)",
                "count(DISTINCT r.v)",
                "sum(r.v) FILTER (WHERE r.v > 1)",
                "coalesce(max(r.v), -1) + 1",
                "max(r.v) + l.t",
            ] {
                queries.push(format!(
                    "SELECT l.id, (SELECT {aggregate} FROM inners r WHERE {condition}) FROM outers l"
                ));
            }
            queries.push(format!(
                "SELECT l.k, l.t FROM outers l WHERE 1 < (SELECT count(*) FROM inners r WHERE {condition})"
            ));
            queries.push(format!(
                "SELECT l.k, sum((SELECT count(*) FROM inners r WHERE {condition})) FROM outers l GROUP BY l.k"
            ));
            for output in ["r.v", "coalesce(r.v, 99)", "r.v + l.t", "7"] {
                queries.push(format!(
                    "SELECT l.k, l.t, (SELECT {output} FROM inners r WHERE {condition} AND r.v <> 3 \
                     ORDER BY r.t, r.id LIMIT 1) FROM outers l"
                ));
                for join in ["CROSS JOIN LATERAL", "LEFT JOIN LATERAL", "JOIN LATERAL"] {
                    let on = if join.starts_with("CROSS") { "" } else { "ON true" };
                    queries.push(format!(
                        "SELECT l.*, x.o, x.t FROM outers l {join} (SELECT {output} AS o, r.t FROM inners r \
                         WHERE {condition} ORDER BY r.t DESC NULLS LAST, r.id LIMIT 2) x {on}"
                    ));
                }
            }
            queries.push(format!(
                "SELECT l.id, x.* FROM outers l LEFT JOIN LATERAL (SELECT count(*) c, max(r.v) m FROM inners r \
                 WHERE {condition}) x ON true"
            ));
        }
    }
    for op in [">=", ">", "<=", "<"] {
        for join in ["ASOF JOIN", "ASOF LEFT JOIN"] {
            for condition in [format!("l.t {op} r.t"), format!("l.k = r.k AND l.t {op} r.t")] {
                queries.push(format!(
                    "SELECT l.id, l.t, r.t FROM outers l {join} inners r ON {condition}"
                ));
            }
            let flipped = [("<=", ">="), ("<", ">"), (">=", "<="), (">", "<")];
            let flipped = flipped.iter().find(|(to, _)| *to == op).unwrap().1;
            queries.push(format!(
                "SELECT l.id, b.t, c.t FROM outers l {join} (SELECT * FROM inners WHERE v > 1) b \
                 ON b.t {flipped} l.t AND l.k = b.k {join} outers c ON b.t {op} c.t"
            ));
        }
    }
    queries.extend(
        [
            // Two subqueries, one of them twice.
            "SELECT l.id, (SELECT count(*) FROM inners r WHERE r.t < l.t) - (SELECT count(*) FROM inners r \
             WHERE r.t > l.t), (SELECT count(*) FROM inners r WHERE r.t < l.t) FROM outers l",
            // A subquery in a subquery, and one beside a local condition.
            "SELECT l.id, (SELECT count(*) FROM inners r WHERE r.t < l.t AND r.v > (SELECT avg(s.v) FROM inners s \
             WHERE s.k = r.k AND s.t <= r.t)) FROM outers l",
            "SELECT l.id, (SELECT count(*) FROM inners r WHERE r.t < l.t AND r.v IN (SELECT v FROM inners \
             WHERE k = 1)) FROM outers l",
            "SELECT l.id, (SELECT count(*) FROM inners r JOIN inners s ON r.k = s.k WHERE r.t < l.t AND s.v = 1) \
             FROM outers l",
            "SELECT l.id, (SELECT max(r.v) FROM (SELECT v, t + 1 AS t FROM inners WHERE k > 0) r WHERE r.t < l.t) \
             FROM outers l",
            "SELECT l.id, (SELECT max(v) FROM (SELECT v FROM inners r WHERE r.t < l.t) q) FROM outers l",
            // Groups with a subquery for each.
            "SELECT l.k, count(*) FROM outers l GROUP BY l.k HAVING count(*) > (SELECT count(*) FROM inners r \
             WHERE r.t < l.k)",
            "SELECT k, n, (SELECT count(*) FROM inners r WHERE r.t < g.n) FROM (SELECT k, count(*) AS n FROM outers \
             GROUP BY k) g",
            // Outer rows of a join and of a limited query.
            "SELECT l.id, m.id, (SELECT count(*) FROM inners r WHERE r.t BETWEEN l.t AND m.t) FROM outers l \
             JOIN outers m ON l.k = m.k",
            "SELECT l.id, x.v FROM outers l JOIN outers m ON l.k = m.k LEFT JOIN LATERAL (SELECT r.v FROM inners r \
             WHERE r.t > l.t AND r.t <= m.t ORDER BY r.t, r.id LIMIT 1) x ON true",
            "SELECT l.id, (SELECT count(*) FROM inners r WHERE r.t < l.t) FROM (SELECT * FROM outers ORDER BY id \
             LIMIT 3) l",
            "SELECT l.id, x.v FROM outers l JOIN LATERAL (SELECT r.v FROM inners r WHERE r.k = l.k ORDER BY r.t, r.id \
             LIMIT 1) x ON x.v > l.t",
            // A name in both, and an order by the subquery.
            "SELECT id, (SELECT count(*) FROM inners WHERE inners.t < outers.t) AS n FROM outers ORDER BY n, id",
            "SELECT l.id FROM outers l WHERE l.t > 0 AND (SELECT max(r.t) FROM inners r WHERE r.k <> l.k) > l.t",
            "SELECT l.id, CASE WHEN l.t > 1 THEN (SELECT count(*) FROM inners r WHERE r.t < l.t) ELSE 0 END FROM outers l",
            "SELECT DISTINCT (SELECT count(*) FROM inners r WHERE r.t < l.t) FROM outers l",
            "SELECT l.id, (SELECT d.n + l.t FROM (SELECT count(*) AS n FROM inners) d) FROM outers l",
        ]
        .map(str::to_owned),
    );
    queries
}

/// A store with few random rows, and the same tables as statements for DuckDB.
fn tables(seed: u64) -> (TestStore, Db, String) {
    let store = store();
    let db = store.db.with_tables(TABLES).unwrap();
    let mut dice = Dice(seed);
    let mut number = |below: u64| match dice.below(below + 1) {
        0 => None,
        number => i64::try_from(number - 1).ok(),
    };
    // Also no rows at all.
    let (outers, inners) = match seed {
        0 => (6, 0),
        1 => (0, 6),
        seed => (4 + seed * 3, 3 + seed * 4),
    };
    for _ in 0..outers {
        db.record(&OuterRecord { k: number(3), t: number(5) }).unwrap();
    }
    for _ in 0..inners {
        db.record(&InnerRecord { k: number(3), t: number(5), v: number(4) }).unwrap();
    }
    let mut sql = String::new();
    for (table, columns) in [("outers", "id, k, t"), ("inners", "id, k, t, v")] {
        let types = columns.replace(',', " BIGINT,");
        sql += &format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({types} BIGINT);\n");
        for row in rows(&db, &format!("SELECT {columns} FROM {table} ORDER BY id")) {
            let values = columns.split(", ").map(|column| row[column].to_string());
            let values = values.collect::<Vec<_>>().join(",");
            sql += &format!("INSERT INTO {table} VALUES ({values});\n");
        }
    }
    (store, db, sql)
}

/// The rows as lines of text, sorted.
fn lines(db: &Db, sql: &str) -> Vec<String> {
    let cell = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Number(number) => number.to_string(),
        other => panic!("{sql}: {other}"),
    };
    let prepared = db.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let names = prepared.schema().fields().len();
    let batches = db.query_batches(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut lines = Vec::new();
    for batch in batches {
        assert_eq!(batch.num_columns(), names, "{sql}");
        let texts: Vec<Vec<String>> = batch
            .columns()
            .iter()
            .map(|column| {
                let column =
                    arrow::compute::cast(column, &arrow::datatypes::DataType::Int64).unwrap();
                let column =
                    arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&column);
                column.iter().map(|value| cell(&value.into())).collect()
            })
            .collect();
        for row in 0..batch.num_rows() {
            lines.push(
                texts.iter().map(|column| column[row].as_str()).collect::<Vec<_>>().join("|"),
            );
        }
    }
    lines.sort();
    lines
}

#[test]
fn correlated_subqueries_answer_as_in_duckdb() {
    if !has_program("duckdb") {
        return;
    }
    let queries = queries();
    let mut script = String::from(".mode list\n.separator |\n.headers off\n.nullvalue NULL\n");
    let mut stores = Vec::new();
    for seed in 0..ROUNDS {
        let (store, db, sql) = tables(seed);
        script += &sql;
        for query in &queries {
            script += &format!("{query};\nSELECT '---';\n");
        }
        stores.push((store, db));
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("queries.sql");
    std::fs::write(&file, script).unwrap();
    let mut duckdb = Command::new("duckdb");
    duckdb.args([":memory:", "-f"]).arg(&file).stdin(Stdio::null());
    let output = duckdb.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let output = String::from_utf8(output.stdout).unwrap();
    let mut answers = output.split("---\n");
    let mut found = 0;
    for (seed, (_store, db)) in stores.iter().enumerate() {
        for query in &queries {
            let mut right: Vec<_> = answers.next().unwrap().lines().map(str::to_owned).collect();
            right.sort();
            let answer = lines(db, query);
            assert_eq!(answer, right, "round {seed}: {query}");
            found += answer.len();
        }
    }
    assert!(found > 5_000, "{found}");
}

#[test]
fn lists_of_outer_rows_become_rows() {
    let store = store();
    let db = store.db.with_tables(TABLES).unwrap();
    let lists = "(VALUES (1, [1, 2]), (2, []), (3, NULL), (4, [NULL, 3])) l(id, list)";
    for (join, right) in [
        (", unnest(l.list) AS x(v)", &["1|1", "1|2", "4|3", "4|NULL"][..]),
        ("CROSS JOIN unnest(l.list) AS x(v)", &["1|1", "1|2", "4|3", "4|NULL"]),
        ("JOIN unnest(l.list) AS x(v) ON v > 1", &["1|2", "4|3"]),
        (
            "LEFT JOIN unnest(l.list) AS x(v) ON true",
            &["1|1", "1|2", "2|NULL", "3|NULL", "4|3", "4|NULL"],
        ),
        (
            ", unnest(l.list) AS y(w), unnest(l.list) AS x(v)",
            &["1|1", "1|1", "1|2", "1|2", "4|3", "4|3", "4|NULL", "4|NULL"],
        ),
    ] {
        assert_eq!(lines(&db, &format!("SELECT l.id, x.v FROM {lists} {join}")), right, "{join}");
    }
    for (value, right) in [
        ("(SELECT count(*) FROM unnest(l.list) AS x(v))", ["1|2", "2|0", "3|0", "4|2"]),
        (
            "(SELECT max(v) + l.id FROM unnest(l.list) AS x(v) WHERE v < 3)",
            ["1|3", "2|NULL", "3|NULL", "4|NULL"],
        ),
        (
            "(SELECT v FROM unnest(l.list) AS x(v) WHERE v IS NOT NULL ORDER BY v DESC LIMIT 1)",
            ["1|2", "2|NULL", "3|NULL", "4|3"],
        ),
        (
            "EXISTS (SELECT 1 FROM unnest(l.list) AS x(v) WHERE v >= l.id)",
            ["1|1", "2|0", "3|0", "4|0"],
        ),
        ("2 IN (SELECT v FROM unnest(l.list) AS x(v))", ["1|1", "2|0", "3|0", "4|NULL"]),
        ("l.id NOT IN (SELECT v FROM unnest(l.list) AS x(v))", ["1|0", "2|1", "3|1", "4|NULL"]),
    ] {
        assert_eq!(lines(&db, &format!("SELECT l.id, {value} FROM {lists}")), right, "{value}");
    }
    for (join, right) in [
        (
            "(SELECT coalesce(v, 5) AS v FROM unnest(l.list) AS x(v))",
            &["1|1", "1|2", "2|NULL", "3|NULL", "4|3", "4|5"][..],
        ),
        (
            "(SELECT v FROM unnest(l.list) AS x(v) WHERE v > 1 ORDER BY v LIMIT 1)",
            &["1|2", "2|NULL", "3|NULL", "4|3"],
        ),
        (
            "(SELECT v FROM unnest(l.list) AS x(v) WHERE v > 2)",
            &["1|NULL", "2|NULL", "3|NULL", "4|3"],
        ),
    ] {
        let sql = format!("SELECT l.id, x.v FROM {lists} LEFT JOIN LATERAL {join} x ON true");
        assert_eq!(lines(&db, &sql), right, "{join}");
    }
    let json = "SELECT l.id, x.v::bigint FROM (VALUES (1, '[7,8]'), (2, '{}')) l(id, j), \
                unnest(json_get_array(l.j)) AS x(v)";
    assert_eq!(lines(&db, json), ["1|7", "1|8"]);
}

#[test]
fn asof_joins_that_are_unclear_say_what_to_write() {
    let store = store();
    let db = store.db.with_tables(TABLES).unwrap();
    for (sql, hint) in [
        (
            "SELECT * FROM outers l ASOF JOIN inners r USING (k, t)",
            "write ON a.k = r.k AND a.t >= r.t, with the first table for a",
        ),
        ("SELECT * FROM outers l ASOF JOIN inners r ON l.k = r.k", "add one, as in a.t >= r.t"),
        ("SELECT * FROM outers l ASOF JOIN inners r ON t >= r.t", "with the table of each column"),
        ("SELECT * FROM outers l ASOF JOIN inners r ON l.t >= r.t AND l.k > r.k", "keep one"),
        ("SELECT * FROM outers l ASOF JOIN (SELECT 1 AS t) ON l.t >= t", "give it a name"),
        (
            "SELECT * FROM outers l ASOF JOIN inners r ON l.t >= r.t OR l.k = r.k",
            "equalities and one inequality",
        ),
    ] {
        let error = db.query(sql).unwrap_err();
        assert!(error.hint().is_some_and(|given| given.contains(hint)), "{sql}: {error}");
        assert!(error.position().is_some(), "{sql}");
    }
    // Snowflake's form keeps all rows of the first table.
    db.record(&OuterRecord { k: Some(1), t: Some(1) }).unwrap();
    let sql = "SELECT l.id, r.t FROM outers l ASOF JOIN inners r MATCH_CONDITION (l.t >= r.t) ON l.k = r.k";
    assert_eq!(lines(&db, sql), ["1|NULL"]);
}

#[test]
fn other_subqueries_are_refused_in_words() {
    let store = store();
    let db = store.db.with_tables(TABLES).unwrap();
    for sql in [
        "SELECT (SELECT r.v FROM inners r WHERE r.t < l.t) FROM outers l",
        "SELECT (SELECT r.v FROM inners r WHERE r.t < l.t ORDER BY r.v LIMIT 1 OFFSET 1) FROM outers l",
        "SELECT (SELECT count(*) FROM inners r WHERE r.t < l.t HAVING count(*) > 1) FROM outers l",
        "SELECT (SELECT count(*) FROM inners r WHERE r.t < l.t GROUP BY r.k LIMIT 1) FROM outers l",
        "SELECT * FROM outers l LEFT JOIN LATERAL (SELECT v FROM inners r WHERE r.t < l.t LIMIT 1) x ON x.v = l.k",
        "SELECT * FROM outers l LEFT JOIN LATERAL (SELECT v FROM inners r WHERE r.t < l.t LIMIT 1 OFFSET 1) x ON true",
    ] {
        let error = db.query(sql).unwrap_err();
        assert!(error.hint().is_some(), "{sql}: {error}");
        let told = error.to_string();
        assert!(
            told.len() < 120 && !told.contains('{') && !told.contains("hysical"),
            "{sql}: {told}"
        );
    }
}
