//! What the queries of a `Db` share: sessions, threads and limits.

use std::sync::Arc;

use crate::query::extension::SqlExtension;
use crate::query::options::QueryOptions;
use crate::query::runtime::QueryRuntime;
use crate::query::session::SessionFactory;
use crate::table::Table;
use crate::view::View;

/// Clones share the sessions and the threads.
#[derive(Debug, Clone)]
pub(crate) struct Queries {
    pub(super) sessions: Arc<SessionFactory>,
    pub(super) options: QueryOptions,
    pub(super) runtime: Arc<QueryRuntime>,
}

impl Queries {
    pub(crate) fn new(sessions: SessionFactory) -> Self {
        let (options, runtime) = (QueryOptions::new(), Arc::default());
        Self { sessions: Arc::new(sessions), options, runtime }
    }

    /// The same threads, limits and views with other tables.
    pub(crate) fn with_tables(&self, tables: Vec<&'static Table>) -> Self {
        let (origin, views) = (self.sessions.origin().clone(), self.sessions.views().to_vec());
        Self { sessions: Arc::new(SessionFactory::new(origin, tables, views)), ..self.clone() }
    }

    /// The same threads, limits and tables with other views.
    pub(crate) fn with_views(&self, views: Vec<&'static View>) -> Self {
        let (origin, tables) = (self.sessions.origin().clone(), self.sessions.tables().to_vec());
        Self { sessions: Arc::new(SessionFactory::new(origin, tables, views)), ..self.clone() }
    }

    /// The same threads, limits, tables and views with an extension.
    pub(crate) fn with_extension(&self, extension: SqlExtension) -> Self {
        let sessions = self.sessions.with_extension(extension);
        Self { sessions: Arc::new(sessions), ..self.clone() }
    }

    pub(crate) fn with_options(&self, options: QueryOptions) -> Self {
        Self { options, ..self.clone() }
    }

    pub(crate) fn sessions(&self) -> &SessionFactory {
        &self.sessions
    }

    pub(crate) fn options(&self) -> &QueryOptions {
        &self.options
    }
}
