//! A disk that fails at each of its operations in turn. Whatever operation fails, the store opens
//! again and contains what was acknowledged.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::{Bound, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{BackendError, Builder, ConcurrencyMode, ReadableTable, StorageBackend};

use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::row::{EncodedRow, RowSpool};
use crate::schema::TickRecord;
use crate::store::Store;
use crate::store::append::TableAppender;
use crate::store::handle::Handle;
use crate::store::reopening_handle::ReopeningHandle;
use crate::store::tables::rows_of;
use crate::store::unwind;
use crate::store::writer::Writer;
use crate::table::Record;

/// The number of rows recorded with one call each, and then again with a single call.
const CALLS: usize = 4;
/// The name of the row that is recorded once the disk works again.
const LAST: usize = 98;

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Writes and syncs fail.
    Refused,
    /// A write stops halfway and returns an error.
    Short,
    /// The disk is full: the file cannot grow, and writes fail.
    Full,
    /// Writes, syncs and changes of the length panic.
    Panics,
    /// As `Panics`, and reads panic too.
    ReadsPanic,
    /// Reads block, for at most ten seconds, while no operations are left.
    ReadsWait,
}

/// A file that allows a number of writes, syncs and length changes, and then fails at each.
#[derive(Debug)]
struct FailingFile {
    file: FileBackend,
    fault: Fault,
    left: Arc<AtomicUsize>,
}

impl FailingFile {
    fn fails(&self) -> bool {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        let panics = matches!(self.fault, Fault::Panics | Fault::ReadsPanic);
        assert!(left.is_ok() || !panics, "on purpose");
        left.is_err()
    }

    fn error(&self) -> io::Error {
        match self.fault {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            _ => io::Error::other("on purpose"),
        }
    }
}

macro_rules! passed_on {
    ($($name:ident -> $answer:ty),*) => {$(
        fn $name(&self, start: Bound<u64>, end: Bound<u64>) -> Result<$answer, BackendError> {
            self.file.$name(start, end)
        }
    )*};
}

impl StorageBackend for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.fault == Fault::ReadsPanic {
            self.fails();
        }
        let started = Instant::now();
        while self.fault == Fault::ReadsWait && self.left.load(Ordering::SeqCst) == 0 {
            if started.elapsed() > Duration::from_secs(10) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.fails() { Err(self.error()) } else { self.file.set_len(len) }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.fails() { Err(self.error()) } else { self.file.sync_data() }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if !self.fails() {
            return self.file.write(offset, data);
        }
        if self.fault == Fault::Short {
            self.file.write(offset, &data[..data.len() / 2])?;
        }
        Err(self.error())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    passed_on! {
        try_lock_range -> bool, try_lock_shared_range -> bool, lock_range -> (),
        lock_shared_range -> (), unlock_range -> (), query_lock_range -> bool
    }
}

/// Opens the store on a disk that fails after some operations. Also returns the number that is left.
pub(super) fn store_on_failing_disk(
    path: &Path,
    fault: Fault,
    operations: usize,
) -> (Result<Store>, Arc<AtomicUsize>) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let left = Arc::new(AtomicUsize::new(operations));
    let of_disk = Arc::clone(&left);
    let backend = FailingFile { file: FileBackend::new(file).unwrap(), fault, left: of_disk };
    (store(path, backend), left)
}

fn store(path: &Path, backend: FailingFile) -> Result<Store> {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    let db = unwind::guard(path, || {
        let db = builder.create_with_backend(backend);
        db.map_err(|error| Error::Storage(Box::new(redb::Error::from(error))))
    })?;
    let handle = Handle::of_writer(Writer::new(db, path), path);
    let connection = Arc::new(ReopeningHandle::with_handle(path, &OpenOptions::new(), handle));
    Ok(Store::without_sealer(connection))
}

/// Returns a store of ticks, and a number: reads block while it is 0.
#[cfg_attr(not(feature = "sql"), allow(dead_code, reason = "a test of scans needs it"))]
pub(crate) fn store_whose_reads_wait(path: &Path) -> (Store, Arc<AtomicUsize>) {
    let rows: Vec<EncodedRow> = (0..5_000).map(row).collect();
    let made = Store::open(path, &OpenOptions::new()).unwrap();
    let append = move |appender: &mut TableAppender<'_>| {
        rows.iter().map(|row| appender.push(row)).collect::<Result<Vec<i64>>>()
    };
    made.append(TickRecord::TABLE, append).unwrap();
    drop(made);
    let (store, left) = store_on_failing_disk(path, Fault::ReadsWait, usize::MAX);
    (store.unwrap(), left)
}

/// Returns a row with the name `name`, of so many seconds after 1970.
pub(super) fn row(name: usize) -> EncodedRow {
    let source = name.to_string();
    let ts_utc = chrono::DateTime::from_timestamp(name as i64, 0).unwrap();
    let mut row = EncodedRow::default();
    row.encode(
        TickRecord::TABLE,
        TickRecord { ts_utc, source: &source, detail_json: "{}" }.values(),
    )
    .unwrap();
    row
}

/// The rows whose call failed, and the error.
type Failed = Option<(Vec<usize>, Error)>;

/// Records until the disk fails, and once more with the same store when the disk works again.
/// Returns the id of each acknowledged row, and the names of the rows whose call failed, with the
/// error.
fn record(path: &Path, fault: Fault, operations: usize) -> (BTreeMap<i64, usize>, Failed) {
    let mut acknowledged = BTreeMap::new();
    let (Ok(store), _) = store_on_failing_disk(path, fault, operations) else {
        return (acknowledged, None);
    };
    let mut next = 0;
    for call in 0..=CALLS {
        let names: Vec<usize> =
            if call < CALLS { vec![call] } else { (CALLS..2 * CALLS).collect() };
        let rows: Vec<EncodedRow> = names.iter().map(|name| row(*name)).collect();
        let ids = store.append(TickRecord::TABLE, move |appender| {
            rows.iter().map(|row| appender.push(row)).collect::<Result<Vec<i64>>>()
        });
        match ids {
            Ok(ids) => acknowledged.extend(ids.into_iter().zip(names)),
            Err(error) => {
                let last = row(LAST);
                let id = store.append(TickRecord::TABLE, move |appender| appender.push(&last));
                acknowledged.insert(id.unwrap(), LAST);
                return (acknowledged, Some((names, error)));
            }
        }
        next += 1;
    }
    assert_eq!(next, CALLS + 1);
    (acknowledged, None)
}

#[test]
fn acknowledged_rows_survive_any_disk_failure() {
    let faults = [Fault::Refused, Fault::Short, Fault::Full, Fault::Panics, Fault::ReadsPanic];
    for fault in faults {
        let (mut operations, mut uncertain) = (0, 0);
        loop {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("meta.db");
            Store::open(&path, &OpenOptions::new())
                .unwrap()
                .create_tables(&[TickRecord::TABLE])
                .unwrap();
            let (acknowledged, failed) = record(&path, fault, operations);

            let at = format!("{fault:?} after {operations} operations");
            let store = Store::open(&path, &OpenOptions::new())
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            store.create_tables(&[TickRecord::TABLE]).unwrap();
            let txn = store.handle().unwrap().begin_read().unwrap();
            let rows = txn.open_table(rows_of(TickRecord::TABLE)).unwrap();
            let mut found: BTreeMap<i64, usize> = BTreeMap::new();
            for row in rows.iter().unwrap() {
                let (id, json) = row.unwrap();
                let text = String::from_utf8(json.value().to_vec()).unwrap();
                let name = text.split("\"source\":\"").nth(1).unwrap().split('"').next().unwrap();
                found.insert(id.value(), name.parse().unwrap());
            }
            drop((rows, txn));
            // The rows of the failed call are stored completely or not at all, in their place.
            let unsure: Vec<usize> = found
                .iter()
                .filter(|(id, _)| !acknowledged.contains_key(id))
                .map(|row| *row.1)
                .collect();
            match &failed {
                None => assert_eq!(unsure, [0_usize; 0], "{at}: {found:?}"),
                // Only a failed commit may leave this unknown.
                Some((names, Error::CommitUncertain(_))) => {
                    assert!(unsure.is_empty() || unsure == *names, "{at}: {found:?}");
                    uncertain += 1;
                }
                Some((_, Error::Storage(_) | Error::Damaged { .. })) => {
                    assert_eq!(unsure, [0_usize; 0], "{at}: {found:?}");
                }
                Some((_, other)) => panic!("{at}: {other:?}"),
            }
            let mut names: Vec<usize> = found.values().copied().collect();
            assert!(names.is_sorted(), "{at}: {found:?}");
            names.dedup();
            assert_eq!(names.len(), found.len(), "{at}: a row is stored twice");
            assert!(acknowledged.iter().all(|(id, name)| found.get(id) == Some(name)), "{at}");
            assert_eq!(store.check(&[TickRecord::TABLE]).unwrap().faults, [], "{at}");
            // Recording continues from there.
            let last = found.len() as i64;
            let id = store.append(TickRecord::TABLE, |appender| appender.push(&row(99))).unwrap();
            assert_eq!(id, last + 1, "{at}");
            if failed.is_none() && acknowledged.len() == 2 * CALLS {
                break;
            }
            // Panics follow the same paths, and unwinding is slow.
            operations += if matches!(fault, Fault::Panics | Fault::ReadsPanic) { 4 } else { 1 };
        }
        assert!(operations > 20, "the disk never failed");
        assert!(uncertain > 0, "no commit failed");
        println!("{fault:?}: {operations} faults, {uncertain} of them in a commit");
    }
}

/// The number of rows in the import on a failing disk.
const IMPORTED: usize = 100;

/// The result of an import, and whether it finished before the disk failed.
type Attempt = (Result<Range<i64>>, bool);

/// Imports until the disk fails, and records a row with the same store when the disk works again.
/// `None` if the store could not even be opened.
fn import(path: &Path, fault: Fault, operations: usize) -> Option<Attempt> {
    let (store, left) = store_on_failing_disk(path, fault, operations);
    let store = store.ok()?;
    let mut rows = RowSpool::new();
    for name in 0..IMPORTED {
        // Enough rows that staging takes several transactions and moving several chunks.
        let ts_utc = chrono::DateTime::from_timestamp(name as i64, 0).unwrap();
        let (source, detail_json) = (&name.to_string(), &"a".repeat(2_000));
        let mut row = EncodedRow::default();
        row.encode(TickRecord::TABLE, TickRecord { ts_utc, source, detail_json }.values()).unwrap();
        rows.push(&row).unwrap();
    }
    let imported = store.import_unless(TickRecord::TABLE, &mut rows, |_| Ok(false));
    let imported = imported.map(Option::unwrap);
    let lasted = left.swap(usize::MAX, Ordering::SeqCst) > 0;
    let last = row(LAST);
    store.append(TickRecord::TABLE, move |appender| appender.push(&last)).unwrap();
    Some((imported, lasted))
}

#[test]
fn imports_on_a_failing_disk_are_atomic() {
    let faults = [Fault::Refused, Fault::Short, Fault::Full, Fault::Panics, Fault::ReadsPanic];
    for fault in faults {
        let (mut operations, mut stored, mut uncertain) = (0, 0, 0);
        loop {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("meta.db");
            let tables = &[TickRecord::TABLE];
            Store::open(&path, &OpenOptions::new()).unwrap().create_tables(tables).unwrap();
            let imported = import(&path, fault, operations);

            let at = format!("{fault:?} after {operations} operations");
            let store = Store::open(&path, &OpenOptions::new())
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            store.create_tables(tables).unwrap();
            let others = u64::from(imported.is_some());
            let count = || store.snapshot().unwrap().count(TickRecord::TABLE).unwrap() - others;
            let found = count();
            match &imported {
                None => assert_eq!(found, 0, "{at}"),
                Some((Ok(ids), _)) => {
                    assert_eq!((ids.start, found), (1, IMPORTED as u64), "{at}");
                    stored += 1;
                }
                Some((Err(Error::CommitUncertain(_)), _)) => {
                    assert!(found == 0 || found == IMPORTED as u64, "{at}: {found}");
                    uncertain += 1;
                }
                Some((Err(Error::Storage(_) | Error::Damaged { .. }), _)) => {
                    assert_eq!(found, 0, "{at}");
                }
                Some((Err(other), _)) => panic!("{at}: {other:?}"),
            }
            assert_eq!(store.check(tables).unwrap().faults, [], "{at}");
            // Repairing moves the remaining rows and changes nothing else.
            store.repair(tables).unwrap();
            assert_eq!(count(), found, "{at}");
            assert_eq!(store.check(tables).unwrap().faults, [], "{at}");
            let id = store.append(TickRecord::TABLE, |appender| appender.push(&row(99))).unwrap();
            assert_eq!(id.unsigned_abs(), found + others + 1, "{at}");
            if imported.is_some_and(|(_, lasted)| lasted) {
                break;
            }
            operations += if matches!(fault, Fault::Panics | Fault::ReadsPanic) { 11 } else { 3 };
        }
        println!(
            "{fault:?}: {operations} operations, {stored} imports stored, {uncertain} uncertain"
        );
        // The disk also failed while rows that were already stored were moved.
        assert!(stored > 3 && uncertain > 0, "the disk never failed where it matters");
    }
}
