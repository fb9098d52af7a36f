//! What programs read: results, failures and limits.

use std::fs;

use serde_json::{Value, json};

use super::{Home, TICK};

fn home() -> Home {
    let home = Home::new();
    for _ in 0..20 {
        home.ok(&["record", "ticks", TICK]);
    }
    home
}

/// The object of a command that fails, which prints nothing else.
fn error_of(home: &Home, code: i32, args: &[&str], input: &str) -> Value {
    let ran = home.run_with_input(args, input);
    assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{args:?}: {}", ran.out);
    assert_eq!(ran.out.lines().count(), 1, "{args:?}: {}", ran.out);
    let mut object: Value = serde_json::from_str(&ran.out).unwrap();
    object["error"].take()
}

#[test]
fn a_failure_is_an_object_with_json() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    for (code, args, kind, message, hint, nearest) in [
        (
            1,
            &["query", "--json", "SELECT id,\n  sorce FROM ticks"][..],
            "invalid_input",
            "no column named 'sorce'; did you mean 'source'?",
            json!(null),
            json!(["source"]),
        ),
        (
            1,
            &["schema", "--json", "tick"],
            "invalid_input",
            "no table named 'tick'; did you mean 'ticks'?",
            json!(null),
            json!(["ticks"]),
        ),
        (
            1,
            &["query", "--json", "SELECT id FROM ticks WHERE id = $1", "-p", "abc"],
            "invalid_input",
            "parameter $1: 'abc' is not an integer",
            json!("pass another value, or cast it in the query, as in $1::text"),
            json!([]),
        ),
        (
            3,
            &["tables", "--json", "--db", "/no/such/meta.db"],
            "not_found",
            "no store at /no/such/meta.db",
            json!("record, import and demo create a store; --db PATH selects another"),
            json!([]),
        ),
        (
            2,
            &["query", "--json", "--fromat", "csv", "SELECT 1"],
            "usage",
            "unexpected argument '--fromat' found",
            json!("a similar argument exists: '--format'"),
            json!(["--format"]),
        ),
        (
            2,
            &["tables", "--json", "--format", "csv"],
            "usage",
            "the argument '--json' cannot be used with '--format <FORMAT>'",
            json!("Usage: netsky tables --json"),
            json!([]),
        ),
        (
            124,
            &[
                "query",
                "--json",
                "--timeout",
                "50ms",
                "SELECT count(*) FROM generate_series(1, 1000000000000)",
            ],
            "timeout",
            "the query was cancelled after 0.05 s",
            json!(
                "query less, for example a shorter time range, or allow more time with --timeout"
            ),
            json!([]),
        ),
    ] {
        let position = match message.contains("column") {
            true => json!({"line": 2, "column": 3}),
            false => json!(null),
        };
        let expected = json!({
            "code": code, "kind": kind, "message": message, "hint": hint, "position": position,
            "nearest": nearest,
        });
        assert_eq!(error_of(&home, code, args, ""), expected);
    }
}

#[test]
fn frequent_mistakes_have_one_next_step() {
    let home = Home::new();
    let hint = |code: i32, args: &[&str], input: &str| {
        let error = error_of(&home, code, args, input);
        error["hint"].as_str().unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    let missing = hint(3, &["query", "--json", "SELECT 1"], "");
    assert_eq!(missing, "record, import and demo create a store; --db PATH selects another");
    let torn = hint(1, &["record", "--json", "ticks", "-"], "{\"source\": ");
    assert_eq!(torn, "nothing was stored; pass one JSON object, for example written by `jq -c`");
    let wrong = hint(1, &["record", "--json", "ticks", "-"], "{\"source\": 7}");
    assert_eq!(
        wrong,
        "nothing was stored; `netsky schema TABLE` lists the columns and their types"
    );
    home.ok(&["record", "ticks", TICK]);
    let unnamed = hint(1, &["query", "--json", "SELECT id FROM ticks WHERE id = $id"], "");
    assert!(unnamed.contains("--param NAME=VALUE"), "{unnamed}");
    let database = redb_of(&home);
    let write = database.begin_write().unwrap();
    let busy = hint(3, &["record", "--json", "--busy-timeout", "50ms", "ticks", TICK], "");
    assert_eq!(busy, "try again, or wait longer with --busy-timeout");
    drop(write);
}

/// The store beside netsky, as another program opens it.
fn redb_of(home: &Home) -> redb::Database {
    netsky_testing::open_past_the_crate(&home.path(".netsky/meta.db"))
}

#[test]
fn parameters_are_named_or_numbered() {
    let home = home();
    let sql =
        "SELECT count(*) AS n FROM ticks WHERE id > $1 AND source = $source AND ts_utc < $until";
    let args = ["query", sql, "-p", "-3", "--param", "source=cron", "--param"];
    let ok = |last: &str| home.ok(&[&args[..], &[last, "--format", "csv"]].concat());
    assert_eq!(ok("until=2026-04-16"), "n\n20\n");
    assert_eq!(ok("until=1h"), "n\n20\n");
    assert_eq!(ok("$until=2026-04-15"), "n\n0\n");
    let fails = |code, last: &[&str]| home.fails(code, &[&args[..], last].concat());
    assert!(fails(1, &["untl=7d"]).contains("no parameter $untl; did you mean 'until'?"));
    assert!(fails(1, &["source=x"]).contains("no value for the parameter $until\n  pass one"));
    assert!(fails(1, &["until=7d", "-p", "2"]).contains("takes 3 parameters, but 4 were given"));
    assert!(fails(1, &["until=soon"]).contains("parameter $until: 'soon' is not a time"));
    assert!(fails(2, &["until"]).contains("expected NAME=VALUE"));
    // A value is never SQL.
    let quoted = home.ok(&["query", "SELECT $a AS a", "--param", "a='; x=1", "--format", "csv"]);
    assert_eq!(quoted, "a\n'; x=1\n");
}

const FORMATS: [&str; 8] =
    ["table", "vertical", "json", "ndjson", "csv", "tsv", "markdown", "parquet"];

#[test]
fn max_rows_ends_the_answer_in_every_format() {
    let home = home();
    let limited =
        |args: &[&str]| home.run(&[&["query", "SELECT id FROM ticks ORDER BY id"], args].concat());
    for format in FORMATS {
        let path = home.path("answer").display().to_string();
        let ran = limited(&["--format", format, "--max-rows", "3", "--output", &path]);
        assert_eq!(ran.code, 0);
        assert_eq!(ran.err, "netsky: --max-rows ended the answer after 3 rows; it has more\n");
        let bytes = fs::read(&path).unwrap();
        if format == "parquet" {
            let reader = fs::File::open(&path).unwrap();
            let rows = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(reader, 99);
            assert_eq!(rows.unwrap().map(|rows| rows.unwrap().num_rows()).sum::<usize>(), 3);
        } else {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains('3') && !text.contains('4'), "{format}: {text}");
        }
    }
    for rows in ["20", "21"] {
        assert_eq!(limited(&["--max-rows", rows]).err, "");
    }
    let none = limited(&["--max-rows", "0", "--format", "csv"]);
    assert_eq!((none.code, none.out.as_str()), (0, "id\n"));
    let object: Value = serde_json::from_str(&limited(&["--max-rows", "3", "--json"]).out).unwrap();
    assert_eq!(
        (&object["truncated"], &object["row_count"], &object["rows"][2]),
        (&json!(true), &json!(3), &json!({"id": 3}))
    );
}

#[test]
fn max_bytes_keeps_whole_rows_in_every_format() {
    let home = home();
    // A long row in the middle of short ones, and several batches.
    let sql = "SELECT value, repeat('é', CASE WHEN value = 9000 THEN 900 ELSE 9 END) AS text \
               FROM generate_series(1, 20000)";
    for max_bytes in [400, 5_000, 400_000] {
        let limit = max_bytes.to_string();
        let mut rows = 0;
        for format in FORMATS.into_iter().filter(|format| *format != "parquet") {
            let ran = home.run(&["query", "--format", format, "--max-bytes", &limit, sql]);
            let printed = ran.out.len();
            assert!(printed <= max_bytes, "{format}: {printed}");
            // A long row widens those before it in a table.
            assert!(format == "table" || printed + 200 > max_bytes, "{format}: {printed}");
            assert!(
                ran.err.starts_with("netsky: --max-bytes ended the answer after "),
                "{}",
                ran.err
            );
            assert!(ran.out.ends_with('\n'), "{format}: {}", ran.out);
            if format == "ndjson" {
                ran.out.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
                rows = ran.out.lines().count();
            }
            if format == "json" {
                let array: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
                assert!(array.len().abs_diff(rows) < 2 || rows == 0);
            }
        }
        let ran = home.run(&["query", "--json", "--max-bytes", &limit, sql]);
        assert!(ran.out.len() <= max_bytes && ran.out.len() + 300 > max_bytes, "{}", ran.out.len());
        let object: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&object["truncated"], ran.err.as_str()), (&json!(true), ""));
        assert_eq!(object["row_count"], object["rows"].as_array().unwrap().len());
    }
    let all = home.ok(&["query", "--format", "csv", "--max-bytes", "1MiB", "SELECT id FROM ticks"]);
    assert_eq!(all.lines().count(), 21);
}

#[test]
fn the_schema_fits_into_a_prompt() {
    let home = Home::new();
    let ddl = home.ok(&["schema", "--format", "ddl"]);
    assert!(ddl.len() < 3_500, "{} bytes", ddl.len());
    for table in netsky_db::TABLES {
        assert!(ddl.contains(&format!("\n{}(", table.name())), "{ddl}");
        for column in table.columns() {
            assert!(ddl.contains(column.name), "{ddl}");
        }
    }
    for view in netsky_db::VIEWS {
        assert!(ddl.contains(&format!("\n{}(", view.name())), "{ddl}");
    }
    let ticks = home.ok(&["schema", "ticks", "--format", "ddl"]);
    assert_eq!(ticks, "ticks(ts_utc time, source, detail_json)\n");
}

#[test]
fn an_unknown_suffix_lists_all_that_are_known() {
    let home = home();
    let error = home.fails(2, &["query", "-o", "x.xyz", "SELECT 1"]);
    for suffix in [".txt", ".json", ".parquet", ".gz", ".svg", ".png"] {
        assert!(error.contains(suffix), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_object_that_cannot_be_printed_is_told_in_text() {
    let home = home();
    for (code, sql, said) in [
        (1, "SELECT 1", "netsky: cannot write the output: No space left"),
        (1, "SELECT sorce FROM ticks", "netsky: no column named 'sorce'"),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = home.command(&["query", "--json", sql]).stdout(full).output().unwrap();
        let error = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(code), "{error}");
        assert!(error.starts_with(said), "{error}");
    }
}
