//! A position in a range of ids that is read in several steps.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::Result;
use crate::store::checksum::{Expected, Verifier};
use crate::table::Table;

/// The position in a range of ids, and the rows read so far.
#[derive(Debug)]
pub(crate) struct RowCursor {
    ids: RangeInclusive<i64>,
    pub(super) descending: bool,
    /// The id of the last row read.
    last: Option<i64>,
    verifier: Option<Verifier>,
}

impl RowCursor {
    /// Creates a cursor before the first row. Ids ascend, or descend if `descending`. `expected` is
    /// what the range must contain, if that is known.
    pub(crate) fn new(
        ids: RangeInclusive<i64>,
        expected: Option<Expected>,
        descending: bool,
    ) -> Self {
        Self { ids, descending, last: None, verifier: expected.map(Verifier::new) }
    }

    /// Returns the ids that have not been read yet; `None` if there are none.
    pub(super) fn left(&self) -> Option<RangeInclusive<i64>> {
        let (first, last) = (*self.ids.start(), *self.ids.end());
        let left = match (self.last, self.descending) {
            (None, _) => first..=last,
            (Some(read), false) => read.checked_add(1)?..=last,
            (Some(read), true) => first..=read.checked_sub(1)?,
        };
        (!left.is_empty()).then_some(left)
    }

    /// Moves past a row.
    #[inline]
    pub(super) fn pass(&mut self, id: i64, json: &[u8]) {
        self.last = Some(id);
        if let Some(verifier) = &mut self.verifier {
            verifier.push(id, json);
        }
    }

    /// Verifies what was read, after the last row.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged) if the rows are not those that the range must
    /// contain.
    pub(super) fn finish(&self, path: &Path, table: &Table) -> Result<()> {
        let verifier = self.verifier.as_ref();
        verifier.map_or(Ok(()), |verifier| verifier.finish(path, table, self.ids.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::error::Error;
    use crate::options::OpenOptions;
    use crate::row::{EncodedRow, RowSpool};
    use crate::schema::TickRecord;
    use crate::store::{Snapshot, Store};
    use crate::table::{Record, Table};

    const TICKS: &Table = TickRecord::TABLE;

    /// Reads to the end, `step` rows at a time.
    fn read(snapshot: &Snapshot, cursor: &mut RowCursor, step: usize) -> Result<Vec<i64>> {
        let mut ids = Vec::new();
        loop {
            let flow = snapshot.scan(TICKS, cursor, |id, _| {
                ids.push(id);
                Ok(match ids.len() % step {
                    0 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                })
            })?;
            if flow.is_continue() {
                return Ok(ids);
            }
        }
    }

    #[test]
    fn stepwise_reads_are_complete_and_verified() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("meta.db");
        let store = Store::open(&path, &OpenOptions::new()).unwrap();
        store.create_tables(&[TICKS]).unwrap();
        let (mut rows, mut row) = (RowSpool::new(), EncodedRow::default());
        let tick = TickRecord { ts_utc: crate::clock::now(), source: "test", detail_json: "{}" };
        row.encode(TICKS, tick.values()).unwrap();
        (0..10).for_each(|_| rows.push(&row).unwrap());
        store.append_rows(TICKS, rows).unwrap();

        let snapshot = store.snapshot().unwrap();
        for (descending, step) in (1..12).flat_map(|step| [(false, step), (true, step)]) {
            let cursor = |rows| RowCursor::new(1..=10, Some(Expected::rows(rows)), descending);
            let mut ids = read(&snapshot, &mut cursor(10), step).unwrap();
            if descending {
                ids.reverse();
            }
            assert!(ids.iter().copied().eq(1..=10), "{ids:?}");
            let wrong = read(&snapshot, &mut cursor(9), step);
            assert!(matches!(wrong, Err(Error::Damaged { .. })), "{wrong:?}");
        }
    }
}
