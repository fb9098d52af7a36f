//! What a check of a store has found.

use std::fmt;
use std::ops::RangeInclusive;

/// The number of faults that a report lists. Further ones are only counted.
const MAX_LISTED: usize = 1_000;

/// The result of checking a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The number of tables checked.
    pub tables: u64,
    /// The number of rows decoded.
    pub rows: u64,
    /// The number of zones compared with their rows.
    pub zones: u64,
    /// The number of columnar copies of segments compared with their rows.
    pub segments: u64,
    /// The number of faults found.
    pub fault_count: u64,
    /// The first 1,000 faults.
    pub faults: Vec<Fault>,
}

impl CheckReport {
    /// Whether no fault was found.
    pub fn is_clean(&self) -> bool {
        self.fault_count == 0
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.fault_count += 1;
        if self.faults.len() < MAX_LISTED {
            self.faults.push(fault);
        }
    }
}

/// A fault in a store. Its `Display` text is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Pages of the file do not match their checksums, so no row was checked. Restore a backup.
    Pages {
        /// redb's description of the damage.
        reason: String,
    },
    /// A row does not fit its table. Queries that do not need the row still run.
    CorruptRow {
        /// The row's table.
        table: &'static str,
        /// The row's id.
        id: i64,
        /// What is wrong, and where in the row's JSON.
        reason: String,
    },
    /// A zone does not match the rows of its block, so queries may return wrong answers.
    ZoneMismatch {
        /// The table of the zone.
        table: &'static str,
        /// The ids of the block.
        ids: RangeInclusive<i64>,
        /// What the zone says, and what the rows say.
        reason: String,
    },
    /// The rows of a block do not match its checksum, although each of them is readable: the file
    /// was damaged before its pages were last written, or another program changed rows. Queries
    /// that read the whole block fail.
    ChangedRows {
        /// The table of the rows.
        table: &'static str,
        /// The ids of the block.
        ids: RangeInclusive<i64>,
    },
    /// The columnar copy of a segment differs from its rows, or is damaged. Queries read the rows
    /// instead of a damaged copy.
    ColumnarCopy {
        /// The table of the rows.
        table: &'static str,
        /// The ids of the segment.
        ids: RangeInclusive<i64>,
        /// What is wrong with the copy.
        reason: String,
    },
    /// Notes of ingested rows are damaged: the keys of rows, or what was read of files. Ingesting fails. A
    /// repair drops these notes, after which their rows can be ingested twice.
    Keys {
        /// The number of damaged entries.
        damaged: u64,
    },
    /// The zones count another number of rows than the table has: a program that does not maintain
    /// zones removed or inserted some. The table's zones are not used, and the next row recorded in
    /// the table rebuilds them.
    RowCountMismatch {
        /// The table of the rows.
        table: &'static str,
        /// The number of rows that the zones count.
        counted: u64,
        /// The number of rows in the table.
        rows: u64,
    },
    /// A row has a higher id than the last one assigned: another program wrote it. The next
    /// recorded row gets an even higher id.
    IdCounterBehind {
        /// The row's table.
        table: &'static str,
        /// The last assigned id.
        given_out: i64,
        /// The highest id of a row.
        highest: i64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pages { reason } => {
                write!(f, "damaged pages, so no rows were checked: {reason}")
            }
            Self::CorruptRow { table, id, reason } => {
                write!(f, "corrupt row {id} in {table}: {reason}")
            }
            Self::ZoneMismatch { table, ids, reason } => {
                write!(f, "wrong zone of {table}, ids {} to {}: {reason}", ids.start(), ids.end())
            }
            Self::ChangedRows { table, ids } => write!(
                f,
                "changed rows in {table}, ids {} to {}: they differ from what was recorded",
                ids.start(),
                ids.end()
            ),
            Self::ColumnarCopy { table, ids, reason } => {
                let (first, last) = (ids.start(), ids.end());
                write!(f, "wrong columnar copy of {table}, ids {first} to {last}: {reason}")
            }
            Self::Keys { damaged } => {
                write!(f, "damaged notes of ingested rows: {damaged}")
            }
            Self::RowCountMismatch { table, counted, rows } => {
                write!(f, "wrong zones of {table}: they count {counted} rows, and it has {rows}")
            }
            Self::IdCounterBehind { table, given_out, highest } => write!(
                f,
                "wrong id counter of {table}: the last id is {given_out}, but a row has {highest}"
            ),
        }
    }
}
