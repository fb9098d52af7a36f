//! Divides a scan into chunks, one per task.

use crate::providers::id_ranges::IdRange;
use crate::providers::scan_config::ScanConfig;

/// What it costs to read a row, in bytes of columns that can be decoded meanwhile.
const BYTES_PER_ROW: u64 = 64;

/// A segment costs this much at least, so that narrow scans are also divided among the cores: a chunk has
/// at most 16 segments.
const MIN_SEGMENT_BYTES: u64 = 32 << 10;

/// Divides the ranges of ids into chunks, whose rows are about as many as a batch has. Columns are decoded
/// much faster than rows, so a chunk of them has more: with a task for each segment, most of the time of a
/// narrow scan was spent on starting tasks. A segment is never divided, because each task would decode it.
///
/// If the scan may end early, the first chunks are smaller.
pub(super) fn chunks(
    config: &ScanConfig,
    id_ranges: &[IdRange],
    batch_size: usize,
    may_end_early: bool,
) -> Vec<Vec<IdRange>> {
    let segment_bytes = config.copies.estimated_bytes(&config.columns());
    let largest = batch_size as u64 * BYTES_PER_ROW;
    let mut wanted = if may_end_early { 1 } else { largest };
    let (mut chunks, mut chunk, mut cost) = (Vec::new(), Vec::new(), 0_u64);
    let mut rest = id_ranges;
    while let Some(first) = rest.first() {
        // A scan that ends early reads the rows of a block sooner than a segment's columns.
        let bytes = segment_bytes.filter(|_| wanted == largest);
        let copy = bytes.and_then(|bytes| Some((config.copies.front(rest.iter())?, bytes)));
        let (ranges, bytes) = match copy {
            Some((copy, bytes)) => (copy.ranges, bytes.max(MIN_SEGMENT_BYTES)),
            // A range without a known row count is enough for a task.
            None => (1, first.max_rows.unwrap_or(u64::MAX).saturating_mul(BYTES_PER_ROW)),
        };
        let (taken, others) = rest.split_at(ranges);
        rest = others;
        chunk.extend_from_slice(taken);
        cost = cost.saturating_add(bytes);
        if cost >= wanted {
            chunks.push(std::mem::take(&mut chunk));
            (cost, wanted) = (0, wanted.saturating_mul(4).max(4 * BYTES_PER_ROW).min(largest));
        }
    }
    chunks.extend((!chunk.is_empty()).then_some(chunk));
    chunks
}
