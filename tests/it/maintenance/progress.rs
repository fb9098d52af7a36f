//! Progress of checks and copies.

use std::fs;

use netsky_db::demo::Fleet;
use netsky_db::{MaintenanceCounts, MaintenanceProgress, OpenOptions};
use netsky_testing::{store, store_past_the_crate};

#[test]
fn check_backup_and_restore_report_progress() {
    let store = store();
    Fleet::new(3_000).record(&store.db).unwrap();
    // A row's id is not part of its JSON.
    let tables = store.db.stats().unwrap().tables;
    let row_bytes: u64 = tables.iter().map(|table| table.row_bytes - 8 * table.rows).sum();
    let progress = MaintenanceProgress::default();
    let options = OpenOptions::new().maintenance_progress(progress.clone());
    let is_whole = |counts: MaintenanceCounts, file_bytes: u64| {
        assert_eq!((counts.rows, counts.rows_total), (3_000, 3_000));
        assert_eq!((counts.row_bytes, counts.file_bytes), (row_bytes, file_bytes));
        assert!(counts.page_bytes > row_bytes, "{counts:?}");
    };
    let db = options.open_read_only(&store.path).unwrap();
    assert_eq!(progress.counts(), MaintenanceCounts::default());
    let file_bytes = fs::metadata(&store.path).unwrap().len();
    db.check().unwrap();
    is_whole(progress.counts(), file_bytes);

    let copy = store.path.with_file_name("copy.db");
    let copied = db.backup(&copy).unwrap();
    is_whole(progress.counts(), file_bytes);
    options.restore(&copy, store.path.with_file_name("again.db")).unwrap();
    is_whole(progress.counts(), copied.file_bytes);

    // Rows of unknown tables are copied, but not checked.
    store_past_the_crate(&store.path, "theirs", 3, b"{}");
    db.check().unwrap();
    assert_eq!(progress.counts().rows_total, 3_000);
    db.backup_replacing(&copy).unwrap();
    assert_eq!((progress.counts().rows, progress.counts().rows_total), (3_001, 3_001));
}
