//! `netsky prune`.

use crate::cli::Home;

#[test]
fn the_prune_command_says_how_many_rows_go_by_table() {
    let home = Home::new();
    assert!(home.fails(3, &["prune", "--before", "7d"]).contains("no store at"));
    assert!(!home.path(".netsky").exists());
    for day in 1..=5 {
        let tick = format!(
            r#"{{"ts_utc":"2023-04-0{day}T12:00:00Z","source":"cron","detail_json":"{{}}"}}"#
        );
        home.ok(&["record", "ticks", &tick]);
    }
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    home.ok(&["record", "crashes", r#"{"kind":"k","agent":"a","detail_json":"{}"}"#]);
    assert_eq!(
        home.ok(&["prune", "--before", "2023-04-03", "--dry-run"]),
        "ticks: 2 rows\n2 rows older than 2023-04-03T00:00:00Z would be deleted\n"
    );
    assert_eq!(
        home.ok(&["prune", "--before", "2023-04-03", "--table", "crashes"]),
        "0 rows older than 2023-04-03T00:00:00Z deleted\n"
    );
    assert_eq!(
        home.ok(&["prune", "--before", "2023-04-03T12:00:00.001Z"]),
        "ticks: 3 rows\n3 rows older than 2023-04-03T12:00:00.001Z deleted\n"
    );
    assert!(home.ok(&["prune", "--before", "1h"]).starts_with("ticks: 2 rows\n2 rows older than "));
    let left = home.ok(&["query", "--format", "csv", "SELECT id FROM ticks"]);
    assert_eq!(left, "id\n6\n");
    for wrong in ["yesterday", "7", "7z", "2023-04-31"] {
        assert!(
            home.fails(2, &["prune", "--before", wrong]).contains("an age such as 90s"),
            "{wrong}"
        );
    }
    home.fails(2, &["prune"]);
    assert!(home.fails(1, &["prune", "--before", "1h", "--table", "tick"]).contains("'ticks'"));
    assert!(home.ok(&["prune", "--help"]).contains("Examples:"));
}
