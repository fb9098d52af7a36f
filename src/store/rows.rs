//! The rows of a table in a snapshot: those in its redb table, and those that a published import
//! still has staged. All readers go through this module, so an import is visible completely or not
//! at all.

use std::ops::{ControlFlow, RangeInclusive};

use redb::{ReadOnlyTable, ReadableTableMetadata};

use crate::error::Result;
use crate::row;
use crate::store::staged::{Import, StagedRow, damaged, rows_of_chunk, unreadable};
use crate::store::unwind::{self, Guarded};

pub(super) type RowsTable = ReadOnlyTable<i64, &'static [u8]>;

/// The rows of a table.
pub(super) struct Rows {
    table: RowsTable,
    /// Imports with staged rows of the table, by ascending ids, and the redb table of chunks.
    pending: Vec<(RangeInclusive<i64>, Import)>,
    chunks: Option<RowsTable>,
}

impl Rows {
    /// Combines the rows in `table` with those of the `imports` into the table named `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged), once the call into redb ends, if another program
    /// has used the ids of staged rows.
    pub(super) fn new(
        name: &str,
        table: RowsTable,
        imports: &[Import],
        chunks: Option<RowsTable>,
    ) -> Result<Self> {
        let of_table = imports.iter().filter(|import| import.table == name);
        let mut pending: Vec<_> =
            of_table.filter_map(|import| Some((import.pending()?, import.clone()))).collect();
        pending.sort_unstable_by_key(|(ids, _)| *ids.start());
        let overlap = pending.windows(2).any(|pair| pair[0].0.end() >= pair[1].0.start());
        for (ids, _) in &pending {
            if overlap || table.range(ids.clone())?.next().is_some() {
                let (first, last) = (ids.start(), ids.end());
                return Err(damaged(&format!(
                    "rows of {name} with ids {first} to {last} exist twice: another program used \
                     ids of an import; recording a row gives the imported rows other ids"
                )));
            }
        }
        Ok(Self { table, pending, chunks })
    }

    /// Returns the redb table, without the staged rows.
    pub(super) fn table(&self) -> &RowsTable {
        &self.table
    }

    /// Returns the id ranges of the staged rows, ascending. No row in the redb table has an id in
    /// them.
    pub(super) fn pending(&self) -> impl Iterator<Item = RangeInclusive<i64>> + Clone + '_ {
        self.pending.iter().map(|(ids, _)| ids.clone())
    }

    /// Returns the number of rows, in constant time.
    pub(super) fn len(&self) -> Result<u64> {
        let pending: u64 = self.pending.iter().map(|(_, import)| import.pending_rows()).sum();
        Ok(self.table.len()? + pending)
    }

    /// Passes the row with the lowest or highest id in a range to `read`.
    pub(super) fn first<T>(
        &self,
        ids: RangeInclusive<i64>,
        descending: bool,
        mut read: impl FnMut(i64, &[u8]) -> T,
    ) -> Result<Option<T>> {
        let mut first = None;
        let _ = self.visit(ids, descending, |id, json| {
            first = Some(read(id, json));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(first)
    }

    /// Passes the rows in a range of ids to `visit`, in ascending or descending order, until it
    /// breaks.
    pub(super) fn visit(
        &self,
        ids: RangeInclusive<i64>,
        descending: bool,
        mut visit: impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        if self.pending.is_empty() {
            return self.visit_table(ids, descending, &mut visit);
        }
        let mut parts = Vec::new();
        let (mut next, last) = ids.into_inner();
        for (pending, import) in &self.pending {
            let (from, until) = (next.max(*pending.start()), last.min(*pending.end()));
            if from > until {
                continue;
            }
            parts.push((next..=from.saturating_sub(1), None));
            parts.push((from..=until, Some(import)));
            next = until.saturating_add(1);
        }
        parts.push((next..=last, None));
        // Empty ranges need no lookup.
        parts.retain(|(ids, _)| !ids.is_empty());
        if descending {
            parts.reverse();
        }
        for (ids, import) in parts {
            let flow = match import {
                None => self.visit_table(ids, descending, &mut visit)?,
                Some(import) => self.visit_staged(import, ids, descending, &mut visit)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    #[inline]
    fn visit_table(
        &self,
        ids: RangeInclusive<i64>,
        descending: bool,
        visit: &mut impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let mut range = Guarded::new(self.table.range(ids)?);
        while let Some(row) = if descending { range.next_back() } else { range.next() } {
            let (id, json) = row?;
            let (id, json) = (id.value(), json.value());
            if unwind::outside(|| visit(id, json))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn visit_staged(
        &self,
        import: &Import,
        ids: RangeInclusive<i64>,
        descending: bool,
        visit: &mut impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let (mut next, mut last) = ids.into_inner();
        let mut row = Vec::new();
        while next <= last {
            // The chunk that contains the next row.
            let position = import.position_of(if descending { last } else { next });
            let (start, bytes) = self.chunk(import, position)?;
            let rows = rows_of_chunk(&bytes).ok_or_else(|| unreadable(import.number))?;
            // The ids of the requested rows in this chunk.
            let start_id = if descending { last } else { next } - (position - start).cast_signed();
            let end_id = start_id.saturating_add_unsigned(rows.len() as u64) - 1;
            let (from, until) = (next.max(start_id), last.min(end_id));
            if until < if descending { last } else { next } {
                return Err(unreadable(import.number));
            }
            let mut give = |id: i64, staged: &StagedRow<'_>| {
                row.clear();
                row::id_prefix(id, &mut row);
                row.extend_from_slice(staged.json);
                unwind::outside(|| visit(id, &row))
            };
            let rows = rows.iter().enumerate().map(|(at, row)| (start_id + at as i64, row));
            let mut rows = rows.filter(|(id, _)| (from..=until).contains(id));
            while let Some((id, row)) = if descending { rows.next_back() } else { rows.next() } {
                if give(id, row)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            match descending {
                true if from > next => last = from - 1,
                false if until < last => next = until + 1,
                _ => break,
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the chunk that has the row at a position, and the position of its first row.
    fn chunk(&self, import: &Import, position: u64) -> Result<(u64, Vec<u8>)> {
        let keys = import.key(0)?..=import.key(position)?;
        let mut found = None;
        if let Some(chunks) = &self.chunks
            && let Some(chunk) = chunks.range(keys)?.next_back()
        {
            let (key, bytes) = chunk?;
            found = Some((import.position_at(key.value()), bytes.value().to_vec()));
        }
        found.ok_or_else(|| unreadable(import.number))
    }
}
