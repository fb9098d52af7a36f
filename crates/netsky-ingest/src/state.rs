//! What the store keeps for ingestion beside rows, as JSON.

use netsky_db::internal::UpsertTransaction;
use netsky_db::{Db, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Returns a state. One that a later version wrote and this one cannot read counts as none: what it says is
/// read again, and the keys of rows keep anything from being recorded twice.
pub(crate) fn get<T: DeserializeOwned>(
    txn: &UpsertTransaction<'_>,
    name: &str,
) -> Result<Option<T>> {
    Ok(txn.state(name)?.and_then(|json| serde_json::from_slice(&json).ok()))
}

/// Returns a state outside a transaction.
pub(crate) fn read<T: DeserializeOwned>(db: &Db, name: &str) -> Result<Option<T>> {
    Ok(db.state(name)?.and_then(|json| serde_json::from_slice(&json).ok()))
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
