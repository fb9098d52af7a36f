//! SQL as people write it: spellings of other systems, names of columns, and what is refused with a
//! form that works.

use chrono::{DateTime, Utc};
use netsky_db::{Error, McpToolCallRecord};
use netsky_testing::{TestStore, rows, store, value};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Tools with characters that patterns treat specially, in calls of which every second one failed.
const TOOLS: [&str; 10] =
    ["Bash", "bash", "B%sh", "B_sh", "Ba.sh", "Bash\nx", "[Bash]", "", "Read", "a^b$c"];

fn calls() -> TestStore {
    let store = store();
    for (index, tool) in TOOLS.iter().enumerate() {
        let time = DateTime::from_timestamp(1_776_247_200 + 60 * index as i64, 0).unwrap();
        let call = McpToolCallRecord {
            success: index % 2 == 0,
            request_json: Some(r#"{"a":{"b":[7,{"c":"x"}]},"a.b":null,"c.d":1,"e":{"f":"y"}}"#),
            ..call_at(time, tool)
        };
        store.db.record(&call).unwrap();
    }
    store
}

fn call_at(ts_utc_start: DateTime<Utc>, tool: &str) -> McpToolCallRecord<'_> {
    McpToolCallRecord {
        ts_utc_start,
        ts_utc_end: None,
        source: "builtin",
        tool,
        agent: None,
        duration_ms: None,
        success: true,
        error: None,
        timeout_race: false,
        request_json: None,
        response_json: None,
    }
}

fn tools(store: &TestStore, condition: &str) -> Vec<String> {
    let sql = format!("SELECT tool FROM mcp_tool_calls WHERE {condition} ORDER BY id");
    let tools = rows(&store.db, &sql);
    tools.iter().map(|row| row["tool"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn similar_to_follows_the_sql_standard() {
    let store = calls();
    for (pattern, matched) in [
        ("'Ba%'", &["Bash", "Ba.sh", "Bash\nx"][..]),
        ("'B_sh'", &["Bash", "B%sh", "B_sh"]),
        ("'(B|b)ash'", &["Bash", "bash"]),
        ("'Ba.sh'", &["Ba.sh"]),
        ("'B[a-z]sh'", &["Bash"]),
        ("'B[^a]sh'", &["B%sh", "B_sh"]),
        ("'B\\%sh'", &["B%sh"]),
        ("'B#_sh' ESCAPE '#'", &["B_sh"]),
        ("'\\[%\\]'", &["[Bash]"]),
        ("'a^b$c'", &["a^b$c"]),
        ("''", &[""]),
        ("'[[:alpha:]]{4}'", &["Bash", "bash", "Read"]),
        ("lower('BA') || '%'", &["bash"]),
    ] {
        assert_eq!(tools(&store, &format!("tool SIMILAR TO {pattern}")), matched, "{pattern}");
        let others = tools(&store, &format!("tool NOT SIMILAR TO {pattern}"));
        assert_eq!(others.len(), TOOLS.len() - matched.len(), "{pattern}");
    }
    let null = "SELECT count(*) FROM mcp_tool_calls WHERE tool SIMILAR TO NULL";
    assert_eq!(value(&store.db, null), 0);
    let open = store.db.query("SELECT tool SIMILAR TO '[a' FROM mcp_tool_calls").unwrap_err();
    assert!(open.to_string().contains("invalid SIMILAR TO pattern '[a'"), "{open}");
}

#[test]
fn glob_answers_as_in_sqlite() {
    let store = calls();
    let patterns = [
        "B*", "b?sh", "*", "?ash", "[Bb]ash", "[^B]ash", "B%*", "*.*", "[[]*", "*]", "a^b$c",
        "[]]*",
    ];
    let sqlite = Connection::open_in_memory().unwrap();
    for pattern in patterns {
        let matched = TOOLS.into_iter().filter(|tool| {
            let answer = sqlite.query_row("SELECT ?1 GLOB ?2", [*tool, pattern], |row| row.get(0));
            answer.unwrap()
        });
        let found = tools(&store, &format!("tool GLOB '{pattern}'"));
        assert_eq!(found, matched.collect::<Vec<_>>(), "{pattern}");
    }
    assert_eq!(tools(&store, "tool NOT GLOB '*a*' AND length(tool) > 0"), ["B%sh", "B_sh"]);
    // It is no keyword.
    assert_eq!(value(&store.db, "SELECT 1 glob"), 1);
}

#[test]
fn regular_expressions_have_the_names_of_mysql() {
    let store = calls();
    for condition in ["tool REGEXP '^B.sh$'", "tool RLIKE '^B.sh$'", "tool ~ '^B.sh$'"] {
        assert_eq!(tools(&store, condition), ["Bash", "B%sh", "B_sh"], "{condition}");
    }
    assert_eq!(tools(&store, "tool NOT REGEXP 'a|B' AND tool <> ''"), Vec::<String>::new());
}

#[test]
fn spellings_of_other_systems_work() {
    let store = calls();
    for (sql, answer) in [
        ("FROM mcp_tool_calls LIMIT 2", 2),
        ("FROM mcp_tool_calls SELECT id LIMIT 3", 3),
        ("SELECT TOP 4 id FROM mcp_tool_calls ORDER BY id", 4),
        ("SELECT DISTINCT TOP 2 source, tool FROM mcp_tool_calls", 2),
        ("SELECT id FROM mcp_tool_calls FETCH FIRST 3 ROWS ONLY", 3),
        ("SELECT id FROM mcp_tool_calls OFFSET 8 ROWS FETCH NEXT 5 ROWS ONLY", 2),
        ("SELECT * FROM (FROM mcp_tool_calls LIMIT 2)", 2),
        ("WITH c AS (FROM mcp_tool_calls) FROM c", TOOLS.len()),
    ] {
        assert_eq!(rows(&store.db, sql).len(), answer, "{sql}");
    }
    let all = rows(&store.db, "FROM mcp_tool_calls LIMIT 1");
    assert_eq!(all, rows(&store.db, "SELECT * FROM mcp_tool_calls LIMIT 1"));
    assert_eq!(value(&store.db, "SELECT 7 // 2"), 3);
    assert_eq!(value(&store.db, "SELECT -7 // 2"), -3);
}

#[test]
fn booleans_compare_with_numbers_and_texts() {
    let store = calls();
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM mcp_tool_calls WHERE {condition}");
        value(&store.db, &sql).as_i64().unwrap()
    };
    for (condition, right) in [
        ("success = 1", 5),
        ("1 = success", 5),
        ("success = 0", 5),
        ("success <> 0", 5),
        ("success = 'true'", 5),
        ("success = 'f'", 5),
        ("success IN (0, 1)", 10),
        ("success NOT IN (0)", 5),
        ("CASE success WHEN 1 THEN true ELSE false END", 5),
        ("(success = 1) = 'yes'", 5),
        ("nullif(success, false) = 1", 5),
        ("nullif(success, true) <> 0", 0),
    ] {
        assert_eq!(count(condition), right, "{condition}");
    }
    let wrong = store.db.query("SELECT 1 FROM mcp_tool_calls WHERE success = 2").unwrap_err();
    assert_eq!(wrong.to_string(), "cannot compare boolean = integer");
}

#[test]
fn times_compare_with_short_texts() {
    let store = calls();
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM mcp_tool_calls WHERE {condition}");
        value(&store.db, &sql).as_i64().unwrap()
    };
    // The first call is at 2026-04-15T10:00:00Z, and one a minute follows.
    for (condition, right) in [
        ("ts_utc_start > '2026-04-15 10:05'", 4),
        ("ts_utc_start > '2026-04-15T10:05'", 4),
        ("ts_utc_start > '2026-04-15T10:05Z'", 4),
        ("ts_utc_start >= '2026-04-15 10:05:00'", 5),
        ("ts_utc_start >= '2026-04-15 12:05:00+02:00'", 5),
        ("'2026-04-15 10:05' <= ts_utc_start", 5),
        ("ts_utc_start BETWEEN '2026-04-15 10:01' AND '2026-04-15 10:02'", 2),
        ("ts_utc_start IN ('2026-04-15 10:01', '2026-4-15')", 1),
        ("ts_utc_start >= '2026-4-15'", 10),
        ("ts_utc_start >= '2026-04' AND ts_utc_start < '2026-05'", 10),
        ("ts_utc_start < 'now'", 10),
        ("ts_utc_start >= 'tomorrow'", 0),
    ] {
        assert_eq!(count(condition), right, "{condition}");
    }
    let today = "SELECT ts FROM (SELECT now() AS ts) WHERE ts >= 'today' AND ts < 'tomorrow'";
    assert_eq!(rows(&store.db, today).len(), 1);
}

#[test]
fn a_short_time_still_selects_blocks() {
    let store = calls();
    let sql = "EXPLAIN SELECT id FROM mcp_tool_calls WHERE ts_utc_start > '2026-04-15 10:05'";
    let plan = store.db.query(sql).unwrap();
    assert!(!plan.contains("FilterExec"), "{plan}");
}

/// The names of the columns.
fn header(store: &TestStore, sql: &str) -> Vec<String> {
    let prepared = store.db.prepare(sql).unwrap();
    let names = |schema: &arrow::datatypes::Schema| {
        schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    let prepared_names = names(&prepared.schema());
    let batches = store.db.query_batches(sql).unwrap();
    assert_eq!(prepared_names, names(&batches[0].schema()), "{sql}");
    prepared_names
}

#[test]
fn columns_have_the_sql_as_typed_for_a_name() {
    let store = calls();
    for (sql, names) in [
        ("SELECT 1", &["1"][..]),
        ("SELECT 'x', -1", &["'x'", "-1"]),
        ("SELECT COUNT(*), sum( id ) + 1 FROM mcp_tool_calls", &["COUNT(*)", "sum( id ) + 1"]),
        (
            "SELECT date_part('dow', ts_utc_start) FROM mcp_tool_calls",
            &["date_part('dow', ts_utc_start)"],
        ),
        // Columns and aliases keep their names.
        (
            "SELECT m.id, Tool, \"source\", id AS Called FROM mcp_tool_calls m",
            &["id", "tool", "source", "called"],
        ),
        ("SELECT (id) FROM mcp_tool_calls", &["id"]),
        // One blank for each line break and comment.
        ("SELECT id\n  /* and */ + 1 -- more\n FROM mcp_tool_calls", &["id + 1"]),
        ("SELECT ' \n ' || tool FROM mcp_tool_calls", &["' \n ' || tool"]),
        ("SELECT id IS DISTINCT FROM 1, 2 FROM mcp_tool_calls", &["id IS DISTINCT FROM 1", "2"]),
        (
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id), 1 FROM mcp_tool_calls",
            &["percentile_cont(0.5) WITHIN GROUP (ORDER BY id)", "1"],
        ),
        (
            "SELECT DISTINCT ON (source) source, id + 1 FROM mcp_tool_calls ORDER BY 1",
            &["source", "id + 1"],
        ),
        ("SELECT ALL upper(tool) FROM mcp_tool_calls", &["upper(tool)"]),
        ("SELECT 1 + 1 UNION ALL SELECT 2", &["1 + 1"]),
        ("(SELECT 1 + 1)", &["1 + 1"]),
        ("WITH t AS (SELECT 1 AS a) SELECT a + 1 FROM t", &["a + 1"]),
        ("SELECT (SELECT max(id) FROM mcp_tool_calls)", &["(SELECT max(id) FROM mcp_tool_calls)"]),
        ("SELECT \"count(*)\" FROM (SELECT count(*) FROM mcp_tool_calls)", &["count(*)"]),
        ("SELECT request_json.a.b FROM mcp_tool_calls", &["request_json.a.b"]),
        ("SELECT 1 a, 1 a, 2", &["a", "a", "2"]),
        ("SELECT id + 1, (id + 1)::text FROM mcp_tool_calls", &["id + 1", "(id + 1)::text"]),
        ("SELECT count(*), count(*) FROM mcp_tool_calls", &["count(*)", "count(*)"]),
        ("SELECT id, id FROM mcp_tool_calls ORDER BY id", &["id", "id"]),
        ("SELECT m.id, id, ID + 0 FROM mcp_tool_calls m", &["id", "id", "ID + 0"]),
        ("SELECT id, id::text AS id FROM mcp_tool_calls ORDER BY id", &["id", "id"]),
        ("SELECT upper(tool) AS id, m.id FROM mcp_tool_calls m ORDER BY id", &["id", "id"]),
        ("SELECT 日本 + 1 AS x, 日本 + 1 FROM (SELECT 1 AS 日本)", &["x", "日本 + 1"]),
    ] {
        assert_eq!(header(&store, sql), names, "{sql}");
    }
    let all = header(&store, "SELECT upper(tool), *, id + 1 FROM mcp_tool_calls");
    assert_eq!(
        (all[0].as_str(), all[1].as_str(), all[all.len() - 1].as_str()),
        ("upper(tool)", "id", "id + 1")
    );
    let again = header(&store, "SELECT *, id, count(*) OVER () FROM mcp_tool_calls");
    assert_eq!(again[again.len() - 2..], ["id", "count(*) OVER ()"]);
}

#[test]
fn keys_of_json_can_be_written_in_many_ways() {
    let store = calls();
    for (expression, right) in [
        ("request_json->>'$.a.b[0]'", json!("7")),
        ("request_json->'a'->'b'->>0", json!("7")),
        ("request_json->'a'->'b'->-1->>'c'", json!("x")),
        ("request_json['e']['f']", json!("y")),
        ("request_json['a']['b'][1]['c']", json!("x")),
        ("request_json.e.f", json!("y")),
        ("m.request_json.e.f", json!("y")),
        ("request_json:e.f", json!("y")),
        ("request_json:a.b[1].c", json!("x")),
        ("request_json::json->'e'->>'f'", json!("y")),
        ("request_json::jsonb->>'c.d'", json!("1")),
        ("CAST(request_json AS json)->>'$.e.f'", json!("y")),
        // A key with a dot, or else a path.
        ("request_json->>'c.d'", json!("1")),
        ("request_json->>'e.f'", json!("y")),
        ("request_json->>'a.b'", json!(null)),
        ("request_json->'a'->>'b[0]'", json!("7")),
        ("request_json->'a'->>'b.c'", json!(null)),
        ("(request_json->'c.d')::bigint + 1", json!(2)),
        ("json_get_str(request_json, 'e.f')", json!("y")),
        ("json_length(request_json, 'e.f', 'x.y')", json!(null)),
        ("'{\"a\":{\"b.c\":1,\"b\":{\"c\":2}}}'->>'a.b.c'", json!("2")),
        ("'{\"a.b\":{\"c.d\":5}}'->'a.b'->>'c.d'", json!("5")),
        ("'{\"a\":{\"b\":{\"c\":{\"d\":6}}}}'->'a.b'->>'c.d'", json!("6")),
        ("(request_json->'e.f') = 'y'", json!(true)),
    ] {
        let sql = format!("SELECT {expression} AS v FROM mcp_tool_calls m LIMIT 1");
        assert_eq!(value(&store.db, &sql), right, "{expression}");
    }
    let no_json = store.db.query("SELECT tool.name FROM mcp_tool_calls").unwrap_err();
    assert_eq!(no_json.hint(), Some("read a key of JSON with ->>, as in detail_json->>'key'"));
}

#[test]
fn table_is_all_rows_of_a_table() {
    let store = calls();
    assert_eq!(rows(&store.db, "/* table */ TABLE mcp_tool_calls LIMIT 3").len(), 3);
    let error = store.db.query("TABLE\n  nosuch").unwrap_err();
    assert_eq!(error.position(), Some(netsky_db::Position::new(2, 3)));
}

#[test]
fn summarize_has_a_row_for_each_column() {
    let store = calls();
    let summary =
        rows(&store.db, "SUMMARIZE SELECT id, tool, success, NULL AS none FROM mcp_tool_calls");
    assert_eq!(
        Value::from_iter(summary),
        json!([
            {"column_name": "id", "column_type": "int", "min": "1", "max": "10", "approx_unique": 10,
             "avg": 5.5, "count": 10, "null_percentage": 0.0},
            {"column_name": "tool", "column_type": "text", "min": "", "max": "bash",
             "approx_unique": 10, "avg": null, "count": 10, "null_percentage": 0.0},
            {"column_name": "success", "column_type": "bool", "min": "false", "max": "true",
             "approx_unique": 2, "avg": null, "count": 10, "null_percentage": 0.0},
            {"column_name": "none", "column_type": "Null", "min": null, "max": null,
             "approx_unique": null, "avg": null, "count": 10, "null_percentage": 100.0},
        ])
    );
    assert_eq!(rows(&store.db, "summarize mcp_tool_calls;").len(), 12);
    assert_eq!(rows(&store.db, "-- summarize\nsummarize mcp_tool_calls;").len(), 12);
    assert_eq!(rows(&store.db, "SUMMARIZE ticks")[0]["null_percentage"], json!(null));
    assert_eq!(rows(&store.db, "SUMMARIZE SELECT 'it''s' AS \"a 'b\"\"c\"")[0]["min"], "it's");
    let wrong = store.db.query("SUMMARIZE tick").unwrap_err();
    assert_eq!(wrong.position().map(|place| place.column), Some(11), "{wrong}");
}

#[test]
fn conditions_can_use_names_of_the_select_list() {
    let store = calls();
    for (sql, right) in [
        ("SELECT lower(tool) AS t FROM mcp_tool_calls WHERE t = 'bash'", 2),
        (
            "SELECT id + 1 AS n, n_2 FROM (SELECT id, id * 2 AS n_2 FROM mcp_tool_calls) WHERE n > 3 AND N < 6",
            2,
        ),
        ("SELECT id AS a, tool AS b FROM mcp_tool_calls WHERE a > 8 OR b = 'bash'", 3),
        // In a subquery; the outer condition has a column with the name.
        (
            "SELECT t FROM (SELECT lower(tool) AS t FROM mcp_tool_calls WHERE t = 'bash') WHERE t <> ''",
            2,
        ),
        // A column comes first.
        ("SELECT 'x' AS tool FROM mcp_tool_calls WHERE tool = 'bash'", 1),
        (
            "SELECT id FROM mcp_tool_calls m WHERE EXISTS (SELECT id AS j FROM mcp_tool_calls WHERE j = m.id)",
            10,
        ),
    ] {
        assert_eq!(rows(&store.db, sql).len(), right, "{sql}");
    }
    for (sql, hint) in [
        ("SELECT count(*) AS n FROM ticks WHERE n > 1", "HAVING"),
        ("SELECT random() AS r FROM ticks WHERE r > 1", "SELECT * FROM (SELECT ..) WHERE r"),
    ] {
        let error = store.db.query(sql).unwrap_err();
        assert!(error.hint().is_some_and(|given| given.contains(hint)), "{sql}: {error}");
    }
    let other = store.db.query("SELECT id AS n FROM ticks WHERE m > 1").unwrap_err();
    assert!(matches!(other, Error::UnknownColumn { .. }), "{other}");
}

#[test]
fn refused_constructs_come_with_a_form_that_works() {
    let store = calls();
    for (sql, hint) in [
        ("SELECT count(*) FROM ticks TABLESAMPLE BERNOULLI(10)", "WHERE random() < 0.1 keeps"),
        (
            "SELECT count(*) FROM ticks t TABLESAMPLE SYSTEM (5 PERCENT)",
            "WHERE random() < 0.05 keeps",
        ),
        ("SELECT count(*) FROM ticks TABLESAMPLE (7 ROWS)", "ORDER BY random() LIMIT 7"),
        ("SELECT count(*) FROM ticks USING SAMPLE 1%", "WHERE random() < 0.01"),
        ("SELECT FROM ticks", "write SELECT *"),
        ("SELECT TOP 5 PERCENT id FROM ticks", "LIMIT 5"),
        ("SELECT id FROM ticks FETCH FIRST 5 ROWS WITH TIES", "LIMIT 5"),
        ("PRAGMA table_info(ticks)", "DESCRIBE ticks"),
        (".tables", "SHOW TABLES"),
        ("SELECT * FROM sqlite_master", "SHOW TABLES"),
        ("SELECT * FROM pragma_table_info('ticks')", "DESCRIBE ticks"),
        ("SELECT * FROM read_csv('a.csv')", "netsky import"),
        ("SELECT * FROM 'a.parquet'", "netsky import"),
        ("PIVOT ticks ON source USING count(*)", "FILTER (WHERE"),
        ("SELECT * FROM ticks PIVOT (count(id) FOR source IN ('a'))", "FILTER (WHERE"),
        ("SELECT COLUMNS('i.*') FROM ticks", "EXCLUDE"),
        (
            "SELECT id FROM ticks WHERE source LIKE ANY ('a%', 'b%')",
            "source LIKE 'a%' OR source LIKE 'b%'",
        ),
        ("SELECT detail_json #>> '{a,b}' FROM ticks", "detail_json->>'$.a.b'"),
        ("SELECT detail_json @> '{}' FROM ticks", "detail_json->>'key'"),
        ("SELECT * FROM ticks CROSS APPLY (SELECT 1) t", "CROSS JOIN LATERAL"),
        ("SELECT id FROM ticks, messages WHERE id = 1", "write the table before"),
        ("SELECT id, count(*) FROM ticks", "GROUP BY"),
        ("SELECT id FROM ticks WHERE ts_utc > 5", "to_timestamp"),
    ] {
        let error = store.db.query(sql).unwrap_err();
        let given = error.hint().unwrap_or_else(|| panic!("{sql}: {error}"));
        assert!(given.contains(hint), "{sql}: {given}");
        let told = error.to_string();
        assert!(!told.contains('{') && !told.contains("Ident"), "{sql}: {told}");
        if matches!(error, Error::UnsupportedSql { .. }) {
            assert!(error.position().is_some(), "{sql}");
        }
    }
}

#[test]
fn no_error_blames_datafusion() {
    let store = calls();
    for (sql, told) in [
        ("SELECT date_trunc(ts_utc) FROM ticks", "date_trunc takes "),
        ("SELECT substr(1, 2, 3, 4)", "substr does not take "),
        ("SELECT abs('x')", "abs takes a number, not text"),
        ("SELECT id FROM ticks GROUP BY source", "must be in GROUP BY"),
    ] {
        let error = store.db.query(sql).unwrap_err();
        assert!(error.position().is_some(), "{sql}: {error}");
        let error = error.to_string();
        assert!(error.starts_with(told) || error.contains(told), "{sql}: {error}");
        assert!(!error.contains("bug") && !error.contains("nternal"), "{sql}: {error}");
        assert!(error.lines().count() == 1 && error.len() < 160, "{sql}: {error}");
    }
}
