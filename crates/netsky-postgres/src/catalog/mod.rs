//! PostgreSQL's catalogue of the store: `pg_catalog` and `information_schema`.
//!
//! [`relation`] holds what is described, [`pg_catalog`] and [`information_schema`] turn it into rows, and
//! `relations.txt` and `types.txt` have the columns and types of PostgreSQL 16. A table is built when a query names
//! it, from the declarations of tables and views alone: no store is read.

mod information_schema;
mod pg_catalog;
mod relation;
mod row;
mod settings;
pub mod types;
pub mod value;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result;
use netsky_db::{Table, View};

pub use pg_catalog::{OWNER_OID, view_sql};
pub use relation::{Kind, Relation, Schema};
pub use settings::{DATABASE, SERVER_VERSION, setting};

/// The name of the role that owns everything, and that every user is.
pub const OWNER: &str = "netsky";

/// What the catalogue of a store describes.
#[derive(Debug)]
pub struct Catalog {
    relations: Vec<Relation>,
    by_oid: HashMap<u32, usize>,
    procedures: BTreeMap<u32, &'static str>,
    tables: Vec<OnceLock<Arc<dyn TableProvider>>>,
}

impl Catalog {
    /// Returns the catalogue of a store with the tables and views.
    pub fn new(tables: &[&'static Table], views: &[&'static View]) -> Arc<Self> {
        let relations = relation::relations(tables, views);
        let by_oid = relations.iter().enumerate().map(|(index, of)| (of.oid, index)).collect();
        let tables = relations.iter().map(|_| OnceLock::new()).collect();
        let procedures = pg_catalog::procedures_by_oid();
        Arc::new(Self { relations, by_oid, procedures, tables })
    }

    /// Returns `pg_catalog` and `information_schema`, by name.
    pub fn schemas(self: &Arc<Self>) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        let schemas = [Schema::PgCatalog, Schema::Information].map(|schema| {
            let provider = SystemSchema { schema, catalog: Arc::clone(self) };
            (schema.name().to_owned(), Arc::new(provider) as Arc<dyn SchemaProvider>)
        });
        schemas.into()
    }

    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|of| of.kind != Kind::Function)
    }

    /// Returns the function of rows of the name. As a relation, it is called `name()`.
    pub fn function(&self, name: &str) -> Option<&Relation> {
        let functions = self.relations.iter().filter(|of| of.kind == Kind::Function);
        functions.into_iter().find(|of| of.name.strip_suffix("()") == Some(name))
    }

    /// The indexes of primary keys.
    pub fn keys(&self) -> impl Iterator<Item = &Relation> {
        self.relations().filter(|of| of.is_index())
    }

    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        self.by_oid.get(&oid).and_then(|index| self.relations.get(*index))
    }

    /// Returns the relation of the name, in the schema or, without one, in `pg_catalog` or `public`.
    pub fn relation_named(&self, schema: Option<&str>, name: &str) -> Option<&Relation> {
        let find = |schema| self.relations().find(|of| of.schema == schema && of.name == name);
        match schema {
            Some(schema) => Schema::of_name(schema).and_then(find),
            None => find(Schema::PgCatalog).or_else(|| find(Schema::Public)),
        }
    }

    /// The name of a function that the catalogue names.
    pub fn procedure(&self, oid: u32) -> Option<&'static str> {
        self.procedures.get(&oid).copied()
    }

    /// The oid of a function that the catalogue names.
    pub fn procedure_named(&self, name: &str) -> Option<u32> {
        self.procedures.iter().find(|(_, known)| **known == name).map(|(oid, _)| *oid)
    }

    /// The statement that would create the index.
    pub fn index_sql(&self, key: &Relation) -> Option<String> {
        let table = self.relation(pg_catalog::indexed(key))?;
        Some(format!("CREATE UNIQUE INDEX {} ON public.{} USING btree (id)", key.name, table.name))
    }

    /// How a value of a type such as `regclass` is printed: by its name. Other oids are numbers.
    pub fn name_of(&self, type_oid: u32, oid: u32) -> String {
        let name = match types::Type::of_oid(type_oid).map(|ty| ty.name.as_ref()) {
            Some("regclass") => self.relation(oid).map(|of| match of.schema {
                Schema::Information => format!("information_schema.{}", of.name),
                _ => of.name.clone(),
            }),
            Some("regtype") => self.type_name(oid),
            Some("regproc" | "regprocedure") => self.procedure(oid).map(str::to_owned),
            Some("regnamespace") => Schema::ALL
                .into_iter()
                .find(|schema| schema.oid() == oid)
                .map(|schema| schema.name().to_owned()),
            Some("regrole") => (oid == OWNER_OID).then(|| OWNER.to_owned()),
            _ => return oid.to_string(),
        };
        // PostgreSQL prints no object as `-`, and one that does not exist as its number.
        name.unwrap_or_else(|| if oid == 0 { "-".to_owned() } else { oid.to_string() })
    }

    /// The name of a type, which may be that of a table's rows.
    pub fn type_name(&self, oid: u32) -> Option<String> {
        if let Some(ty) = types::Type::of_oid(oid) {
            return Some(ty.sql_name());
        }
        self.relations().find_map(|of| match Some(oid) {
            oid if oid == of.row_type() => Some(of.name.clone()),
            oid if oid == of.row_array() => Some(format!("{}[]", of.name)),
            _ => None,
        })
    }

    /// Whether a relation of the catalogue has no rows.
    pub fn is_empty(&self, relation: &Relation) -> bool {
        relation.schema != Schema::Public && self.rows(relation).is_empty()
    }

    /// Whether a row of a relation of the catalogue has the text in a column. True if it may.
    pub fn has_value(&self, relation: &Relation, column: &str, text: &str) -> bool {
        let is_text =
            relation.columns.iter().any(|of| of.name == column && of.ty.arrow() == DataType::Utf8);
        if relation.schema == Schema::Public || !is_text {
            return true;
        }
        let rows = self.rows(relation);
        rows.iter().any(|row| match row.value(column) {
            Some(value) => value.as_text() == Some(text),
            // What is not named may be empty.
            None => text.is_empty(),
        })
    }

    fn rows(&self, relation: &Relation) -> Vec<row::Row> {
        match relation.schema {
            Schema::Information => information_schema::rows(self, &relation.name),
            _ => pg_catalog::rows(self, &relation.name),
        }
    }

    fn table(&self, schema: Schema, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let index = self.relations.iter().position(|of| of.schema == schema && of.name == name);
        let Some(index) = index else { return Ok(None) };
        let (Some(relation), Some(built)) = (self.relations.get(index), self.tables.get(index))
        else {
            return Ok(None);
        };
        if let Some(table) = built.get() {
            return Ok(Some(Arc::clone(table)));
        }
        let batch = row::batch_of(relation, &self.rows(relation))?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        Ok(Some(Arc::clone(built.get_or_init(|| Arc::new(table)))))
    }
}

/// The names of the catalogue's columns whose types are among these.
pub fn system_columns(
    is_wanted: impl Fn(&types::Type) -> bool,
) -> impl Iterator<Item = &'static str> {
    let relations = relation::relations(&[], &[]).into_iter();
    let columns = relations.flat_map(|of| of.columns);
    columns.filter(move |column| is_wanted(column.ty)).map(|column| column.name)
}

/// A schema of the catalogue.
#[derive(Debug)]
struct SystemSchema {
    schema: Schema,
    catalog: Arc<Catalog>,
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        let relations = self.catalog.relations().filter(|of| of.schema == self.schema);
        relations.map(|of| of.name.clone()).collect()
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.relations.iter().any(|of| of.schema == self.schema && of.name == name)
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.catalog.table(self.schema, name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use netsky_db::{TABLES, VIEWS};

    use super::*;

    fn of_the_store() -> Arc<Catalog> {
        Catalog::new(TABLES, &VIEWS.iter().collect::<Vec<_>>())
    }

    #[test]
    fn rows_name_only_columns_that_exist() {
        let catalog = of_the_store();
        for relation in catalog.relations.iter().filter(|of| of.schema != Schema::Public) {
            let rows = catalog.rows(relation);
            let known = relation.columns.iter().map(|column| column.name).collect::<HashSet<_>>();
            for row::Row(values) in &rows {
                for (name, _) in values {
                    assert!(known.contains(name), "{} has no {name}", relation.name);
                }
            }
            row::batch_of(relation, &rows).unwrap();
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
