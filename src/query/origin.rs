//! Where a session's tables come from.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::execution::session_state::SessionState;

use crate::error::Result;
use crate::providers::{ScanContext, SkippedRows, StoreTable};
use crate::query::options::QueryOptions;
use crate::store::Store;
use crate::table::Table;

/// Tables that are not in a store.
pub trait TableSource: fmt::Debug + Send + Sync {
    /// The tables.
    fn tables(&self) -> Vec<&'static Table>;

    /// The table's provider. Besides the table's columns, it can have others.
    fn provider(&self, table: &'static Table) -> Arc<dyn TableProvider>;

    /// Adapts the session of a query, for example to run its plan elsewhere.
    fn adapt(&self, session: SessionState) -> SessionState {
        session
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Store(Store),
    Lake(Arc<dyn TableSource>),
}

impl Origin {
    /// Returns a table of which each scan sees what is there when it is planned. If a query has a
    /// [`ScanContext`], its scans of a store see that snapshot.
    pub(super) fn table(
        &self,
        table: &'static Table,
        options: &QueryOptions,
    ) -> Arc<dyn TableProvider> {
        match self {
            Self::Store(store) => Arc::new(store_table(store, table, options)),
            Self::Lake(source) => source.provider(table),
        }
    }

    /// The same for sessions that may lack our rules.
    pub(super) fn table_for_any_session(
        &self,
        table: &'static Table,
        options: &QueryOptions,
    ) -> Arc<dyn TableProvider> {
        match self {
            Self::Store(store) => Arc::new(store_table(store, table, options).for_any_session()),
            Self::Lake(source) => source.provider(table),
        }
    }

    pub(super) fn adapt(&self, session: SessionState) -> SessionState {
        match self {
            Self::Store(_) => session,
            Self::Lake(source) => source.adapt(session),
        }
    }

    /// Returns what the scans of one query share.
    pub(super) fn scan_context(
        &self,
        skipped: Option<Arc<SkippedRows>>,
    ) -> Result<Option<ScanContext>> {
        match self {
            Self::Store(store) => {
                Ok(Some(ScanContext { snapshot: Arc::new(store.snapshot()?), skipped }))
            }
            Self::Lake(_) => Ok(None),
        }
    }
}

fn store_table(store: &Store, table: &'static Table, options: &QueryOptions) -> StoreTable {
    let provider = StoreTable::new(table, store.clone());
    match options.skip_corrupt {
        true => provider.skipping_corrupt(Arc::default()),
        false => provider,
    }
}
