//! Reading rows: what one task of a scan does.
//!
//! 1. [`scan_reader`] asks for batches until it has as many rows as the task may put out.
//! 2. [`block`] reads the next blocks as a batch of the columns that the filter needs, and knows which
//!    encoding a block has. [`json`] reads rows of JSON, the only encoding there is; with
//!    [`row_validator`] it leaves corrupt rows out first.
//! 3. [`row_filter`] selects the rows of the batch that are wanted.
//! 4. [`block`] gives the late columns, of the selected rows alone, and the batch is put together.

mod block;
mod columns;
mod json;
mod row_filter;
mod row_validator;
mod scan_reader;

pub(super) use scan_reader::ScanReader;
