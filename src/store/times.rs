//! Reads the times of rows individually, so that an unreadable row does not hide the others.

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;

use crate::error::Result;
use crate::row::Decoder;
use crate::store::zone::Zone;
use crate::table::Table;

/// Reads the time column of rows.
pub(super) struct RowTimes {
    /// `None` if the table has no time column.
    decoder: Option<Decoder>,
    /// The rows' ids, and whether the decoder holds a time for each.
    rows: Vec<(i64, bool)>,
}

impl RowTimes {
    pub(super) fn new(table: &'static Table) -> Result<Self> {
        let decoder = match table.time_index() {
            Some(index) => Some(Decoder::new(table, &[index])?),
            None => None,
        };
        Ok(Self { decoder, rows: Vec::new() })
    }

    pub(super) fn push(&mut self, id: i64, json: &[u8]) {
        let dated = self.decoder.as_mut().is_some_and(|times| times.push(id, json).is_ok());
        self.rows.push((id, dated));
    }

    /// Whether the batch is full.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= 1_024
    }

    /// Returns the ids and times, in nanoseconds, of the rows since the last call; `None` for an
    /// unreadable time.
    pub(super) fn finish(&mut self) -> Result<Vec<(i64, Option<i64>)>> {
        let batch = match &mut self.decoder {
            Some(decoder) => Some(decoder.finish()?),
            None => None,
        };
        let times = batch.as_ref().map(|batch| batch.column(0));
        let times = times.map(|times| times.as_primitive::<TimestampNanosecondType>().values());
        let mut times = times.into_iter().flatten().copied();
        let next = |(id, dated)| (id, if dated { times.next() } else { None });
        Ok(self.rows.drain(..).map(next).collect())
    }
}

/// Returns the zone of rows with these times.
pub(super) fn zone_of(times: impl IntoIterator<Item = Option<i64>>) -> Zone {
    times.into_iter().fold(Zone::default(), |mut zone, time| {
        zone.add(Zone::of_row(time));
        zone
    })
}
