//! Progress of a check or copy of a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The progress of the last check, backup or restore that was started with
/// [`OpenOptions::maintenance_progress`](crate::OpenOptions::maintenance_progress). Any thread can
/// read it while another does the work. Clones share the same progress.
///
/// ```
/// use netsky_db::{MaintenanceProgress, OpenOptions};
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// # netsky_db::Db::open_path(&path)?.record_tick(chrono::Utc::now(), "cron", "{}")?;
/// let progress = MaintenanceProgress::default();
/// let db = OpenOptions::new().maintenance_progress(progress.clone()).open_read_only(path)?;
/// let check = std::thread::spawn(move || db.check());
/// while !check.is_finished() {
///     let counts = progress.counts();
///     println!("{} of {} rows", counts.rows, counts.rows_total);
///     std::thread::sleep(std::time::Duration::from_millis(200));
/// }
/// # assert_eq!(progress.counts().rows, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MaintenanceProgress {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    page_bytes: AtomicU64,
    file_bytes: AtomicU64,
    rows: AtomicU64,
    rows_total: AtomicU64,
    row_bytes: AtomicU64,
}

/// The amount of work done: first the pages of the store's file are verified, then its rows are
/// processed one by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceCounts {
    /// The bytes of the file read to verify its pages. Free pages are not read, and verification
    /// may start again if other processes write.
    pub page_bytes: u64,
    /// The size of the file, in bytes.
    pub file_bytes: u64,
    /// The number of rows decoded or copied.
    pub rows: u64,
    /// The total number of rows; 0 while the pages are being verified.
    pub rows_total: u64,
    /// The bytes of JSON of the rows processed.
    pub row_bytes: u64,
}

impl MaintenanceProgress {
    /// Returns the amount of work done so far.
    pub fn counts(&self) -> MaintenanceCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MaintenanceCounts {
            page_bytes: load(&self.counters.page_bytes),
            file_bytes: load(&self.counters.file_bytes),
            rows: load(&self.counters.rows),
            rows_total: load(&self.counters.rows_total),
            row_bytes: load(&self.counters.row_bytes),
        }
    }

    /// Starts (or restarts) verifying the pages of a file of that size.
    pub(crate) fn begin_pages(&self, file_bytes: u64) {
        let Counters { page_bytes, file_bytes: size, rows, rows_total, row_bytes } =
            &*self.counters;
        for counter in [page_bytes, rows, rows_total, row_bytes] {
            counter.store(0, Ordering::Relaxed);
        }
        size.store(file_bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_page(&self, bytes: usize) {
        self.counters.page_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn begin_rows(&self, total: u64) {
        self.counters.rows_total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn add_row(&self, json: &[u8]) {
        self.counters.rows.fetch_add(1, Ordering::Relaxed);
        self.counters.row_bytes.fetch_add(json.len() as u64, Ordering::Relaxed);
    }
}
