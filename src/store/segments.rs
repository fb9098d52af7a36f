//! The columnar copies of segments, in a redb table for each table of rows.
//!
//! `<table>.columns` maps the keys of a [`Segment`] to its header and the values of its columns. A copy is
//! derived data. Its header has the number and the checksum of the rows that it was made of, and it is
//! used only if the blocks of the segment have the same. So it matches the rows, no matter which program has
//! written, pruned or repaired them since. Versions before the copy ignore these tables.

use redb::{ReadOnlyTable, ReadableTable, Table as RedbTable, TableHandle, WriteTransaction};

use crate::columnar::{ColumnValues, EncodedSegment, Header, Segment};
use crate::error::Result;
use crate::store::Snapshot;
use crate::store::segment_rows::SegmentRows;
use crate::store::snapshot::absent_as_none;
use crate::store::tables::{columns_name, columns_named, is_columns};
use crate::table::Table;

impl Snapshot {
    /// Returns the headers of the copies that are those of these rows.
    pub(crate) fn segment_headers(
        &self,
        table: &Table,
        segments: impl Iterator<Item = SegmentRows>,
    ) -> Result<Vec<Header>> {
        self.guard(|| {
            let Some(columns) = self.columns(table)? else { return Ok(Vec::new()) };
            let mut headers = Vec::new();
            for rows in segments {
                headers
                    .extend(header(&columns, rows.segment)?.filter(|found| rows.has_copy(found)));
            }
            Ok(headers)
        })
    }

    /// Returns the segments of which anything is stored.
    pub(super) fn stored_segments(&self, table: &Table) -> Result<Vec<Segment>> {
        self.guard(|| {
            let Some(columns) = self.columns(table)? else { return Ok(Vec::new()) };
            let mut segments = Vec::new();
            let mut next = Some(i64::MIN);
            while let Some(from) = next {
                let Some(entry) = columns.range(from..)?.next() else { break };
                let segment = Segment::of_key(entry?.0.value());
                next = segment.keys().end().checked_add(1).filter(|next| *next > from);
                segments.push(segment);
            }
            Ok(segments)
        })
    }

    /// Returns the segments whose stored header cannot be read. A header of a later version
    /// can be read by that version alone, but is no fault.
    pub(super) fn damaged_headers(
        &self,
        table: &Table,
        segments: &[SegmentRows],
    ) -> Result<Vec<Segment>> {
        self.guard(|| {
            let Some(columns) = self.columns(table)? else { return Ok(Vec::new()) };
            let mut damaged = Vec::new();
            for SegmentRows { segment, .. } in segments {
                let stored = columns.get(segment.header_key())?;
                if stored.is_some_and(|stored| Header::is_damaged(*segment, stored.value())) {
                    damaged.push(*segment);
                }
            }
            Ok(damaged)
        })
    }

    /// Returns the values of a column of a copy, by its place in the header. `None` if they are missing or
    /// damaged.
    pub(crate) fn segment_column(
        &self,
        table: &Table,
        header: &Header,
        place: usize,
    ) -> Result<Option<ColumnValues>> {
        self.guard(|| {
            let Some(columns) = self.columns(table)? else { return Ok(None) };
            let stored = columns.get(header.segment.column_key(place))?;
            Ok(stored.and_then(|stored| header.decode_column(place, stored.value())))
        })
    }

    /// Returns the redb table with the copies of the table.
    pub(super) fn columns(
        &self,
        table: &Table,
    ) -> Result<Option<ReadOnlyTable<i64, &'static [u8]>>> {
        absent_as_none(self.txn.open_table(columns_named(&columns_name(table.name()))))
    }
}

fn header(
    columns: &impl ReadableTable<i64, &'static [u8]>,
    segment: Segment,
) -> Result<Option<Header>> {
    let stored = columns.get(segment.header_key())?;
    Ok(stored.and_then(|stored| Header::decode(segment, stored.value())))
}

/// Stores a copy, and deletes the one before.
pub(super) fn put(txn: &WriteTransaction, table: &Table, encoded: &EncodedSegment) -> Result<()> {
    let mut columns = txn.open_table(columns_named(&columns_name(table.name())))?;
    let segment = encoded.header.segment;
    columns.retain_in(segment.keys(), |_, _| false)?;
    for (place, values) in encoded.columns.iter().enumerate() {
        columns.insert(segment.column_key(place), values.as_slice())?;
    }
    columns.insert(segment.header_key(), encoded.header.encode().as_slice())?;
    Ok(())
}

/// Deletes the copy of a segment, if there is one.
pub(super) fn delete(txn: &WriteTransaction, table: &Table, segment: Segment) -> Result<()> {
    if let Some(mut columns) = existing(txn, &columns_name(table.name()))? {
        columns.retain_in(segment.keys(), |_, _| false)?;
    }
    Ok(())
}

/// Deletes all copies of a table.
pub(super) fn delete_all(txn: &WriteTransaction, table: &Table) -> Result<()> {
    txn.delete_table(columns_named(&columns_name(table.name())))?;
    Ok(())
}

/// Deletes all copies of all tables, including tables whose columns this program does not know.
pub(super) fn delete_all_tables(txn: &WriteTransaction) -> Result<()> {
    let names: Vec<String> = txn.list_tables()?.map(|table| table.name().to_owned()).collect();
    for name in names.iter().filter(|name| is_columns(name)) {
        txn.delete_table(columns_named(name))?;
    }
    Ok(())
}

/// Opens a table if it exists. redb would create it otherwise.
fn existing<'txn>(
    txn: &'txn WriteTransaction,
    name: &str,
) -> Result<Option<RedbTable<'txn, i64, &'static [u8]>>> {
    if txn.list_tables()?.any(|table| table.name() == name) {
        return Ok(Some(txn.open_table(columns_named(name))?));
    }
    Ok(None)
}
