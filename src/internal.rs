//! What the command line, benches and fuzz targets use besides the public API. Any release may change it.

pub use crate::clock::now;
#[cfg(feature = "sql")]
pub use crate::columnar::{decode_copy, encode_copy};
pub use crate::directory::{create_private_dir, sync_dir};
#[cfg(feature = "sql")]
pub use crate::providers::time_ranges;
#[cfg(feature = "sql")]
pub use crate::query::{
    Cancellation, Register, Rewrite, SqlExtension, TableSource, check_condition, interruptible,
    session_for_optimized_plans, with_functions,
};
#[cfg(feature = "sql")]
pub use crate::row::Decoder;
pub use crate::row::EncodedRow;
pub use crate::store::{Key, OWN_STATE, UpsertTransaction, caught, is_caught};
pub use crate::temp_files::TempFileGuard;
