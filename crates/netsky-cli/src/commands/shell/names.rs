//! The names that a query can use.

use std::collections::BTreeMap;

use futures::executor::block_on;
use netsky_db::Db;

/// Names in SQL syntax, quoted if necessary.
#[derive(Debug, Default)]
pub struct Names {
    /// The tables and their columns.
    pub tables: BTreeMap<String, Vec<String>>,
    pub functions: Vec<String>,
    /// Table functions.
    pub table_functions: Vec<String>,
}

impl Names {
    /// The names for queries of this store. Names that cannot be listed are left out.
    pub fn of(db: &Db) -> Self {
        let mut names = Self::default();
        let Ok(session) = db.session() else { return names };
        let state = session.state();
        let catalog = &state.config_options().catalog;
        let schema = session
            .catalog(&catalog.default_catalog)
            .and_then(|found| found.schema(&catalog.default_schema));
        for table in schema.iter().flat_map(|schema| schema.table_names()) {
            let found = schema.as_ref().map(|schema| block_on(schema.table(&table)));
            if let Some(Ok(Some(provider))) = found {
                let fields = provider.schema();
                let columns = fields.fields().iter().map(|field| written(field.name())).collect();
                names.tables.insert(written(&table), columns);
            }
        }
        names.functions = (state.scalar_functions().keys())
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()))
            .cloned()
            .collect();
        names.functions.sort();
        names.functions.dedup();
        names.table_functions = state.table_functions().keys().cloned().collect();
        names.table_functions.sort();
        names
    }
}

fn written(name: &str) -> String {
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    match name.chars().all(plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}
