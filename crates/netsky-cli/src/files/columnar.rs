//! Columns in files: Arrow and Parquet.
//!
//! They are written as other programs of columns read them without being told anything: texts as `Utf8`,
//! which all have, in place of the views that queries give.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::iter;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, RecordBatchReader, StringArray,
};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use netsky_db::internal;

use crate::failure::Failure;
use crate::values::ValueStyle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columnar {
    /// An Arrow IPC file, also called Feather
    ArrowFile,
    /// An Arrow IPC stream, which can be read from a pipe
    ArrowStream,
    /// Parquet, compressed with zstd
    Parquet,
}

/// Parquet is read by row groups, and many readers take one a core. One is held in memory until it is
/// written.
const ROW_GROUP_ROWS: usize = 1 << 17;
const ROW_GROUP_BYTES: usize = 16 << 20;
/// More text than this is not laid out at once, unless it is that of one row.
const PIECE_BYTES: usize = 4 << 20;

/// Writes batches as they come. The columns are named as `schema` names them, and its metadata goes
/// into the file.
pub fn write<B>(
    columnar: Columnar,
    schema: &Schema,
    batches: B,
    out: impl Write + Send,
) -> Result<(), Failure>
where
    B: Iterator<Item = netsky_db::Result<RecordBatch>>,
{
    let schema = file_schema(schema);
    match columnar {
        Columnar::ArrowFile => {
            let mut writer = FileWriter::try_new(out, &schema)?;
            for_each_piece(&schema, batches, |piece| Ok(writer.write(&piece)?))?;
            writer.finish()?;
            Ok(writer.into_inner()?.flush()?)
        }
        Columnar::ArrowStream => {
            let mut writer = StreamWriter::try_new(out, &schema)?;
            for_each_piece(&schema, batches, |piece| Ok(writer.write(&piece)?))?;
            writer.finish()?;
            Ok(writer.into_inner()?.flush()?)
        }
        Columnar::Parquet => {
            let properties = parquet_properties(&schema);
            let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))
                .map_err(parquet_failed)?;
            for_each_piece(&schema, batches, |piece| writer.write(&piece).map_err(parquet_failed))?;
            Ok(writer.into_inner().map_err(parquet_failed)?.flush()?)
        }
    }
}

fn parquet_properties(schema: &Schema) -> WriterProperties {
    let notes = schema.metadata().iter();
    let mut notes: Vec<_> =
        notes.map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    notes.sort_by(|a, b| a.key.cmp(&b.key));
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_created_by(concat!("netsky version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(notes))
        .build()
}

/// The schema as it stands in a file.
fn file_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(file_field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn file_field(field: &FieldRef) -> FieldRef {
    let ty = file_type(field.data_type());
    // These have nulls that they need not tell of.
    let hidden_nulls = matches!(field.data_type(), DataType::Union(..) | DataType::Null);
    let nullable = field.is_nullable() || hidden_nulls;
    Arc::new(Field::new(field.name(), ty, nullable))
}

fn file_type(ty: &DataType) -> DataType {
    match ty {
        // What few readers have, and Parquet has no form for, becomes text.
        DataType::Utf8View
        | DataType::LargeUtf8
        | DataType::Union(..)
        | DataType::Interval(_)
        | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, value) => file_type(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            DataType::List(file_field(item))
        }
        DataType::FixedSizeList(item, _) | DataType::LargeListView(item) => {
            DataType::List(file_field(item))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(file_field).collect()),
        other => other.clone(),
    }
}

fn for_each_piece<B>(
    schema: &SchemaRef,
    batches: B,
    mut write: impl FnMut(RecordBatch) -> Result<(), Failure>,
) -> Result<(), Failure>
where
    B: Iterator<Item = netsky_db::Result<RecordBatch>>,
{
    for batch in batches {
        let mut pieces = vec![batch?];
        while let Some(piece) = next_piece(&mut pieces) {
            let bytes = text_bytes(&piece);
            if i32::try_from(bytes).is_err() {
                return Err(Failure::input(format!(
                    "a row has {} MiB of text, but this format allows 2,047; write NDJSON or CSV \
                     instead",
                    bytes >> 20
                )));
            }
            write(in_file(schema, &piece)?)?;
        }
    }
    Ok(())
}

/// Takes the next rows from the pieces of a batch, of which the last comes first, with no more text than
/// can be laid out at once. A piece that has more is cut in halves.
fn next_piece(pieces: &mut Vec<RecordBatch>) -> Option<RecordBatch> {
    while let Some(piece) = pieces.pop() {
        let rows = piece.num_rows();
        if rows > 1 && text_bytes(&piece) > PIECE_BYTES {
            let half = rows / 2;
            pieces.push(piece.slice(half, rows - half));
            pieces.push(piece.slice(0, half));
        } else if rows > 0 {
            return Some(piece);
        }
    }
    None
}

/// The length of the texts of all columns, as far as they are as queries give them.
fn text_bytes(batch: &RecordBatch) -> usize {
    let views = batch.columns().iter().filter_map(|column| column.as_string_view_opt());
    // The lower half of a view's first word is its length.
    views.flat_map(|column| column.views()).map(|view| (*view & 0xffff_ffff) as usize).sum()
}

/// The batch with the columns of a file's schema.
fn in_file(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, Failure> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        match (column.data_type(), field.data_type()) {
            (DataType::Union(..) | DataType::Interval(_), _) => texts(column),
            (from, to) if from == to => Ok(Arc::clone(column)),
            (_, to) => cast(column, to),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn texts(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let formatter = ValueStyle::Exact.formatter(column)?;
    // Those of a union are its members'.
    let nulls = column.logical_nulls();
    let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
    let text = |row| (!is_null(row)).then(|| formatter.value(row).to_string());
    Ok(Arc::new((0..column.len()).map(text).collect::<StringArray>()))
}

/// parquet's own conversion hides what kind of I/O error it was.
fn parquet_failed(error: ParquetError) -> Failure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return io::Error::new(error.kind(), error.to_string()).into();
        }
        cause = inner.source();
    }
    Failure::input(format!("cannot write Parquet: {error}"))
}

/// What a file's first bytes say that it is.
pub fn recognise(first: &[u8]) -> Option<Columnar> {
    if first.starts_with(b"PAR1") {
        Some(Columnar::Parquet)
    } else if first.starts_with(b"ARROW1") {
        Some(Columnar::ArrowFile)
    } else if first.starts_with(&[0xff; 4]) {
        Some(Columnar::ArrowStream)
    } else {
        None
    }
}

/// So many rows are read from Parquet at once.
const PARQUET_BATCH_ROWS: usize = 1_024;

/// Columns that are read, batch by batch.
pub struct Batches {
    pub schema: SchemaRef,
    /// How many rows there are, where that is known beforehand.
    pub rows: Option<u64>,
    pub batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>,
}

pub fn read(columnar: Columnar, file: File) -> Result<Batches, ArrowError> {
    let Batches { schema, rows, mut batches } = caught(|| open(columnar, file))?;
    let next = move || caught(|| batches.next().transpose()).transpose();
    Ok(Batches { schema, rows, batches: Box::new(iter::from_fn(next)) })
}

/// Some damaged files make the readers panic, where an error is meant.
fn caught<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    internal::caught(read)
        .unwrap_or_else(|_| Err(ArrowError::ParseError("the file is damaged".to_owned())))
}

fn open(columnar: Columnar, file: File) -> Result<Batches, ArrowError> {
    match columnar {
        Columnar::ArrowFile | Columnar::ArrowStream => {
            let mut messages = Messages::new(columnar, file)?;
            let schema = messages.schema()?;
            let batches = iter::from_fn(move || messages.next().transpose());
            Ok(Batches { schema, rows: None, batches: Box::new(batches) })
        }
        Columnar::Parquet => {
            let options = ArrowReaderOptions::new();
            let metadata = ArrowReaderMetadata::load(&file, options.clone())?;
            // Views of a text that many rows name leave it in its dictionary, once.
            let options = options.with_schema(with_views(metadata.schema()));
            let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?;
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
            let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
            let reader = builder.with_batch_size(PARQUET_BATCH_ROWS).build()?;
            Ok(Batches { schema: reader.schema(), rows, batches: Box::new(reader) })
        }
    }
}

/// The schema with views in the place of texts.
fn with_views(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// The batches of an Arrow file or stream: a file is a stream between a mark and an index.
///
/// arrow's readers of both take as much memory as a file asks for, so that a damaged one can end the
/// program. The decoder takes no more than it gets.
struct Messages {
    decoder: StreamDecoder,
    file: File,
    /// What was read and not yet decoded.
    bytes: Buffer,
    is_file: bool,
}

impl Messages {
    const FILE_MARK: usize = 8;
    const READ_BYTES: u64 = 1 << 18;

    fn new(columnar: Columnar, file: File) -> Result<Self, ArrowError> {
        let is_file = columnar == Columnar::ArrowFile;
        let (decoder, bytes) = (StreamDecoder::new(), Buffer::default());
        let mut messages = Self { decoder, file, bytes, is_file };
        if is_file {
            messages.read()?;
            // Zeros fill up what follows the mark.
            let is_mark = |(at, byte): &(usize, &u8)| *at < Self::FILE_MARK || **byte == 0;
            let mark = messages.bytes.iter().enumerate().take_while(is_mark).count();
            messages.bytes.advance(mark);
        }
        Ok(messages)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        (&self.file).take(Self::READ_BYTES).read_to_end(&mut bytes)?;
        self.bytes = bytes.into();
        Ok(())
    }

    /// The schema, which comes before the batches.
    fn schema(&mut self) -> Result<SchemaRef, ArrowError> {
        loop {
            if let Some(schema) = self.decoder.schema() {
                return Ok(schema);
            }
            if self.bytes.is_empty() {
                self.read()?;
            }
            if self.bytes.is_empty() {
                return Err(ends_too_early());
            }
            // Byte by byte, since a batch that came with it would be lost.
            let mut byte = self.bytes.slice_with_length(0, 1);
            self.bytes.advance(1);
            self.decoder.decode(&mut byte)?;
        }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        loop {
            if self.bytes.is_empty() {
                self.read()?;
            }
            if self.bytes.is_empty() {
                // What a pipe has brought is whole only if its end is marked.
                return if self.has_ended() { Ok(None) } else { Err(ends_too_early()) };
            }
            match self.decoder.decode(&mut self.bytes) {
                Ok(Some(batch)) => return Ok(Some(batch)),
                Ok(None) => {}
                // In a file its index follows.
                Err(_) if self.is_file && self.has_ended() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the mark of the end was met: nothing is taken after it.
    fn has_ended(&mut self) -> bool {
        let mut more = Buffer::from(&[0]);
        self.decoder.decode(&mut more).is_err() && self.decoder.finish().is_ok()
    }
}

fn ends_too_early() -> ArrowError {
    ArrowError::ParseError("unexpected end of file".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use arrow::array::{
        DictionaryArray, DurationNanosecondArray, Int64Array, IntervalMonthDayNanoArray, ListArray,
        NullArray, StringViewArray, StructArray, UnionArray,
    };
    use arrow::buffer::ScalarBuffer;
    use arrow::datatypes::{Int32Type, UnionFields};
    use arrow::ipc::reader::{FileReader, StreamReader};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    use super::*;

    fn odd_columns() -> RecordBatch {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let either = UnionFields::try_new(
            [0, 1],
            [Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8View, true)],
        );
        let union = UnionArray::try_new(
            either.unwrap(),
            ScalarBuffer::from(vec![0_i8, 1, 1]),
            None,
            vec![Arc::clone(&numbers), Arc::clone(&texts)],
        );
        let lists = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        let object = StructArray::from(vec![(
            Arc::new(Field::new("text", DataType::Utf8View, true)),
            Arc::clone(&texts),
        )]);
        let dictionary: DictionaryArray<Int32Type> =
            [Some("x"), None, Some("x")].into_iter().collect();
        let intervals = IntervalMonthDayNanoArray::from(vec![None; 3]);
        let columns: [(&str, ArrayRef); 9] = [
            ("text", texts),
            ("number", numbers),
            ("union", Arc::new(union.unwrap())),
            ("list", Arc::new(lists)),
            ("object", Arc::new(object)),
            ("dictionary", Arc::new(dictionary)),
            ("interval", Arc::new(intervals)),
            ("none", Arc::new(NullArray::new(3))),
            ("duration", Arc::new(DurationNanosecondArray::from(vec![Some(5), None, Some(7)]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn written(columnar: Columnar, batch: &RecordBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        let batches = [Ok(batch.clone()), Ok(batch.slice(0, 0))];
        write(columnar, &batch.schema(), batches.into_iter(), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn columns_of_every_type_come_back_in_types_that_all_readers_have() {
        let batch = odd_columns();
        let expected = in_file(&file_schema(&batch.schema()), &batch).unwrap();
        assert_eq!(
            expected.column(2).as_string::<i32>().iter().collect::<Vec<_>>(),
            [Some("1"), None, Some("")]
        );
        let file = io::Cursor::new(written(Columnar::ArrowFile, &batch));
        let file: Vec<_> = FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
        assert_eq!(file, std::slice::from_ref(&expected));
        for columnar in [Columnar::ArrowFile, Columnar::ArrowStream, Columnar::Parquet] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&written(columnar, &batch)).unwrap();
            file.rewind().unwrap();
            let read = read(columnar, file).unwrap().batches;
            // Texts of Parquet are read as views.
            let read = read.map(|batch| in_file(&expected.schema(), &batch.unwrap()).unwrap());
            let read: Vec<_> = read.collect();
            assert_eq!(read, std::slice::from_ref(&expected));
        }
        let stream = io::Cursor::new(written(Columnar::ArrowStream, &batch));
        let stream: Vec<_> =
            StreamReader::try_new(stream, None).unwrap().map(Result::unwrap).collect();
        assert_eq!(stream, std::slice::from_ref(&expected));
        let mut parquet = tempfile::tempfile().unwrap();
        parquet.write_all(&written(Columnar::Parquet, &batch)).unwrap();
        let parquet: Vec<_> = ParquetRecordBatchReader::try_new(parquet, 1_024)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(parquet, [expected]);
    }

    #[test]
    fn long_texts_are_laid_out_piece_by_piece_in_their_order() {
        let text = "0123456789".repeat(60_000);
        let texts: Vec<String> = (0..20).map(|n| format!("{n} {text}")).collect();
        let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let stream = io::Cursor::new(written(Columnar::ArrowStream, &batch));
        let pieces: Vec<_> =
            StreamReader::try_new(stream, None).unwrap().map(Result::unwrap).collect();
        assert!(pieces.len() > 2, "{}", pieces.len());
        let found = pieces.iter().flat_map(|piece| piece.column(0).as_string::<i32>().iter());
        assert!(found.flatten().eq(texts.iter().map(String::as_str)));
    }

    #[test]
    fn a_damaged_file_is_an_error_or_read_but_never_a_panic() {
        let text: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("bc")]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let batch = RecordBatch::try_from_iter([("text", text), ("number", number)]).unwrap();
        for columnar in [Columnar::ArrowFile, Columnar::ArrowStream, Columnar::Parquet] {
            let whole = written(columnar, &batch);
            let mut refused = 0;
            for at in 0..whole.len() {
                for byte in [0, 0x7f, 0xff] {
                    let mut damaged = whole.clone();
                    damaged[at] = byte;
                    let mut file = tempfile::tempfile().unwrap();
                    file.write_all(&damaged).unwrap();
                    file.rewind().unwrap();
                    let read = read(columnar, file)
                        .and_then(|read| read.batches.collect::<Result<Vec<_>, _>>());
                    refused += usize::from(read.is_err());
                }
            }
            assert!(refused > 100, "{columnar:?}: {refused}");
        }
    }
}
