//! Packed keys sort as DataFusion does, whatever the keys, their order, and the other columns are.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int8Array, Int64Array, ListArray,
    RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::execution::memory_pool::MemoryPool;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::Config;

use crate::query::memory;
use crate::query::operator_testing::{self, WithoutMemoryFor, in_order, session, texts, unlimited};

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
        (texts(rows), texts(rows), texts(rows), numbers, small, others).prop_map(
            |(t, u, body, (big, n, time), (tiny, unsigned, flag), (float, list, day))| {
                let time: ArrayRef =
                    Arc::new(TimestampMicrosecondArray::from(time).with_timezone("UTC"));
                let list = list.into_iter().map(|n| n.map(|n| vec![Some(n); n as usize]));
                let columns: [(_, ArrayRef); 12] = [
                    ("t", t),
                    ("float", Arc::new(Float64Array::from(float))),
                    ("u", u),
                    ("big", Arc::new(Int64Array::from(big))),
                    ("n", Arc::new(Int64Array::from(n))),
                    ("body", body),
                    ("time", time),
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

/// Columns and expressions to sort by.
fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    let all =
        vec!["t", "u", "n", "time", "tiny", "unsigned", "flag", "day", "big", "upper(t)", "n * 2"];
    subsequence(all, 1..=4).prop_shuffle()
}

fn answer(
    sql: &str,
    partitions: &[Vec<RecordBatch>],
    ours: bool,
    pool: Arc<dyn MemoryPool>,
) -> RecordBatch {
    let context = session(partitions.to_vec(), ours, pool);
    operator_testing::answer(&context, sql, "PackedSortExec", ours)
}

/// Rows with the same keys may come in another order.
fn assert_same(keys: &[&str], ours: &RecordBatch, plain: &RecordBatch) {
    for index in 0..keys.len() {
        assert_eq!(ours.column(index), plain.column(index), "{keys:?}");
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
        let order = keys.iter().zip(&orders).map(|(key, order)| format!("{key} {order}"));
        let order = order.collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {}, * FROM (SELECT t AS key, * FROM t) ORDER BY {order}", named(&keys));
        let ours = answer(&sql, &partitions, true, unlimited());
        let plain = answer(&sql, &partitions, false, unlimited());
        assert_same(&keys, &ours, &plain);
        let pool = WithoutMemoryFor::new("PackedSortExec");
        let without = answer(&sql, &partitions, true, Arc::clone(&pool) as _);
        assert_same(&keys, &without, &plain);
        prop_assert!(pool.refusals() > 0 || batches.iter().all(|batch| batch.num_rows() == 0));
    }
}

/// The keys as columns with names of their own.
fn named(keys: &[&str]) -> String {
    let named = keys.iter().enumerate().map(|(index, key)| format!("{key} AS k{index}"));
    named.collect::<Vec<_>>().join(", ")
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
    let partitions = [many(300_000, 40), many(150_000, 40)];
    let sql = "SELECT t, n, id FROM t ORDER BY t, n DESC, id";
    let ours = answer(sql, &partitions, true, unlimited());
    assert_eq!(ours, answer(sql, &partitions, false, unlimited()));
}

#[test]
fn texts_that_all_differ_are_sorted_by_datafusion() {
    let partitions = [many(100_000, 1_000_003), many(100_000, 1_000_003)];
    let sql = "SELECT t, id FROM t ORDER BY t, id";
    let ours = answer(sql, &partitions, true, unlimited());
    assert_eq!(ours, answer(sql, &partitions, false, unlimited()));
}

#[test]
fn little_memory_makes_datafusion_sort_and_spill() {
    let partitions = [many(300_000, 40), many(300_000, 40)];
    let sql = "SELECT t, n, id FROM t ORDER BY t, n, id";
    let plain = answer(sql, &partitions, false, unlimited());
    for megabytes in [48, 64, 96, 128] {
        let ours = answer(sql, &partitions, true, memory::pool(megabytes << 20));
        assert_eq!(ours, plain, "{megabytes} MB");
    }
}
