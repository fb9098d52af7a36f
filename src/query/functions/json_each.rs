//! `json_each` and `json_tree` in a FROM clause, as in SQLite and DuckDB.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::Expr;

use crate::query::functions::json_value::{JsonPart, Kind, find, is_valid};
use crate::query::json_path::JsonPath;

pub(super) fn each() -> Arc<dyn TableFunctionImpl> {
    Arc::new(JsonEach { name: "json_each", is_deep: false })
}

pub(super) fn tree() -> Arc<dyn TableFunctionImpl> {
    Arc::new(JsonEach { name: "json_tree", is_deep: true })
}

#[derive(Debug)]
struct JsonEach {
    name: &'static str,
    /// Whether the values inside of values are rows as well.
    is_deep: bool,
}

/// The rows, column by column.
#[derive(Default)]
struct Columns {
    keys: Vec<Option<String>>,
    values: Vec<Option<String>>,
    types: Vec<&'static str>,
    atoms: Vec<Option<String>>,
    ids: Vec<i64>,
    parents: Vec<Option<i64>>,
    full_keys: Vec<String>,
    paths: Vec<String>,
}

impl TableFunctionImpl for JsonEach {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let name = self.name;
        let texts = args.exprs().iter().map(|expr| match expr {
            Expr::Literal(value, _) if value.is_null() => Ok(None),
            Expr::Literal(value, _) => Ok(value.try_as_str().flatten()),
            _ => plan_err!(
                "{name}() in FROM takes a literal; for a column: SELECT e['key'], e['value'] FROM \
                 (SELECT unnest(json_entries(detail_json)) AS e FROM ticks)"
            ),
        });
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let (json, path) = match texts.as_slice() {
            [json] => (*json, "$"),
            [json, path] => (*json, path.unwrap_or("$")),
            _ => {
                return plan_err!(
                    "{name}() takes JSON and a path, found {} arguments",
                    texts.len()
                );
            }
        };
        let path = JsonPath::of_argument(path)?;
        let mut columns = Columns::default();
        if let Some(json) = json {
            if !is_valid(json) {
                return plan_err!("{name}(): the text is not JSON");
            }
            if let Some(part) = find(json, path.steps()) {
                self.add(&part, &path.to_string(), &mut columns);
            }
        }
        let batch = columns.into_batch()?;
        Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
    }
}

impl JsonEach {
    fn add(&self, part: &JsonPart<'_>, path: &str, columns: &mut Columns) {
        let is_container = matches!(part.kind, Kind::Array | Kind::Object);
        if self.is_deep || !is_container {
            let parent = path.rfind(['.', '[']).map_or(path, |end| path.get(..end).unwrap_or("$"));
            columns.push(None, part, None, path.to_owned(), parent);
            if !self.is_deep {
                return;
            }
        }
        let root = columns.ids.last().copied();
        let mut open = vec![(*part, root, path.to_owned())];
        // Depth first, as SQLite does. Parts are nested at most as deep as the parser allows.
        while let Some((part, parent, path)) = open.pop() {
            let mut inner = Vec::new();
            for (nth, entry) in part.entries().into_iter().enumerate() {
                let full = match &entry.key {
                    Some(key) if key.contains(['.', '[', ' ', '"']) => format!("{path}.\"{key}\""),
                    Some(key) => format!("{path}.{key}"),
                    None => format!("{path}[{nth}]"),
                };
                let key = entry.key.unwrap_or_else(|| nth.to_string());
                inner.push((key, entry.value, full));
            }
            for (key, value, full) in inner {
                columns.push(Some(key), &value, parent, full.clone(), &path);
                if self.is_deep && matches!(value.kind, Kind::Array | Kind::Object) {
                    open.push((value, columns.ids.last().copied(), full));
                }
            }
        }
    }
}

impl Columns {
    fn push(
        &mut self,
        key: Option<String>,
        value: &JsonPart<'_>,
        parent: Option<i64>,
        full_key: String,
        path: &str,
    ) {
        let text = value.as_text();
        let is_container = matches!(value.kind, Kind::Array | Kind::Object);
        self.keys.push(key);
        self.atoms.push(text.clone().filter(|_| !is_container));
        self.values.push(text);
        self.types.push(value.type_name());
        self.ids.push(i64::try_from(self.ids.len()).unwrap_or(i64::MAX));
        self.parents.push(parent);
        self.full_keys.push(full_key);
        self.paths.push(path.to_owned());
    }

    fn into_batch(self) -> Result<RecordBatch> {
        let text = |name: &str| Field::new(name, DataType::Utf8View, true);
        let number = |name: &str| Field::new(name, DataType::Int64, true);
        let schema = Schema::new(vec![
            text("key"),
            text("value"),
            text("type"),
            text("atom"),
            number("id"),
            number("parent"),
            text("fullkey"),
            text("path"),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from_iter(self.keys)),
            Arc::new(StringViewArray::from_iter(self.values)),
            Arc::new(StringViewArray::from_iter_values(self.types)),
            Arc::new(StringViewArray::from_iter(self.atoms)),
            Arc::new(Int64Array::from(self.ids)),
            Arc::new(Int64Array::from(self.parents)),
            Arc::new(StringViewArray::from_iter_values(self.full_keys)),
            Arc::new(StringViewArray::from_iter_values(self.paths)),
        ];
        Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
    }
}
