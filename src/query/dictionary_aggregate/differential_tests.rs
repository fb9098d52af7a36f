//! Grouping by the ids of texts returns what grouping by the texts does, whatever the texts and their buffers are.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, lexsort, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, exec_err};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{MemoryPool, MemoryReservation, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::Config;
use tokio::runtime::Builder;

use crate::query::dictionary_aggregate::grouping::Grouping;
use crate::query::dictionary_aggregate::keys::Keys;
use crate::query::memory;
use crate::query::session::base_state;

const TEXTS: usize = 6;

/// Columns of texts and one of numbers.
fn schema() -> SchemaRef {
    let texts = (0..TEXTS).map(|index| Field::new(format!("t{index}"), DataType::Utf8View, true));
    Arc::new(Schema::new(texts.chain([Field::new("n", DataType::Int64, true)]).collect::<Vec<_>>()))
}

/// Few texts or many, short and long, with the same beginnings and ends.
fn text() -> impl Strategy<Value = Option<String>> {
    let long = (0..40_u8, "[ab]{0,2}").prop_map(|(same, end)| "x".repeat(same.into()) + &end);
    prop_oneof![1 => Just(None), 2 => "[ab]{0,3}".prop_map(Some), 6 => long.prop_map(Some), 1 => ".{0,20}".prop_map(Some)]
}

/// A column of some rows: with views into the buffer of few texts, as from a dictionary, or each with a text of its own.
fn texts(rows: usize) -> impl Strategy<Value = ArrayRef> {
    let entries = prop::collection::vec(text(), 1..8);
    (entries, prop::collection::vec(any::<Index>(), rows), any::<bool>()).prop_map(
        |(entries, picked, shared)| {
            let picked = picked.iter().map(|index| index.index(entries.len()) as u32);
            if shared {
                let entries = entries.iter().cloned().collect::<StringViewArray>();
                return take(&entries, &picked.collect::<UInt32Array>(), None).unwrap();
            }
            let texts = picked.map(|index| entries[index as usize].clone());
            Arc::new(texts.collect::<StringViewArray>()) as ArrayRef
        },
    )
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

/// A session with the table `t`, with our rules or without.
fn session(
    partitions: Vec<Vec<RecordBatch>>,
    ours: bool,
    pool: Arc<dyn MemoryPool>,
) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(2);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    let builder = match ours {
        true => SessionStateBuilder::new_from_existing(base_state(None).unwrap()),
        false => SessionStateBuilder::new().with_default_features(),
    };
    let state = builder.with_config(config.with_information_schema(true)).with_runtime_env(runtime);
    let context = SessionContext::new_with_state(state.build());
    let table = MemTable::try_new(partitions[0][0].schema(), partitions).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    context
}

/// Returns the rows of the answer in order.
fn answer(
    sql: &str,
    partitions: Vec<Vec<RecordBatch>>,
    ours: bool,
    pool: Arc<dyn MemoryPool>,
) -> RecordBatch {
    let context = session(partitions, ours, pool);
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let batch = runtime.block_on(async {
        let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert_eq!(shown.contains("DictionaryAggregateExec"), ours, "{shown}");
        let schema = plan.schema();
        let batches = datafusion::physical_plan::collect(plan, context.task_ctx()).await.unwrap();
        concat_batches(&schema, &batches).unwrap()
    });
    let columns = batch.columns().iter();
    let columns = columns.map(|column| SortColumn { values: Arc::clone(column), options: None });
    RecordBatch::try_new(batch.schema(), lexsort(&columns.collect::<Vec<_>>(), None).unwrap())
        .unwrap()
}

fn unlimited() -> Arc<dyn MemoryPool> {
    Arc::new(UnboundedMemoryPool::default())
}

fn assert_same(sql: &str, partitions: &[Vec<RecordBatch>]) {
    let ours = answer(sql, partitions.to_vec(), true, unlimited());
    let plain = answer(sql, partitions.to_vec(), false, unlimited());
    assert_eq!(ours.columns(), plain.columns(), "{sql}");
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

/// Refuses memory to dictionaries.
#[derive(Debug, Default)]
struct WithoutDictionaries(UnboundedMemoryPool, AtomicUsize);

impl MemoryPool for WithoutDictionaries {
    fn name(&self) -> &str {
        "without dictionaries"
    }

    fn grow(&self, reservation: &MemoryReservation, more: usize) {
        self.0.grow(reservation, more);
    }

    fn shrink(&self, reservation: &MemoryReservation, less: usize) {
        self.0.shrink(reservation, less);
    }

    fn try_grow(&self, reservation: &MemoryReservation, more: usize) -> Result<()> {
        if reservation.consumer().name().starts_with("DictionaryAggregateExec") {
            self.1.fetch_add(1, Ordering::Relaxed);
            return exec_err!("no memory");
        }
        self.0.try_grow(reservation, more)
    }

    fn reserved(&self) -> usize {
        self.0.reserved()
    }
}

impl fmt::Display for WithoutDictionaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[test]
fn a_dictionary_without_memory_is_given_up() {
    let batches = many(60_000, 8, true);
    let sql = "SELECT t, count(*) FROM t GROUP BY t";
    let pool = Arc::new(WithoutDictionaries::default());
    let ours = answer(sql, vec![batches.clone(), batches.clone()], true, Arc::clone(&pool) as _);
    let plain = answer(sql, vec![batches.clone(), batches.clone()], false, unlimited());
    assert_eq!(ours.columns(), plain.columns());
    // Once in each partition.
    assert_eq!(pool.1.load(Ordering::Relaxed), 2);
    // The same with little memory for everything.
    let ours = answer(sql, vec![batches.clone(), batches], true, memory::pool(8 << 20));
    assert_eq!(ours.columns(), plain.columns());
}
