//! The names that SQL can use: the store's tables, and the views over them.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::Result;
use datafusion::datasource::{TableType, ViewTable};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;

use crate::query::extension::SqlExtension;
use crate::query::statement;
use crate::view::View;

pub(super) const CATALOG: &str = "netsky";
pub(super) const SCHEMA: &str = "public";

/// The tables and views of a session.
///
/// A view is planned when a query names it. Planning all views would take as long as many a query.
#[derive(Debug, Clone)]
pub(super) struct StoreSchema {
    tables: Arc<MemorySchemaProvider>,
    views: Arc<[&'static View]>,
    extension: Option<SqlExtension>,
    /// A session without tables, from which sessions to plan views are made.
    base: Arc<SessionState>,
}

impl StoreSchema {
    pub(super) fn new(
        tables: MemorySchemaProvider,
        views: Arc<[&'static View]>,
        extension: Option<SqlExtension>,
        base: SessionState,
    ) -> Self {
        Self { tables: Arc::new(tables), views, extension, base: Arc::new(base) }
    }

    /// Returns a session with the tables and views.
    pub(super) fn session(&self) -> Result<SessionState> {
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(self.clone()))?;
        for (name, schema) in self.extension.iter().flat_map(SqlExtension::schemas) {
            catalog.register_schema(name, Arc::clone(schema))?;
        }
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let base = SessionState::clone(&self.base);
        let state = SessionStateBuilder::new_from_existing(base);
        Ok(state.with_catalog_list(Arc::new(catalogs)).build())
    }

    fn fallback(&self) -> Option<&Arc<dyn SchemaProvider>> {
        self.extension.as_ref().and_then(SqlExtension::fallback)
    }

    fn view(&self, name: &str) -> Option<&'static View> {
        self.views.iter().copied().find(|view| view.name() == name)
    }
}

#[async_trait]
impl SchemaProvider for StoreSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.tables.table_names();
        names.extend(self.views.iter().map(|view| view.name().to_owned()));
        names
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
            || self.view(name).is_some()
            || self.fallback().is_some_and(|schema| schema.table_exist(name))
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.tables.table(name).await? {
            return Ok(Some(table));
        }
        let Some(view) = self.view(name) else {
            return match self.fallback() {
                Some(schema) => schema.table(name).await,
                None => Ok(None),
            };
        };
        let plan = self.session()?.statement_to_plan(statement::parse(view.sql())?).await?;
        Ok(Some(Arc::new(ViewTable::new(plan, Some(view.sql().to_owned())))))
    }

    /// Does not plan a view, so that `SHOW TABLES` plans none.
    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        match self.view(name) {
            Some(_) => Ok(Some(TableType::View)),
            None => self.tables.table_type(name).await,
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.tables.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.tables.deregister_table(name)
    }
}
