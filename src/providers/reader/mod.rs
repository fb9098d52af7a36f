//! Reads rows. This is the work of one task of a scan.
//!
//! 1. [`scan_reader`] asks for batches until it has as many rows as the task may return.
//! 2. [`block`] reads the next blocks as a batch of the columns that the filter needs, and knows the
//!    encoding of each block. [`json`] reads JSON rows, the only encoding so far. If corrupt rows are
//!    skipped, it checks each row with [`row_validator`] first.
//! 3. [`row_filter`] selects the wanted rows of the batch.
//! 4. [`block`] decodes the late columns of the selected rows, and [`scan_reader`] assembles the batch.

mod block;
mod columnar;
mod columns;
mod dictionary_filter;
mod json;
mod range_filter;
mod row_filter;
mod row_validator;
mod scan_reader;
mod text_counts;
mod texts;

pub(super) use scan_reader::ScanReader;
