//! What queries of PostgreSQL's clients have besides the SQL of netsky-db.

use std::sync::{Arc, LazyLock};

use netsky_db::Db;
use netsky_db::internal::{Rewrite, SqlExtension};

static EXTENSION: LazyLock<SqlExtension> =
    LazyLock::new(|| SqlExtension::new(Vec::new(), Arc::new(|_| Ok(()))));

/// Returns the store with what clients expect.
pub fn extend(db: &Db) -> Db {
    db.with_extension(EXTENSION.clone())
}

/// Returns the changes of a statement whose parameters a client has declared with these types. 0 is any.
pub fn rewrite(_parameter_types: &[u32]) -> Rewrite {
    Arc::new(|_| Ok(()))
}
