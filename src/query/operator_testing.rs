//! What the tests of operators have in common.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, lexsort, take};
use datafusion::common::{Result, exec_err};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{MemoryPool, MemoryReservation, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::Builder;

use crate::query::session::base_state;

/// Few texts or many, short and long, with the same beginnings and ends.
fn text() -> impl Strategy<Value = Option<String>> {
    let long = (0..40_u8, "[ab]{0,2}").prop_map(|(same, end)| "x".repeat(same.into()) + &end);
    prop_oneof![1 => Just(None), 2 => "[ab]{0,3}".prop_map(Some), 6 => long.prop_map(Some), 1 => ".{0,20}".prop_map(Some)]
}

/// A column of some rows: with views into the buffer of few texts, as from a dictionary, or each with a text of its own.
pub(super) fn texts(rows: usize) -> impl Strategy<Value = ArrayRef> {
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

/// Returns a session with the table `t`, with our rules or without.
pub(super) fn session(
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

/// An operator of ours by its name in plans.
pub(super) struct Operator(pub(super) &'static str);

impl Operator {
    /// Returns the answer of a session with the table `t`. Its plan has the operator if it is ours, otherwise not.
    pub(super) fn answer(
        &self,
        sql: &str,
        partitions: &[Vec<RecordBatch>],
        ours: bool,
        pool: Arc<dyn MemoryPool>,
    ) -> RecordBatch {
        self.answer_and_spills(sql, partitions, ours, pool).0
    }

    /// Returns the number of files that the query spilled to as well.
    pub(super) fn answer_and_spills(
        &self,
        sql: &str,
        partitions: &[Vec<RecordBatch>],
        ours: bool,
        pool: Arc<dyn MemoryPool>,
    ) -> (RecordBatch, usize) {
        let context = session(partitions.to_vec(), ours, pool);
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let shown = displayable(plan.as_ref()).indent(false).to_string();
            assert_eq!(shown.contains(self.0), ours, "{shown}");
            let batches = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
            (concat_batches(&plan.schema(), &batches).unwrap(), spills(&plan))
        })
    }
}

fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    own + plan.children().into_iter().map(spills).sum::<usize>()
}

/// Returns the same rows in one order.
pub(super) fn in_order(batch: &RecordBatch) -> RecordBatch {
    let columns = batch.columns().iter();
    let columns = columns.map(|column| SortColumn { values: Arc::clone(column), options: None });
    RecordBatch::try_new(batch.schema(), lexsort(&columns.collect::<Vec<_>>(), None).unwrap())
        .unwrap()
}

pub(super) fn unlimited() -> Arc<dyn MemoryPool> {
    Arc::new(UnboundedMemoryPool::default())
}

/// Refuses memory to an operator, and counts how often.
#[derive(Debug)]
pub(super) struct WithoutMemoryFor(&'static str, UnboundedMemoryPool, AtomicUsize);

impl WithoutMemoryFor {
    pub(super) fn new(operator: &'static str) -> Arc<Self> {
        Arc::new(Self(operator, UnboundedMemoryPool::default(), AtomicUsize::new(0)))
    }

    pub(super) fn refusals(&self) -> usize {
        self.2.load(Ordering::Relaxed)
    }
}

impl MemoryPool for WithoutMemoryFor {
    fn name(&self) -> &str {
        "without memory for an operator"
    }

    fn grow(&self, reservation: &MemoryReservation, more: usize) {
        self.1.grow(reservation, more);
    }

    fn shrink(&self, reservation: &MemoryReservation, less: usize) {
        self.1.shrink(reservation, less);
    }

    fn try_grow(&self, reservation: &MemoryReservation, more: usize) -> Result<()> {
        if reservation.consumer().name().starts_with(self.0) {
            self.2.fetch_add(1, Ordering::Relaxed);
            return exec_err!("no memory");
        }
        self.1.try_grow(reservation, more)
    }

    fn reserved(&self) -> usize {
        self.1.reserved()
    }
}

impl fmt::Display for WithoutMemoryFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
