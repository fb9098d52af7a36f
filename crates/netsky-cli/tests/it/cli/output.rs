//! Answers in every format, in files and where no terminal is.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use arrow::array::RecordBatch;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::json::writer::{JsonArray, WriterBuilder};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use serde_json::{Value, json};

use super::{Home, TICK, ran};

/// A column of every type that queries give: its SQL, its JSON, and its text elsewhere.
fn types() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("id", json!(1), "1"),
        ("ts_utc", json!("2026-04-15T23:00:00.000Z"), "2026-04-15T23:00:00.000Z"),
        ("source", json!("cron"), "cron"),
        ("9223372036854775807", json!(i64::MAX), "9223372036854775807"),
        ("arrow_cast(200, 'UInt8')", json!(200), "200"),
        ("0.1::double + 0.2::double", json!(0.1 + 0.2), "0.30000000000000004"),
        ("'NaN'::double", json!(null), "NaN"),
        ("1.5::decimal(10, 3)", json!(1.5), "1.500"),
        ("true", json!(true), "true"),
        ("NULL", json!(null), ""),
        ("NULL::bigint", json!(null), ""),
        ("'a\\b'", json!("a\\b"), "a\\b"),
        ("DATE '2026-04-15'", json!("2026-04-15"), "2026-04-15"),
        ("TIME '03:04:05'", json!("03:04:05"), "03:04:05"),
        ("ts_utc - TIMESTAMP '2026-04-13T19:55:55Z'", json!("2 days 03:04:05"), "2 days 03:04:05"),
        ("INTERVAL '14 months 3 days'", json!("1 year 2 months 3 days"), "1 year 2 months 3 days"),
        ("X'0aff'", json!("0aff"), "0aff"),
        ("arrow_cast('x', 'Dictionary(Int32, Utf8)')", json!("x"), "x"),
        ("[1, 2]", json!([1, 2]), "[1, 2]"),
        ("{'a': 1, 'b': INTERVAL '1 day'}", json!({"a": 1, "b": "1 day"}), "{a: 1, b: 1 day}"),
        ("detail_json->'number'", json!(7), "7"),
        ("detail_json->'text'", json!("seven"), "seven"),
        ("detail_json->'yes'", json!(true), "true"),
        ("detail_json->'list'", json!([1, {"x": null}]), "[1,  {\"x\": null}]"),
        ("detail_json->'none'", json!(null), ""),
        ("detail_json->'absent'", json!(null), ""),
    ]
}

fn home_with_types() -> (Home, String) {
    let home = Home::new();
    let detail = json!({"number": 7, "text": "seven", "yes": true, "none": null});
    let detail = detail.to_string().replace("\"none\"", "\"list\": [1,\n {\"x\": null}], \"none\"");
    let row = json!({"ts_utc": "2026-04-15T23:00:00Z", "source": "cron", "detail_json": detail});
    home.ok(&["record", "ticks", &row.to_string()]);
    let columns: Vec<String> =
        types().iter().enumerate().map(|(n, (sql, ..))| format!("{sql} AS c{n}")).collect();
    (home, format!("SELECT {} FROM ticks", columns.join(", ")))
}

#[test]
fn every_type_is_right_in_every_format() {
    let (home, sql) = home_with_types();
    let asked = |format: &str| home.ok(&["query", "--format", format, &sql]);

    let array: Value = serde_json::from_str(&asked("json")).unwrap();
    for (n, (sql, json, _)) in types().iter().enumerate() {
        assert_eq!(array[0][format!("c{n}")], *json, "{sql}");
    }
    let lines = asked("ndjson");
    assert_eq!(lines.lines().count(), 1, "a row is a line, whatever its JSON looks like: {lines}");
    assert_eq!(json!([serde_json::from_str::<Value>(&lines).unwrap()]), array);

    let names: Vec<String> = (0..types().len()).map(|n| format!("c{n}")).collect();
    let tsv = asked("tsv");
    let (header, row) = tsv.trim_end_matches('\n').split_once('\n').unwrap();
    assert_eq!(header, names.join("\t"));
    for ((sql, _, text), cell) in types().iter().zip(row.split('\t')) {
        let text = text.replace('\\', "\\\\").replace(",  {", ",\\n {");
        assert_eq!(cell, text, "{sql}");
    }
    assert_eq!(row.split('\t').count(), types().len());

    let csv = asked("csv");
    let mut csv = csv::Reader::from_reader(csv.as_bytes());
    let row = csv.records().next().unwrap().unwrap();
    let markdown = asked("markdown");
    let markdown: Vec<&str> = markdown.lines().nth(2).unwrap().split(" | ").collect();
    let vertical = asked("vertical");
    for (n, (sql, json, text)) in types().iter().enumerate() {
        assert_eq!(row[n], text.replace(",  {", ",\n {"), "{sql}");
        let cell = markdown[n].trim_start_matches("| ").trim_end_matches(" |");
        assert_eq!(cell, text.replace(",  {", ",<br> {"), "{sql}");
        let text = if json.is_null() && text.is_empty() { "NULL" } else { text };
        let line = format!("{:3}  {}\n", format!("c{n}"), text.replace(",  {", ",\\n {"));
        assert!(vertical.contains(&line), "{line}{vertical}");
    }
    assert!(asked("table").contains("| 2026-04-15T23:00:00.000Z |"));
}

fn as_json(batches: impl Iterator<Item = RecordBatch>) -> Value {
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    for batch in batches {
        writer.write(&netsky_db::times_as_text(&batch).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    serde_json::from_slice(&writer.into_inner()).unwrap()
}

#[test]
fn what_arrow_and_parquet_files_hold_is_what_json_says() {
    let (home, sql) = home_with_types();
    // Of these Arrow's own JSON has none, or another.
    let no_json = ["INTERVAL '1", "- TIMESTAMP", "detail_json"];
    let columns: Vec<String> = types()
        .iter()
        .enumerate()
        .filter(|(_, (sql, ..))| !no_json.iter().any(|part| sql.contains(part)))
        .map(|(n, _)| format!("c{n}"))
        .collect();
    let sql = format!(
        "SELECT {} FROM ({sql}) UNION ALL SELECT {} FROM ({sql})",
        columns.join(", "),
        columns.join(", ")
    );
    let expected: Value =
        serde_json::from_str(&home.ok(&["query", "--format", "json", &sql])).unwrap();

    let file = |name: &str| {
        let path = home.path(name);
        assert_eq!(home.ok(&["query", "--output", path.to_str().unwrap(), &sql]), "");
        File::open(path).unwrap()
    };
    let found = FileReader::try_new(file("answer.arrow"), None).unwrap().map(Result::unwrap);
    assert_eq!(as_json(found), expected);
    let found = ParquetRecordBatchReader::try_new(file("answer.parquet"), 1_024).unwrap();
    assert_eq!(as_json(found.map(Result::unwrap)), expected);

    let mut command = home.command(&["query", "--format", "arrow", &sql]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success());
    let found = StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap);
    assert_eq!(as_json(found), expected);
}

#[test]
fn columns_of_one_name_are_told_apart_where_names_are_keys() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT a.id, b.id FROM ticks a JOIN ticks b ON a.id = b.id";
    assert_eq!(home.ok(&["query", "--format", "ndjson", sql]), "{\"id\":1,\"id_2\":1}\n");
    let path = home.path("ids.parquet");
    home.ok(&["query", "-o", path.to_str().unwrap(), sql]);
    let found = ParquetRecordBatchReader::try_new(File::open(path).unwrap(), 1_024).unwrap();
    assert_eq!(as_json(found.map(Result::unwrap)), json!([{"id": 1, "id_2": 1}]));
}

#[test]
fn the_name_of_a_file_says_its_format_unless_the_format_is_named() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT id, source FROM ticks";
    for (name, content) in [
        ("a.json", "[{\"id\":1,\"source\":\"cron\"}]\n"),
        ("a.ndjson", "{\"id\":1,\"source\":\"cron\"}\n"),
        ("a.jsonl", "{\"id\":1,\"source\":\"cron\"}\n"),
        ("a.CSV", "id,source\n1,cron\n"),
        ("a.tsv", "id\tsource\n1\tcron\n"),
        ("a.md", "| id | source |\n| ---: | --- |\n| 1 | cron |\n"),
    ] {
        let path = home.path(name);
        assert_eq!(home.ok(&["query", "--output", path.to_str().unwrap(), sql]), "");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "{name}");
        home.ok(&["query", "-o", path.to_str().unwrap(), "--format", "tsv", sql]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "id\tsource\n1\tcron\n", "{name}");
    }
    let path = home.path("a.txt");
    home.ok(&["query", "-o", path.to_str().unwrap(), sql]);
    assert_eq!(fs::read_to_string(&path).unwrap(), home.ok(&["query", sql]));
    for name in ["answer.xls", "answer"] {
        let error = home.fails(2, &["query", "-o", home.path(name).to_str().unwrap(), sql]);
        assert!(error.contains(name) && error.contains(".parquet"), "{error}");
        assert!(!home.path(name).exists());
    }
}

/// The names in a directory, with those that are hidden.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_once_it_is_whole_and_an_older_one_stays_until_then() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    fs::create_dir(home.path("out")).unwrap();
    let path = home.file("out/a.csv", "older");
    let failing = "SELECT 1 / (value - 99999) AS n FROM generate_series(1, 200000)";
    assert!(home.fails(1, &["query", "-o", &path, failing]).contains("Divide by zero"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "older");
    assert_eq!(names(&home.path("out")), ["a.csv"]);
    home.ok(&["query", "-o", &path, "SELECT 1 AS n"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "n\n1\n");

    let error = home.fails(1, &["query", "-o", "/no/such/dir/a.csv", "SELECT 1"]);
    assert!(error.contains("cannot write /no/such/dir/a.csv: No such file"), "{error}");
    let dir = home.path("out").display().to_string();
    assert!(home.fails(1, &["query", "--format", "csv", "-o", &dir, "SELECT 1"]).contains(&dir));
}

#[test]
fn no_output_takes_the_place_of_a_store() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let store = home.path(".netsky/meta.db").display().to_string();
    let other = home.path("other.csv").display().to_string();
    home.ok(&["backup", &other]);
    let older = home.file("older.csv", b"SQLite format 3\0 and so on");
    let link = home.path("link.csv");
    fs::hard_link(&store, &link).unwrap();
    for path in [&store, &other, &older, link.to_str().unwrap()] {
        let before = fs::read(path).unwrap();
        for args in [
            &["query", "--format", "csv", "-o", path, "SELECT 1 AS n"][..],
            &["export", "ticks", path, "--format", "csv", "--force"],
        ] {
            let error = home.fails(1, args);
            assert!(error.contains(path) && error.contains("is a store"), "{error}");
        }
        assert!(fs::read(path).unwrap() == before, "{path}");
    }
    let error = home.fails(1, &["query", "--chart", "bar", "-o", &plot(&home), "SELECT 'a', 1"]);
    assert!(error.contains("is a store"), "{error}");
    assert_eq!(home.ok(&["query", "--format", "csv", "SELECT id FROM ticks"]), "id\n1\n");
}

/// A store whose name is that of a picture.
fn plot(home: &Home) -> String {
    let path = home.path("plot.svg").display().to_string();
    home.ok(&["backup", &path]);
    path
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_written_into_and_a_link_is_followed() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    // Not /dev/null: who breaks this as root would replace that of the machine.
    let pipe = home.path("pipe.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    home.ok(&["query", "-o", pipe.to_str().unwrap(), "SELECT 1 AS n"]);
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), "n\n1\n");

    let path = home.file("shared.csv", "older");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("shared.csv", home.path("link.csv")).unwrap();
    home.ok(&["query", "-o", home.path("link.csv").to_str().unwrap(), "SELECT 1 AS n"]);
    assert!(fs::symlink_metadata(home.path("link.csv")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "n\n1\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_reader_that_leaves_early_is_no_error_in_any_format() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sql = "SELECT value, repeat('x', 50) AS text FROM generate_series(1, 200000)";
    for format in ["vertical", "json", "ndjson", "tsv", "markdown", "arrow", "parquet"] {
        let mut child = home
            .command(&["query", "--format", format, sql])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ran = ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_an_export_does_not_grow_with_its_rows() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    for format in ["ndjson", "csv", "arrow", "parquet"] {
        let peak = |rows: u32| {
            let text = "repeat('text ', 40) || value AS text";
            let sql = format!("SELECT value, {text} FROM generate_series(1, {rows})");
            let path = home.path("answer");
            let args = ["query", "--format", format, "-o", path.to_str().unwrap(), &sql];
            netsky_testing::peak_memory(home.command(&args), "VmHWM:")
        };
        // A row group of Parquet is held until it is whole, and both have one.
        let peaks = [peak(200_000), peak(800_000)];
        // The larger one has 120 MB more of text.
        assert!(peaks[1] < peaks[0] + (60 << 20), "{format}: bytes {peaks:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_json_envelope_is_bounded() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let peak = |rows: u32| {
        let sql = format!("SELECT repeat('text ', 40) || value FROM generate_series(1, {rows})");
        netsky_testing::peak_memory(home.command(&["query", "--json", &sql]), "VmHWM:")
    };
    let peaks = [peak(200_000), peak(800_000)];
    // The larger one has 120 MB more of text.
    assert!(peaks[1] < peaks[0] + (60 << 20), "bytes {peaks:?}");
}

/// The system calls by which a command gives files their names and makes them durable, or `None` where
/// strace cannot tell.
#[cfg(target_os = "linux")]
fn traced(home: &Home, args: &[&str]) -> Option<Vec<String>> {
    let trace = home.path("trace");
    let calls = "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat";
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "-y", "-e", calls, "-o"]).arg(&trace);
    command.arg(env!("CARGO_BIN_EXE_netsky")).args(args);
    command.env("HOME", home.path("")).env_remove("NETSKY_DB");
    let ran = command.output().ok()?;
    let traced = fs::read_to_string(&trace).ok().filter(|_| ran.status.success())?;
    Some(traced.lines().map(str::to_owned).collect())
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_is_durable_before_it_replaces_another() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let dir = fs::canonicalize(home.path("")).unwrap().display().to_string();
    let sql = "SELECT source, count(*) AS n FROM ticks GROUP BY source";
    for (name, args) in [
        ("x.csv", ["query", sql, "--output"]),
        ("x.svg", ["query", sql, "--output"]),
        ("x.png", ["query", sql, "--output"]),
        ("ticks.parquet", ["export", "ticks", "--force"]),
    ] {
        let file = home.file(name, "older");
        let args: Vec<&str> = args.into_iter().chain([file.as_str()]).collect();
        let Some(calls) = traced(&home, &args) else {
            println!("not run: strace is not there, or may not trace");
            return;
        };
        let place = |what: &str, parts: &[&str]| {
            let found = calls.iter().position(|call| parts.iter().all(|part| call.contains(part)));
            found.unwrap_or_else(|| panic!("{args:?}: no {what} in\n{}", calls.join("\n")))
        };
        let durable = place("sync of the file", &["sync(", ".part>"]);
        let named = place("rename", &["rename", ".part", name]);
        let kept = place("sync of the directory", &["sync(", &format!("<{dir}>)")]);
        assert!(durable < named && named < kept, "{args:?}\n{}", calls.join("\n"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_stored_is_no_failure_if_it_cannot_be_told() {
    let home = Home::new();
    let file = home.file("ticks.ndjson", TICK);
    for (args, told) in [
        (vec!["record", "ticks", TICK], "netsky: the row is stored with id 1; "),
        (vec!["import", "--allow-duplicates", "ticks", &file], "netsky: ticks: 1 row from "),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = home.command(&args).stdout(full).output().unwrap();
        let error = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(0), "{error}");
        assert!(error.starts_with(told) && error.contains("cannot write the output"), "{error}");
    }
    assert_eq!(home.ok(&["query", "--format", "csv", "SELECT count(*) AS n FROM ticks"]), "n\n2\n");
}

#[cfg(unix)]
#[test]
fn a_link_of_another_user_is_not_followed() {
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let target = home.file("target.csv", "precious");
    let dir = home.path("for-all");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1777)).unwrap();
    let link = dir.join("x.csv");
    symlink(&target, &link).unwrap();
    let args = ["query", "SELECT 1 AS it", "--output", &link.display().to_string()];
    // One's own is.
    home.ok(&args);
    assert_eq!(fs::read_to_string(&target).unwrap(), "it\n1\n");
    fs::write(&target, "precious").unwrap();
    if lchown(&link, Some(65_534), None).is_err() {
        println!("not run: only root can give a link to another user");
        return;
    }
    assert!(home.fails(1, &args).contains("a link that another user created"));
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}
