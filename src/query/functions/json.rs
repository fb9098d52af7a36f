//! JSON functions of SQLite and DuckDB.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, ListArray, StringBuilder, StringViewArray,
    StringViewBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion_functions_json::udfs::{json_as_text_udf, json_object_keys_udf};

use crate::query::functions::call::{Call, short};
use crate::query::functions::function::{Function, Make, json};
use crate::query::functions::json_each;
use crate::query::functions::json_path_arguments::{JSON_AND_MAYBE_PATH, Paths};
use crate::query::functions::json_text::{JsonValues, JsonWriter};
use crate::query::functions::json_value::{JsonPart, find, is_valid, minified};
use crate::query::functions::list_functions;
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::scalar::{Scalar, returns};
use crate::query::functions::text_builder::TextBuilder;
use crate::query::json_path::JsonPath;

const JSON: Params = Params::exact(&[Kind::Text]);
const JSON_AND_PATH: Params = Params::exact(&[Kind::Text, Kind::Text]);

macro_rules! extract {
    ($name:literal) => {
        Make::Scalar(|| {
            let params = Params::and_more(2, &[Kind::Text, Kind::Text], Kind::Text);
            Scalar::kernel($name, params, returns!(DataType::Utf8), extract)
                .or_rewritten(extract_by_steps)
        })
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    json(
        "json_extract",
        "json_extract(json, path, ...)",
        "The value at a path as text; of several paths, a JSON array.",
        "SELECT json_extract('{\"a\":{\"b\":[10,20]}}', '$.a.b[1]')",
        "20",
        extract!("json_extract"),
    ),
    json(
        "json_extract_string",
        "json_extract_string(json, path)",
        "As json_extract, in DuckDB's spelling.",
        "SELECT json_extract_string('{\"a\":\"x\"}', '$.a')",
        "x",
        extract!("json_extract_string"),
    ),
    json(
        "json_value",
        "json_value(json, path)",
        "As json_extract.",
        "SELECT json_value('{\"a\":1}', '$.a')",
        "1",
        extract!("json_value"),
    ),
    json(
        "get_json_object",
        "get_json_object(json, path)",
        "As json_extract, in Hive's spelling.",
        "SELECT get_json_object('{\"a\":1}', '$.a')",
        "1",
        extract!("get_json_object"),
    ),
    json(
        "json_exists",
        "json_exists(json, path)",
        "Whether there is a value at a path.",
        "SELECT json_exists('{\"a\":null}', '$.a')",
        "true",
        Make::Scalar(|| {
            Scalar::kernel("json_exists", JSON_AND_PATH, returns!(DataType::Boolean), |call| {
                let (texts, paths) = (call.texts(0)?, Paths::of(call, 1)?);
                let mut found = Vec::with_capacity(call.rows());
                for row in 0..call.rows() {
                    let known = texts.get(row).is_some() && paths.is_known(row);
                    found.push(known.then_some(paths.part(&texts, row)?.is_some()));
                }
                Ok(Arc::new(BooleanArray::from(found)))
            })
        }),
    ),
    json(
        "json_array_length",
        "json_array_length(json [, path])",
        "The number of elements of an array; 0 for other values.",
        "SELECT json_array_length('{\"a\":[1,2]}', '$.a')",
        "2",
        Make::Scalar(|| {
            Scalar::kernel(
                "json_array_length",
                JSON_AND_MAYBE_PATH,
                returns!(DataType::Int64),
                |call| {
                    let lengths = parts(call, |part| i64::try_from(part.array_length()).ok())?;
                    Ok(Arc::new(Int64Array::from(lengths)))
                },
            )
        }),
    ),
    json(
        "json_type",
        "json_type(json [, path])",
        "The type of a value: object, array, text, integer, real, true, false or null.",
        "SELECT json_type('{\"a\":[1,2]}', '$.a')",
        "array",
        Make::Scalar(|| {
            Scalar::kernel("json_type", JSON_AND_MAYBE_PATH, returns!(DataType::Utf8View), |call| {
                let types = parts(call, |part| Some(part.type_name()))?;
                Ok(Arc::new(StringViewArray::from(types)))
            })
        }),
    ),
    json(
        "json_valid",
        "json_valid(text)",
        "Whether a text is JSON.",
        "SELECT json_valid('{\"a\":1')",
        "false",
        Make::Scalar(|| {
            Scalar::kernel("json_valid", JSON, returns!(DataType::Boolean), |call| {
                let texts = call.texts(0)?;
                let valid = |row| texts.get(row).map(is_valid);
                Ok(Arc::new(BooleanArray::from_iter((0..call.rows()).map(valid))))
            })
        }),
    ),
    json(
        "json",
        "json(text)",
        "JSON without white space; fails if the text is not JSON.",
        "SELECT json('{ \"a\" : 1 }')",
        "\"{\"\"a\"\":1}\"",
        Make::Scalar(|| {
            Scalar::kernel("json", JSON, returns!(DataType::Utf8View), |call| {
                let texts = call.texts(0)?;
                let mut builder = StringViewBuilder::with_capacity(call.rows());
                for row in 0..call.rows() {
                    match texts.get(row) {
                        None => builder.append_null(),
                        Some(text) if is_valid(text) => builder.append_value(minified(text)),
                        Some(text) => {
                            let start = short(text);
                            return exec_err!(
                                "json(): '{start}' is not JSON; json_valid() tests a text"
                            );
                        }
                    }
                }
                Ok(Arc::new(builder.finish()))
            })
        }),
    ),
    json(
        "to_json",
        "to_json(value)",
        "A value as JSON.",
        "SELECT to_json('it')",
        "\"\"\"it\"\"\"",
        Make::Scalar(|| {
            Scalar::kernel(
                "to_json",
                Params::exact(&[Kind::Any]),
                returns!(DataType::Utf8View),
                to_json,
            )
        }),
    ),
    json(
        "json_quote",
        "json_quote(value)",
        "As to_json.",
        "SELECT json_quote('it')",
        "\"\"\"it\"\"\"",
        Make::Scalar(|| {
            Scalar::kernel(
                "json_quote",
                Params::exact(&[Kind::Any]),
                returns!(DataType::Utf8View),
                to_json,
            )
        }),
    ),
    json(
        "json_object",
        "json_object(key, value, ...)",
        "A JSON object.",
        "SELECT json_object('a', 1, 'b', json_array(2, 'x'))",
        "\"{\"\"a\"\":1,\"\"b\"\":[2,\"\"x\"\"]}\"",
        Make::Scalar(|| json_object("json_object")),
    ),
    json(
        "json_array",
        "json_array(value, ...)",
        "A JSON array.",
        "SELECT json_array(1, 'a', NULL)",
        "\"[1,\"\"a\"\",null]\"",
        Make::Scalar(|| json_array("json_array")),
    ),
    json(
        "json_keys",
        "json_keys(json [, path])",
        "The keys of an object, as a list.",
        "SELECT len(json_keys('{\"a\":1,\"b\":2}'))",
        "2",
        Make::Scalar(|| {
            Scalar::spelling(
                "json_keys",
                JSON_AND_MAYBE_PATH,
                |types| json_object_keys_udf().return_type(types.get(..1).unwrap_or(&[])),
                |args, _| match args {
                    [json] => Ok(Some(json_object_keys_udf().call(vec![json.clone()]))),
                    [json, path] => by_steps(&json_object_keys_udf(), json, path),
                    _ => Ok(None),
                },
            )
        }),
    ),
    json(
        "json_each",
        "json_each(json [, path])",
        "In FROM: a row for each element or member, with key, value, type, atom, fullkey and path.",
        "SELECT key, value FROM json_each('{\"a\":1}')",
        "a,1",
        Make::Table(json_each::each),
    ),
    json(
        "json_tree",
        "json_tree(json [, path])",
        "In FROM: as json_each, with the values inside of values, too.",
        "SELECT count(*) FROM json_tree('{\"a\":[1,2]}')",
        "4",
        Make::Table(json_each::tree),
    ),
    json(
        "json_entries",
        "json_entries(json [, path])",
        "The elements or members as a list of key, value and type.",
        "SELECT e['key'], e['value'] FROM (SELECT unnest(json_entries('{\"a\":1}')) AS e)",
        "a,1",
        Make::Scalar(|| {
            Scalar::kernel("json_entries", JSON_AND_MAYBE_PATH, returns!(entries_type()), entries)
        }),
    ),
];

/// A function for the calls of `json_object` and `json_array` of which some arguments are JSON
/// already. Its first argument has a `j` for each of these.
pub(super) fn with_json(name: &str) -> Option<Scalar> {
    match name {
        "json_object" => Some(json_object("json_object_of")),
        "json_array" => Some(json_array("json_array_of")),
        _ => None,
    }
}

/// Computes a value of each part that a call with an optional path is about.
fn parts<T>(call: &Call<'_>, value: impl Fn(JsonPart<'_>) -> Option<T>) -> Result<Vec<Option<T>>> {
    let texts = call.texts(0)?;
    let paths = (call.len() > 1).then(|| Paths::of(call, 1)).transpose()?;
    let mut values = Vec::with_capacity(call.rows());
    for row in 0..call.rows() {
        let part = match &paths {
            Some(paths) => paths.part(&texts, row)?,
            None => texts.get(row).and_then(|json| find(json, &[])),
        };
        values.push(part.and_then(&value));
    }
    Ok(values)
}

/// A literal path becomes steps of `json_as_text`, which the optimizer moves to the scan.
fn extract_by_steps(args: &[Expr], _: &[DataType]) -> Result<Option<Expr>> {
    match args {
        [json, path] => by_steps(&json_as_text_udf(), json, path),
        _ => Ok(None),
    }
}

fn by_steps(function: &ScalarUDF, json: &Expr, path: &Expr) -> Result<Option<Expr>> {
    let Expr::Literal(path, _) = path else { return Ok(None) };
    let Some(Some(path)) = path.try_as_str() else { return Ok(None) };
    let steps = JsonPath::of_argument(path)?;
    let args = std::iter::once(json.clone()).chain(steps.arguments()).collect();
    Ok(Some(function.call(args)))
}

fn extract(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let paths = (1..call.len()).map(|index| Paths::of(call, index)).collect::<Result<Vec<_>>>()?;
    let mut builder = StringBuilder::with_capacity(call.rows(), 0);
    for row in 0..call.rows() {
        if let [path] = paths.as_slice() {
            builder.append_option(path.part(&texts, row)?.and_then(|part| part.as_text()));
            continue;
        }
        if texts.get(row).is_none() || !paths.iter().all(|path| path.is_known(row)) {
            builder.append_null();
            continue;
        }
        let mut array = "[".to_owned();
        for (nth, path) in paths.iter().enumerate() {
            array.push_str(if nth == 0 { "" } else { "," });
            let part = path.part(&texts, row)?;
            array.push_str(part.map_or("null", |part| part.text));
        }
        builder.append_value(array + "]");
    }
    Ok(Arc::new(builder.finish()))
}

fn to_json(call: &Call<'_>) -> Result<ArrayRef> {
    let values = JsonValues::new(&call.array(0)?, false);
    let mut writer = values.writer()?;
    let mut builder = StringViewBuilder::with_capacity(call.rows());
    let mut text = String::new();
    for row in 0..call.rows() {
        text.clear();
        writer.write(row, &mut text)?;
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

fn json_object(name: &'static str) -> Scalar {
    let params = Params::and_more(0, &[], Kind::Any);
    Scalar::kernel(name, params, returns!(DataType::Utf8View), |call| {
        let (arguments, marks) = arguments(call)?;
        if arguments.len() % 2 != 0 {
            return plan_err!(
                "json_object() takes keys and values, found {} arguments",
                arguments.len()
            );
        }
        let values = json_values(&arguments, &marks);
        let mut writers = Vec::new();
        for (nth, (array, values)) in arguments.iter().zip(&values).enumerate() {
            writers.push(if nth % 2 == 0 { JsonWriter::key(array)? } else { values.writer()? });
        }
        let mut builder = TextBuilder::new(call);
        for row in 0..call.rows() {
            let mut text = "{".to_owned();
            for (nth, writer) in writers.iter_mut().enumerate() {
                let is_null_key =
                    nth % 2 == 0 && arguments.get(nth).is_some_and(|key| key.is_null(row));
                if is_null_key {
                    return exec_err!("json_object(): a key is NULL");
                }
                text.push_str(if nth == 0 {
                    ""
                } else if nth % 2 == 0 {
                    ","
                } else {
                    ":"
                });
                writer.write(row, &mut text)?;
            }
            builder.append_value(text + "}")?;
        }
        builder.finish()
    })
}

fn json_array(name: &'static str) -> Scalar {
    let params = Params::and_more(0, &[], Kind::Any);
    Scalar::kernel(name, params, returns!(DataType::Utf8View), |call| {
        let (arguments, marks) = arguments(call)?;
        let values = json_values(&arguments, &marks);
        let mut writers = values.iter().map(JsonValues::writer).collect::<Result<Vec<_>>>()?;
        let mut builder = TextBuilder::new(call);
        for row in 0..call.rows() {
            let mut text = "[".to_owned();
            for (nth, writer) in writers.iter_mut().enumerate() {
                text.push_str(if nth == 0 { "" } else { "," });
                writer.write(row, &mut text)?;
            }
            builder.append_value(text + "]")?;
        }
        builder.finish()
    })
}

/// The arguments of a call, and a `j` for each that is JSON already.
fn arguments(call: &Call<'_>) -> Result<(Vec<ArrayRef>, String)> {
    let is_marked = call.name().ends_with("_of");
    let marks = match is_marked {
        true => call.texts(0)?.get(0).unwrap_or_default().to_owned(),
        false => String::new(),
    };
    let arrays = (usize::from(is_marked)..call.len()).map(|index| call.array(index));
    Ok((arrays.collect::<Result<_>>()?, marks))
}

fn json_values(arguments: &[ArrayRef], marks: &str) -> Vec<JsonValues> {
    let marks = marks.bytes().map(|mark| mark == b'j').chain(std::iter::repeat(false));
    arguments.iter().zip(marks).map(|(array, is_json)| JsonValues::new(array, is_json)).collect()
}

/// Returns which arguments are JSON already; `None` if none is.
pub(super) fn marks(args: &[Expr]) -> Option<String> {
    let is_json = |arg: &Expr| if list_functions::is_json(arg) { 'j' } else { '-' };
    let marks: String = args.iter().map(is_json).collect();
    marks.contains('j').then_some(marks)
}

fn entry_fields() -> Fields {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    Fields::from(vec![text("key"), text("value"), text("type")])
}

fn entries_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(entry_fields()), true)))
}

fn entries(call: &Call<'_>) -> Result<ArrayRef> {
    let all = parts(call, |part| {
        let entries = part.entries().into_iter().enumerate().map(|(nth, entry)| {
            let key = entry.key.unwrap_or_else(|| nth.to_string());
            (key, entry.value.as_text(), entry.value.type_name())
        });
        Some(entries.collect::<Vec<_>>())
    })?;
    let offsets =
        OffsetBuffer::from_lengths(all.iter().map(|list| list.as_ref().map_or(0, Vec::len)));
    let nulls = NullBuffer::from_iter(all.iter().map(Option::is_some));
    let rows = || all.iter().flatten().flatten();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(rows().map(|(key, ..)| key))),
        Arc::new(StringViewArray::from_iter(rows().map(|(_, value, _)| value.as_deref()))),
        Arc::new(StringViewArray::from_iter_values(rows().map(|(.., ty)| ty))),
    ];
    let entries = StructArray::try_new(entry_fields(), columns, None)?;
    let field = Arc::new(Field::new_list_field(DataType::Struct(entry_fields()), true));
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(entries), Some(nulls))?))
}
