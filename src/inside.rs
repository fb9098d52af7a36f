//! What this package's own benches and fuzz targets reach past the public API. It comes with no
//! promise: any release may change it.

pub use crate::row::Decoder;
