//! `netsky import`: what other programs write comes in, each row once.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int32Type;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use netsky_testing::has_program;

use crate::cli::Home;

fn ticks(sources: Vec<String>) -> RecordBatch {
    let rows = sources.len();
    let times = TimestampNanosecondArray::from(vec![1_776_000_000_000_000_000; rows]);
    let sources: DictionaryArray<Int32Type> = sources.iter().map(String::as_str).collect();
    RecordBatch::try_from_iter([
        ("ts_utc", Arc::new(times.with_timezone("UTC")) as ArrayRef),
        ("source", Arc::new(sources)),
        ("detail_json", Arc::new(StringArray::from(vec!["{}"; rows]))),
    ])
    .unwrap()
}

fn write_parquet(home: &Home, name: &str, batch: &RecordBatch, compression: Compression) -> String {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(home.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    home.path(name).display().to_string()
}

#[test]
fn parquet_of_every_compression_is_imported() {
    let home = Home::new();
    let batch = ticks((0..5_000).map(|n| format!("source {}", n % 7)).collect());
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for (index, compression) in compressions.into_iter().enumerate() {
        let file = write_parquet(&home, &format!("{index}.parquet"), &batch, compression);
        let out = home.ok(&["import", "--allow-duplicates", "ticks", &file]);
        assert!(out.starts_with("ticks: 5,000 rows"), "{compression}: {out}");
    }
    let sql = "SELECT count(*) AS n, count(DISTINCT source) AS sources FROM ticks";
    assert_eq!(home.ok(&["query", sql, "--format", "csv"]), "n,sources\n35000,7\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_text_that_many_rows_share_takes_little_memory() {
    let home = Home::new();
    // 256 MiB of text, once in the file.
    let batch = ticks(vec!["x".repeat(1 << 20); 256]);
    let file = write_parquet(&home, "long.parquet", &batch, Compression::SNAPPY);
    assert!(std::fs::metadata(&file).unwrap().len() < 4 << 20);
    let peak = netsky_testing::peak_memory(home.command(&["import", "ticks", &file]), "RssAnon:");
    assert!(peak < 128 << 20, "{peak}");
    let sql = "SELECT sum(length(source)) AS chars FROM ticks";
    assert_eq!(home.ok(&["query", sql, "--format", "csv"]), format!("chars\n{}\n", 256 << 20));
}

#[cfg(unix)]
#[test]
fn links_in_a_directory_are_passed_over() {
    use std::os::unix::fs::symlink;
    const TICK: &str = r#"{"ts_utc":"2026-04-15T23:00:00.000Z","source":"a","detail_json":"{}"}"#;
    let home = Home::new();
    let dir = home.path("lake/ticks");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("a.ndjson"), TICK).unwrap();
    for (link, target) in [("loop", "."), ("up", ".."), ("b.ndjson", "a.ndjson")] {
        symlink(target, dir.join(link)).unwrap();
    }
    symlink(".", home.path("lake/loop")).unwrap();
    symlink("ticks", home.path("lake/sessions")).unwrap();

    let lake = home.path("lake").display().to_string();
    let ran = home.run(&["import", &lake]);
    assert_eq!(
        (ran.code, ran.out),
        (0, format!("ticks: 1 row from {lake}/ticks\n")),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.matches("skipped").count(), 5, "{}", ran.err);

    // A link that somebody names is meant.
    symlink("lake/ticks/a.ndjson", home.path("ticks.ndjson")).unwrap();
    let said = home.fails(1, &["import", &home.path("ticks.ndjson").display().to_string()]);
    assert!(said.contains("1 of 1 rows are in ticks already"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_may_have_any_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"a","detail_json":"{}"}"#]);
    let dir = home.path("x").with_file_name(OsStr::from_bytes(b"\xff"));
    let run = |args: &[&str]| home.command(args).arg(&dir).output().unwrap();
    let exported = run(&["export"]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let imported = run(&["import", "--allow-duplicates"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    assert!(String::from_utf8_lossy(&imported.stdout).contains("ticks: 1 row"));
}

#[test]
fn csv_without_a_header_is_refused() {
    let home = Home::new();
    let header = "ts_utc,source,detail_json";
    let row = "2026-04-15T23:00:00.000Z,a,{}";
    for (csv, said) in [
        (format!("{header}\r{row}\r"), "lines end with CR only"),
        (format!("{row}\n"), "'2026-04-15T23:00:00.000Z', which is not a column of ticks"),
        (format!("\"\"\"{header}\"\n"), "which is not a column of ticks"),
        ("ts_utc,source,source,detail_json\n".to_owned(), "source twice"),
        ("ts_utc,source\n".to_owned(), "lacks detail_json"),
        (format!("{header},\n"), "names ''"),
        (String::new(), "no header"),
        (format!("{header}\n\"{row}\n"), "unterminated quote"),
    ] {
        let file = home.file("ticks.csv", &csv);
        let error = home.fails(1, &["import", "ticks", &file]);
        assert!(error.contains(said), "{csv:?}: {error}");
        // To leave out invalid lines does not leave out the header.
        let error = home.fails(1, &["import", "ticks", &file, "--skip-invalid"]);
        assert!(error.contains(said), "{csv:?}: {error}");
    }
    let file = home.file("ticks.csv", format!("{header}\n{row}\n"));
    assert_eq!(home.ok(&["import", "ticks", &file]), format!("ticks: 1 row from {file}\n"));
}

#[test]
fn a_small_file_that_unpacks_to_zeros_is_refused() {
    let home = Home::new();
    let packed = home.path("messages.parquet.gz");
    let mut zeros = GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::best());
    zeros.write_all(b"PAR1").unwrap();
    for _ in 0..260 {
        zeros.write_all(&vec![0; 1 << 20]).unwrap();
    }
    zeros.finish().unwrap();
    let said = home.fails(1, &["import", "messages", &packed.display().to_string()]);
    assert!(said.contains("more than 200 times its size"), "{said}");
}

const TICK: &str = r#"{"ts_utc":"2026-04-15T23:00:00.000Z","source":"a","detail_json":"{}"}"#;

fn count(home: &Home, sql: &str) -> String {
    let answer = home.ok(&["query", "--format", "csv", sql]);
    answer.lines().nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_second_import_stores_nothing_and_says_so() {
    let home = Home::new();
    // Equal rows of one file are events that happened twice.
    let file = home.file("monday.ndjson", format!("{TICK}\n{TICK}\n"));
    assert_eq!(home.ok(&["import", "ticks", &file]), format!("ticks: 2 rows from {file}\n"));
    let said = home.fails(1, &["import", "ticks", &file]);
    assert_eq!(
        said,
        format!(
            "netsky: {file}: 2 of 2 rows are in ticks already, with the same time and values\n  \
             nothing of it was imported; --skip-existing imports only the others, --allow-duplicates \
             all rows\n"
        )
    );
    // Rows that can be read only once are compared, too.
    let more = format!("{TICK}\n{}\n", TICK.replace("\"a\"", "\"b\""));
    let ran = home.run_with_input(&["import", "ticks", "-"], &more);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(ran.err.contains("-: 1 of 2 rows are in ticks already"), "{}", ran.err);
    let ran = home.run_with_input(&["import", "--skip-existing", "ticks", "-"], &more);
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("ticks: 1 row from -, skipped 1 existing row\n", "")
    );
    assert_eq!(count(&home, "SELECT count(*) AS n FROM ticks"), "3");
    let said = home.ok(&["import", "--allow-duplicates", "ticks", &file]);
    assert_eq!(said, format!("ticks: 2 rows from {file}\n"));
    assert_eq!(count(&home, "SELECT count(*) AS n FROM ticks"), "5");
    home.fails(2, &["import", "--allow-duplicates", "--skip-existing", "ticks", &file]);
}

#[test]
fn a_refused_file_does_not_stop_the_others() {
    let home = Home::new();
    let crash = |agent: &str| {
        format!(
            r#"{{"ts_utc":"2026-04-15T23:00:00.000Z","kind":"k","agent":{agent},"detail_json":"{{}}"}}"#
        )
    };
    std::fs::create_dir(home.path("lake")).unwrap();
    home.file("lake/messages.ndjson", "not json\n");
    home.file("lake/crashes.ndjson", format!("{}\n{}\n", crash("\"a\""), crash("7")));
    home.file("lake/ticks.ndjson", format!("{TICK}\n"));
    let lake = home.path("lake").display().to_string();
    let ran = home.run(&["import", &lake]);
    assert_eq!((ran.code, ran.out), (1, format!("ticks: 1 row from {lake}/ticks.ndjson\n")));
    let said: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("netsky: ")).collect();
    assert_eq!(said.len(), 3, "{}", ran.err);
    assert!(said[0].starts_with(&format!("netsky: {lake}/messages.ndjson: line 1: ")), "{said:?}");
    let reason = "crashes.ndjson: line 2: agent should be text, found an integer";
    assert!(said[1].contains(reason), "{said:?}");
    assert!(said[2].starts_with("netsky: refused 2 of 3 imports; "), "{said:?}");
    assert_eq!(count(&home, "SELECT count(*) AS n FROM crashes"), "0");

    // What the message says to do next.
    home.file("lake/crashes.ndjson", format!("{}\n", crash("\"a\"")));
    let ran = home.run(&["import", "--skip-existing", "--json", &lake]);
    let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let rows = object["imports"].as_array().unwrap().iter().map(|one| one["rows"].as_u64());
    assert_eq!(rows.collect::<Vec<_>>(), [Some(1), Some(0)], "{object}");
    let refused = object["refused"].as_array().unwrap();
    assert_eq!(refused[0]["path"], format!("{lake}/messages.ndjson"));
    assert_eq!((refused.len(), &refused[0]["error"]["code"]), (1, &serde_json::json!(1)));

    // A store that cannot be used is not a matter of a file.
    home.file("no.db", "something else");
    let ran = home.run(&["import", &lake, "--db", &home.path("no.db").display().to_string()]);
    assert_eq!((ran.code, ran.err.matches("netsky: ").count()), (3, 1), "{}", ran.err);
}

#[test]
fn an_export_does_not_double_its_own_store() {
    let home = Home::new();
    home.ok(&["demo", "--rows", "3000", "--db", &home.path("demo.db").display().to_string()]);
    let run = |args: &[&str]| {
        home.run(&[args, &["--db", &home.path("demo.db").display().to_string()]].concat())
    };
    let total = |()| run(&["tables", "--format", "csv"]).out;
    let before = total(());
    for format in ["ndjson", "csv", "arrow", "parquet"] {
        let lake = home.path(format).display().to_string();
        assert_eq!(run(&["export", &lake, "--by-day", "--format", format]).code, 0);
        let ran = run(&["import", &lake]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        let ran = run(&["import", "--skip-existing", &lake]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.lines().all(|line| line.contains(": 0 rows from ")), "{}", ran.out);
        assert_eq!(total(()), before);
    }
}

#[test]
fn times_without_a_zone_and_numbers_are_utc() {
    let home = Home::new();
    let times = [
        "\"2026-01-05 12:17:36.209\"",
        "\"2026-01-05T12:17:36.209\"",
        "\"2026-01-05 12:17:36.209+00\"",
        "1767615456209",
        "1767615456.209",
        "1767615456209000",
        "\"1767615456209\"",
    ];
    for (number, time) in times.into_iter().enumerate() {
        let row = format!(r#"{{"ts_utc":{time},"source":"r{number}","detail_json":{{"a":[1]}}}}"#);
        home.ok(&["record", "ticks", &row]);
        let ndjson = home.file("a.ndjson", row.replace("\"r", "\"n"));
        home.ok(&["import", "ticks", &ndjson]);
        let time = time.trim_matches('"');
        let csv =
            format!("source,ts_utc,detail_json\r\nc{number},{time},\"{{\"\"a\"\":[1]}}\"\r\n");
        home.ok(&["import", "ticks", &home.file("a.csv", csv)]);
    }
    let sql = "SELECT DISTINCT ts_utc, detail_json FROM ticks";
    let all = home.ok(&["query", "--format", "csv", sql]);
    assert_eq!(all, "ts_utc,detail_json\n2026-01-05T12:17:36.209Z,\"{\"\"a\"\":[1]}\"\n");
    assert_eq!(count(&home, "SELECT count(*) AS n FROM ticks"), "21");
    // The time of each row of an import is in the file, if only as `now`.
    let csv = home.file("b.csv", "source,detail_json\na,{}\n");
    let said = home.fails(1, &["import", "ticks", &csv]);
    assert!(said.contains("lacks ts_utc; add the column, with now in each row"), "{said}");
    home.ok(&["import", "ticks", &home.file("b.csv", "ts_utc,source,detail_json\nnow,a,{}\n")]);
    let sql = "SELECT count(*) AS n FROM ticks WHERE ts_utc > now() - INTERVAL '1 hour'";
    assert_eq!(count(&home, sql), "1");
}

#[test]
fn text_that_is_no_json_is_refused() {
    let home = Home::new();
    let row = r#"{"source":"a","detail_json":"not json"}"#;
    let said = home.fails(1, &["record", "ticks", row]);
    assert!(
        said.contains("detail_json should be JSON, such as {\"a\":1}, found 'not json'"),
        "{said}"
    );
    let csv = "ts_utc,source,detail_json\n2026-01-05,a,{'a': 1}\n";
    let said = home.fails(1, &["import", "ticks", &home.file("a.csv", csv)]);
    assert!(said.contains("row 1: detail_json should be JSON"), "{said}");
    let said = home.fails(1, &["record", "token_usage", "{}"]);
    assert!(said.contains("the row has no values"), "{said}");
    let said = home.fails(1, &["record", "token_usage", r#"{"agent":null}"#]);
    assert!(said.contains("the row has no values"), "{said}");
}

#[test]
fn negative_tokens_and_durations_are_refused() {
    let home = Home::new();
    let said = home.fails(1, &["record", "token_usage", r#"{"agent":"a","input_tokens":-5}"#]);
    assert!(said.contains("input_tokens should be at least 0, found -5"), "{said}");
    let call = |duration: i64| {
        format!(
            r#"{{"ts_utc_start":"2026-01-05T00:00:00Z","source":"s","tool":"t","duration_ms":{duration},
                "success":true,"timeout_race":false}}"#
        )
        .replace('\n', "")
    };
    let calls = home.file("calls.ndjson", [call(0), call(-1)].join("\n"));
    let said = home.fails(1, &["import", "mcp_tool_calls", &calls]);
    let reason = "line 2: duration_ms should be at least 0, found -1";
    assert!(said.contains(&format!("{calls}: {reason}")), "{said}");
    let header = "ts_utc,bin,argv_json,exit_code,duration_ms,host";
    let runs = format!("{header}\n2026-01-05,git,[],-9,3,h\n2026-01-05,git,[],0,-3.0,h\n");
    let runs = home.file("runs.csv", runs);
    let said = home.fails(1, &["import", "cli_invocations", &runs]);
    assert!(said.contains("row 2: duration_ms should be at least 0, found -3"), "{said}");
    let tokens = home.path("tokens.parquet").display().to_string();
    let sql = "SELECT TIMESTAMP '2026-01-05' AS ts_utc, -1 AS cached_input_tokens";
    home.ok(&["query", "--output", &tokens, sql]);
    let said = home.fails(1, &["import", "token_usage", &tokens]);
    assert!(said.contains("row 1: cached_input_tokens should be at least 0"), "{said}");
    assert!(
        home.ok(&["tables", "--format", "csv"]).lines().skip(1).all(|line| line.contains(",0,"))
    );

    // The other rows come in, and a cost may be negative, as a correction is.
    for (table, file) in [("mcp_tool_calls", &calls), ("cli_invocations", &runs)] {
        let ran = home.run(&["import", "--skip-invalid", table, file]);
        assert_eq!(ran.out, format!("{table}: 1 row from {file}, skipped 1 invalid line\n"));
    }
    home.ok(&["record", "token_usage", r#"{"agent":"a","cost_usd_micros":-5}"#]);
    assert_eq!(count(&home, "SELECT count(*) AS n FROM mcp_tool_calls"), "1");
    assert_eq!(count(&home, "SELECT exit_code FROM cli_invocations"), "-9");
}

/// Imports the files, whose rows are those of `from`, and compares the values of all columns.
fn assert_same(home: &Home, from: &str, table: &str, files: &[(&str, String)]) {
    let sql = format!("SELECT * EXCLUDE (id) FROM {table} ORDER BY id");
    let ask = |db: &str| home.ok(&["query", "--format", "ndjson", &sql, "--db", db]);
    let expected = ask(from);
    for (name, file) in files {
        let db = home.path(&format!("{name}.db")).display().to_string();
        home.ok(&["import", table, file, "--db", &db]);
        assert_eq!(ask(&db), expected, "{name}");
    }
}

/// A store with values that other programs write in their own ways.
fn odd_store(home: &Home) -> String {
    let db = home.path("odd.db").display().to_string();
    for (time, agent, tokens, detail) in [
        ("2026-01-05T12:17:36.209Z", "\"a\"", "12", r#"{"a":{"b":[1,2.5,null,"x, \"y\""]}}"#),
        ("2026-01-05T00:00:00.000Z", "\"é漢\\n\"", "null", "[]"),
        ("1999-12-31T23:59:59.999Z", "null", "0", "null"),
    ] {
        let row = format!(
            r#"{{"ts_utc":"{time}","agent":{agent},"input_tokens":{tokens},"detail_json":{detail}}}"#
        );
        home.ok(&["record", "token_usage", &row, "--db", &db]);
        let call = format!(
            r#"{{"ts_utc_start":"{time}","source":"s","tool":"t","agent":{agent},"duration_ms":{tokens},
                "success":{},"timeout_race":false,"request_json":{detail}}}"#,
            tokens == "12"
        );
        home.ok(&["record", "mcp_tool_calls", &call, "--db", &db]);
    }
    db
}

const ODD_TABLES: [&str; 2] = ["token_usage", "mcp_tool_calls"];

#[test]
fn what_duckdb_exports_comes_in() {
    if !has_program("duckdb") {
        return;
    }
    let home = Home::new();
    let db = odd_store(&home);
    for table in ODD_TABLES {
        let parquet = home.path(&format!("{table}.parquet")).display().to_string();
        home.ok(&["query", "--output", &parquet, &format!("SELECT * FROM {table}"), "--db", &db]);
        let time = if table == "token_usage" { "ts_utc" } else { "ts_utc_start" };
        let mut files = Vec::new();
        for (kind, ty) in [("naive", "TIMESTAMP"), ("zoned", "TIMESTAMPTZ")] {
            let select = format!(
                "SET TimeZone = 'Asia/Tokyo'; COPY (SELECT * REPLACE ({time}::{ty} AS {time}) FROM \
                 (SELECT * REPLACE (timezone('UTC', {time}) AS {time}) FROM read_parquet('{parquet}'))) TO"
            );
            let select = match kind {
                "naive" => select,
                _ => select.replace(&format!("timezone('UTC', {time})"), time),
            };
            for format in ["csv", "json", "parquet"] {
                let file = home.path(&format!("{table}_{kind}.{format}")).display().to_string();
                let sql = format!("{select} '{file}' (FORMAT {format});");
                let output = Command::new("duckdb").args(["-c", &sql]).output().unwrap();
                assert!(
                    output.status.success(),
                    "{sql}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                files.push((format!("{table} {kind} {format}"), file));
            }
        }
        let nested = home.path(&format!("{table}_nested.parquet")).display().to_string();
        let column = if table == "token_usage" { "detail_json" } else { "request_json" };
        let sql = format!(
            "COPY (SELECT * REPLACE (CASE WHEN {column} LIKE '{{%' THEN {column}::JSON END AS {column}) \
             FROM read_parquet('{parquet}')) TO '{nested}'"
        );
        let output = Command::new("duckdb").args(["-c", &sql]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let other = home.path(&format!("{table}_nested.db")).display().to_string();
        home.ok(&["import", table, &nested, "--db", &other]);
        let files: Vec<_> =
            files.iter().map(|(name, file)| (name.as_str(), file.clone())).collect();
        assert_same(&home, &db, table, &files);
    }
}

#[test]
fn what_sqlite_exports_comes_in() {
    if !has_program("sqlite3") {
        return;
    }
    let home = Home::new();
    let db = odd_store(&home);
    for table in ODD_TABLES {
        let csv = home.path(&format!("{table}.csv")).display().to_string();
        home.ok(&["query", "--output", &csv, &format!("SELECT * FROM {table}"), "--db", &db]);
        let columns = std::fs::read_to_string(&csv).unwrap().lines().next().unwrap().to_owned();
        let typed = columns.split(',').map(|name| match name {
            "id"
            | "input_tokens"
            | "output_tokens"
            | "cached_input_tokens"
            | "cost_usd_micros"
            | "duration_ms" => format!("{name} INTEGER"),
            "success" | "timeout_race" => format!("{name} BOOLEAN"),
            _ => format!("{name} TEXT"),
        });
        // SQLite imports an empty cell as '', and has no booleans.
        let nulls = columns.split(',').map(|name| match name {
            "success" | "timeout_race" => format!("{name} = ({name} = 'true')"),
            _ => format!("{name} = nullif({name}, '')"),
        });
        let sql = format!(
            "CREATE TABLE t ({});\n.import --csv --skip 1 {csv} t\nUPDATE t SET {};\n.headers on\n",
            typed.collect::<Vec<_>>().join(", "),
            nulls.collect::<Vec<_>>().join(", "),
        );
        let mut files = Vec::new();
        for (mode, suffix) in [("csv", "csv"), ("json", "ndjson")] {
            let file = home.path(&format!("sqlite.{suffix}")).display().to_string();
            let script = format!("{sql}.mode {mode}\n.once {file}\nSELECT * FROM t;\n");
            let script = home.file("script.sql", script);
            let output =
                Command::new("sqlite3").stdin(File::open(script).unwrap()).output().unwrap();
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            files.push((mode, file));
        }
        assert_same(&home, &db, table, &files);
    }
}

#[test]
fn what_pandas_writes_comes_in() {
    let home = Home::new();
    let rows = "SELECT ts_utc, agent, input_tokens, detail_json FROM token_usage ORDER BY id";
    // to_json(orient="records", lines=True): times in milliseconds, integers of a column with nulls as
    // floats. The older and the newer form of to_csv.
    for (name, text) in [
        (
            "array.json",
            "[{\"ts_utc\":1767615456209,\"agent\":\"a\",\"input_tokens\":12.0,\"detail_json\":\"{\\\"a\\\":1}\"},\
              {\"ts_utc\":1767571200000,\"agent\":null,\"input_tokens\":null,\"detail_json\":null}]",
        ),
        (
            "a.ndjson",
            "{\"ts_utc\":1767615456209,\"agent\":\"a\",\"input_tokens\":12.0,\"detail_json\":{\"a\":1}}\n\
                      {\"ts_utc\":1767571200000,\"agent\":null,\"input_tokens\":null,\"detail_json\":null}\n",
        ),
        (
            "b.ndjson",
            "{\"ts_utc\":\"2026-01-05T12:17:36.209Z\",\"agent\":\"a\",\"input_tokens\":12.0,\"detail_json\":\"{\\\"a\\\":1}\"}\n\
                      {\"ts_utc\":\"2026-01-05T00:00:00.000\",\"agent\":null,\"input_tokens\":null,\"detail_json\":null}\n",
        ),
        (
            "c.csv",
            "ts_utc,agent,input_tokens,detail_json\n2026-01-05 12:17:36.209000+00:00,a,12.0,\"{\"\"a\"\":1}\"\n\
                   2026-01-05 00:00:00+00:00,,,\n",
        ),
        (
            "d.csv",
            "ts_utc,agent,input_tokens,detail_json\n2026-01-05 12:17:36.209,a,12.0,\"{\"\"a\"\":1}\"\n\
                   2026-01-05 00:00:00.000,,,\n",
        ),
    ] {
        let file = home.file(name, text);
        let db = home.path(&format!("{name}.db")).display().to_string();
        home.ok(&["import", "token_usage", &file, "--db", &db]);
        let answer = home.ok(&["query", "--format", "csv", rows, "--db", &db]);
        assert_eq!(
            answer,
            "ts_utc,agent,input_tokens,detail_json\n2026-01-05T12:17:36.209Z,a,12,\"{\"\"a\"\":1}\"\n\
             2026-01-05T00:00:00.000Z,,,\n",
            "{name}"
        );
    }
}
