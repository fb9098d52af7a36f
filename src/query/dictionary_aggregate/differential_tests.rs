//! Grouping by the ids of texts returns what grouping by the texts does, whatever the texts and their buffers are.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::Config;

use crate::query::dictionary_aggregate::grouping::Grouping;
use crate::query::dictionary_aggregate::keys::Keys;
use crate::query::memory;
use crate::query::operator_testing::{
    Operator, WithoutMemoryFor, in_order, session, texts, unlimited,
};

const TEXTS: usize = 6;

/// Columns of texts and one of numbers.
fn schema() -> SchemaRef {
    let texts = (0..TEXTS).map(|index| Field::new(format!("t{index}"), DataType::Utf8View, true));
    Arc::new(Schema::new(texts.chain([Field::new("n", DataType::Int64, true)]).collect::<Vec<_>>()))
}

fn batch() -> impl Strategy<Value = RecordBatch> {
    // Some partitions have no rows.
    prop_oneof![1 => Just(0), 3 => 1..80_usize].prop_flat_map(|rows| {
        let numbers = prop::collection::vec(prop::option::of(-3..3_i64), rows);
        (prop::collection::vec(texts(rows), TEXTS), numbers).prop_map(|(mut columns, numbers)| {
            columns.push(Arc::new(Int64Array::from(numbers)));
            RecordBatch::try_new(schema(), columns).unwrap()
        })
    })
}

/// Columns and expressions to group by.
fn groups() -> impl Strategy<Value = Vec<&'static str>> {
    let all = vec!["t0", "t1", "t2", "t3", "t4", "t5", "n", "upper(t0)", "t1 || t2", "n > 0"];
    subsequence(all, 1..=7)
        .prop_filter("texts", |groups| groups.iter().any(|group| group.contains('t')))
}

const OPERATOR: Operator = Operator("DictionaryAggregateExec");

fn assert_same(sql: &str, partitions: &[Vec<RecordBatch>]) {
    let ours = OPERATOR.answer(sql, partitions, true, unlimited());
    let plain = OPERATOR.answer(sql, partitions, false, unlimited());
    assert_eq!(in_order(&ours).columns(), in_order(&plain).columns(), "{sql}");
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn ids_group_as_texts_do(
        batches in prop::collection::vec(batch(), 2..6), groups in groups(), split in any::<Index>(),
    ) {
        let (a, b) = batches.split_at(1 + split.index(batches.len() - 1));
        let by = groups.join(", ");
        let sql = format!(
            "SELECT {by}, count(*), sum(n), min(t3), count(DISTINCT t4), count(t5) FILTER (WHERE n > 0)
             FROM t GROUP BY {by}"
        );
        assert_same(&sql, &[a.to_vec(), b.to_vec()]);
    }
}

/// Rows with `texts` different texts, each of them in `repeats` rows one after the other, with one view or without.
fn many(texts: usize, repeats: usize, shared: bool) -> Vec<RecordBatch> {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8View, true)]));
    let texts =
        (0..texts).map(|index| format!("a long text with a number: {index}")).collect::<Vec<_>>();
    let batches = texts.chunks(8_192 / repeats).map(|texts| {
        let array = StringViewArray::from_iter_values(texts);
        let rows = (0..texts.len() * repeats).map(|row| (row / repeats) as u32);
        let repeated = take(&array, &rows.collect::<UInt32Array>(), None).unwrap();
        let column = match shared {
            true => repeated,
            false => Arc::new(repeated.as_string_view().iter().collect::<StringViewArray>()),
        };
        RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap()
    });
    batches.collect()
}

#[test]
fn more_texts_than_a_dictionary_holds_are_grouped_in_rounds() {
    let batches = many(150_000, 8, true);
    assert_same("SELECT t, count(*) FROM t GROUP BY t", &[batches.clone(), batches]);
}

#[test]
fn texts_without_common_views_are_grouped_as_texts() {
    let batches = many(40_000, 2, false);
    assert_same("SELECT t, count(*) FROM t GROUP BY t", &[batches.clone(), batches]);
}

#[tokio::test]
async fn long_texts_that_all_differ_are_given_up_when_a_dictionary_is_full() {
    let texts = (0..8_000).map(|index| format!("{index:01000}"));
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let batch = RecordBatch::try_from_iter([("t", texts)]).unwrap();
    let context = session(vec![vec![batch.clone()]; 2], false, unlimited());
    let query = context.sql("SELECT t, count(*) FROM t GROUP BY t").await.unwrap();
    let mut plan = query.create_physical_plan().await.unwrap();
    let is_partial = |plan: &Arc<dyn ExecutionPlan>| {
        let aggregate = plan.downcast_ref::<AggregateExec>();
        aggregate.is_some_and(|aggregate| *aggregate.mode() == AggregateMode::Partial)
    };
    while !is_partial(&plan) {
        plan = Arc::clone(plan.children()[0]);
    }
    let aggregate = plan.downcast_ref::<AggregateExec>().unwrap();
    let mut grouping = Grouping::new(&Keys::of(aggregate).unwrap().unwrap(), aggregate).unwrap();
    assert!(grouping.push(&batch).unwrap() < batch.num_rows());
    assert!(grouping.is_in_vain());
}

#[test]
fn a_dictionary_without_memory_is_given_up() {
    let partitions = vec![many(60_000, 8, true); 2];
    let sql = "SELECT t, count(*) FROM t GROUP BY t";
    let pool = WithoutMemoryFor::new(OPERATOR.0);
    let answer = |ours, pool| in_order(&OPERATOR.answer(sql, &partitions, ours, pool));
    let plain = answer(false, unlimited());
    assert_eq!(answer(true, Arc::clone(&pool) as _).columns(), plain.columns());
    // Once in each partition.
    assert_eq!(pool.refusals(), 2);
    // The same with little memory for everything.
    assert_eq!(answer(true, memory::pool(8 << 20)).columns(), plain.columns());
}
