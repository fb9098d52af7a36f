//! The rows of a table as a snapshot has them: those in its redb table, and those that a published
//! import has still staged. Whoever reads rows reads them here, so that an import is seen whole or not
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
    /// Imports with rows of the table that are staged, their ids rising, and the chunks of all imports.
    pending: Vec<(RangeInclusive<i64>, Import)>,
    chunks: Option<RowsTable>,
}

impl Rows {
    /// The rows in `table`, and those of the imports among `imports` that are into the table of that
    /// name.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged), once the call into redb has ended, if another program
    /// has given rows the ids of staged ones.
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
                    "rows of {name} with ids {first} to {last} are there twice: another program has \
                     written some; the import gives its own other ids when the next row is recorded"
                )));
            }
        }
        Ok(Self { table, pending, chunks })
    }

    /// The redb table, which lacks staged rows.
    pub(super) fn table(&self) -> &RowsTable {
        &self.table
    }

    /// The runs of ids whose rows are staged, rising. No row in the redb table has one of them.
    pub(super) fn pending(&self) -> impl Iterator<Item = RangeInclusive<i64>> + Clone + '_ {
        self.pending.iter().map(|(ids, _)| ids.clone())
    }

    /// How many rows there are. Takes no longer for more.
    pub(super) fn len(&self) -> Result<u64> {
        let pending: u64 = self.pending.iter().map(|(_, import)| import.pending_rows()).sum();
        Ok(self.table.len()? + pending)
    }

    /// What `read` makes of the row of the lowest id in a run, or of the highest.
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

    /// Gives the rows in a run of ids to `visit`, ids rising or falling, until it breaks.
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
        // An end that does not exist leaves a run empty that need not be looked up.
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
            // The chunk of the row that comes next.
            let position = import.position_of(if descending { last } else { next });
            let (start, bytes) = self.chunk(import, position)?;
            let rows = rows_of_chunk(&bytes).ok_or_else(|| unreadable(import.number))?;
            // The ids of its rows that are asked for.
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

    /// The chunk that has the row at a position, and the position of its first row.
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
