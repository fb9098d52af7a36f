//! The command line, through the real binary.

mod chart;
mod conventions;
mod cost;
mod demo;
#[cfg(unix)]
mod doctor;
mod entry;
mod export;
mod functions;
mod hook;
mod import;
mod ingest;
mod ingested;
#[cfg(target_os = "linux")]
mod interrupt;
mod json;
mod json_schema;
mod lake;
#[cfg(target_os = "linux")]
mod mcp;
mod output;
mod saved;
mod screen;
#[cfg(target_os = "linux")]
mod serve;
mod shell;
mod tail;
mod time_zone;
mod timeline;
mod top;
mod unknown;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use netsky_testing::{OLD_SQLITE, store_past_the_crate};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A home directory with nothing in it.
pub struct Home(TempDir);

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netsky"));
        command
            .args(args)
            .env("HOME", self.0.path())
            .env_remove("NETSKY_DB")
            .env_remove("NETSKY_TZ")
            .env_remove("CLAUDE_CONFIG_DIR")
            .env_remove("CODEX_HOME")
            .env_remove("RUST_BACKTRACE");
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with_input(args, "")
    }

    pub fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that fails early does not read its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        ran(child.wait_with_output().unwrap())
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}: {}", ran.out);
        ran.out
    }

    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{args:?}: {}", ran.err);
        ran.err
    }
}

pub fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const TICK: &str =
    r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"cron","detail_json":"{\"a\":\"x|y\"}"}"#;

#[test]
fn a_row_is_recorded_and_asked_for_in_every_format() {
    let home = Home::new();
    assert_eq!(home.ok(&["record", "ticks", TICK]), "1\n");
    assert_eq!(home.run_with_input(&["record", "ticks", "-"], TICK).out, "2\n");
    assert!(home.path(".netsky/meta.db").exists());
    let sql =
        "SELECT id, ts_utc, detail_json, NULL AS none, id / 4.0 AS quarter FROM ticks ORDER BY id";

    let table = home.ok(&["query", sql]);
    assert!(
        table.contains("|  1 | 2026-04-15T23:00:00.000Z | {\"a\":\"x|y\"} |      |    0.25 |"),
        "{table}"
    );

    let object = |id: i64, quarter: f64| json!({"id": id, "ts_utc": "2026-04-15T23:00:00.000Z", "detail_json": "{\"a\":\"x|y\"}", "none": null, "quarter": quarter});
    let array: Value = serde_json::from_str(&home.ok(&["query", "--format", "json", sql])).unwrap();
    assert_eq!(array, json!([object(1, 0.25), object(2, 0.5)]));
    let lines = home.ok(&["query", "--format", "ndjson", sql]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(lines), array);

    assert_eq!(
        home.ok(&["query", "--format", "csv", sql]),
        "id,ts_utc,detail_json,none,quarter\n\
         1,2026-04-15T23:00:00.000Z,\"{\"\"a\"\":\"\"x|y\"\"}\",,0.25\n\
         2,2026-04-15T23:00:00.000Z,\"{\"\"a\"\":\"\"x|y\"\"}\",,0.5\n"
    );
    assert_eq!(
        home.ok(&["query", "--format", "markdown", sql]),
        "| id | ts_utc | detail_json | none | quarter |\n| ---: | --- | --- | --- | ---: |\n\
         | 1 | 2026-04-15T23:00:00.000Z | {\"a\":\"x\\|y\"} |  | 0.25 |\n\
         | 2 | 2026-04-15T23:00:00.000Z | {\"a\":\"x\\|y\"} |  | 0.5 |\n"
    );

    let envelope: Value = serde_json::from_str(&home.ok(&["query", "--json", sql])).unwrap();
    assert_eq!((&envelope["rows"], &envelope["row_count"]), (&array, &json!(2)));
    assert_eq!(
        envelope["columns"],
        json!([
            {"name": "id", "type": "BIGINT"},
            {"name": "ts_utc", "type": "TIMESTAMP WITH TIME ZONE"},
            {"name": "detail_json", "type": "VARCHAR"},
            {"name": "none", "type": "NULL"},
            {"name": "quarter", "type": "DOUBLE"},
        ])
    );
    assert_eq!((&envelope["truncated"], &envelope["rows_read"]), (&json!(false), &json!(2)));
    assert!(envelope["elapsed_ms"].is_u64() && envelope["bytes_read"].is_u64(), "{envelope}");
}

#[test]
fn an_answer_without_rows_is_well_formed_in_every_format() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT id, source FROM ticks WHERE id > 1";
    assert_eq!(home.ok(&["query", "--format", "json", sql]), "[]\n");
    assert_eq!(home.ok(&["query", "--format", "ndjson", sql]), "");
    assert_eq!(home.ok(&["query", "--format", "csv", sql]), "id,source\n");
    assert_eq!(
        home.ok(&["query", "--format", "markdown", sql]),
        "| id | source |\n| ---: | --- |\n"
    );
    assert!(home.ok(&["query", sql]).contains("| id | source |"));
    assert!(home.ok(&["query", "--json", sql]).contains("\"rows\":[]"));
}

#[test]
fn json_has_every_type_and_no_key_twice() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT 9223372036854775807 AS big, true AS yes, 'NaN'::double AS nan, [1, 2] AS list, \
               {'a': 1} AS object, DATE '2026-04-15' AS day, now() - now() AS none, INTERVAL '1 day' AS one_day, \
               detail_json->'a' AS any, a.id, b.id FROM ticks a JOIN ticks b ON a.id = b.id";
    let sql = sql.replace("detail_json", "a.detail_json");
    let array: Value =
        serde_json::from_str(&home.ok(&["query", "--format", "json", &sql])).unwrap();
    let row = &array[0];
    assert_eq!(row["big"], json!(9_223_372_036_854_775_807_i64));
    assert_eq!(
        (&row["yes"], &row["nan"], &row["list"]),
        (&json!(true), &json!(null), &json!([1, 2]))
    );
    assert_eq!((&row["object"]["a"], &row["day"]), (&json!(1), &json!("2026-04-15")));
    assert!(
        row["none"].is_string() && row["one_day"].is_string() && row["any"].is_string(),
        "{row}"
    );
    assert_eq!((&row["id"], &row["id_2"]), (&json!(1), &json!(1)));
    for format in ["table", "csv", "markdown", "ndjson"] {
        home.ok(&["query", "--format", format, &sql]);
    }
}

#[test]
fn a_query_comes_from_an_argument_a_file_or_standard_input() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT count(*) AS n FROM ticks;\n";
    let file = home.file("q.sql", sql);
    let expected = "n\n1\n";
    assert_eq!(home.ok(&["query", "--format", "csv", "--file", &file]), expected);
    assert_eq!(home.run_with_input(&["query", "--format", "csv"], sql).out, expected);
    assert_eq!(home.run_with_input(&["query", "--format", "csv", "-"], sql).out, expected);
    // As it was copied from a file.
    let commented = format!("-- How many?\n{sql}");
    assert_eq!(home.ok(&["query", "--format", "csv", &commented]), expected);
    assert!(home.fails(1, &["query", "--file", "/no/such/file"]).contains("/no/such/file"));
    assert!(home.fails(1, &["query", ""]).contains("expected a statement"));
    home.fails(2, &["query", "SELECT 1", "--file", &file]);
}

#[test]
fn the_store_is_the_flag_else_the_variable_else_the_default() {
    let home = Home::new();
    let (flag, variable) = (home.path("flag.db"), home.path("deep/variable.db"));
    let flag = flag.to_str().unwrap();
    let record = |args: &[&str]| {
        let mut command = home.command(args);
        ran(command.env("NETSKY_DB", &variable).output().unwrap()).out
    };
    assert_eq!(record(&["--db", flag, "record", "ticks", TICK]), "1\n");
    assert_eq!(record(&["record", "ticks", TICK, "--db", flag]), "2\n");
    assert_eq!(record(&["record", "ticks", TICK]), "1\n");
    assert!(!home.path(".netsky").exists());
    assert_eq!(home.ok(&["record", "ticks", TICK]), "1\n");
}

#[test]
fn wrong_queries_say_what_to_do_and_exit_with_1() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    for (sql, said) in [
        ("SELEC 1", "found: SELEC\n  SELEC 1\n  ^\n"),
        ("SELECT 1,\n  sorce\nFROM ticks", "netsky: line 2: no column named 'sorce'"),
        ("SELECT 1,\n  sorce\nFROM ticks", "'source'?\n  sorce\n  ^\n"),
        ("SELECT * FROM tick", "no table named 'tick'; did you mean 'ticks'"),
        ("SELECT sorce FROM ticks", "no column named 'sorce'; did you mean 'source'"),
        (
            "SELECT source",
            "no column named 'source'; there are none\n  SELECT source\n         ^\n  the query has no table; add a FROM clause",
        ),
        ("DROP TABLE ticks", "read-only: DROP is not allowed; use SELECT"),
        (
            "SHOW CREATE TABLE ticks",
            "SHOW CREATE is not allowed; use SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, or SHOW of tables",
        ),
        ("SELECT lenght(source) FROM ticks", "no function named 'lenght'; did you mean 'length'"),
        ("SELECT source + 1 FROM ticks", "cannot compute text + integer"),
    ] {
        let error = home.fails(1, &["query", sql]);
        assert!(error.starts_with("netsky: ") && error.contains(said), "{sql}: {error}");
    }
    assert!(home.fails(1, &["record", "tick", TICK]).contains("did you mean 'ticks'"));
    assert!(home.fails(1, &["record", "ticks", "{\"sorce\":1}"]).contains("did you mean 'source'"));
    assert!(home.fails(1, &["schema", "tick"]).contains("did you mean 'ticks'"));
}

#[test]
fn a_store_that_is_absent_or_none_exits_with_3() {
    let home = Home::new();
    let absent = home.path("absent.db");
    for args in [&["query", "SELECT 1"][..], &["tables"]] {
        let args: Vec<&str> = [&["--db", absent.to_str().unwrap()], args].concat();
        let error = home.fails(3, &args);
        assert!(
            error.contains("no store at") && error.contains("absent.db") && error.contains("demo"),
            "{error}"
        );
    }
    assert!(!absent.exists());
    assert!(home.fails(3, &["query", "SELECT 1"]).contains(".netsky/meta.db"));
    assert!(!home.path(".netsky").exists());

    let other = home.file("other.db", "something else");
    for args in [&["query", "SELECT 1"][..], &["record", "ticks", TICK], &["tables"]] {
        let error = home.fails(3, &[&["--db", &other], args].concat());
        assert!(error.contains("other.db is not a netsky store"), "{error}");
    }
    assert_eq!(std::fs::read(&other).unwrap(), b"something else");
}

#[test]
fn a_corrupt_row_exits_with_3_and_is_named() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    store_past_the_crate(&home.path(".netsky/meta.db"), "ticks", 2, b"nonsense");
    for format in ["table", "json", "csv"] {
        let ran = home.run(&["query", "--format", format, "SELECT source FROM ticks"]);
        assert_eq!(ran.code, 3);
        assert!(ran.err.contains("corrupt row 2 in ticks: invalid JSON at byte 0"), "{}", ran.err);
    }
}

#[test]
fn files_are_imported_gzipped_or_not_and_whole_directories() {
    let home = Home::new();
    let plain = home.file("monday.ndjson", format!("{TICK}\n{TICK}\n"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!("{TICK}\n").as_bytes()).unwrap();
    // Gzip is told by its first bytes, not by the name.
    let packed = home.file("tuesday", gzip.finish().unwrap());
    let out = home.ok(&["import", "--allow-duplicates", "ticks", &plain, &packed]);
    assert_eq!(out, format!("ticks: 2 rows from {plain}\nticks: 1 row from {packed}\n"));
    let from_input = home.run_with_input(&["import", "--allow-duplicates", "ticks", "-"], TICK);
    assert_eq!(from_input.out, "ticks: 1 row from -\n");

    std::fs::create_dir(home.path("backup")).unwrap();
    let dir = home.path("backup").display().to_string();
    assert!(home.fails(1, &["import", &dir]).contains("no <table>.ndjson"));
    home.file("backup/ticks.ndjson", TICK);
    home.file("backup/crashes.ndjson", "");
    home.file("backup/notes.txt", "not ours");
    let out = home.ok(&["import", "--allow-duplicates", &dir]);
    assert_eq!(
        out,
        format!(
            "crashes: 0 rows from {dir}/crashes.ndjson\nticks: 1 row from {dir}/ticks.ndjson\n"
        )
    );
    assert_eq!(home.ok(&["query", "--format", "csv", "SELECT max(id) AS n FROM ticks"]), "n\n5\n");
}

#[test]
fn a_bad_line_stops_an_import_and_names_file_line_and_reason() {
    let home = Home::new();
    let file = home.file("bad.ndjson", format!("{TICK}\n{{\"source\":\"x\"}}\nnonsense\n{TICK}\n"));
    let error = home.fails(1, &["import", "ticks", &file]);
    assert_eq!(
        error,
        format!(
            "netsky: {file}: line 2: ts_utc is missing\n  nothing of it was imported; fix the line, or skip invalid lines with --skip-invalid\n"
        )
    );
    assert_eq!(home.ok(&["query", "--format", "csv", "SELECT count(*) AS n FROM ticks"]), "n\n0\n");

    let ran = home.run(&["import", "ticks", &file, "--skip-invalid"]);
    assert_eq!(
        (ran.code, ran.out),
        (0, format!("ticks: 2 rows from {file}, skipped 2 invalid lines\n"))
    );
    assert!(ran.err.contains(&format!("{file}: line 3: invalid JSON at byte 0")), "{}", ran.err);

    assert!(home.fails(1, &["import", "tick", &file]).contains("did you mean 'ticks'"));
    assert!(home.fails(1, &["import", "ticks", "/no/such"]).contains("cannot read /no/such"));
    assert!(home.fails(1, &["import", "ticks"]).contains("list the files"));
    let torn = home.file("torn.gz", [0x1f, 0x8b, 8, 0, 0]);
    assert!(home.fails(1, &["import", "ticks", &torn]).contains(&format!("cannot read {torn}")));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT a.value FROM generate_series(1, 1000000) a";
    let mut child = home
        .command(&["query", "--format", "csv", sql])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn tables_and_schema_describe_what_there_is() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let tables: Value = serde_json::from_str(&home.ok(&["tables", "--format", "json"])).unwrap();
    assert_eq!(tables.as_array().unwrap().len(), 14);
    let time = "2026-04-15T23:00:00.000Z";
    assert!(
        tables
            .as_array()
            .unwrap()
            .contains(&json!({"table": "ticks", "rows": 1, "first": time, "last": time}))
    );
    assert!(
        tables
            .as_array()
            .unwrap()
            .contains(&json!({"table": "crashes", "rows": 0, "first": null, "last": null}))
    );

    let empty = Home::new();
    let schema = empty.ok(&["schema", "mcp_tool_calls"]);
    assert!(
        schema.contains(
            "| error         | text | yes  | What went wrong. Truncated to 2048 characters."
        ),
        "{schema}"
    );
    let all: Value = serde_json::from_str(&empty.ok(&["schema", "--format", "json"])).unwrap();
    let columns: usize = netsky_db::TABLES.iter().map(|table| table.columns().len() + 1).sum();
    let of_views: usize = netsky_db::VIEWS.iter().map(|view| view.columns().len()).sum();
    assert_eq!(all.as_array().unwrap().len(), columns + of_views);
    assert!(empty.ok(&["schema", "v_cost_daily"]).contains("| usd "));
    let error = empty.fails(1, &["schema", "v_cost_dayly"]);
    assert!(error.contains("did you mean 'v_cost_daily'"), "{error}");
}

#[test]
fn views_are_listed_and_their_sql_runs_as_a_query() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let views: Value = serde_json::from_str(&home.ok(&["views", "--format", "json"])).unwrap();
    assert_eq!(views.as_array().unwrap().len(), netsky_db::VIEWS.len());
    for view in netsky_db::VIEWS {
        let sql = home.ok(&["views", view.name()]);
        assert!(sql.starts_with(&format!("-- {}\n", view.doc())), "{sql}");
        let rows = home.run_with_input(&["query", "--format", "csv"], &sql);
        assert_eq!((rows.code, rows.err.as_str()), (0, ""), "{sql}");
    }
    assert!(home.fails(1, &["views", "ticks"]).contains("ticks is a table"));
}

#[test]
fn a_sqlite_file_is_moved_aside_with_a_line_that_says_where_to() {
    let home = Home::new();
    std::fs::create_dir(home.path(".netsky")).unwrap();
    home.file(".netsky/meta.db", OLD_SQLITE);
    assert!(home.fails(3, &["query", "SELECT 1"]).contains("SQLite"));
    let ran = home.run(&["record", "ticks", TICK]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "1\n"));
    let archive = ran.err.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(
        ran.err.contains("moved the SQLite file") && archive.contains("meta.sqlite-v1-"),
        "{}",
        ran.err
    );
    assert_eq!(std::fs::read(Path::new(&archive)).unwrap(), OLD_SQLITE);
}

#[test]
fn help_has_examples_and_no_command_is_a_usage_error() {
    let home = Home::new();
    for args in
        [&["--help"][..], &["query", "--help"], &["record", "--help"], &["import", "--help"]]
    {
        assert!(home.ok(args).contains("Examples:"), "{args:?}");
    }
    assert!(home.ok(&["--version"]).starts_with("netsky "));
    assert!(home.fails(2, &["qery"]).contains("query"));
    assert_eq!(home.run(&[]).code, 2);
}

#[cfg(unix)]
#[test]
fn the_default_store_is_private_even_if_its_directory_was_not() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    std::fs::create_dir(home.path(".netsky")).unwrap();
    std::fs::set_permissions(home.path(".netsky"), std::fs::Permissions::from_mode(0o755)).unwrap();
    home.ok(&["record", "ticks", TICK]);
    let mode = |name| std::fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".netsky"), mode(".netsky/meta.db")), (0o700, 0o600));
}

#[test]
fn a_second_process_records_and_queries_while_this_one_has_the_store_open() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let db = netsky_db::Db::open_path(home.path(".netsky/meta.db")).unwrap();
    assert_eq!(home.ok(&["record", "ticks", TICK]), "2\n");
    assert_eq!(db.record_json("ticks", TICK).unwrap(), 3);
    assert_eq!(home.ok(&["query", "--format", "csv", "SELECT count(*) AS n FROM ticks"]), "n\n3\n");
    assert_eq!(home.ok(&["record", "ticks", TICK]), "4\n");
    assert!(db.query("SELECT count(*) AS n FROM ticks").unwrap().contains("| 4 |"));
}

#[test]
#[cfg(unix)]
fn a_link_in_place_of_the_default_store_is_refused() {
    let home = Home::new();
    std::fs::create_dir(home.path(".netsky")).unwrap();
    std::os::unix::fs::symlink(home.path("elsewhere"), home.path(".netsky/meta.db")).unwrap();
    let ran = home.run(&["record", "ticks", r#"{"source":"x","detail_json":"{}"}"#]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("symbolic link"), "{}", ran.err);
    assert!(!home.path("elsewhere").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_a_scan_does_not_grow_with_the_table() {
    let home = Home::new();
    let body = "text ".repeat(60);
    let mut peaks = Vec::new();
    for rows in [20_000, 200_000] {
        let path = home.path(&format!("{rows}.db"));
        let db = netsky_db::Db::open_path(&path).unwrap();
        let message = netsky_db::MessageRecord {
            ts_utc: chrono::Utc::now(),
            source: "agent",
            direction: netsky_db::Direction::Inbound,
            chat_id: None,
            from_agent: None,
            to_agent: None,
            body: Some(&body),
            raw_json: None,
        };
        db.record_all(std::iter::repeat_n(message, rows)).unwrap();
        drop(db);
        let sql =
            "SELECT source, count(*), max(body), sum(length(body)) FROM messages GROUP BY source";
        let query = home.command(&["--db", path.to_str().unwrap(), "query", sql]);
        peaks.push(netsky_testing::peak_memory(query, "VmHWM:"));
    }
    // The larger table has 72 MB more of JSON.
    assert!(peaks[1] < peaks[0] + (24 << 20), "bytes with 20,000 and with 200,000 rows: {peaks:?}");
}
