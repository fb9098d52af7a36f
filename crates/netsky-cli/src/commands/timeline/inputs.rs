//! What the tool calls of a timeline ran.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use netsky_db::Db;
use serde_json::Value;

use crate::commands::query::rows_per_machine;
use crate::failure::Failure;
use crate::row::Row;

/// The parameters that say what a call does, the most telling first.
const TELLING: [&str; 10] = [
    "command",
    "cmd",
    "file_path",
    "path",
    "pattern",
    "url",
    "query",
    "description",
    "prompt",
    "skill",
];

/// What the view has before the error of a call.
const FAILED: &str = ", failed: ";

const MAX_CHARACTERS: usize = 200;

/// How many calls one query asks for.
const CALLS_AT_ONCE: usize = 1_000;

/// Adds to each tool call what it ran. The view does not, because it would read the inputs of all calls to show the
/// last ones.
pub fn with_inputs(db: &Db, events: RecordBatch) -> Result<RecordBatch, Failure> {
    let schema = events.schema();
    let (kind, id, what) =
        (schema.index_of("kind")?, schema.index_of("id")?, schema.index_of("what")?);
    let calls = Row::all(&events).filter(|row| row.text(kind) == "tool");
    let ids: Vec<i64> = calls.filter_map(|row| row.int(id)).collect();
    let mut inputs = HashMap::new();
    for ids in ids.chunks(CALLS_AT_ONCE) {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let sql = format!(
            "SELECT id, concat(tool, ' (', source, ')') AS of, request_json FROM mcp_tool_calls
             WHERE id IN ({}) AND request_json IS NOT NULL",
            ids.join(", ")
        );
        for row in Row::all(&rows_per_machine(db, &sql, &[])?) {
            if let (Some(id), Some(input)) = (row.int(0), telling(&row.text(2))) {
                inputs.insert((id, row.machine()), (clean(&row.text(1)), input));
            }
        }
    }
    let texts = Row::all(&events).map(|row| {
        let text = row.text(what);
        let call = row.int(id).filter(|_| row.text(kind) == "tool");
        match call.and_then(|id| inputs.get(&(id, row.machine()))) {
            None => text,
            // How it ended comes first: the end of a long line is cut off.
            Some((of, input)) => {
                let error = text.strip_prefix(of.as_str()).and_then(|it| it.strip_prefix(FAILED));
                match error {
                    Some(error) => format!("{of}{FAILED}{input}: {error}"),
                    None => format!("{text}: {input}"),
                }
            }
        }
    });
    let texts: StringViewArray = texts.map(Some).collect();
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
    let mut columns = events.columns().to_vec();
    fields[what] = Arc::new(Field::new("what", DataType::Utf8View, true));
    columns[what] = Arc::new(texts);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The most telling parameter of a call: of its `input`, or beside the call's other details.
fn telling(request: &str) -> Option<String> {
    let request: Value = serde_json::from_str(request).ok()?;
    let input = request.get("input").filter(|input| input.is_object()).unwrap_or(&request);
    let value = TELLING.iter().find_map(|name| input.get(name))?;
    let text = match value {
        Value::String(text) => clean(text),
        Value::Null => return None,
        other => clean(&other.to_string()),
    };
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => Some(format!("{}…", text.get(..end)?)),
        None => Some(text).filter(|text| !text.is_empty()),
    }
}

/// In one line, as the view has it.
fn clean(text: &str) -> String {
    let is_blank = |character: char| character.is_control() || character.is_whitespace();
    let words: Vec<&str> = text.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_parameter_is_found() {
        for (request, expected) in [
            (r#"{"input":{"description":"d","command":"cargo\n\ttest"}}"#, Some("cargo test")),
            (r#"{"session_id":"s","file_path":"/a"}"#, Some("/a")),
            (r#"{"input":{"cmd":["ls","-l"]}}"#, Some(r#"["ls","-l"]"#)),
            (r#"{"input":{"command":""}}"#, None),
            (r#"{"input":{"limit":7},"command":"of no input"}"#, None),
            (r#"{"input":{"command":"cut"#, None),
            ("[1]", None),
        ] {
            assert_eq!(telling(request).as_deref(), expected, "{request}");
        }
        let long = telling(&format!(r#"{{"command":"{}"}}"#, "ü".repeat(300))).unwrap();
        assert_eq!(long.chars().count(), MAX_CHARACTERS + 1);
    }
}
