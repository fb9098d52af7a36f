//! `json_each` and `json_tree` of a column: the rows that sqlite3 has.

use netsky_testing::{has_program, rows, store, value};
use serde_json::json;

use super::engines::{ask, normal};

const TABLE: &str = r#"WITH t(id, j) AS (VALUES
    (1, '{"a":1,"b":[10,20.5,"x"],"c":null,"d":{"e":"y"}}'),
    (2, '[]'), (3, NULL), (4, '{}'), (5, '"text"'), (6, '{"a":"1","b":[],"l":[[1,2],[],[3]]}'),
    (7, '{"b":[{"a":5},{"a":6},[7]],"k.x":8}')) "#;

/// Queries whose rows are one text each.
const QUERIES: [&str; 31] = [
    "SELECT t.id || ' ' || coalesce(key, '-') || ' ' || coalesce(value, '-') || ' ' || type || ' ' || fullkey \
     || ' ' || path || ' ' || coalesce(atom, '-') FROM t, json_each(t.j)",
    "SELECT t.id || value FROM t, json_each(t.j) WHERE json_each.key = 'a'",
    "SELECT t.id || value FROM t, json_each(j) AS e WHERE e.key = 'a' AND t.id > 1",
    "SELECT t.id || e.key FROM t JOIN json_each(t.j) AS e ON e.type = 'integer'",
    "SELECT t.id || e.key FROM t CROSS JOIN json_each(t.j) e WHERE e.value LIKE '%x%'",
    "SELECT t.id || coalesce(e.key, '-') FROM t LEFT JOIN json_each(t.j) AS e ON true",
    "SELECT t.id || e.value FROM t, json_each(t.j, '$.b') AS e",
    "SELECT t.id || coalesce(e.key, '-') || e.value FROM t, json_each(t.j, '$.b[0]') AS e",
    "SELECT t.id || e.value FROM t, json_each(json_extract(t.j, '$.b')) AS e",
    "SELECT t.id || e.value FROM t, json_each(t.j->'$.b') AS e",
    "SELECT t.id || b.value FROM t, json_each(t.j, '$.l') AS a, json_each(a.value) AS b",
    "SELECT e.key || ' ' || count(*) || ' ' || count(e.value) FROM t, json_each(t.j) e GROUP BY e.key",
    "SELECT count(*) FROM t, json_each(t.j)",
    "SELECT t.id || fullkey || type || coalesce(atom, '-') || path FROM t, json_tree(t.j)",
    "SELECT t.id || fullkey FROM t, json_tree(t.j, '$.b') WHERE json_tree.atom IS NOT NULL",
    "SELECT json_each.key FROM json_each('{\"a\":1}')",
    "SELECT e.value FROM json_each('[1,[2]]') AS e WHERE e.key = 1",
    "SELECT a.id || '-' || b.id || e.value FROM t a JOIN t b ON a.id + 1 = b.id, json_each(b.j) e WHERE e.type = 'integer'",
    "SELECT x.id || x.v FROM (SELECT t.id, e.value AS v FROM t, json_each(t.j) e) x WHERE x.v IS NOT NULL",
    "SELECT t.id || coalesce(e.value, '-') FROM t LEFT JOIN json_each(t.j) AS e ON e.key = 'a'",
    "SELECT t.id || coalesce(e.key, '-') FROM t LEFT JOIN json_each(t.j) AS e ON e.type = 'integer' AND t.id > 1",
    "SELECT t.id || ' ' || (SELECT count(*) FROM json_each(t.j)) FROM t",
    "SELECT t.id || ' ' || (SELECT count(*) FROM json_each(t.j) AS e WHERE e.value LIKE '%1%') FROM t",
    "SELECT t.id || coalesce((SELECT max(key) FROM json_each(t.j)), '-') FROM t",
    "SELECT t.id || coalesce((SELECT value FROM json_each(t.j) WHERE key = 'a' LIMIT 1), '-') FROM t",
    "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM json_each(t.j) WHERE key = 'a')",
    "SELECT t.id FROM t WHERE NOT EXISTS (SELECT * FROM json_each(t.j) AS e WHERE e.key = 'a') AND t.id < 6",
    "SELECT t.id FROM t WHERE 'x' IN (SELECT value FROM json_each(t.j, '$.b'))",
    "SELECT t.id FROM t WHERE 'z' NOT IN (SELECT value FROM json_each(t.j))",
    "SELECT t.id || '-' || CAST(('z' IN (SELECT value FROM json_each(t.j))) IS NULL AS INT) FROM t",
    "SELECT t.id FROM t WHERE t.id > 0 AND (SELECT count(*) FROM json_each(t.j)) > 2 OR t.id = 2",
];

fn sorted(answer: &str) -> Vec<String> {
    // NULL is an empty line.
    let mut lines: Vec<_> = answer.lines().map(normal).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

#[test]
fn json_each_of_a_column_has_the_rows_of_sqlite() {
    if !has_program("sqlite3") {
        return;
    }
    let store = store();
    let queries = QUERIES.iter().enumerate();
    let queries: Vec<_> =
        queries.map(|(nth, query)| (nth.to_string(), format!("{TABLE}{query}"))).collect();
    let answers = ask("sqlite3", &queries);
    for (nth, sql) in &queries {
        let answer = answers.get(nth).unwrap_or_else(|| panic!("sqlite3 refuses {sql}"));
        let found = super::csv(&store, sql).unwrap_or_else(|error| error.to_string());
        assert_eq!(sorted(&found), sorted(answer), "{sql}");
        assert!(!answer.is_empty(), "{sql}");
    }
}

#[test]
fn texts_that_are_not_json_have_no_rows() {
    let store = store();
    let texts = "(VALUES (1, '{\"a\":1'), (2, 'cut off'), (3, ''), (4, '[true]')) t(id, j)";
    let found =
        rows(&store.db, &format!("SELECT t.id, e.value, e.type FROM {texts}, json_each(t.j) e"));
    assert_eq!(json!(found), json!([{"id": 4, "value": "true", "type": "true"}]));
    let error = store.db.query("SELECT * FROM json_each('{\"a\":1')").unwrap_err();
    assert!(error.to_string().contains("json_each(): '{\"a\":1' is not JSON"), "{error}");
}

#[test]
fn json_each_reads_only_the_rows_that_a_filter_leaves() {
    let store = netsky_testing::ticks_by_second(10_000);
    let sql = "SELECT count(*) FROM ticks t, json_each(t.detail_json) e WHERE t.id > 9990 AND e.key = 'n'";
    let plan = rows(&store.db, &format!("EXPLAIN {sql}"));
    assert!(json!(plan).to_string().contains("ids=[9991..=]"), "{plan:?}");
}

#[test]
fn calls_of_json_each_elsewhere_say_what_to_write() {
    let store = store();
    let error = store.db.query("SELECT json_each(detail_json) FROM ticks").unwrap_err();
    let hint = "call it in FROM: FROM ticks, json_each(detail_json)";
    assert_eq!(error.hint(), Some(hint), "{error}");
    let error = store.db.query("SELECT * FROM ticks t, json_each()").unwrap_err();
    assert!(error.to_string().contains("takes JSON and a path, found 0 arguments"), "{error}");
    let error = store.db.query("SELECT * FROM ticks t, json_each(t.nope) e").unwrap_err();
    assert!(error.to_string().contains("no column named 't.nope'"), "{error}");
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks t, json_each(t.detail_json)"), 0);
}
