//! What is written is read back, and damage is an error.

use std::io::{self, Seek, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, DictionaryArray, DurationNanosecondArray, Int64Array,
    IntervalMonthDayNanoArray, ListArray, NullArray, RecordBatch, StringViewArray, StructArray,
    TimestampNanosecondArray, UnionArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, TimeUnit, UnionFields};
use arrow::ipc::reader::{FileReader, StreamReader};
use netsky_db::{Record, TickRecord};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Encoding;

use super::open;
use super::write::{cast_to_file, file_schema, write_table};
use crate::{Answer, Format};

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
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), None, Some("x")].into_iter().collect();
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

const COLUMNAR: [Format; 3] = [Format::Arrow, Format::ArrowStream, Format::Parquet];

fn written(format: Format, batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let batches = [Ok(batch.clone()), Ok(batch.slice(0, 0))].into_iter();
    format.write(Answer { schema: batch.schema(), batches }, &mut bytes).unwrap();
    bytes
}

#[test]
fn columns_of_every_type_come_back_in_types_that_all_readers_have() {
    let batch = odd_columns();
    let expected = cast_to_file(&file_schema(&batch.schema()), &batch).unwrap();
    assert_eq!(
        expected.column(2).as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("1"), None, Some("")]
    );
    let file = io::Cursor::new(written(Format::Arrow, &batch));
    let file: Vec<_> = FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(file, std::slice::from_ref(&expected));
    for format in COLUMNAR {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&written(format, &batch)).unwrap();
        file.rewind().unwrap();
        let read = open(file).unwrap().unwrap();
        // Texts of Parquet are read as views.
        let read = read.map(|batch| cast_to_file(&expected.schema(), &batch.unwrap()).unwrap());
        let read: Vec<_> = read.collect();
        assert_eq!(read, std::slice::from_ref(&expected));
    }
    let stream = io::Cursor::new(written(Format::ArrowStream, &batch));
    let stream: Vec<_> = StreamReader::try_new(stream, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(stream, std::slice::from_ref(&expected));
    let mut parquet = tempfile::tempfile().unwrap();
    parquet.write_all(&written(Format::Parquet, &batch)).unwrap();
    let parquet: Vec<_> =
        ParquetRecordBatchReader::try_new(parquet, 1_024).unwrap().map(Result::unwrap).collect();
    assert_eq!(parquet, [expected]);
}

#[test]
fn long_texts_are_laid_out_piece_by_piece_in_their_order() {
    let text = "0123456789".repeat(60_000);
    let texts: Vec<String> = (0..20).map(|n| format!("{n} {text}")).collect();
    let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let stream = io::Cursor::new(written(Format::ArrowStream, &batch));
    let pieces: Vec<_> = StreamReader::try_new(stream, None).unwrap().map(Result::unwrap).collect();
    assert!(pieces.len() > 2, "{}", pieces.len());
    let found = pieces.iter().flat_map(|piece| piece.column(0).as_string::<i32>().iter());
    assert!(found.flatten().eq(texts.iter().map(String::as_str)));
}

#[test]
fn a_damaged_file_is_an_error_or_read_but_never_a_panic() {
    let text: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("bc")]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let batch = RecordBatch::try_from_iter([("text", text), ("number", number)]).unwrap();
    for format in COLUMNAR {
        let whole = written(format, &batch);
        let mut refused = 0;
        for at in 0..whole.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&damaged).unwrap();
                file.rewind().unwrap();
                refused += usize::from(match open(file) {
                    Ok(Some(read)) => read.collect::<Result<Vec<_>, _>>().is_err(),
                    Ok(None) | Err(_) => true,
                });
            }
        }
        assert!(refused > 100, "{format:?}: {refused}");
    }
}

#[test]
fn a_file_of_a_table_says_how_it_is_sorted_and_keeps_ids_and_times_small() {
    let table = TickRecord::TABLE;
    let times =
        (0..1_000).map(|second| Some(second * 1_000_000_000)).collect::<TimestampNanosecondArray>();
    let texts = || Arc::new(StringViewArray::from(vec!["x"; 1_000])) as ArrayRef;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(1..=1_000)),
        Arc::new(times.with_timezone("UTC")),
        texts(),
        texts(),
    ];
    let rows = RecordBatch::try_new(table.schema(), columns).unwrap();
    let mut content = Vec::new();
    let answer = Answer { schema: rows.schema(), batches: std::iter::once(Ok(rows)) };
    write_table(table, answer, &mut content).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(
        reader.schema().field(1).data_type(),
        &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    );
    assert_eq!(reader.schema().metadata()["netsky.table"], "ticks");
    let group = reader.metadata().row_group(0);
    let keys: Vec<i32> =
        group.sorting_columns().unwrap().iter().map(|key| key.column_idx).collect();
    assert_eq!(keys, [1, 0]);
    for column in &group.columns()[..2] {
        assert!(column.encodings().any(|it| it == Encoding::DELTA_BINARY_PACKED), "{column:?}");
        assert!(column.compressed_size() < 300, "{}", column.compressed_size());
    }
}
