//! What the SQL of another program's clients needs besides this crate's: PostgreSQL's catalogue, for example.

use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::catalog::SchemaProvider;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::ast::Statement;

use crate::error::Result;

/// Adds functions to a session.
pub type Register = Arc<dyn Fn(&mut SessionState) -> datafusion::common::Result<()> + Send + Sync>;

/// Changes a parsed statement before it is planned. It may be called several times for one query.
pub type Rewrite = Arc<dyn Fn(&mut Statement) -> Result<()> + Send + Sync>;

/// Schemas and functions that queries can use besides the store's. Clones, and so all stores that are extended with
/// it, share the session that others are copied from.
#[derive(Clone)]
pub struct SqlExtension {
    schemas: Arc<[(String, Arc<dyn SchemaProvider>)]>,
    register: Register,
    base: Arc<OnceLock<SessionState>>,
}

impl SqlExtension {
    /// Names that are in no table or view of the store are looked up in the first schema. A schema
    /// `information_schema` replaces DataFusion's, and SHOW TABLES with it.
    pub fn new(schemas: Vec<(String, Arc<dyn SchemaProvider>)>, register: Register) -> Self {
        Self { schemas: schemas.into(), register, base: Arc::default() }
    }

    pub(super) fn schemas(&self) -> &[(String, Arc<dyn SchemaProvider>)] {
        &self.schemas
    }

    /// The schema in which names without one are looked up after the store's.
    pub(super) fn fallback(&self) -> Option<&Arc<dyn SchemaProvider>> {
        self.schemas.first().map(|(_, schema)| schema)
    }

    /// A session without tables, once it was made.
    pub(super) fn base(&self) -> &OnceLock<SessionState> {
        &self.base
    }

    pub(super) fn apply(&self, mut state: SessionState) -> Result<SessionState> {
        if self.schemas.iter().any(|(name, _)| name == "information_schema") {
            let config = SessionConfig::clone(state.config());
            *state.config_mut() = config.with_information_schema(false);
        }
        (self.register)(&mut state)?;
        Ok(state)
    }
}

impl fmt::Debug for SqlExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.schemas.iter().map(|(name, _)| name).collect();
        f.debug_struct("SqlExtension").field("schemas", &names).finish_non_exhaustive()
    }
}
