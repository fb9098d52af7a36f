//! How far checks and copies are, for programs and for people.

use std::fs;
use std::time::{Duration, Instant};

use netsky_db::demo::Fleet;
use netsky_db::{CareCounts, CareProgress, Db, OpenOptions};

use crate::cli::Home;
use crate::support::{store, store_past_the_crate};

#[test]
fn a_check_a_backup_and_a_restore_tell_how_far_they_are() {
    let store = store();
    Fleet::new(3_000).record(&store.db).unwrap();
    // A row's id is no part of its JSON.
    let tables = store.db.stats().unwrap().tables;
    let row_bytes: u64 = tables.iter().map(|table| table.row_bytes - 8 * table.rows).sum();
    let progress = CareProgress::default();
    let options = OpenOptions::new().care_progress(progress.clone());
    let is_whole = |counts: CareCounts, file_bytes: u64| {
        assert_eq!((counts.rows, counts.rows_total), (3_000, 3_000));
        assert_eq!((counts.row_bytes, counts.file_bytes), (row_bytes, file_bytes));
        assert!(counts.page_bytes > row_bytes, "{counts:?}");
    };
    let db = options.open_read_only(&store.path).unwrap();
    assert_eq!(progress.counts(), CareCounts::default());
    let file_bytes = fs::metadata(&store.path).unwrap().len();
    db.check().unwrap();
    is_whole(progress.counts(), file_bytes);

    let copy = store.path.with_file_name("copy.db");
    let copied = db.backup(&copy).unwrap();
    is_whole(progress.counts(), file_bytes);
    options.restore(&copy, store.path.with_file_name("again.db")).unwrap();
    is_whole(progress.counts(), copied.file_bytes);

    // Rows of tables that nobody knows are copied, and not checked.
    store_past_the_crate(&store.path, "theirs", 3, b"{}");
    db.check().unwrap();
    assert_eq!(progress.counts().rows_total, 3_000);
    db.backup_over(&copy).unwrap();
    assert_eq!((progress.counts().rows, progress.counts().rows_total), (3_001, 3_001));
}

/// A bar is shown after half a second, so the store grows until a check and a copy take a few of those.
fn with_long_care() -> Home {
    let home = Home::new();
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    loop {
        Fleet::new(100_000).record(&db).unwrap();
        let takes_long = |care: &dyn Fn()| {
            let start = Instant::now();
            care();
            start.elapsed() > Duration::from_secs(2)
        };
        let copy = home.path("measured.db");
        if takes_long(&|| assert!(db.check().unwrap().is_clean()))
            && takes_long(&|| assert!(db.backup_over(&copy).unwrap().rows > 0))
        {
            fs::remove_file(copy).unwrap();
            return home;
        }
    }
}

#[test]
fn checks_and_copies_that_take_long_show_rows_bytes_and_the_time_left() {
    let home = with_long_care();
    let copy = home.path("copy.db").display().to_string();
    for (args, doing) in [
        (vec!["check"], "checking rows"),
        (vec!["backup", &copy], "copying rows"),
        (vec!["restore", &copy, "--force"], "copying rows"),
    ] {
        let mut terminal = home.terminal((80, 24), &args);
        let screen = terminal.until_shown(doing);
        let line = screen.lines().find(|line| line.contains(doing)).unwrap();
        assert!(line.contains(" rows, ") && line.contains("iB, "), "{line}");
        assert!(line.ends_with(" left"), "{line}");
        assert_eq!(terminal.end(), 0);
        assert!(!terminal.screen().contains(doing), "{}", terminal.screen());
    }
}
