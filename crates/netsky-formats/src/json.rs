//! JSON: one array of objects, or one object per line.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions, UnionArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::json::writer::{
    Encoder, EncoderFactory, EncoderOptions, JsonFormat, NullableEncoder, WriterBuilder,
    make_encoder,
};
use arrow::util::display::ArrayFormatter;
use serde::de::IgnoredAny;

use crate::answer::{Answer, Batches};
use crate::error::Result;
use crate::values::ValueStyle;

pub fn write<F: JsonFormat>(
    answer: Answer<impl Batches>,
    mut out: impl Write,
    end: &str,
) -> Result<()> {
    let schema = with_unique_names(&answer.schema);
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.with_encoder_factory(Arc::new(Encoders)).build::<_, F>(&mut out);
    for batch in answer.batches {
        writer.write(&renamed(&netsky_db::times_as_text(&batch?)?, &schema)?)?;
    }
    writer.finish()?;
    Ok(write!(out, "{end}")?)
}

/// Numbers the repeated names that a join can return, because most readers keep only one of two equal
/// keys.
pub fn with_unique_names(schema: &Schema) -> Schema {
    let mut taken = HashSet::new();
    let unique = |field: &Arc<Field>| {
        let mut name = field.name().clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        field.as_ref().clone().with_name(name)
    };
    let fields: Vec<Field> = schema.fields().iter().map(unique).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// The batch with the column names of a schema.
fn renamed(batch: &RecordBatch, names: &Schema) -> Result<RecordBatch> {
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(names.fields());
    let fields: Vec<Field> =
        fields.map(|(field, named)| field.as_ref().clone().with_name(named.name())).collect();
    let columns = batch.columns().to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// Encodes the types for which Arrow's writer has no JSON, including those inside lists and structs.
#[derive(Debug)]
struct Encoders;

impl EncoderFactory for Encoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let ours: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Duration(_) | DataType::Interval(_) => {
                Box::new(Texts(ValueStyle::Exact.formatter(array)?))
            }
            DataType::Union(..) => Box::new(Members::new(array.as_union(), options)?),
            DataType::Utf8
                if field
                    .metadata()
                    .get("ARROW:extension:name")
                    .is_some_and(|n| n == "arrow.json") =>
            {
                Box::new(Written(array))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(ours, array.logical_nulls())))
    }
}

/// Values as JSON strings.
struct Texts<'a>(ArrayFormatter<'a>);

impl Encoder for Texts<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        push_string(&self.0.value(row).to_string(), out);
    }
}

/// Strings that contain JSON.
struct Written<'a>(&'a dyn Array);

impl Encoder for Written<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = self.0.as_string::<i32>().value(row);
        // Other programs may have stored it with line breaks.
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => {
                out.extend(text.bytes().map(|b| if b.is_ascii_whitespace() { b' ' } else { b }))
            }
            Err(_) => push_string(text, out),
        }
    }
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    out.extend(serde_json::Value::from(text).to_string().into_bytes());
}

/// The values of a union, each encoded by its variant's encoder.
struct Members<'a> {
    array: &'a UnionArray,
    /// Indexed by type id, which is never negative.
    encoders: Vec<Option<NullableEncoder<'a>>>,
}

impl<'a> Members<'a> {
    fn new(array: &'a UnionArray, options: &'a EncoderOptions) -> Result<Self, ArrowError> {
        let DataType::Union(fields, _) = array.data_type() else {
            return Err(ArrowError::JsonError("a union has members".to_owned()));
        };
        let mut encoders = Vec::new();
        for (id, field) in fields.iter() {
            let at = usize::from(id.unsigned_abs());
            encoders.resize_with(encoders.len().max(at + 1), || None);
            encoders[at] = Some(make_encoder(field, array.child(id), options)?);
        }
        Ok(Self { array, encoders })
    }
}

impl Encoder for Members<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let member = usize::from(self.array.type_id(row).unsigned_abs());
        let at = self.array.value_offset(row);
        match self.encoders.get_mut(member) {
            Some(Some(encoder)) if !encoder.is_null(at) => encoder.encode(at, out),
            _ => out.extend(b"null"),
        }
    }
}
