//! What this package's own binary, benches and fuzz targets reach past the public API. It comes with no
//! promise: any release may change it.

pub use crate::clock::now;
pub use crate::query::check_condition;
pub use crate::row::Decoder;
pub use crate::store::{caught, is_caught};
pub use crate::temporary::Watched;
