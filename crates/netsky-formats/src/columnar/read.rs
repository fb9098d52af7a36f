//! Reads Arrow and Parquet.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::iter;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use netsky_db::internal;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::columnar::checksums::check_file;
use crate::columnar::ipc::Messages;

/// The kinds of columnar files, by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ArrowFile,
    ArrowStream,
    Parquet,
}

impl Kind {
    const MAGIC_BYTES: usize = 6;

    fn of(first: &[u8]) -> Option<Self> {
        if first.starts_with(b"PAR1") {
            Some(Self::Parquet)
        } else if first.starts_with(b"ARROW1") {
            Some(Self::ArrowFile)
        } else if first.starts_with(&[0xff; 4]) {
            Some(Self::ArrowStream)
        } else {
            None
        }
    }
}

/// Whether content that begins with these bytes, at least six of them, is Arrow or Parquet.
pub fn is_columnar(first: &[u8]) -> bool {
    Kind::of(first).is_some()
}

/// The rows of an Arrow or Parquet file, batch by batch. Nothing more is read after an error.
pub struct ColumnarReader {
    schema: SchemaRef,
    rows: Option<u64>,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
}

/// Opens a file, or returns `None` if its first bytes are not those of Arrow or Parquet.
///
/// # Errors
///
/// If the file cannot be read, or its schema is damaged. Damage that makes the readers of other crates panic
/// is an error too.
pub fn open(mut file: File) -> Result<Option<ColumnarReader>, ArrowError> {
    let mut first = Vec::new();
    file.by_ref().take(Kind::MAGIC_BYTES as u64).read_to_end(&mut first)?;
    file.rewind()?;
    let Some(kind) = Kind::of(&first) else { return Ok(None) };
    let ColumnarReader { schema, rows, mut batches } = caught(|| match kind {
        Kind::ArrowFile => open_arrow(Messages::of_file(file)?),
        Kind::ArrowStream => open_arrow(Messages::of_stream(file)),
        Kind::Parquet => open_parquet(file),
    })?;
    let next = move || caught(|| batches.next().transpose()).transpose();
    Ok(Some(ColumnarReader { schema, rows, batches: Box::new(iter::from_fn(next)) }))
}

/// Some damaged files make the readers panic instead of returning an error.
fn caught<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    internal::caught(read)
        .unwrap_or_else(|_| Err(ArrowError::ParseError("the file is damaged".to_owned())))
}

fn open_arrow(mut messages: Messages) -> Result<ColumnarReader, ArrowError> {
    let schema = messages.schema()?;
    let batches = iter::from_fn(move || messages.next().transpose());
    Ok(ColumnarReader { schema, rows: None, batches: Box::new(batches) })
}

fn open_parquet(mut file: File) -> Result<ColumnarReader, ArrowError> {
    /// Few enough that a batch of long texts stays small.
    const BATCH_ROWS: usize = 1_024;

    // The files of lakes and exports by day have checksums. Others are read as they are.
    check_file(&mut file)?.map_err(|damage| ArrowError::ParquetError(damage.to_string()))?;
    let options = ArrowReaderOptions::new();
    let metadata = ArrowReaderMetadata::load(&file, options.clone())?;
    // A text that many rows have stays in its dictionary once if it is read as a view.
    let options = options.with_schema(with_views(metadata.schema()));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
    let reader = builder.with_batch_size(BATCH_ROWS).build()?;
    Ok(ColumnarReader { schema: reader.schema(), rows, batches: Box::new(reader) })
}

/// The schema with views instead of texts.
fn with_views(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

impl ColumnarReader {
    /// The columns of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows, if the file's metadata has it.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }
}

impl Iterator for ColumnarReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

impl fmt::Debug for ColumnarReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnarReader").field("schema", &self.schema).finish_non_exhaustive()
    }
}
