//! The line below an answer.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use netsky_db::ScanCounts;

use crate::output::counted;

/// How much came of a query, how long it took, and what it read for that.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    pub rows: u64,
    pub took: Duration,
    pub read: ScanCounts,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", counted(self.rows, "row"), seconds(self.took))?;
        let ScanCounts { rows_read, bytes_scanned, blocks_total, blocks_pruned, .. } = self.read;
        if blocks_total == 0 {
            return Ok(());
        }
        let read = counted(rows_read, "row");
        write!(f, "; read {read}, {}", ByteSize(bytes_scanned).display().iec())?;
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

/// With as many digits as a person can make something of.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..60 => format!("{:.1} s", time.as_secs_f64()),
        whole => humantime::format_duration(Duration::from_secs(whole)).to_string(),
    }
}
