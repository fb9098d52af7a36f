//! `netsky stats` and `netsky compact`.

use std::fs;

use netsky_db::Db;
use netsky_testing::{open_past_the_crate, record_messages, stored_rows};
use serde_json::json;

use crate::cli::Home;

#[test]
fn the_stats_command_shows_each_table_and_the_whole_file() {
    let home = Home::new();
    assert!(home.fails(3, &["stats"]).contains("no store at"));
    let tick = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", tick]);
    let bytes = stored_rows(&home.path(".netsky/meta.db"), "ticks")[0].1.len() + 8;
    let stats: serde_json::Value =
        serde_json::from_str(&home.ok(&["stats", "--format", "json"])).unwrap();
    let stats = stats.as_array().unwrap();
    assert_eq!(stats.len(), 15);
    let ticks = stats.iter().find(|line| line["table"] == "ticks").unwrap();
    assert_eq!(
        (&ticks["rows"], &ticks["row_bytes"], &ticks["zones"]),
        (&json!(1), &json!(bytes), &json!(1))
    );
    let file = fs::metadata(home.path(".netsky/meta.db")).unwrap().len();
    assert_eq!(
        stats[14],
        json!({"table": "(file)", "rows": 1, "row_bytes": bytes, "file_bytes": file, "column_bytes": 0, "zones": 1,
            "first": "2026-04-15T23:00:00.000Z", "last": "2026-04-15T23:00:00.000Z"})
    );
    assert!(home.ok(&["stats"]).contains("| (file) "));
    assert!(home.ok(&["stats", "--help"]).contains("Examples:"));
}

#[test]
fn the_compact_command_says_how_much_was_gained_or_that_somebody_reads() {
    let home = Home::new();
    assert!(home.fails(3, &["compact"]).contains("no store at"));
    let path = home.path(".netsky/meta.db");
    fs::create_dir(home.path(".netsky")).unwrap();
    let db = Db::open_path(&path).unwrap();
    record_messages(&db, 0..10_000);
    drop(db);
    home.ok(&["prune", "--before", "1s"]);
    let reader = open_past_the_crate(&path);
    let reading = redb::ReadableDatabase::begin_read(&reader).unwrap();
    let error = home.fails(3, &["compact"]);
    assert!(error.contains("in use") && error.contains("try again"), "{error}");
    drop(reading);
    let out = home.ok(&["compact"]);
    assert!(
        out.starts_with("released ") && out.contains(" MiB: from ") && out.ends_with(" KiB\n"),
        "{out}"
    );
    assert!(home.ok(&["compact", "--help"]).contains("Examples:"));
}
