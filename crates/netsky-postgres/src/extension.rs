//! What queries of PostgreSQL's clients have besides the SQL of netsky-db.

use std::fmt;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use netsky_db::internal::{Rewrite, SqlExtension};
use netsky_db::{Db, Error};

use crate::catalog::{Catalog, schemas};
use crate::functions;
use crate::rewrite::rewrite;

/// The catalogue of a store, PostgreSQL's functions, and the changes of its SQL.
pub struct Extension {
    catalog: Arc<Catalog>,
    sql: SqlExtension,
}

impl Extension {
    /// Returns the extension for stores with the tables and views of this one.
    pub fn new(db: &Db) -> Self {
        let catalog = Catalog::new(db.tables(), db.views(), !db.is_lake());
        let of_functions = Arc::clone(&catalog);
        let sql = SqlExtension::new(
            schemas(&catalog),
            Arc::new(move |state| {
                for function in functions::scalars(&of_functions) {
                    state.register_udf(Arc::new(function))?;
                }
                for function in functions::aggregates() {
                    state.register_udaf(Arc::new(function))?;
                }
                Ok(())
            }),
        );
        Self { catalog, sql }
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// Returns the store with what clients expect.
    pub fn extend(&self, db: &Db) -> Db {
        db.with_extension(self.sql.clone())
    }

    /// Returns the changes of a statement whose parameters a client has declared with these types. 0 is any.
    pub fn rewrite(&self, parameter_types: &[u32]) -> Rewrite {
        let (catalog, types) = (Arc::clone(&self.catalog), parameter_types.to_vec());
        Arc::new(move |statement| {
            rewrite(statement, &types, &catalog)
                .map_err(|failure| Error::Query(Box::new(DataFusionError::from(failure))))
        })
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension").finish_non_exhaustive()
    }
}
