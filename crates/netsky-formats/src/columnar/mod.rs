//! Arrow and Parquet.

mod checksums;
mod ipc;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use checksums::{Checksums, Damage};
pub use read::{ColumnarReader, is_columnar, open};
pub use write::{table_schema, write_table};
pub(crate) use write::{write_file, write_parquet, write_stream};
