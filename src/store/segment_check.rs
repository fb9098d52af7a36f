//! Compares the columnar copies of a table with its rows.

use std::collections::BTreeMap;

use crate::columnar::{BuiltColumn, Header, Segment, SegmentEncoder};
use crate::error::Result;
use crate::store::Snapshot;
use crate::store::check_report::{CheckReport, Fault};
use crate::store::checksum::Checksum;
use crate::table::Table;

/// The copies of a table that are used, and have not been compared yet.
pub(super) struct SegmentCheck<'a> {
    snapshot: &'a Snapshot,
    table: &'static Table,
    headers: BTreeMap<Segment, Header>,
    open: Option<OpenSegment>,
}

struct OpenSegment {
    header: Header,
    encoder: SegmentEncoder,
    checksum: Checksum,
}

impl<'a> SegmentCheck<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        table: &'static Table,
        report: &mut CheckReport,
    ) -> Result<Self> {
        let complete = snapshot.zones(table)?.complete_segments();
        for segment in snapshot.damaged_headers(table, &complete)? {
            add(report, table, segment, "its header is damaged".to_owned());
        }
        let headers = snapshot.segment_headers(table, complete.into_iter())?;
        let headers = headers.into_iter().map(|header| (header.segment, header)).collect();
        Ok(Self { snapshot, table, headers, open: None })
    }

    /// Takes the next row. `None` if its segment has no copy; else whether the row can be read.
    pub(super) fn push(
        &mut self,
        id: i64,
        json: &[u8],
        report: &mut CheckReport,
    ) -> Result<Option<Result<(), String>>> {
        let segment = Segment::of(id);
        if self.open.as_ref().is_some_and(|open| open.header.segment != segment) {
            self.finish_segment(report)?;
        }
        if self.open.is_none()
            && let Some(header) = self.headers.remove(&segment)
        {
            let encoder = SegmentEncoder::new(self.table, segment);
            self.open = Some(OpenSegment { header, encoder, checksum: Checksum::default() });
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        open.checksum.add(Checksum::of_row(id, json));
        let read = open.encoder.push(id, json);
        if read.is_err() {
            self.open = None;
        }
        Ok(Some(read))
    }

    /// Compares the open segment with its copy.
    pub(super) fn finish_segment(&mut self, report: &mut CheckReport) -> Result<()> {
        let Some(OpenSegment { header, encoder, checksum }) = self.open.take() else {
            return Ok(());
        };
        report.segments += 1;
        // If the rows are not those that were recorded, they are reported, and the copy is right.
        if checksum.value() != header.checksum {
            return Ok(());
        }
        if encoder.ids() != header.ids.ids(header.segment, header.rows) {
            add(report, self.table, header.segment, "it has other ids".to_owned());
            return Ok(());
        }
        for BuiltColumn { name, nulls, range, values } in encoder.built_columns() {
            let Some(place) = header.columns.iter().position(|column| column.name == name) else {
                continue;
            };
            let entry = &header.columns[place];
            let stored = self.snapshot.segment_column(self.table, &header, place)?;
            let reason = match stored {
                None => format!("the values of {name} are damaged"),
                Some(stored) if !stored.equals(&values, header.rows) => {
                    format!("the values of {name} differ")
                }
                // Earlier copies have no ranges of floats and booleans.
                _ if entry.nulls != nulls || entry.range.is_some() && entry.range != range => {
                    format!("the range of {name} differs")
                }
                _ => continue,
            };
            add(report, self.table, header.segment, reason);
        }
        Ok(())
    }
}

fn add(report: &mut CheckReport, table: &'static Table, segment: Segment, reason: String) {
    report.add(Fault::ColumnarCopy { table: table.name(), ids: segment.ids(), reason });
}
