//! What aggregates make of the list of a group's values.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StringViewBuilder, StructArray,
    UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::Expr;
use datafusion_functions_json::udfs::{
    json_as_text_udf, json_get_json_udf, json_union_to_text_udf,
};

use crate::query::functions::call::Call;
use crate::query::functions::json_text::{JsonValues, JsonWriter};
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::scalar::{Scalar, returns};

const LIST: Params = Params::exact(&[Kind::Any]);
/// A list, and whether its values are JSON already.
const LIST_OF_JSON: Params = Params::exact(&[Kind::Any, Kind::Bool]);

/// The most frequent value of a list.
pub(super) fn mode() -> Scalar {
    Scalar::kernel(
        "list_mode",
        LIST,
        |types| Ok(element(types)?.data_type().clone()),
        |call| {
            let lists = lists(call)?;
            let rows = comparable(&lists)?;
            let mut found = Vec::with_capacity(lists.len());
            for list in 0..lists.len() {
                let counts = counts::<HashMap<_, _>>(&lists, &rows, list);
                let most =
                    counts.into_values().max_by_key(|(count, first)| (*count, u32::MAX - first));
                found.push(most.map(|(_, first)| first));
            }
            Ok(take(lists.values(), &UInt32Array::from(found), None)?)
        },
    )
}

/// How often each value of a list occurs.
pub(super) fn histogram() -> Scalar {
    Scalar::kernel("list_histogram", LIST, histogram_type, |call| {
        let lists = lists(call)?;
        let rows = comparable(&lists)?;
        let (mut keys, mut values, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for list in 0..lists.len() {
            let counts = counts::<BTreeMap<_, _>>(&lists, &rows, list);
            lengths.push(counts.len());
            for (count, first) in counts.into_values() {
                keys.push(first);
                values.push(count);
            }
        }
        let keys = take(lists.values(), &UInt32Array::from(keys), None)?;
        let keys = cast(&keys, &DataType::Utf8)?;
        let DataType::Map(entries, sorted) = call.return_type() else {
            return exec_err!("a histogram is a map");
        };
        let DataType::Struct(fields) = entries.data_type() else {
            return exec_err!("a map has keys and values");
        };
        let columns: Vec<ArrayRef> = vec![keys, Arc::new(Int64Array::from(values))];
        let pairs = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls = lists.nulls().cloned();
        let maps = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted)?;
        Ok(Arc::new(maps))
    })
}

/// A JSON array of the values of a list.
pub(super) fn json_array() -> Scalar {
    Scalar::kernel("list_to_json", LIST_OF_JSON, returns!(DataType::Utf8View), |call| {
        let lists = lists(call)?;
        let is_json = call.bools(1)?.get(0).unwrap_or(false);
        let values = JsonValues::new(lists.values(), is_json);
        let mut values = values.writer()?;
        joined(&lists, ["[", "]"], |value, text| values.write(value, text))
    })
}

/// A JSON object of a list of keys and values.
pub(super) fn json_object() -> Scalar {
    Scalar::kernel("pairs_to_json", LIST_OF_JSON, returns!(DataType::Utf8View), |call| {
        let lists = lists(call)?;
        let is_json = call.bools(1)?.get(0).unwrap_or(false);
        let Some(pairs) = lists.values().as_struct_opt() else {
            return exec_err!("{}() takes pairs", call.name());
        };
        let mut keys = JsonWriter::key(pairs.column(0))?;
        let values = JsonValues::new(pairs.column(1), is_json);
        let mut values = values.writer()?;
        joined(&lists, ["{", "}"], |pair, text| {
            keys.write(pair, text)?;
            text.push(':');
            values.write(pair, text)
        })
    })
}

/// The entries of each list, between brackets and with commas.
fn joined(
    lists: &ListArray,
    [open, close]: [&str; 2],
    mut write: impl FnMut(usize, &mut String) -> Result<()>,
) -> Result<ArrayRef> {
    let mut builder = StringViewBuilder::with_capacity(lists.len());
    for list in 0..lists.len() {
        if lists.is_null(list) {
            builder.append_null();
            continue;
        }
        let mut text = open.to_owned();
        for (nth, entry) in range(lists, list).enumerate() {
            text.push_str(if nth == 0 { "" } else { "," });
            write(entry, &mut text)?;
        }
        builder.append_value(text + close);
    }
    Ok(Arc::new(builder.finish()))
}

/// Whether an expression is a call of a function that returns JSON, which is put into JSON as it is.
pub(super) fn is_json(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_json(&alias.expr),
        Expr::ScalarFunction(call) => matches!(
            call.name(),
            "json"
                | "json_get"
                | "json_get_json"
                | "json_object"
                | "json_array"
                | "to_json"
                | "json_quote"
                | "list_to_json"
                | "pairs_to_json"
        ),
        _ => false,
    }
}

/// Returns the text of a value of `->`. As JSON, strings are in quotes.
pub(super) fn text_of_union(arg: Expr, as_json: bool) -> Expr {
    match arg.unalias() {
        Expr::ScalarFunction(call) if call.name() == "json_get" && as_json => {
            json_get_json_udf().call(call.args)
        }
        Expr::ScalarFunction(call) if call.name() == "json_get" => {
            json_as_text_udf().call(call.args)
        }
        arg => json_union_to_text_udf().call(vec![arg]),
    }
}

fn element(types: &[DataType]) -> Result<FieldRef> {
    match types.first() {
        Some(DataType::List(element)) => Ok(Arc::clone(element)),
        ty => plan_err!("a list is needed, found {}", ty.unwrap_or(&DataType::Null)),
    }
}

fn histogram_type(types: &[DataType]) -> Result<DataType> {
    element(types)?;
    // JSON can be written of maps with text keys only.
    let key = Field::new("key", DataType::Utf8, false);
    let entries = Fields::from(vec![key, Field::new("value", DataType::Int64, false)]);
    Ok(DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false))
}

fn lists(call: &Call<'_>) -> Result<ListArray> {
    match call.array(0)?.as_list_opt::<i32>() {
        Some(lists) => Ok(lists.clone()),
        None => exec_err!("{}() takes a list", call.name()),
    }
}

/// The values of all lists in a form that compares and hashes.
fn comparable(lists: &ListArray) -> Result<Rows> {
    let converter = RowConverter::new(vec![SortField::new(lists.value_type())])?;
    Ok(converter.convert_columns(&[Arc::clone(lists.values())])?)
}

/// The places of the values of one list.
fn range(lists: &ListArray, list: usize) -> std::ops::Range<usize> {
    let offsets = lists.value_offsets();
    let at = |index: usize| offsets.get(index).map_or(0, |offset| *offset as usize);
    if lists.is_null(list) { 0..0 } else { at(list)..at(list + 1) }
}

/// Where a value occurs first, and how often.
trait Counts<'a>: Default {
    fn count(&mut self, value: Row<'a>, place: u32);
}

impl<'a> Counts<'a> for HashMap<Row<'a>, (i64, u32)> {
    fn count(&mut self, value: Row<'a>, place: u32) {
        self.entry(value).or_insert((0, place)).0 += 1;
    }
}

impl<'a> Counts<'a> for BTreeMap<Row<'a>, (i64, u32)> {
    fn count(&mut self, value: Row<'a>, place: u32) {
        self.entry(value).or_insert((0, place)).0 += 1;
    }
}

fn counts<'a, C: Counts<'a>>(lists: &ListArray, rows: &'a Rows, list: usize) -> C {
    let mut counts = C::default();
    for place in range(lists, list) {
        if lists.values().is_valid(place) {
            counts.count(rows.row(place), u32::try_from(place).unwrap_or(u32::MAX));
        }
    }
    counts
}
