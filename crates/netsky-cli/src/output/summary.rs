//! The line below an answer.

use std::fmt;
use std::time::Duration;

use netsky_db::ScanCounts;

use crate::human::{bytes, counted, elapsed};

/// How many rows a query returned, how long it took, and what it read.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    pub rows: u64,
    pub took: Duration,
    pub read: ScanCounts,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", counted(self.rows, "row"), elapsed(self.took))?;
        let ScanCounts { rows_read, bytes_scanned, blocks_total, blocks_pruned, .. } = self.read;
        if blocks_total == 0 {
            return Ok(());
        }
        let read = counted(rows_read, "row");
        write!(f, "; read {read}, {}", bytes(bytes_scanned))?;
        if blocks_pruned > 0 {
            write!(
                f,
                ", skipped {} of {}",
                indicatif::HumanCount(blocks_pruned),
                counted(blocks_total, "block")
            )?;
        }
        Ok(())
    }
}
