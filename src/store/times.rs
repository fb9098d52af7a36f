//! Reads the times of rows one by one, so that an unreadable row does not hide the others.

use crate::row::TimeReader;
use crate::store::zone::Zone;
use crate::table::Table;

/// Reads the time column of rows.
pub(super) struct RowTimes {
    /// `None` if the table has no time column.
    reader: Option<TimeReader>,
    rows: Vec<(i64, Option<i64>)>,
}

impl RowTimes {
    pub(super) fn new(table: &'static Table) -> Self {
        Self { reader: TimeReader::new(table), rows: Vec::new() }
    }

    pub(super) fn push(&mut self, id: i64, json: &[u8]) {
        let time = self.reader.as_mut().and_then(|times| times.read(json).ok());
        self.rows.push((id, time));
    }

    /// Whether the batch is full.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= 1_024
    }

    /// Returns the ids and times of the rows since the last call, in nanoseconds; `None` for a time
    /// that cannot be read.
    pub(super) fn finish(&mut self) -> Vec<(i64, Option<i64>)> {
        std::mem::take(&mut self.rows)
    }
}

/// Returns the zone of rows with these times.
pub(super) fn zone_of(times: impl IntoIterator<Item = Option<i64>>) -> Zone {
    times.into_iter().fold(Zone::default(), |mut zone, time| {
        zone.add(Zone::of_row(time));
        zone
    })
}
