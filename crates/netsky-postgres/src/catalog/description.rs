//! What the catalogue of a store describes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use netsky_db::{Table, View};

use super::relation::{Kind, Relation, Schema, relations};
use super::settings::{OWNER, OWNER_OID};
use super::types::{Type, procedures_by_oid};

/// The relations, types and functions that the catalogue describes.
#[derive(Debug)]
pub struct Catalog {
    relations: Vec<Relation>,
    by_oid: HashMap<u32, usize>,
    procedures: BTreeMap<u32, &'static str>,
}

impl Catalog {
    /// Returns the catalogue of a store with the tables and views.
    pub fn new(tables: &[&'static Table], views: &[&'static View], has_keys: bool) -> Arc<Self> {
        let relations = relations(tables, views, has_keys);
        let by_oid = relations.iter().enumerate().map(|(index, of)| (of.oid, index)).collect();
        let procedures = procedures_by_oid();
        Arc::new(Self { relations, by_oid, procedures })
    }

    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|of| of.kind != Kind::Function)
    }

    /// The relations, and the functions that return rows.
    pub fn tables_and_functions(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter()
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
        let table = self.relation(key.indexed())?;
        Some(format!("CREATE UNIQUE INDEX {} ON public.{} USING btree (id)", key.name, table.name))
    }

    /// How a value of a type such as `regclass` is printed: by its name. Other oids are numbers.
    pub fn name_of(&self, type_oid: u32, oid: u32) -> String {
        let name = match Type::of_oid(type_oid).map(|ty| ty.name.as_ref()) {
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
        if let Some(ty) = Type::of_oid(oid) {
            return Some(ty.sql_name());
        }
        self.relations().find_map(|of| match Some(oid) {
            oid if oid == of.row_type() => Some(of.name.clone()),
            oid if oid == of.row_array() => Some(format!("{}[]", of.name)),
            _ => None,
        })
    }
}

/// The names of the catalogue's columns whose types are among these.
pub fn system_columns(is_wanted: impl Fn(&Type) -> bool) -> impl Iterator<Item = &'static str> {
    let relations = relations(&[], &[], true).into_iter();
    let columns = relations.flat_map(|of| of.columns);
    columns.filter(move |column| is_wanted(column.ty)).map(|column| column.name)
}
