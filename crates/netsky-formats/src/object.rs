//! An answer as one JSON object, with its columns and counts before its rows.

use std::io::{self, BufWriter, Read, Seek, Write};

use serde::Serialize;
use serde_json::Value;
use tempfile::spooled_tempfile;

use crate::answer::{Answer, Batches};
use crate::error::{FormatError, Result};
use crate::format::Format;
use crate::json::with_unique_names;
use crate::sql_type::sql_type;

/// How much of the rows is held in memory.
const MEMORY: usize = 1 << 20;

#[derive(Serialize)]
struct Head<T> {
    columns: Vec<Value>,
    row_count: u64,
    #[serde(flatten)]
    facts: T,
}

/// Writes an answer as one JSON object in a line: `columns` with their names and [SQL types](sql_type()),
/// `row_count`, the members of `facts`, and `rows`, an array of objects as [`Format::Json`] writes it.
/// Returns the number of rows.
///
/// `facts` is called after the last row was read. Nothing is written to `out` before that, so that an
/// answer that fails leaves `out` empty. Up to 1 MiB of rows is held in memory until then; the rest is in
/// a temporary file.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch};
/// use netsky_formats::{Answer, write_object};
///
/// let ids: ArrayRef = Arc::new(Int64Array::from(vec![7]));
/// let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let answer = Answer { schema: batch.schema(), batches: std::iter::once(Ok(batch)) };
/// let mut out = Vec::new();
/// write_object(answer, || serde_json::json!({"truncated": false}), &mut out)?;
/// assert_eq!(
///     String::from_utf8(out).unwrap(),
///     "{\"columns\":[{\"name\":\"id\",\"type\":\"BIGINT\"}],\"row_count\":1,\"truncated\":false,\
///      \"rows\":[{\"id\":7}]}\n"
/// );
/// # Ok::<(), netsky_formats::FormatError>(())
/// ```
///
/// # Errors
///
/// As [`Format::write`], and [`FormatError::TempFile`].
pub fn write_object<T: Serialize>(
    answer: Answer<impl Batches>,
    facts: impl FnOnce() -> T,
    mut out: impl Write,
) -> Result<u64> {
    let fields = with_unique_names(&answer.schema);
    let columns = fields.fields().iter().map(
        |field| serde_json::json!({"name": field.name(), "type": sql_type(field.data_type())}),
    );
    let columns = columns.collect();
    let mut row_count = 0;
    let batches = answer.batches.inspect(|batch| {
        row_count += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
    });
    let mut rows = BufWriter::new(spooled_tempfile(MEMORY));
    let written = Format::Json.write(Answer { schema: answer.schema, batches }, &mut rows);
    written.map_err(|error| match error {
        FormatError::Io(error) => FormatError::TempFile(error),
        other => other,
    })?;
    let head = serde_json::to_string(&Head { columns, row_count, facts: facts() });
    let head = head.map_err(|error| FormatError::Io(error.into()))?;
    let mut rows = rows.into_inner().map_err(|error| FormatError::TempFile(error.into_error()))?;
    // Without the line break after the array.
    let length = rows.stream_position().map_err(FormatError::TempFile)?.saturating_sub(1);
    rows.rewind().map_err(FormatError::TempFile)?;
    out.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes())?;
    out.write_all(b",\"rows\":")?;
    io::copy(&mut rows.take(length), &mut out)?;
    out.write_all(b"}\n")?;
    out.flush()?;
    Ok(row_count)
}
