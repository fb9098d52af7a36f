//! What the store keeps for ingestion beside rows, as JSON.

use netsky_db::internal::UpsertTransaction;
use netsky_db::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a stored state. One that a later version wrote and this one cannot read counts as none: what it says
/// is read again, and the keys of rows keep anything from being recorded twice.
pub(crate) fn parsed<T: DeserializeOwned>(stored: Option<Vec<u8>>) -> Option<T> {
    serde_json::from_slice(&stored?).ok()
}

/// Returns a state.
pub(crate) fn get<T: DeserializeOwned>(
    txn: &UpsertTransaction<'_>,
    name: &str,
) -> Result<Option<T>> {
    Ok(parsed(txn.state(name)?))
}

/// Sets a state.
pub(crate) fn set(
    txn: &mut UpsertTransaction<'_>,
    name: &str,
    value: &impl Serialize,
) -> Result<()> {
    let json = serde_json::to_vec(value).map_err(|error| Error::Storage(error.into()))?;
    txn.set_state(name, &json)
}
