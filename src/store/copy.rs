//! Copies a store into a new file, row by row, from one snapshot.
//!
//! Copying the file itself takes a fraction of the time, a tenth of a second for 500,000 rows
//! instead of seconds. But that is only so if the file is in the page cache, writers would have to
//! wait meanwhile, and a copy that is suspended half way would block them. It would also copy the
//! free pages. Copying rows blocks no process, rebuilds zones and raises id counters to the highest id,
//! so the copy is correct even if the original's were not. Rows are copied byte for byte, corrupt
//! ones too, and so are the columnar copies, the keys of rows, and the states that are not about the store itself.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use redb::{
    Builder, Database, MultimapTableHandle, ReadableTable, TableDefinition, TableError,
    TableHandle, WriteTransaction,
};

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::store::Snapshot;
use crate::store::checksum;
use crate::store::keys::{KEYS, STATES, delete_own_states};
use crate::store::repair::raise_ids;
use crate::store::rows::Rows;
use crate::store::tables::{IDS, META, columns_named, is_columns, is_own, rows_named, rows_of};
use crate::store::zone_writer::ZoneWriter;
use crate::table::Table;

/// The amount of data copied per transaction. redb keeps the changes of a transaction in memory, up
/// to twice this size. With 32 MiB, a backup of 500,000 rows took 103 MiB of memory instead of 53, and as
/// much processor time.
const TRANSACTION_BYTES: usize = 8 << 20;

impl Snapshot {
    /// Writes everything in the snapshot durably to the empty file at `path`, and returns the
    /// number of rows. The `known` tables get zones.
    pub(super) fn copy_into(
        self,
        path: &Path,
        known: &[&'static Table],
        progress: &MaintenanceProgress,
    ) -> Result<u64> {
        let handle = Arc::clone(self.handle());
        handle.guard(move || self.copy_all_into(path, known, progress))
    }

    fn copy_all_into(
        self,
        path: &Path,
        known: &[&'static Table],
        progress: &MaintenanceProgress,
    ) -> Result<u64> {
        if let Some(foreign) = self.txn.list_multimap_tables()?.next() {
            return Err(foreign_table(foreign.name()));
        }
        let (mut tables, mut total) = (Vec::new(), 0);
        for table in self.txn.list_tables()?.filter(|table| !is_own(table.name())) {
            if let Err(TableError::TableTypeMismatch { .. }) =
                self.txn.open_table(rows_named(table.name()))
            {
                return Err(foreign_table(table.name()));
            }
            let Some(rows) = self.rows_named(table.name())? else { continue };
            total += rows.len()?;
            tables.push((table, rows));
        }
        progress.begin_rows(total);
        let mut copy = CopyWriter::new(path)?;
        for (table, rows) in tables {
            copy.rows(rows_named(table.name()), &rows, progress)?;
        }
        // They are those of the same rows, and need not be made anew.
        for table in self.txn.list_tables()?.filter(|table| is_columns(table.name())) {
            if let Ok(columns) = self.txn.open_table(columns_named(table.name())) {
                copy.entries(columns_named(table.name()), &columns)?;
            }
        }
        // With them, ingesting again after a restore records nothing twice.
        for definition in [KEYS, STATES] {
            if let Ok(entries) = self.txn.open_table(definition) {
                copy.entries(definition, &entries)?;
            }
        }
        let txn = copy.begin()?;
        delete_own_states(&txn)?;
        txn.commit()?;
        copy.finish(&self, known)?;
        // While the snapshot lives, the store's file keeps pages that other writers have replaced.
        drop(self);
        copy.close()
    }
}

fn foreign_table(name: &str) -> Error {
    Error::Storage(format!("cannot copy {name}, a table of another program").into())
}

struct CopyWriter {
    db: Database,
    rows: u64,
}

impl CopyWriter {
    fn new(path: &Path) -> Result<Self> {
        // No other process knows the file yet, so the handle need not be shared.
        let db = Builder::new().set_cache_size(2 * TRANSACTION_BYTES).create(path);
        let db = db.map_err(|error| Error::Storage(Box::new(redb::Error::from(error))))?;
        Ok(Self { db, rows: 0 })
    }

    fn begin(&self) -> Result<WriteTransaction> {
        Ok(self.db.begin_write()?)
    }

    fn rows(
        &mut self,
        definition: TableDefinition<'_, i64, &'static [u8]>,
        from: &Rows,
        progress: &MaintenanceProgress,
    ) -> Result<()> {
        let mut next = Some(i64::MIN);
        while let Some(first) = next.take() {
            let txn = self.begin()?;
            let mut to = txn.open_table(definition)?;
            let mut bytes = 0;
            let _ = from.visit(first..=i64::MAX, false, |id, json| {
                to.insert(id, json)?;
                bytes += json.len();
                self.rows += 1;
                progress.add_row(json);
                if bytes < TRANSACTION_BYTES {
                    return Ok(ControlFlow::Continue(()));
                }
                next = id.checked_add(1);
                Ok(ControlFlow::Break(()))
            })?;
            drop(to);
            txn.commit()?;
        }
        Ok(())
    }

    fn entries(
        &self,
        definition: TableDefinition<'_, i64, &'static [u8]>,
        from: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        let mut entries = from.iter()?.peekable();
        while entries.peek().is_some() {
            let txn = self.begin()?;
            let mut to = txn.open_table(definition)?;
            let mut bytes = 0;
            while bytes < TRANSACTION_BYTES
                && let Some(entry) = entries.next()
            {
                let (key, value) = entry?;
                bytes += value.value().len();
                to.insert(key.value(), value.value())?;
            }
            drop(to);
            txn.commit()?;
        }
        Ok(())
    }

    /// Writes everything but the rows. It comes last because the file is not a valid store without
    /// it.
    fn finish(&self, snapshot: &Snapshot, known: &[&'static Table]) -> Result<()> {
        let txn = self.begin()?;
        {
            for definition in [META, IDS] {
                let mut to = txn.open_table(definition)?;
                match snapshot.txn.open_table(definition) {
                    Err(TableError::TableDoesNotExist(_)) => {}
                    from => {
                        for entry in from?.iter()? {
                            let (key, value) = entry?;
                            to.insert(key.value(), value.value())?;
                        }
                    }
                }
            }
            for table in known {
                if snapshot.rows(table)?.is_none() {
                    continue;
                }
                let rows = txn.open_table(rows_of(table))?;
                let zones = ZoneWriter::open(&txn, table, &rows)?;
                refuse_changed(snapshot, table, &zones)?;
                raise_ids(&txn, table, &rows)?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// Closes the copy and returns its number of rows.
    fn close(mut self) -> Result<u64> {
        // redb grows a file ahead of its rows.
        self.db.compact().map_err(|error| Error::Storage(Box::new(redb::Error::from(error))))?;
        self.db.close().map_err(|error| Error::Storage(Box::new(redb::Error::from(error))))?;
        Ok(self.rows)
    }
}

/// Fails if the copied rows are not those that were recorded. The copy's own checksums would be
/// correct, so the change would go unnoticed.
fn refuse_changed(snapshot: &Snapshot, table: &Table, copied: &ZoneWriter<'_>) -> Result<()> {
    for original in snapshot.block_metas(table)? {
        let copy = copied.block_meta(original.block)?;
        let (before, after) = (original.checksum(), copy.checksum());
        if original.zone == copy.zone && before.is_some() && before != after {
            let (path, ids) = (snapshot.path(), original.block.ids());
            return Err(checksum::changed(path, table, ids, checksum::NOT_RECORDED));
        }
    }
    Ok(())
}
