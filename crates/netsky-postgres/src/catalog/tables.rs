//! The tables of the catalogue, each built when a query first names it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result;

use super::description::Catalog;
use super::relation::{Relation, Schema};
use super::row::{Row, batch_of};
use super::{information_schema, pg_catalog};

/// Returns `pg_catalog` and `information_schema`, by name.
pub fn schemas(catalog: &Arc<Catalog>) -> Vec<(String, Arc<dyn SchemaProvider>)> {
    let schemas = [Schema::PgCatalog, Schema::Information].map(|schema| {
        let provider =
            SystemSchema { schema, catalog: Arc::clone(catalog), tables: Mutex::default() };
        (schema.name().to_owned(), Arc::new(provider) as Arc<dyn SchemaProvider>)
    });
    schemas.into()
}

/// Whether a relation of the catalogue has no rows.
pub fn is_empty(catalog: &Catalog, relation: &Relation) -> bool {
    relation.schema != Schema::Public && rows(catalog, relation).is_empty()
}

/// Whether a row of a relation of the catalogue has the text in a column. True if it may.
pub fn has_value(catalog: &Catalog, relation: &Relation, column: &str, text: &str) -> bool {
    let is_text =
        relation.columns.iter().any(|of| of.name == column && of.ty.arrow() == DataType::Utf8);
    if relation.schema == Schema::Public || !is_text {
        return true;
    }
    rows(catalog, relation).iter().any(|row| match row.value(column) {
        Some(value) => value.as_text() == Some(text),
        // What is not named may be empty.
        None => text.is_empty(),
    })
}

fn rows(catalog: &Catalog, relation: &Relation) -> Vec<Row> {
    match relation.schema {
        Schema::Information => information_schema::rows(catalog, &relation.name),
        _ => pg_catalog::rows(catalog, &relation.name),
    }
}

/// A schema of the catalogue.
#[derive(Debug)]
struct SystemSchema {
    schema: Schema,
    catalog: Arc<Catalog>,
    /// Those that were named.
    tables: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl SystemSchema {
    fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.catalog.tables_and_functions().filter(|of| of.schema == self.schema)
    }
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        let relations = self.catalog.relations().filter(|of| of.schema == self.schema);
        relations.map(|of| of.name.clone()).collect()
    }

    fn table_exist(&self, name: &str) -> bool {
        self.relations().any(|of| of.name == name)
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let Some(relation) = self.relations().find(|of| of.name == name) else { return Ok(None) };
        let batch = batch_of(relation, &rows(&self.catalog, relation))?;
        let table: Arc<dyn TableProvider> =
            Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?);
        tables.insert(name.to_owned(), Arc::clone(&table));
        Ok(Some(table))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use netsky_db::{TABLES, VIEWS};

    use super::*;

    fn of_the_store() -> Arc<Catalog> {
        Catalog::new(TABLES, &VIEWS.iter().collect::<Vec<_>>(), true)
    }

    #[test]
    fn rows_name_only_columns_that_exist() {
        let catalog = of_the_store();
        for relation in catalog.tables_and_functions().filter(|of| of.schema != Schema::Public) {
            let rows = rows(&catalog, relation);
            let known = relation.columns.iter().map(|column| column.name).collect::<HashSet<_>>();
            for Row(values) in &rows {
                for (name, _) in values {
                    assert!(known.contains(name), "{} has no {name}", relation.name);
                }
            }
            batch_of(relation, &rows).unwrap();
        }
    }

    #[test]
    fn oids_are_unique_and_follow_from_places() {
        let catalog = of_the_store();
        let mut seen = HashSet::new();
        for of in catalog.relations() {
            let oids = [Some(of.oid), of.row_type(), of.row_array(), of.constraint(), of.rule()];
            for oid in oids.into_iter().flatten() {
                assert!(seen.insert(oid), "{oid} of {}", of.name);
            }
        }
        let oid = |name| catalog.relation_named(None, name).unwrap().oid;
        assert_eq!((oid("pg_class"), oid("messages"), oid("v_cost_daily")), (1259, 16_384, 65_536));
        assert_eq!(oid("cli_invocations"), 16_392);
    }
}
