//! `json_each` and `json_tree` in a FROM clause, as in SQLite and DuckDB.
//!
//! The rows of a JSON text are a list, which is unnested. So a call for a column is a lateral join with
//! that list; `syntax::json_rows` rewrites it. The table functions here take literals only, because
//! DataFusion plans them before the tables beside them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, StringViewArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::prelude::col;

use crate::query::functions::call::{Call, short};
use crate::query::functions::json_path_arguments::{JSON_AND_MAYBE_PATH, Paths};
use crate::query::functions::json_value::{Entry, JsonPart, Kind, find, is_valid};
use crate::query::functions::scalar::{Kernel, Scalar, returns};
use crate::query::functions::text_builder::TextBuilder;
use crate::query::json_path::JsonPath;

/// The functions that return the rows of `json_each` and `json_tree` as a list. Their names are not for
/// users.
const LISTS: [(&str, &str, Kernel); 2] = [
    ("json_each", "__json_each", |call| lists(call, "json_each", false)),
    ("json_tree", "__json_tree", |call| lists(call, "json_tree", true)),
];

/// Returns the function that returns the rows of a table function as a list.
pub(in crate::query) fn list_function(table_function: &str) -> Option<&'static str> {
    LISTS.into_iter().find(|(name, ..)| *name == table_function).map(|(_, list, _)| list)
}

/// Whether a function is one of those that return lists.
pub(super) fn is_list_function(name: &str) -> bool {
    LISTS.into_iter().any(|(_, list, _)| list == name)
}

/// The columns of `json_each` and `json_tree`.
pub(in crate::query) const COLUMNS: [&str; 8] =
    ["key", "value", "type", "atom", "id", "parent", "fullkey", "path"];

pub(super) fn register(session: &mut SessionState) -> Result<()> {
    for (_, name, kernel) in LISTS {
        let function = Scalar::kernel(name, JSON_AND_MAYBE_PATH, returns!(list_type()), kernel);
        session.register_udf(Arc::new(function.into_udf()))?;
    }
    Ok(())
}

pub(super) fn each() -> Arc<dyn TableFunctionImpl> {
    Arc::new(OfLiterals { name: "json_each", kernel: LISTS[0].2 })
}

pub(super) fn tree() -> Arc<dyn TableFunctionImpl> {
    Arc::new(OfLiterals { name: "json_tree", kernel: LISTS[1].2 })
}

#[derive(Debug)]
struct OfLiterals {
    name: &'static str,
    kernel: Kernel,
}

impl TableFunctionImpl for OfLiterals {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let name = self.name;
        if !args.exprs().iter().all(|expr| matches!(expr, Expr::Literal(..))) {
            return plan_err!("{name}() takes literals in this session");
        }
        let list = Scalar::kernel(name, JSON_AND_MAYBE_PATH, returns!(list_type()), self.kernel);
        let list = list.into_udf().call(args.exprs().to_vec());
        let rows = LogicalPlanBuilder::empty(true).project([list.alias("row")])?;
        let columns = COLUMNS.map(|column| col("row").field(column).alias(column));
        let plan = rows.unnest_column("row")?.project(columns)?.build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

fn fields() -> Fields {
    COLUMNS
        .into_iter()
        .map(|name| {
            let ty = match name {
                "id" | "parent" => DataType::Int64,
                _ => DataType::Utf8View,
            };
            Field::new(name, ty, true)
        })
        .collect()
}

fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields()), true)))
}

/// Computes the rows of each text. A text of a column that is not JSON has none, as `json_extract` finds
/// nothing in it: texts may be cut when they are recorded.
fn lists(call: &Call<'_>, name: &str, is_deep: bool) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let paths = (call.len() > 1).then(|| Paths::of(call, 1)).transpose()?;
    if let (true, Some(json)) = (call.is_constant(0), texts.get(0))
        && !is_valid(json)
    {
        return exec_err!("{name}(): '{}' is not JSON", short(json));
    }
    let root = JsonPath::root();
    let mut rows = Rows::new(call);
    let (mut lengths, mut are_known) = (Vec::new(), Vec::new());
    for row in 0..call.rows() {
        let path = match &paths {
            Some(paths) => paths.path(row)?,
            None => Some(root.clone()),
        };
        let before = rows.start_list();
        let part = match (texts.get(row), &path) {
            (Some(json), Some(path)) => find(json, path.steps()),
            _ => None,
        };
        if let (Some(part), Some(path)) = (part, &path) {
            rows.add(part, path.to_string(), is_deep)?;
        }
        lengths.push(rows.len() - before);
        are_known.push(part.is_some());
    }
    let field = Arc::new(Field::new_list_field(DataType::Struct(fields()), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = NullBuffer::from(are_known);
    Ok(Arc::new(ListArray::try_new(field, offsets, rows.finish()?, Some(nulls))?))
}

/// The rows of all lists, column by column.
struct Rows {
    keys: TextBuilder,
    values: TextBuilder,
    types: Vec<&'static str>,
    atoms: TextBuilder,
    ids: Vec<i64>,
    parents: Vec<Option<i64>>,
    full_keys: TextBuilder,
    paths: TextBuilder,
    /// The next id. They count from 0 in each list.
    next_id: i64,
}

/// A row that is to be added.
struct Row<'j> {
    key: Option<String>,
    value: JsonPart<'j>,
    parent: Option<i64>,
    full_key: String,
    path: String,
}

impl<'j> Row<'j> {
    fn is_container(&self) -> bool {
        matches!(self.value.kind, Kind::Array | Kind::Object)
    }

    /// The rows of the elements or members.
    fn inner(&self, id: Option<i64>) -> Vec<Self> {
        let path = &self.full_key;
        let row = |(nth, entry): (usize, Entry<'j>)| {
            let full_key = match &entry.key {
                Some(key) if key.contains(['.', '[', ' ', '"']) => format!("{path}.\"{key}\""),
                Some(key) => format!("{path}.{key}"),
                None => format!("{path}[{nth}]"),
            };
            let key = Some(entry.key.unwrap_or_else(|| nth.to_string()));
            Self { key, value: entry.value, parent: id, full_key, path: path.clone() }
        };
        self.value.entries().into_iter().enumerate().map(row).collect()
    }
}

impl Rows {
    fn new(call: &Call<'_>) -> Self {
        let texts = || TextBuilder::new(call);
        Self {
            keys: texts(),
            values: texts(),
            types: Vec::new(),
            atoms: texts(),
            ids: Vec::new(),
            parents: Vec::new(),
            full_keys: texts(),
            paths: texts(),
            next_id: 0,
        }
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns the number of rows before the next list.
    fn start_list(&mut self) -> usize {
        self.next_id = 0;
        self.len()
    }

    /// Adds the elements or members of a value. A value without any is a row itself, and so is each one
    /// of `json_tree`, before what is in it.
    fn add(&mut self, value: JsonPart<'_>, full_key: String, is_deep: bool) -> Result<()> {
        let path = full_key.clone();
        let root = Row { key: None, value, parent: None, full_key, path };
        let mut open = match is_deep || !root.is_container() {
            true => vec![root],
            false => root.inner(None),
        };
        open.reverse();
        // Values are nested at most as deep as the parser allows.
        while let Some(row) = open.pop() {
            let id = self.push(&row)?;
            if is_deep {
                open.extend(row.inner(Some(id)).into_iter().rev());
            }
        }
        Ok(())
    }

    fn push(&mut self, row: &Row<'_>) -> Result<i64> {
        let text = row.value.as_text();
        let atom = text.as_deref().filter(|_| !row.is_container());
        append(&mut self.keys, row.key.as_deref())?;
        append(&mut self.values, text.as_deref())?;
        append(&mut self.atoms, atom)?;
        append(&mut self.full_keys, Some(&row.full_key))?;
        append(&mut self.paths, Some(&row.path))?;
        self.types.push(row.value.type_name());
        self.parents.push(row.parent);
        let id = self.next_id;
        self.ids.push(id);
        self.next_id += 1;
        Ok(id)
    }

    fn finish(self) -> Result<ArrayRef> {
        let columns: Vec<ArrayRef> = vec![
            self.keys.finish()?,
            self.values.finish()?,
            Arc::new(StringViewArray::from_iter_values(self.types)),
            self.atoms.finish()?,
            Arc::new(Int64Array::from(self.ids)),
            Arc::new(Int64Array::from(self.parents)),
            self.full_keys.finish()?,
            self.paths.finish()?,
        ];
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }
}

fn append(builder: &mut TextBuilder, text: Option<&str>) -> Result<()> {
    match text {
        Some(text) => builder.append_value(text),
        None => {
            builder.append_null();
            Ok(())
        }
    }
}
