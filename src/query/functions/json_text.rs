//! Values of any type as JSON.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use datafusion::common::{Result, exec_err};

/// Writes the values of an array as JSON.
pub(super) enum JsonWriter<'a> {
    /// Texts that are JSON are written as they are.
    Json(StringViewArray),
    /// Texts, as strings.
    Texts(StringViewArray),
    Values(NullableEncoder<'a>, Vec<u8>),
}

/// Values to write. If they are texts of JSON, they are not quoted.
pub(super) struct JsonValues {
    array: ArrayRef,
    is_json: bool,
    field: FieldRef,
    options: EncoderOptions,
}

impl JsonValues {
    pub(super) fn new(array: &ArrayRef, is_json: bool) -> Self {
        let field = Arc::new(Field::new("value", array.data_type().clone(), true));
        let options = EncoderOptions::default().with_explicit_nulls(true);
        Self { array: Arc::clone(array), is_json, field, options }
    }

    pub(super) fn writer(&self) -> Result<JsonWriter<'_>> {
        let Self { array, is_json, field, options } = self;
        Ok(match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if *is_json => {
                JsonWriter::Json(texts(array)?)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                JsonWriter::Texts(texts(array)?)
            }
            // The values of JSON operators.
            DataType::Union(..) => JsonWriter::Texts(texts(array)?),
            _ => JsonWriter::Values(make_encoder(field, array, options)?, Vec::new()),
        })
    }
}

impl JsonWriter<'_> {
    /// A writer of keys, which are strings.
    pub(super) fn key(array: &ArrayRef) -> Result<Self> {
        Ok(Self::Texts(texts(array)?))
    }

    pub(super) fn write(&mut self, index: usize, out: &mut String) -> Result<()> {
        match self {
            JsonWriter::Json(texts) if texts.is_valid(index) => out.push_str(texts.value(index)),
            Self::Texts(texts) if texts.is_valid(index) => quote(texts.value(index), out),
            Self::Values(encoder, bytes) if !encoder.is_null(index) => {
                bytes.clear();
                encoder.encode(index, bytes);
                match std::str::from_utf8(bytes) {
                    Ok(text) => out.push_str(text),
                    Err(_) => return exec_err!("a value cannot be written as JSON"),
                }
            }
            _ => out.push_str("null"),
        }
        Ok(())
    }
}

fn texts(array: &ArrayRef) -> Result<StringViewArray> {
    Ok(cast(array, &DataType::Utf8View)?.as_string_view().clone())
}

/// Writes a text as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    // A text can always be written.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
