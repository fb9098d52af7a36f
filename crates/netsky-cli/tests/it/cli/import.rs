//! `netsky import`: what other programs write comes in, each row once.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int32Type;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

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
        let out = home.ok(&["import", "ticks", &file]);
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
    home.ok(&["import", &home.path("ticks.ndjson").display().to_string()]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_may_have_any_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"a","detail_json":"{}"}"#]);
    let dir = home.path("x").with_file_name(OsStr::from_bytes(b"\xff"));
    let run = |command: &str| home.command(&[command]).arg(&dir).output().unwrap();
    let exported = run("export");
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let imported = run("import");
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
    let mut zeros = GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    zeros.write_all(b"PAR1").unwrap();
    for _ in 0..260 {
        zeros.write_all(&vec![0; 1 << 20]).unwrap();
    }
    zeros.finish().unwrap();
    let said = home.fails(1, &["import", "messages", &packed.display().to_string()]);
    assert!(said.contains("more than 200 times its size"), "{said}");
}
