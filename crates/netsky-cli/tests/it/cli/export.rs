//! Exports, and the way back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use chrono::{DateTime, SecondsFormat};
use netsky_db::demo::Fleet;
use netsky_db::{ColumnType, Db, TABLES, Table};
use netsky_testing::{
    Row, full_row, has_program, message, rows, set_meta_past_the_crate, sparse_row,
    store_past_the_crate, stored_rows, to_json,
};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::cli::{Home, ran};
use crate::terminal::Terminal;

const FORMATS: [&str; 4] = ["ndjson", "csv", "arrow", "parquet"];

/// What texts must not lose on the way.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            " ",
            "\n",
            "a\r\nb",
            "\"",
            "\"\"",
            ",",
            "a,\"b\"\n",
            "\0",
            "null",
            "NULL",
            "\\N",
            "NaN",
            "true",
            "007",
            "=1+1",
            "\u{feff}x",
            "🦀👩‍👩‍👧",
            "漢字",
            "\u{1b}[31m",
            "{\"a\":[1,\"x\"]}",
            "2026-04-15T23:00:00.000Z",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        (1..4_u32).prop_map(|n| "long é ".repeat(1_000 * n as usize)),
    ]
}

/// Anything that the store keeps as it is.
fn odd_time() -> impl Strategy<Value = String> {
    let millis = prop_oneof![
        // Most within two days, so that days have several rows.
        1_776_200_000_000..1_776_372_800_000_i64,
        Just(0_i64),
        Just(-1_i64),
        -9_223_372_036_854_i64..=9_223_372_036_854,
    ];
    millis.prop_map(|millis| {
        let time = DateTime::from_timestamp_millis(millis).unwrap();
        time.to_rfc3339_opts(SecondsFormat::Millis, true)
    })
}

fn cell(column: &'static netsky_db::Column) -> BoxedStrategy<Value> {
    let cell = match column.ty {
        ColumnType::Int => {
            let min = column.min.unwrap_or(i64::MIN);
            prop_oneof![select(vec![0, min, i64::MAX, (1 << 53) + 1]), min..=i64::MAX]
                .prop_map(Value::from)
                .boxed()
        }
        ColumnType::Bool => any::<bool>().prop_map(Value::from).boxed(),
        ColumnType::Time => odd_time().prop_map(Value::from).boxed(),
        ColumnType::Text if column.is_json() => {
            odd_text().prop_map(|text| json!(json!(text).to_string())).boxed()
        }
        ColumnType::Text if column.allowed.is_empty() => odd_text().prop_map(Value::from).boxed(),
        ColumnType::Text => select(column.allowed).prop_map(Value::from).boxed(),
        other => panic!("the catalogue has no columns of type {other}"),
    };
    match column.nullable {
        true => prop_oneof![1 => Just(Value::Null), 3 => cell].boxed(),
        false => cell,
    }
}

/// Rows of every table, as NDJSON.
fn odd_fleet() -> Vec<BoxedStrategy<String>> {
    let row = |table: &&'static Table| {
        let cells: Vec<_> = table.columns().iter().map(cell).collect();
        cells.prop_map(|cells| {
            let names = table.columns().iter().map(|column| column.name.to_owned());
            format!("{}\n", to_json(&names.zip(cells).collect::<Row>()))
        })
    };
    TABLES
        .iter()
        .map(|table| {
            prop::collection::vec(row(table), 0..12).prop_map(|rows| rows.concat()).boxed()
        })
        .collect()
}

/// The same bytes under the same ids.
fn assert_same_rows(store: &Path, other: &Path, format: &str) {
    for table in TABLES {
        let (rows, others) = (stored_rows(store, table.name()), stored_rows(other, table.name()));
        assert_eq!(rows.len(), others.len(), "{format}: {}", table.name());
        for (row, other) in rows.iter().zip(&others) {
            assert_eq!(row, other, "{format}: {}", table.name());
        }
    }
}

fn import_into_a_new_store(home: &Home, dir: &Path) -> PathBuf {
    let store = dir.with_extension("db");
    home.ok(&["--db", store.to_str().unwrap(), "import", dir.to_str().unwrap()]);
    store
}

fn export_dir(home: &Home, name: &str, args: &[&str]) -> PathBuf {
    let dir = home.path(name);
    home.ok(&[&["export", dir.to_str().unwrap()], args].concat());
    dir
}

#[test]
fn every_row_of_every_table_comes_back_from_every_format() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let fleet = odd_fleet();
    for _ in 0..2 {
        let home = Home::new();
        let store = home.path(".netsky/meta.db");
        fs::create_dir(home.path(".netsky")).unwrap();
        let db = Db::open_path(&store).unwrap();
        for (table, rows) in TABLES.iter().zip(&fleet) {
            let rows = rows.new_tree(&mut runner).unwrap().current();
            db.import(table.name(), rows.as_bytes()).unwrap();
        }
        drop(db);
        for format in FORMATS {
            let dir = export_dir(&home, format, &["--format", format]);
            assert_same_rows(&import_into_a_new_store(&home, &dir), &store, format);
        }
        for format in ["csv", "parquet"] {
            let dir = format!("{format}-by-day");
            let dir = export_dir(&home, &dir, &["--format", format, "--by-day"]);
            assert_same_rows(&import_into_a_new_store(&home, &dir), &store, format);
        }
    }
}

/// A store with a full row and one with nulls in each table.
fn small_fleet(home: &Home) -> PathBuf {
    let store = home.path(".netsky/meta.db");
    fs::create_dir(home.path(".netsky")).unwrap();
    let db = Db::open_path(&store).unwrap();
    for table in TABLES {
        let lines =
            format!("{}\n{}\n", to_json(&full_row(table, 7)), to_json(&sparse_row(table, 3)));
        db.import(table.name(), lines.as_bytes()).unwrap();
    }
    store
}

#[test]
fn a_table_goes_to_a_file_or_to_standard_output_and_back_gzipped_or_not() {
    let home = Home::new();
    let store = small_fleet(&home);
    let expected = stored_rows(&store, "messages");
    for suffix in [FORMATS.as_slice(), &["ndjson.gz", "csv.gz"]].concat() {
        let file = home.path(&format!("messages.{suffix}"));
        let name = file.to_str().unwrap();
        let said = home.ok(&["export", "messages", name]);
        assert!(said.starts_with(&format!("messages: 2 rows to {name}, ")), "{said}");
        let gzipped = fs::read(&file).unwrap().starts_with(&[0x1f, 0x8b]);
        assert_eq!(gzipped, suffix.ends_with(".gz"), "{suffix}");
        let new = home.path(&format!("{suffix}.db"));
        // The file is named for its table.
        home.ok(&["--db", new.to_str().unwrap(), "import", name]);
        assert_eq!(stored_rows(&new, "messages"), expected, "{suffix}");
    }
    for format in FORMATS {
        let export = home.command(&["export", "messages", "-", "--format", format]).output();
        let export = export.unwrap();
        assert!(export.status.success() && export.stderr.is_empty(), "{format}");
        // What is told by its content needs no name, and can be gzipped besides.
        let bytes = match format {
            "csv" | "parquet" => export.stdout,
            _ => gzip(&export.stdout),
        };
        let file = home.file("nameless", bytes);
        let new = home.path(&format!("{format}-stdout.db"));
        let mut import = home.command(&["--db", new.to_str().unwrap(), "import", "messages", "-"]);
        let import = ran(import.stdin(File::open(file).unwrap()).output().unwrap());
        assert_eq!((import.code, import.err.as_str()), (0, ""), "{format}");
        assert_eq!(stored_rows(&new, "messages"), expected, "{format}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn tick(time: &str, source: &str) -> String {
    json!({"ts_utc": time, "source": source, "detail_json": "{}"}).to_string()
}

#[test]
fn rows_are_sorted_by_time_and_then_by_id_and_limited_to_a_span() {
    let home = Home::new();
    for (time, source) in [
        ("2026-04-16T00:00:00Z", "c"),
        ("2026-04-15T23:00:00Z", "a"),
        ("2026-04-17T12:00:00Z", "e"),
        ("2026-04-15T23:00:00Z", "b"),
        ("2026-04-16T23:59:59.999Z", "d"),
    ] {
        home.ok(&["record", "ticks", &tick(time, source)]);
    }
    let sources = |args: &[&str]| {
        let lines = home.ok(&[&["export", "ticks", "-"], args].concat());
        let source = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap()["source"].as_str().unwrap().to_owned()
        };
        lines.lines().map(source).collect::<String>()
    };
    assert_eq!(sources(&[]), "abcde");
    assert_eq!(sources(&["--since", "2026-04-16"]), "cde");
    assert_eq!(sources(&["--until", "2026-04-17"]), "abcd");
    assert_eq!(sources(&["--since", "2026-04-16", "--until", "2026-04-17"]), "cd");
    assert_eq!(sources(&["--since", "2026-04-16T02:00:00+02:00"]), "cde");

    let dir = home.path("days");
    let said = home.ok(&["export", "ticks", dir.to_str().unwrap(), "--by-day", "--format", "csv"]);
    assert!(said.starts_with("ticks: 5 rows to 3 files in "), "{said}");
    let day = fs::read_to_string(dir.join("ticks/date=2026-04-16/part-0.csv")).unwrap();
    assert_eq!(
        day,
        "id,ts_utc,source,detail_json\n\
         1,2026-04-16T00:00:00.000Z,c,{}\n\
         5,2026-04-16T23:59:59.999Z,d,{}\n"
    );
}

#[test]
fn a_file_appears_when_it_is_whole_and_replaces_another_only_by_force() {
    let home = Home::new();
    let store = small_fleet(&home);
    let dir = home.path("out");
    fs::create_dir(&dir).unwrap();
    let file = home.file("out/ticks.csv", "mine");
    for args in
        [&["export", "ticks", &file][..], &["export", dir.to_str().unwrap(), "--format", "csv"]]
    {
        let error = home.fails(1, args);
        assert!(error.contains("ticks.csv already exists") && error.contains("--force"), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    home.ok(&["export", "ticks", &file, "--force"]);
    assert!(fs::read_to_string(&file).unwrap().starts_with("id,ts_utc,"));

    store_past_the_crate(&store, "ticks", 9, b"nonsense");
    for file in [&file, dir.join("new.parquet").to_str().unwrap()] {
        let error = home.run(&["export", "ticks", file, "--force"]);
        assert_eq!(error.code, 3);
        assert!(error.err.contains("corrupt row 9 in ticks"), "{}", error.err);
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing is left of what failed");
    assert!(fs::read_to_string(&file).unwrap().starts_with("id,ts_utc,"));
}

#[test]
fn a_day_that_exists_stops_an_export_by_day_before_any_file_is_placed() {
    for (format, first, second) in [
        ("csv", "part-0.csv", "part-0.csv"),
        (
            "parquet",
            "machine=m/000000000001-000000000002.parquet",
            "machine=m/000000000002-000000000002.parquet",
        ),
    ] {
        let home = Home::new();
        home.ok(&["record", "ticks", &tick("2026-04-15T23:00:00Z", "a")]);
        home.ok(&["record", "ticks", &tick("2026-04-16T23:00:00Z", "b")]);
        let dir = home.path("lake");
        let args =
            ["export", dir.to_str().unwrap(), "--by-day", "--format", format, "--machine", "m"];
        home.ok(&[&args[..], &["--since", "2026-04-16"]].concat());
        assert!(dir.join(format!("ticks/date=2026-04-16/{second}")).exists());
        let first = dir.join(format!("ticks/date=2026-04-15/{first}"));
        assert!(!first.exists());
        let error = home.run(&args);
        let exists = format!("date=2026-04-16/{second} already exists");
        assert!(error.code == 1 && error.err.contains(&exists), "{}", error.err);
        assert!(!first.exists());
        home.ok(&[&args[..], &["--force"]].concat());
        assert!(first.exists());
        // An earlier file of a day is replaced, whatever it is called.
        assert_eq!(fs::read_dir(dir.join("ticks/date=2026-04-16")).unwrap().count(), 1);
        if format == "parquet" {
            let lake = dir.display().to_string();
            let rows = home.ok(&[
                "query",
                "--lake",
                &lake,
                "--format",
                "csv",
                "SELECT id, source, machine FROM ticks ORDER BY id",
            ]);
            assert_eq!(rows, "id,source,machine\n1,a,m\n2,b,m\n");
        }
    }
}

#[test]
fn an_export_does_not_write_what_a_machine_pushes() {
    let home = Home::new();
    home.ok(&["record", "ticks", &tick("2026-04-15T23:00:00Z", "a")]);
    let lake = home.path("lake").display().to_string();
    home.ok(&["lake", "push", &lake, "--machine", "m"]);
    let error = home.run(&["export", &lake, "--by-day", "--machine", "m", "--force"]);
    assert!(error.code == 3 && error.err.contains("m pushes to"), "{}", error.err);
    home.ok(&["export", &lake, "--by-day", "--machine", "n"]);
    let rows = home.ok(&[
        "query",
        "--lake",
        &lake,
        "--format",
        "csv",
        "SELECT machine FROM ticks ORDER BY 1",
    ]);
    assert_eq!(rows, "machine\nm\nn\n");
}

#[test]
fn days_that_have_no_rows_any_more_go_with_force_if_the_whole_day_is_asked_for() {
    let home = Home::new();
    for day in 14..19 {
        home.ok(&["record", "ticks", &tick(&format!("2026-04-{day}T12:00:00Z"), "a")]);
    }
    let dir = home.path("lake");
    let export = |more: &[&str]| {
        home.ok(&[&["export", dir.to_str().unwrap(), "--by-day", "--force"], more].concat())
    };
    let days = || {
        let entries = fs::read_dir(dir.join("ticks")).unwrap();
        let mut days: Vec<String> =
            entries.map(|day| day.unwrap().file_name().into_string().unwrap()).collect();
        days.sort();
        days
    };
    export(&[]);
    home.file("lake/ticks/date=2026-04-15/part-0.csv", "theirs");
    home.file("lake/ticks/date=2026-04-19", "no directory");
    home.ok(&["prune", "--before", "2026-04-18", "--table", "ticks"]);
    // Of the 14th and the 17th there may be rows outside of what is asked for.
    let said = export(&["--since", "2026-04-14T06:00:00Z", "--until", "2026-04-17T06:00:00Z"]);
    assert!(said.contains("ticks: 0 rows to 0 files in"), "{said}");
    assert!(said.contains("; removed 2 files of days without rows"), "{said}");
    let left = ["date=2026-04-14", "date=2026-04-15", "date=2026-04-17"];
    let kept = ["date=2026-04-18", "date=2026-04-19"];
    assert_eq!(days(), [&left[..], &kept].concat());
    assert!(!dir.join("ticks/date=2026-04-15/part-0.parquet").exists());
    export(&[]);
    assert_eq!(days(), [&left[1..2], &kept].concat());
}

#[test]
fn what_an_export_cannot_make_out_is_said_with_what_to_type() {
    let home = Home::new();
    small_fleet(&home);
    for (args, said) in [
        (&["export", "messages"][..], "netsky export messages messages.parquet"),
        (&["export", "mesages", "x.csv"], "did you mean 'messages'"),
        (
            &["export", "messages", "x.xlsx"],
            "the suffix of x.xlsx does not select a format; use .ndjson",
        ),
        (&["export", "messages.parquet"], "netsky export messages messages.parquet"),
        (&["export", "messages", "-", "--by-day"], "name a directory"),
    ] {
        let error = home.fails(1, args);
        assert!(error.contains(said), "{args:?}: {error}");
    }
    assert!(home.fails(2, &["export", "messages", "x.csv", "--since", "soon"]).contains("7d"));
    let blocked = home.file("file", "");
    let error = home.fails(1, &["export", "ticks", &format!("{blocked}/ticks.csv")]);
    assert!(error.contains("cannot write") && error.contains("ticks.csv"), "{error}");
}

#[test]
fn a_reader_of_an_export_may_leave_early() {
    let home = Home::new();
    let db = home.path("fleet.db");
    Fleet::new(60_000).record(&Db::open_path(&db).unwrap()).unwrap();
    for format in FORMATS {
        let args = ["--db", db.to_str().unwrap(), "export", "messages", "-", "--format", format];
        let mut child =
            home.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}");
    }
}

fn parquet(home: &Home, name: &str, columns: &[(&str, ArrayRef)]) -> String {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let path = home.path(name);
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.display().to_string()
}

#[test]
fn a_wrong_row_of_any_format_is_named_by_file_row_and_column_and_nothing_is_imported() {
    let home = Home::new();
    let head = "ts_utc,agent,session_num,event\n2026-04-15T23:00:00Z,a,1,up\n";
    let csv = |rows: &str| home.file("wrong.csv", format!("{head}{rows}"));
    for (rows, said) in [
        ("2026-04-15T23:00:00Z,a,one,up\n", "row 2: session_num should be int, found a string"),
        ("2026-04-15T23:00:00Z,a,,up\n", "row 2: session_num should be int, found null"),
        ("2026-04-15T23:00:00Z,a,1.5,up\n", "row 2: session_num should be int, found a fraction"),
        ("soon,a,1,up\n", "row 2: ts_utc: 'soon' is not a time such as"),
        ("2026-04-15T23:00:00Z,a,1,left\n", "row 2: event: 'left' must be up, down or note"),
        ("\n2026-04-15T23:00:00Z,a\n", "cannot be read: line 4: 2 cells under a header of 4"),
        ("2026-04-15T23:00:00Z,\"a,1,up\n", "cannot be read: line 3: unterminated quote"),
    ] {
        let file = csv(rows);
        let error = home.fails(1, &["import", "sessions", &file]);
        assert!(error.starts_with(&format!("netsky: {file}")), "{error}");
        assert!(error.contains(said), "{error}");
    }
    let unknown = home.file("wrong.csv", "ts_utc,agnt,session_num,event\nx,a,1,up\n");
    let error = home.fails(1, &["import", "sessions", &unknown]);
    assert!(
        error.contains("the header names 'agnt', which is not a column of sessions"),
        "{error}"
    );

    let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let times = |zone: Option<&str>| {
        let times = TimestampNanosecondArray::from(vec![1_776_294_000_000_000_000; 2]);
        Arc::new(times.with_timezone_opt(zone)) as ArrayRef
    };
    let numbers = Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef;
    let fractions = Arc::new(Float64Array::from(vec![1.0, f64::NAN])) as ArrayRef;
    for (time, number, said) in [
        (times(Some("UTC")), &numbers, "row 2: session_num should be int, found null"),
        (times(None), &fractions, "row 2: session_num should be int, found a fraction"),
        (texts(&["soon", "later"]), &numbers, "row 1: ts_utc: 'soon' is not a time such as"),
    ] {
        let agent = texts(&["a", "b"]);
        let event = texts(&["up", "down"]);
        let columns = [
            ("ts_utc", time),
            ("agent", agent),
            ("session_num", Arc::clone(number)),
            ("event", event),
        ];
        let file = parquet(&home, "wrong.parquet", &columns);
        let error = home.fails(1, &["import", "sessions", &file]);
        assert!(error.contains(&file) && error.contains(said), "{error}");
    }
    let count = home.ok(&["query", "--format", "csv", "SELECT count(*) AS n FROM sessions"]);
    assert_eq!(count, "n\n0\n");
    let file = csv("2026-04-15T23:00:00Z,a,one,up\n2026-04-15T23:00:00Z,b,2,down\n");
    let ran = home.run(&["import", "sessions", &file, "--skip-invalid"]);
    assert_eq!(ran.out, format!("sessions: 2 rows from {file}, skipped 1 invalid line\n"));
    assert_eq!(ran.err, format!("{file}: row 2: session_num should be int, found a string\n"));
}

#[test]
fn a_row_of_a_directory_by_day_is_named_by_its_own_file() {
    let home = Home::new();
    fs::create_dir_all(home.path("ticks/date=2026-04-15")).unwrap();
    let dir = home.path("ticks");
    // Without a line end, the next file still begins on a line of its own.
    home.file("ticks/date=2026-04-15/a.ndjson", tick("2026-04-15T23:00:00Z", "a"));
    home.file(
        "ticks/date=2026-04-15/b.csv",
        "ts_utc,source,detail_json\n2026-04-15T23:00:00Z,b,{}\n",
    );
    let wrong = home.file("ticks/date=2026-04-15/c.ndjson", "\u{feff}\n{\"source\":\"c\"}\n");
    let error = home.fails(1, &["import", "ticks", dir.to_str().unwrap()]);
    assert!(error.starts_with(&format!("netsky: {wrong}: line 2: ts_utc is missing\n  nothing")));
    fs::remove_file(wrong).unwrap();
    let said = home.ok(&["import", dir.to_str().unwrap()]);
    assert_eq!(said, format!("ticks: 2 rows from {}\n", dir.display()));
}

#[test]
fn a_table_in_two_formats_is_not_imported_twice() {
    let home = Home::new();
    small_fleet(&home);
    let dir = export_dir(&home, "both", &["--format", "csv"]);
    home.ok(&["export", dir.to_str().unwrap(), "--format", "arrow"]);
    let error = home.fails(1, &["import", dir.to_str().unwrap()]);
    assert!(error.contains("both named after messages"), "{error}");
}

#[test]
fn damaged_files_are_refused_in_a_line() {
    let home = Home::new();
    small_fleet(&home);
    for format in ["arrow", "parquet"] {
        let file = home.path(&format!("whole.{format}"));
        home.ok(&["export", "ticks", file.to_str().unwrap()]);
        let whole = fs::read(&file).unwrap();
        let half = home.file(&format!("half.{format}"), &whole[..whole.len() / 2]);
        let mut changed = whole.clone();
        // What the schema is in: Arrow has it at the beginning, Parquet at the end.
        let at = if format == "arrow" { 80 } else { changed.len() - 40 };
        changed[at..at + 20].fill(0xff);
        let changed = home.file(&format!("changed.{format}"), changed);
        for file in [half, changed] {
            let error = home.fails(1, &["import", "ticks", &file]);
            assert!(error.contains(&file) && error.lines().count() == 1, "{error}");
        }
    }
}

#[test]
fn a_finer_time_of_another_program_is_exported_in_full() {
    let home = Home::new();
    home.ok(&["record", "ticks", &tick("2026-04-15T23:00:00Z", "a")]);
    let store = home.path(".netsky/meta.db");
    let row =
        r#"{"id":2,"ts_utc":"2026-04-15T23:00:00.123456789Z","source":"b","detail_json":"{}"}"#;
    store_past_the_crate(&store, "ticks", 2, row.as_bytes());
    set_meta_past_the_crate(&store, "schema_version", 2);
    assert!(home.ok(&["export", "ticks", "-"]).contains("23:00:00.123456789Z"));
    for format in ["arrow", "parquet"] {
        let file = home.path(&format!("ticks.{format}"));
        home.ok(&["export", "ticks", file.to_str().unwrap()]);
        let new = home.path(&format!("{format}.db"));
        home.ok(&["--db", new.to_str().unwrap(), "import", file.to_str().unwrap()]);
        let db = Db::open_read_only(new).unwrap();
        let last = &rows(&db, "SELECT ts_utc FROM ticks WHERE id = 2")[0];
        assert_eq!(last["ts_utc"], "2026-04-15T23:00:00.123Z", "a store keeps milliseconds");
    }
}

/// DuckDB's answer as JSON; `None` where there is no DuckDB.
fn duckdb(dir: &Path, sql: &str) -> Option<Value> {
    let output = Command::new("duckdb").current_dir(dir).args(["-json", "-c", sql]).output();
    let output = output.ok()?;
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn duckdb_reads_exports_as_they_are() {
    let home = Home::new();
    if !has_program("duckdb") {
        return;
    }
    let store = home.path("fleet.db");
    let db = Db::open_path(&store).unwrap();
    Fleet::new(20_000).record(&db).unwrap();
    let export = |args: &[&str]| {
        let dir = home.path("");
        let mut command = home.command(&[&["--db", "fleet.db", "export"], args].concat());
        let ran = ran(command.current_dir(dir).output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    };
    export(&["all"]);
    export(&["days", "--by-day"]);
    export(&["mcp_tool_calls", "calls.csv"]);
    export(&["mcp_tool_calls", "calls.ndjson"]);
    let sums = "count(*) AS rows, sum(id)::bigint AS ids, sum(duration_ms)::bigint AS took, \
                count(error) AS errors, count(*) FILTER (WHERE success) AS good";
    let ours = rows(
        &db,
        &format!(
            "SELECT {sums}, min(ts_utc_start) AS first, max(ts_utc_end) AS last FROM mcp_tool_calls"
        ),
    );
    let times = ", strftime(min(ts_utc_start AT TIME ZONE 'UTC'), '%Y-%m-%dT%H:%M:%S.%gZ') AS first, \
                 strftime(max(ts_utc_end AT TIME ZONE 'UTC'), '%Y-%m-%dT%H:%M:%S.%gZ') AS last";
    for from in [
        "'all/mcp_tool_calls.parquet'",
        "read_parquet('days/mcp_tool_calls/**/*.parquet', hive_partitioning = true)",
        "'calls.csv'",
        "read_json('calls.ndjson', columns = {id: 'BIGINT', ts_utc_start: 'TIMESTAMPTZ', \
         ts_utc_end: 'TIMESTAMPTZ', duration_ms: 'BIGINT', success: 'BOOLEAN', error: 'VARCHAR'})",
    ] {
        let theirs = duckdb(&home.path(""), &format!("SELECT {sums}{times} FROM {from}"));
        assert_eq!(theirs, Some(json!(ours)), "{from}");
    }
    for table in TABLES {
        let sql = format!("DESCRIBE SELECT * FROM 'all/{}.parquet'", table.name());
        let types = duckdb(&home.path(""), &sql).unwrap();
        let expected = table.columns().iter().map(|column| match column.ty {
            ColumnType::Text => "VARCHAR",
            ColumnType::Int => "BIGINT",
            ColumnType::Bool => "BOOLEAN",
            ColumnType::Time => "TIMESTAMP WITH TIME ZONE",
            other => panic!("the catalogue has no columns of type {other}"),
        });
        let expected: Vec<&str> = std::iter::once("BIGINT").chain(expected).collect();
        let found = types.as_array().unwrap().iter().map(|column| &column["column_type"]);
        assert_eq!(found.collect::<Vec<_>>(), expected, "{}", table.name());
    }
    let sql = "SELECT count(*) FILTER (WHERE date <> (ts_utc AT TIME ZONE 'UTC')::date) AS wrong, \
               count(DISTINCT date) > 1 AS days FROM 'days/ticks/**/*.parquet'";
    let days = duckdb(&home.path(""), sql).unwrap();
    assert_eq!(days, json!([{"wrong": 0, "days": true}]));
}

#[test]
fn long_texts_are_sorted_in_more_memory_than_others_need() {
    let home = Home::new();
    let db = Db::open_path(home.path("long.db")).unwrap();
    let body = "0123456789".repeat(200_000);
    let times = (0..40).map(|n| DateTime::UNIX_EPOCH + chrono::Duration::hours(n * 7 % 40));
    db.record_all(times.map(|time| message(time, &body))).unwrap();
    let file = home.path("long.arrow");
    let db = home.path("long.db");
    home.ok(&["--db", db.to_str().unwrap(), "export", "messages", file.to_str().unwrap()]);
    let new = home.path("new.db");
    home.ok(&["--db", new.to_str().unwrap(), "import", "messages", file.to_str().unwrap()]);
    assert!(stored_rows(&new, "messages") == stored_rows(&db, "messages"));
}

#[test]
fn an_import_that_takes_longer_shows_how_far_it_is() {
    let home = Home::new();
    let mut terminal = home.terminal((80, 10), &["import", "ticks", "-"]);
    terminal.until(|screen| screen.contains("ticks: ") && screen.contains("0 B"));
    terminal.press(&format!("{}\r", tick("2026-04-15T23:00:00Z", "a")));
    terminal.press(Terminal::CTRL_D);
    assert_eq!(terminal.end(), 0);
    assert!(terminal.screen().contains("ticks: 1 row from -"), "{}", terminal.screen());
}
