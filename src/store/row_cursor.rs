//! A run of ids that is read in several steps.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::Result;
use crate::store::checksum::{Expected, Verifier};
use crate::table::Table;

/// Where reading goes on in a run of ids.
#[derive(Debug)]
pub(crate) struct RowCursor {
    ids: RangeInclusive<i64>,
    pub(super) descending: bool,
    /// The id of the last row that was read.
    last: Option<i64>,
    verifier: Option<Verifier>,
}

impl RowCursor {
    /// Before the first row, ids rising, or falling if `descending`. `expected` is what the run must
    /// hold, if that is known.
    pub(crate) fn new(
        ids: RangeInclusive<i64>,
        expected: Option<Expected>,
        descending: bool,
    ) -> Self {
        Self { ids, descending, last: None, verifier: expected.map(Verifier::new) }
    }

    /// The ids whose rows are not read yet; `None` if there are none.
    pub(super) fn left(&self) -> Option<RangeInclusive<i64>> {
        let (first, last) = (*self.ids.start(), *self.ids.end());
        let left = match (self.last, self.descending) {
            (None, _) => first..=last,
            (Some(read), false) => read.checked_add(1)?..=last,
            (Some(read), true) => first..=read.checked_sub(1)?,
        };
        (!left.is_empty()).then_some(left)
    }

    /// Goes past a row.
    #[inline]
    pub(super) fn pass(&mut self, id: i64, json: &[u8]) {
        self.last = Some(id);
        if let Some(verifier) = &mut self.verifier {
            verifier.push(id, json);
        }
    }

    /// After the last row.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged) if the rows are not those that the run must hold.
    pub(super) fn finish(&self, path: &Path, table: &Table) -> Result<()> {
        let verifier = self.verifier.as_ref();
        verifier.map_or(Ok(()), |verifier| verifier.finish(path, table, self.ids.clone()))
    }
}
