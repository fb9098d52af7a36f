//! Records rows without waiting for the disk.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::row::EncodedRow;
use crate::store::Store;
use crate::table::{Record, Table};

/// If the buffered rows are at least this large, the next call flushes them first.
const MAX_BUFFERED_BYTES: usize = 8 << 20;

/// Records rows that may be lost if the process is killed, many times faster than [`Db::record`].
///
/// A row is buffered in the process for a bounded time, and then made durable together with others:
/// by a timer, by [`flush`](Self::flush), or when the recorder is dropped. A process that is
/// killed, or ends without dropping the recorder, loses the rows buffered since the last flush. The
/// store itself is never damaged. Rows have no ids until they are stored, so no ids are returned.
///
/// Any number of threads can share a recorder. The rows of a thread keep their order within a
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
    max_delay: Duration,
    buffer: Mutex<Buffer>,
    changed: Condvar,
    /// The rows that could not be stored yet, oldest first. Locked during a flush, so that a
    /// concurrent flush waits and stores only later rows.
    unstored: Mutex<Vec<Arc<Rows>>>,
}

#[derive(Debug, Default)]
struct Buffer {
    rows: Rows,
    bytes: usize,
    /// The time at which the oldest row was recorded, or at which the timer last tried to store it.
    since: Option<Instant>,
    closed: bool,
    /// The error of a flush by the timer, until a call returns it.
    failure: Option<Error>,
}

impl Buffer {
    /// Keeps the first error, unless a later one is more serious: rows that may not be stored are
    /// no longer buffered either.
    fn keep_failure(&mut self, error: Error) {
        let is_graver = matches!(error, Error::CommitUncertain(_) | Error::StoreReplaced { .. });
        if self.failure.is_none() || is_graver {
            self.failure = Some(error);
        }
    }
}

impl Db {
    /// Creates a recorder that buffers rows for at most `max_delay` before it makes them durable.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnlyStore`]; [`Error::Io`] if no thread can be started.
    pub fn recorder(&self, max_delay: Duration) -> Result<Recorder> {
        let store = self.store()?;
        if store.is_read_only() {
            return Err(Error::ReadOnlyStore { path: self.path().to_owned() });
        }
        let shared = Arc::new(Shared {
            store: store.clone(),
            max_delay,
            buffer: Mutex::default(),
            changed: Condvar::new(),
            unstored: Mutex::default(),
        });
        let of_timer = Arc::clone(&shared);
        let timer = thread::Builder::new().name("netsky-recorder".to_owned());
        let timer = timer.spawn(move || of_timer.run_timer());
        let timer = timer.map_err(Error::io("start a recording thread for", self.path()))?;
        Ok(Recorder { shared, timer: Some(timer) })
    }
}

impl Recorder {
    /// Buffers a row. The timer makes it durable after at most the `max_delay` of [`Db::recorder`].
    ///
    /// # Errors
    ///
    /// After any error, this row is not recorded. [`Error::InvalidValue`], as for [`Db::record`].
    /// If the timer failed to make rows durable since the last call, its error; after
    /// [`Error::Busy`], [`Error::Storage`] and [`Error::Damaged`] those rows are still buffered. If
    /// 8 MiB are buffered, the errors of [`flush`](Self::flush).
    pub fn record<R: Record>(&self, record: &R) -> Result<()> {
        if let Some(error) = locked(&self.shared.buffer).failure.take() {
            return Err(error);
        }
        let mut row = EncodedRow::default();
        row.encode(R::TABLE, record.values()).map_err(|error| error.into_error(R::TABLE))?;
        if locked(&self.shared.buffer).bytes >= MAX_BUFFERED_BYTES {
            self.shared.flush()?;
        }
        let mut buffer = locked(&self.shared.buffer);
        buffer.bytes += row.json().len();
        buffer.rows.push((R::TABLE, row));
        if buffer.since.is_none() {
            buffer.since = Some(Instant::now());
            drop(buffer);
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Makes all rows durable that were recorded before the call.
    ///
    /// # Errors
    ///
    /// After [`Error::Busy`], [`Error::Storage`] and [`Error::Damaged`] the rows are still
    /// buffered, and the next flush stores them. After [`Error::CommitUncertain`] and
    /// [`Error::StoreReplaced`] they are no longer buffered, because they may be stored. These two
    /// errors may also come from an earlier flush by the timer, if no call has returned them yet.
    pub fn flush(&self) -> Result<()> {
        let flushed = self.shared.flush();
        let earlier = locked(&self.shared.buffer).failure.take();
        match earlier.filter(|_| flushed.is_ok()) {
            Some(error @ (Error::CommitUncertain(_) | Error::StoreReplaced { .. })) => Err(error),
            // The rows that any other error of the timer left in the buffer are stored by now.
            _ => flushed,
        }
    }
}

impl Drop for Recorder {
    /// Makes the buffered rows durable. Errors are lost, so call [`flush`](Recorder::flush) first
    /// if you need them.
    fn drop(&mut self) {
        locked(&self.shared.buffer).closed = true;
        self.shared.changed.notify_one();
        if let Some(timer) = self.timer.take() {
            let _ = timer.join();
        }
    }
}

impl Shared {
    /// Flushes whenever the oldest row has been buffered for `max_delay`, and once more at the end.
    fn run_timer(&self) {
        let mut buffer = locked(&self.buffer);
        loop {
            let left = buffer.since.map(|since| self.max_delay.saturating_sub(since.elapsed()));
            if buffer.closed || left == Some(Duration::ZERO) {
                let closed = buffer.closed;
                // If the flush fails, the next one follows after another `max_delay`.
                buffer.since = buffer.since.map(|_| Instant::now());
                drop(buffer);
                let flushed = self.flush();
                buffer = locked(&self.buffer);
                if let Err(error) = flushed {
                    buffer.keep_failure(error);
                }
                if closed {
                    return;
                }
                continue;
            }
            buffer = match left {
                Some(left) => {
                    self.changed
                        .wait_timeout(buffer, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self.changed.wait(buffer).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn flush(&self) -> Result<()> {
        let mut unstored = locked(&self.unstored);
        {
            let mut buffer = locked(&self.buffer);
            if !buffer.rows.is_empty() {
                unstored.push(Arc::new(mem::take(&mut buffer.rows)));
            }
            if unstored.is_empty() {
                buffer.since = None;
                return Ok(());
            }
        }
        let stored = self.store.append_all(unstored.clone());
        if matches!(stored, Ok(()) | Err(Error::CommitUncertain(_) | Error::StoreReplaced { .. })) {
            unstored.clear();
            let mut buffer = locked(&self.buffer);
            buffer.bytes = buffer.rows.iter().map(|(_, row)| row.json().len()).sum();
            if buffer.rows.is_empty() {
                buffer.since = None;
            }
        }
        stored
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves nothing half done here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
