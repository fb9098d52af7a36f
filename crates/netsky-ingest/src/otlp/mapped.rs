//! What requests become.

use std::collections::BTreeMap;

use crate::batch::Chunk;

/// What a request has become.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The rows, to be stored.
    pub chunk: Chunk,
    /// The number of log records, data points or spans in the request.
    pub records: u64,
    /// The number of records that are broken: they lack what a row needs.
    pub rejected: u64,
    /// Why the first of them was rejected.
    pub reason: Option<&'static str>,
    /// The number of records that give no row and are not meant to, by name.
    pub ignored: BTreeMap<String, u64>,
}
