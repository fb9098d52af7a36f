//! Packed keys sort as DataFusion does, whatever the keys, their order, and the other columns are.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, DurationNanosecondArray, Float64Array,
    Int8Array, Int64Array, ListArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::Config;

use crate::query::memory;
use crate::query::operator_testing::{Operator, WithoutMemoryFor, in_order, texts, unlimited};
use crate::query::packed_sort::buffer::Buffer;
use crate::query::packed_sort::keys::Keys;

/// Returns a strategy for a number of values, some of them NULL.
fn values<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
    rows: usize,
) -> impl Strategy<Value = Vec<Option<T>>> {
    let value = prop_oneof![1 => Just(None), 9 => value.prop_map(Some)];
    prop_oneof![
        4 => prop::collection::vec(value, rows),
        1 => Just(vec![None; rows]),
    ]
}

/// Near numbers, or any.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => -3..3_i64,
        1 => any::<i64>(),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)],
    ]
}

fn batch() -> impl Strategy<Value = RecordBatch> {
    prop_oneof![1 => Just(0), 3 => 1..60_usize].prop_flat_map(|rows| {
        let numbers = (values(number(), rows), values(-3..3_i64, rows), values(number(), rows));
        let small =
            (values(any::<i8>(), rows), values(any::<u32>(), rows), values(any::<bool>(), rows));
        let others =
            (values(any::<f64>(), rows), values(0..3_i32, rows), values(any::<i32>(), rows));
        let times = (values(number(), rows), values(number(), rows), values(number(), rows));
        let texts = (texts(rows), texts(rows), texts(rows));
        (texts, numbers, small, others, times).prop_map(
            |(
                (t, u, body),
                (big, n, time),
                (tiny, unsigned, flag),
                (float, list, day),
                (nanos, gap, date),
            )| {
                let time: ArrayRef =
                    Arc::new(TimestampMicrosecondArray::from(time).with_timezone("UTC"));
                let list = list.into_iter().map(|n| n.map(|n| vec![Some(n); n as usize]));
                let columns: [(_, ArrayRef); 15] = [
                    ("t", t),
                    ("float", Arc::new(Float64Array::from(float))),
                    ("u", u),
                    ("big", Arc::new(Int64Array::from(big))),
                    ("n", Arc::new(Int64Array::from(n))),
                    ("body", body),
                    ("time", time),
                    ("nanos", Arc::new(TimestampNanosecondArray::from(nanos))),
                    ("gap", Arc::new(DurationNanosecondArray::from(gap))),
                    ("date", Arc::new(Date64Array::from(date))),
                    ("tiny", Arc::new(Int8Array::from(tiny))),
                    ("unsigned", Arc::new(UInt32Array::from(unsigned))),
                    ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(list))),
                    ("flag", Arc::new(BooleanArray::from(flag))),
                    ("day", Arc::new(Date32Array::from(day))),
                ];
                let columns = columns.map(|(name, column)| (name, column, true));
                RecordBatch::try_from_iter_with_nullable(columns).unwrap()
            },
        )
    })
}

/// Columns, and expressions that sort as columns do.
fn keys() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let columns = [
        "t", "u", "n", "time", "nanos", "gap", "date", "tiny", "unsigned", "flag", "day", "big",
        "upper(t)", "n * 2",
    ];
    let columns = columns.into_iter().map(|column| (column, column));
    let computed = [("n", "n * 2"), ("u", "reverse(reverse(u))")];
    subsequence(columns.chain(computed).collect::<Vec<_>>(), 1..=4).prop_shuffle()
}

const OPERATOR: Operator = Operator("PackedSortExec");

/// Rows with the same keys may come in another order.
fn assert_same(keys: usize, ours: &RecordBatch, plain: &RecordBatch) {
    for index in 0..keys {
        assert_eq!(ours.column(index), plain.column(index));
    }
    // Lists have no order.
    let plain_columns = |batch: &RecordBatch| {
        let columns = batch.columns().iter().map(|column| match column.data_type() {
            DataType::List(_) => cast(column, &DataType::Utf8).unwrap(),
            _ => Arc::clone(column),
        });
        let names = (0..).map(|index: usize| index.to_string());
        in_order(
            &RecordBatch::try_from_iter_with_nullable(
                names.zip(columns).map(|(n, c)| (n, c, true)),
            )
            .unwrap(),
        )
    };
    assert_eq!(plain_columns(ours), plain_columns(plain));
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn packed_keys_sort_as_columns_do(
        batches in prop::collection::vec(batch(), 2..6),
        keys in keys(),
        orders in prop::collection::vec(prop::sample::select(vec![
            "ASC NULLS FIRST", "ASC NULLS LAST", "DESC NULLS FIRST", "DESC NULLS LAST",
        ]), 4),
        split in any::<Index>(),
    ) {
        let (a, b) = batches.split_at(1 + split.index(batches.len() - 1));
        let partitions = [a.to_vec(), b.to_vec()];
        let order = keys.iter().zip(&orders).map(|((_, key), order)| format!("{key} {order}"));
        let named = keys.iter().enumerate().map(|(index, (column, _))| format!("{column} AS k{index}"));
        let (named, order) = (named.collect::<Vec<_>>().join(", "), order.collect::<Vec<_>>().join(", "));
        let sql = format!("SELECT {named}, * FROM t ORDER BY {order}");
        let ours = OPERATOR.answer(&sql, &partitions, true, unlimited());
        let plain = OPERATOR.answer(&sql, &partitions, false, unlimited());
        assert_same(keys.len(), &ours, &plain);
        let pool = WithoutMemoryFor::new(OPERATOR.0);
        let without = OPERATOR.answer(&sql, &partitions, true, Arc::clone(&pool) as _);
        assert_same(keys.len(), &without, &plain);
        prop_assert!(pool.refusals() > 0 || batches.iter().all(|batch| batch.num_rows() == 0));
    }
}

/// Rows in many batches, with texts from a dictionary.
fn many(rows: u64, texts: u64) -> Vec<RecordBatch> {
    let names = (0..texts).map(|index| format!("the name of number {index}"));
    let names = StringViewArray::from_iter_values(names);
    let batches = (0..rows).step_by(8_192).map(|start| {
        let rows = start..rows.min(start + 8_192);
        let scattered = rows.clone().map(|row| row * 0x9e37_79b9 % 1_000_003);
        let ids = UInt64Array::from_iter_values(scattered.clone().map(|n| n % texts));
        let columns: [(_, ArrayRef); 3] = [
            ("t", take(&names, &ids, None).unwrap()),
            ("n", Arc::new(UInt32Array::from_iter_values(scattered.map(|n| n as u32)))),
            ("id", Arc::new(UInt32Array::from_iter_values(rows.map(|row| row as u32)))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    });
    batches.collect()
}

#[test]
fn many_rows_are_sorted_piece_by_piece() {
    for (partitions, sql) in [
        (
            vec![many(300_000, 40), many(150_000, 40)],
            "SELECT t, n, id FROM t ORDER BY t, n DESC, id",
        ),
        (vec![many(450_000, 40)], "SELECT t, n, id FROM t ORDER BY t, n DESC"),
    ] {
        let ours = OPERATOR.answer(sql, &partitions, true, unlimited());
        assert_eq!(ours, OPERATOR.answer(sql, &partitions, false, unlimited()));
    }
}

#[test]
fn texts_that_all_differ_are_given_up() {
    let is_in_vain = |texts| {
        let batches = many(100_000, texts);
        let schema = batches[0].schema();
        let key = PhysicalSortExpr::new_default(col("t", &schema).unwrap());
        let sort = SortExec::new([key].into(), Arc::new(EmptyExec::new(schema)));
        let mut buffer = Buffer::new(Keys::of(&sort).unwrap().unwrap());
        batches.iter().for_each(|batch| buffer.push(batch).unwrap());
        buffer.is_in_vain()
    };
    assert!(!is_in_vain(20_000));
    assert!(is_in_vain(1_000_003));
    let partitions = [many(100_000, 1_000_003), many(100_000, 1_000_003)];
    let sql = "SELECT t, id FROM t ORDER BY t, id";
    let ours = OPERATOR.answer(sql, &partitions, true, unlimited());
    assert_eq!(ours, OPERATOR.answer(sql, &partitions, false, unlimited()));
}

#[test]
fn little_memory_makes_datafusion_sort_and_spill() {
    let partitions = [many(300_000, 40), many(300_000, 40)];
    let sql = "SELECT t, n, id FROM t ORDER BY t, n, id";
    let plain = OPERATOR.answer(sql, &partitions, false, unlimited());
    for (megabytes, is_little) in [(48, true), (64, false), (96, false), (128, false)] {
        let pool = memory::pool(megabytes << 20);
        let (ours, spills) = OPERATOR.answer_and_spills(sql, &partitions, true, pool);
        assert_eq!(ours, plain, "{megabytes} MB");
        assert_eq!(spills > 0, is_little, "{megabytes} MB: {spills} files");
    }
}
