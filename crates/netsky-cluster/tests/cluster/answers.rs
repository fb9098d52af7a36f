//! A cluster answers as one process does.

use std::path::Path;

use netsky_db::VIEWS;
use netsky_testing::{has_data, rows, value};
use serde_json::json;

use super::processes::Processes;
use super::{Directory, import, lake_with_ticks, push, sorted};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fleet");
const QUESTIONS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/queries/operators.sql");

#[test]
fn every_table_view_and_question_answers_as_in_one_process() {
    if ![DATA, QUESTIONS].into_iter().all(|path| has_data("fleet", Path::new(path))) {
        return;
    }
    let directory = Directory::new();
    let store = directory.store("a");
    import(&store, Path::new(DATA));
    // The same agents on two machines.
    for machine in ["a", "b"] {
        if machine == "b" {
            let store = directory.store("b");
            import(&store, Path::new(DATA));
            push(&store, &directory.lake(), machine);
        } else {
            push(&store, &directory.lake(), machine);
        }
    }
    let processes = Processes::start(2);
    let (local, cluster) = (directory.local(), processes.ready(&directory.lake()));
    for name in local.tables().iter().map(|table| table.name()) {
        let sql = format!("SELECT * FROM {name} ORDER BY machine, id");
        assert!(rows(&cluster, &sql) == rows(&local, &sql), "{sql}");
    }
    for name in VIEWS.iter().map(|view| view.name()) {
        let sql = format!("SELECT * FROM {name}");
        assert_eq!(sorted(&cluster, &sql), sorted(&local, &sql), "{sql}");
    }
    let questions = std::fs::read_to_string(QUESTIONS).unwrap();
    let statements = questions.split("\n-- ").filter_map(|question| question.split_once('\n'));
    let mut asked = 0;
    for (title, sql) in
        statements.filter(|(title, _)| title.starts_with(|it: char| it.is_ascii_digit()))
    {
        asked += 1;
        let (found, expected) = (sorted(&cluster, sql), sorted(&local, sql));
        // A limit may choose other rows of those that are equal by the order, and percentiles are estimated.
        match sql.contains("LIMIT") || sql.contains("approx_") {
            true => assert_eq!(found.len(), expected.len(), "{title}"),
            false => assert_eq!(found, expected, "{title}"),
        }
    }
    assert_eq!(asked, 20);
}

#[test]
fn statements_of_every_kind_answer_as_in_one_process() {
    let directory = lake_with_ticks(1_000);
    let processes = Processes::start(2);
    let (local, cluster) = (directory.local(), processes.ready(&directory.lake()));
    for sql in [
        "SELECT 1 AS one",
        "SELECT count(*) FROM ticks",
        "SELECT count(*) FROM messages",
        "SELECT * FROM ticks WHERE false",
        "SELECT max(ts_utc), min(id) FROM ticks WHERE source = 'nobody'",
        "SELECT ts_utc, id FROM ticks WHERE ts_utc < '1970-01-02' ORDER BY id DESC LIMIT 5 OFFSET 3",
        "SELECT id FROM ticks WHERE ts_utc LIKE '1970-01-03T0%' ORDER BY 1",
        "SELECT (detail_json->>'n')::int % 7 AS k, count(*) AS n FROM ticks GROUP BY 1 ORDER BY 1",
        "SELECT json_get_int(detail_json, 'n') AS n FROM ticks WHERE detail_json->>'n' IN ('5', '7')",
        "SELECT source, string_agg(id::text, ',' ORDER BY id) AS ids FROM ticks WHERE id < 20 GROUP BY 1",
        "SELECT source, count_if(id % 2 = 0) AS even, mode(id % 3) AS m FROM ticks GROUP BY 1",
        "SELECT source, json_group_array(id) AS ids FROM ticks WHERE id < 9 GROUP BY source",
        "SELECT histogram(source) AS h FROM ticks",
        "SELECT sum(id > 500) AS n, avg(detail_json->>'n') AS mean FROM ticks",
        "SELECT strftime('%Y-%m', ts_utc) AS month, to_char(ts_utc, 'YYYY-MM-DD') AS day, count(*) AS n \
         FROM ticks GROUP BY 1, 2",
        "SELECT date_trunc('day', ts_utc) AS day, to_timestamp('1970-01-02') < ts_utc AS later, count(*) AS n \
         FROM ticks GROUP BY 1, 2",
        "SELECT upper(source) AS s, repeat('x', 3) AS r, printf('%04d', id) AS p FROM ticks WHERE id < 3",
        "SELECT id, row_number() OVER (PARTITION BY source ORDER BY id) AS n FROM ticks QUALIFY n = 2",
        "SELECT id, lag(id, 2) OVER (ORDER BY ts_utc, id) AS before, \
         sum(id) OVER (ORDER BY id ROWS 2 PRECEDING) AS s FROM ticks",
        "SELECT a.id FROM ticks a WHERE a.id NOT IN (SELECT id + 3 FROM ticks) ORDER BY 1",
        "SELECT a.id FROM ticks a WHERE a.id NOT IN (SELECT CASE WHEN id < 5 THEN NULL ELSE id END FROM ticks)",
        "SELECT id FROM ticks ORDER BY id OFFSET 990",
        "SELECT id FROM ticks LIMIT 4294967295",
        "SELECT id FROM ticks WHERE id < 5 OR id NOT IN (SELECT nullif(id, 3) FROM ticks)",
        "SELECT a.id FROM ticks a WHERE a.id NOT IN (SELECT b.id + 1 FROM ticks b WHERE b.source = a.source)",
        "SELECT a.id, b.id FROM ticks a LEFT JOIN ticks b ON a.id > b.id + 990",
        "SELECT a.id, b.id FROM ticks a FULL JOIN ticks b ON a.id > b.id + 990",
        "SELECT v.column1, t.id FROM (VALUES (1), (5000)) v LEFT JOIN ticks t ON t.id < v.column1 - 4990",
        "SELECT id FROM ticks WHERE id IN (1, 2, 9) AND id NOT IN (9, NULL)",
        "SELECT id FROM ticks WHERE detail_json NOT IN ('1', '2', '3', '4') OR detail_json NOT IN ('5', '6')",
        "SELECT id FROM ticks a WHERE EXISTS (SELECT 1 FROM ticks b WHERE b.id = a.id + 999)",
        "SELECT id, (SELECT max(b.id) FROM ticks b WHERE b.source = a.source) AS last FROM ticks a WHERE id < 5",
        "SELECT id FROM ticks WHERE id = (SELECT max(id) FROM ticks)",
        "SELECT source FROM ticks UNION SELECT kind FROM crashes UNION ALL SELECT 'x' ORDER BY 1",
        "SELECT id FROM ticks INTERSECT SELECT id * 2 FROM ticks",
        "SELECT id FROM ticks EXCEPT SELECT id * 2 FROM ticks",
        "SELECT DISTINCT ON (source) source, id FROM ticks ORDER BY source, id DESC",
        "SELECT source, grouping(source) AS g, count(*) AS n FROM ticks GROUP BY ROLLUP (source)",
        "SELECT t.id, v.column1 FROM ticks t JOIN (VALUES (1), (3), (NULL)) v ON t.id = v.column1",
        "SELECT t.id, e.value FROM ticks t, json_each('[1, 2]') e WHERE t.id < 3",
        "SELECT t.id, e.key, e.value FROM ticks t, json_each(t.detail_json) e WHERE t.id < 3",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
        "SELECT unnest([id, id + 1]) AS u FROM ticks WHERE id < 4",
        "SELECT list_sort([id, 1]) AS l, array_agg(id ORDER BY id DESC) AS a FROM ticks WHERE id < 5 GROUP BY id",
        "SELECT arrow_typeof(source) IS NOT NULL AS t, arrow_typeof(id) AS i FROM ticks LIMIT 1",
        "SELECT a.id, b.id FROM ticks a FULL JOIN ticks b ON a.id = b.id + 998",
        "SELECT a.id, b.id FROM ticks a JOIN ticks b ON a.id < b.id AND b.id < 6 AND a.source > b.source",
        "SELECT machine, source, count(*) AS n FROM ticks WHERE machine LIKE 'm%' GROUP BY ALL",
        "SELECT (SELECT source FROM ticks WHERE id = 0) IS NULL AS x, (SELECT id FROM ticks WHERE id = 7) AS y",
        "SELECT id FROM ticks WHERE ts_utc > (SELECT ts_utc FROM ticks WHERE id = 990)",
        "SELECT source FROM ticks GROUP BY 1 UNION ALL SELECT 'x'",
        "SELECT 'y' AS y UNION ALL SELECT kind FROM crashes GROUP BY 1 UNION SELECT source FROM ticks",
        "SHOW TABLES",
        "SELECT table_name FROM information_schema.tables",
    ] {
        assert_eq!(sorted(&cluster, sql), sorted(&local, sql), "{sql}");
    }
}

#[test]
fn parameters_and_the_time_are_those_of_the_client() {
    let directory = lake_with_ticks(100);
    let processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let query = cluster.prepare("SELECT count(*) AS n FROM ticks WHERE id > $1").unwrap();
    let answer = query.bind(&[netsky_db::Value::Int(90)]).unwrap().batches().unwrap();
    assert_eq!(answer.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
    let now = "SELECT count(DISTINCT now()) = 1 AND max(now()) < now() + INTERVAL '1 s' FROM ticks";
    assert_eq!(value(&cluster, now), json!(true));
}

#[test]
fn plans_and_their_measures_can_be_seen() {
    let directory = lake_with_ticks(100);
    let processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let sql = "SELECT source, count(*) FROM ticks WHERE ts_utc < '1970-01-02' GROUP BY source";
    let plan = cluster.query(&format!("EXPLAIN {sql}")).unwrap();
    assert!(plan.contains("DataSourceExec") && plan.contains(".parquet"), "{plan}");
    let measured = cluster.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
    assert!(measured.contains("DataSourceExec") && measured.contains("output_rows"), "{measured}");
}
