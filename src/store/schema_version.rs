//! Checks whether this version can use a file that redb can open: its tables and schema version.

use std::path::Path;

use redb::TableHandle;

use crate::error::{Error, Result};
use crate::schema::SCHEMA_VERSION;
use crate::store::snapshot::Snapshot;
use crate::store::tables::{META, SCHEMA_VERSION_KEY};

/// Returns the schema version of a store; 0 if it has none yet.
pub(super) fn found(snapshot: &Snapshot) -> Result<i64> {
    snapshot.meta(SCHEMA_VERSION_KEY).map(Option::unwrap_or_default)
}

/// Fails if the file belongs to another program, or to a newer version of netsky.
pub(super) fn refuse_unusable(snapshot: &Snapshot) -> Result<()> {
    refuse_foreign(snapshot)?;
    refuse_newer(found(snapshot)?, snapshot.path())
}

/// Fails if the file has tables but no `meta`: then it belongs to another program.
fn refuse_foreign(snapshot: &Snapshot) -> Result<()> {
    let names = snapshot.table_names()?;
    if names.is_empty() || names.iter().any(|name| name == META.name()) {
        return Ok(());
    }
    Err(Error::NotAStore {
        path: snapshot.path().to_owned(),
        reason: format!("it is a redb file of another program, with the table {}", names[0]),
    })
}

pub(super) fn refuse_newer(found: i64, path: &Path) -> Result<()> {
    if found > SCHEMA_VERSION {
        let supported = SCHEMA_VERSION;
        return Err(Error::FutureSchemaVersion { path: path.to_owned(), found, supported });
    }
    Ok(())
}
