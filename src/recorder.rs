//! Recording without waiting for the disk.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::row::EncodedRow;
use crate::store::Store;
use crate::table::{Record, Table};

/// When so many bytes of rows are held, the next call makes them durable by itself.
const MAX_HELD_BYTES: usize = 8 << 20;

/// Records rows that may be lost with the process, at many times the speed of [`Db::record`].
///
/// A row is held in the process, for a bounded time, and made durable together with others: by a timer,
/// by [`flush`](Self::flush), or when the recorder is dropped. A process that is killed, or ends without
/// dropping it, loses what it held since the last flush; the store itself is never harmed. Rows have no
/// ids until they are stored, so none are returned.
///
/// Any number of threads can record with one recorder. Rows of a thread keep their order within a
/// table.
///
/// ```
/// use std::time::Duration;
/// use chrono::Utc;
/// use netsky_db::{Db, TickRecord};
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// let db = Db::open_path(path)?;
/// let recorder = db.recorder(Duration::from_secs(1))?;
/// for _ in 0..1_000 {
///     recorder.record(&TickRecord { ts_utc: Utc::now(), source: "probe", detail_json: "{}" })?;
/// }
/// recorder.flush()?; // Now they are durable.
/// assert!(db.query("SELECT count(*) FROM ticks")?.contains("1000"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    timer: Option<JoinHandle<()>>,
}

type Rows = Vec<(&'static Table, EncodedRow)>;

#[derive(Debug)]
struct Shared {
    store: Store,
    hold: Duration,
    held: Mutex<Held>,
    changed: Condvar,
    /// What could not be stored yet, oldest first. It is locked while a flush lasts, so that the next
    /// one stores what came later.
    unstored: Mutex<Vec<Arc<Rows>>>,
}

#[derive(Debug, Default)]
struct Held {
    rows: Rows,
    bytes: usize,
    /// When the oldest row was recorded.
    since: Option<Instant>,
    closed: bool,
    /// What went wrong when the timer made rows durable, until a call returns it.
    failure: Option<Error>,
}

impl Held {
    /// Keeps the first error, but for one that leaves rows neither stored nor held: that is the one to
    /// know of.
    fn keep_failure(&mut self, error: Error) {
        let is_graver = matches!(error, Error::CommitUncertain(_) | Error::StoreReplaced { .. });
        if self.failure.is_none() || is_graver {
            self.failure = Some(error);
        }
    }
}

impl Db {
    /// A recorder that holds rows for at most `hold` before it makes them durable.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnlyStore`], and [`Error::Io`] if no thread can be started.
    pub fn recorder(&self, hold: Duration) -> Result<Recorder> {
        if self.store().is_read_only() {
            return Err(Error::ReadOnlyStore { path: self.path().to_owned() });
        }
        let shared = Arc::new(Shared {
            store: self.store().clone(),
            hold,
            held: Mutex::default(),
            changed: Condvar::new(),
            unstored: Mutex::default(),
        });
        let of_timer = Arc::clone(&shared);
        let timer = thread::Builder::new().name("netsky-recorder".to_owned());
        let timer = timer.spawn(move || of_timer.flush_in_time());
        let timer = timer.map_err(Error::io("start a recording thread for", self.path()))?;
        Ok(Recorder { shared, timer: Some(timer) })
    }
}

impl Recorder {
    /// Holds the row, which will be durable after the recorder's time at the latest.
    ///
    /// # Errors
    ///
    /// This row is not recorded. [`Error::InvalidValue`] as of [`Db::record`]. If the timer could not
    /// make rows durable since the last call, its error: the rows are still held after [`Error::Busy`],
    /// [`Error::Storage`] and [`Error::Damaged`]. If 8 MiB are held, the errors of
    /// [`flush`](Self::flush).
    pub fn record<R: Record>(&self, record: &R) -> Result<()> {
        if let Some(error) = locked(&self.shared.held).failure.take() {
            return Err(error);
        }
        let mut row = EncodedRow::default();
        row.encode(R::TABLE, record.values()).map_err(|error| error.into_error(R::TABLE))?;
        if locked(&self.shared.held).bytes >= MAX_HELD_BYTES {
            self.shared.flush()?;
        }
        let mut held = locked(&self.shared.held);
        held.bytes += row.json().len();
        held.rows.push((R::TABLE, row));
        if held.since.is_none() {
            held.since = Some(Instant::now());
            drop(held);
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Makes every row durable that was recorded before the call.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Storage`] and [`Error::Damaged`] leave the rows held, to be stored by the
    /// next flush. After [`Error::CommitUncertain`] and [`Error::StoreReplaced`] they are not held any
    /// more, since they may be stored; the error may come from a flush by the timer, if no call returned
    /// it since.
    pub fn flush(&self) -> Result<()> {
        let flushed = self.shared.flush();
        let earlier = locked(&self.shared.held).failure.take();
        match earlier.filter(|_| flushed.is_ok()) {
            Some(error @ (Error::CommitUncertain(_) | Error::StoreReplaced { .. })) => Err(error),
            // What another error of the timer left held is stored by now.
            _ => flushed,
        }
    }
}

impl Drop for Recorder {
    /// Makes the held rows durable. Whoever wants to know whether that went well calls
    /// [`flush`](Recorder::flush) first.
    fn drop(&mut self) {
        locked(&self.shared.held).closed = true;
        self.shared.changed.notify_one();
        if let Some(timer) = self.timer.take() {
            let _ = timer.join();
        }
    }
}

impl Shared {
    /// Flushes whenever the oldest row has been held for its time, and once more at the end.
    fn flush_in_time(&self) {
        let mut held = locked(&self.held);
        loop {
            let left = held.since.map(|since| self.hold.saturating_sub(since.elapsed()));
            if held.closed || left == Some(Duration::ZERO) {
                let closed = held.closed;
                // If it fails, the time begins anew.
                held.since = held.since.map(|_| Instant::now());
                drop(held);
                let flushed = self.flush();
                held = locked(&self.held);
                if let Err(error) = flushed {
                    held.keep_failure(error);
                }
                if closed {
                    return;
                }
                continue;
            }
            held = match left {
                Some(left) => {
                    self.changed.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(held).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn flush(&self) -> Result<()> {
        let mut unstored = locked(&self.unstored);
        {
            let mut held = locked(&self.held);
            if !held.rows.is_empty() {
                unstored.push(Arc::new(mem::take(&mut held.rows)));
            }
            if unstored.is_empty() {
                held.since = None;
                return Ok(());
            }
        }
        let stored = self.store.append_all(unstored.clone());
        if matches!(stored, Ok(()) | Err(Error::CommitUncertain(_) | Error::StoreReplaced { .. })) {
            unstored.clear();
            let mut held = locked(&self.held);
            held.bytes = held.rows.iter().map(|(_, row)| row.json().len()).sum();
            if held.rows.is_empty() {
                held.since = None;
            }
        }
        stored
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
