//! The progress bars of checks and copies.

use std::fs;
use std::time::{Duration, Instant};

use netsky_db::Db;
use netsky_db::demo::Fleet;

use crate::cli::Home;

/// A bar is shown after half a second, so the store grows until a check and a copy take a few of those.
fn with_long_care() -> Home {
    let home = Home::new();
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    loop {
        // Enough rows even if the machine is busy now and idle later.
        for _ in 0..3 {
            Fleet::new(100_000).record(&db).unwrap();
        }
        let takes_long = |care: &dyn Fn()| {
            let start = Instant::now();
            care();
            start.elapsed() > Duration::from_secs(2)
        };
        let copy = home.path("measured.db");
        if takes_long(&|| assert!(db.check().unwrap().is_clean()))
            && takes_long(&|| assert!(db.backup_replacing(&copy).unwrap().rows > 0))
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
        assert!(line.ends_with('s') || line.ends_with("s left"), "{line}");
        assert_eq!(terminal.end(), 0);
        assert!(!terminal.screen().contains(doing), "{}", terminal.screen());
    }
}
