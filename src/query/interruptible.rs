//! Makes a query's computation interruptible.
//!
//! DataFusion's operators check for cancellation only when they wait for input. A join can work for
//! hours on one batch, so the output of each operator and the condition of each join check the
//! query's [`Cancellation`] as well. The output of a projection is also counted against the memory
//! limit.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{Stream, StreamExt};

use crate::query::cancellation::Cancellation;
use crate::query::computed_columns::ComputedColumns;

/// Returns the same plan, which fails soon after `cancellation` is set.
///
/// # Errors
///
/// Those of DataFusion.
pub fn interruptible(
    plan: Arc<dyn ExecutionPlan>,
    cancellation: &Cancellation,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let inner = with_guarded_condition(plan, cancellation)?;
        let cancellation = cancellation.clone();
        Ok(Transformed::yes(Arc::new(Interruptible { inner, cancellation }) as _))
    })
    .data()
}

/// Makes a join's condition interruptible: a join can evaluate it many times before it returns a
/// row. Semi and anti joins without a condition get one that is always true: with many equal keys,
/// they pair a batch for minutes, and return nothing meanwhile.
fn with_guarded_condition(
    plan: Arc<dyn ExecutionPlan>,
    cancellation: &Cancellation,
) -> Result<Arc<dyn ExecutionPlan>> {
    let guarded = |filter: &JoinFilter| {
        let inner = Arc::clone(filter.expression());
        let condition = InterruptibleExpr { inner, cancellation: cancellation.clone() };
        let columns = filter.column_indices().to_vec();
        Some(JoinFilter::new(Arc::new(condition), columns, Arc::clone(filter.schema())))
    };
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(guarded(filter)).build()?;
        return Ok(Arc::new(join));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let always = JoinFilter::new(lit(true), Vec::new(), Arc::new(Schema::empty()));
        let filter = match join.filter() {
            Some(filter) => guarded(filter),
            None if returns_no_pairs(*join.join_type()) => guarded(&always),
            None => return Ok(plan),
        };
        return join.builder().with_filter(filter).build_exec();
    }
    Ok(plan)
}

/// Whether the join pairs rows without returning the pairs.
fn returns_no_pairs(join: JoinType) -> bool {
    matches!(
        join,
        JoinType::LeftSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark
            | JoinType::RightSemi
            | JoinType::RightAnti
            | JoinType::RightMark
    )
}

/// An operator that checks for cancellation before each batch. In all other respects it acts as the
/// wrapped operator, so that `EXPLAIN ANALYZE` does not show it.
#[derive(Debug)]
struct Interruptible {
    inner: Arc<dyn ExecutionPlan>,
    cancellation: Cancellation,
}

impl Interruptible {
    fn around(&self, inner: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { inner, cancellation: self.cancellation.clone() })
    }
}

impl DisplayAs for Interruptible {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(format, f)
    }
}

impl ExecutionPlan for Interruptible {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.inner.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inner.children()
    }

    fn dynamic_expressions_produced(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.inner.dynamic_expressions_produced()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inner = Arc::clone(&self.inner).replace_children(children, options)?;
        Ok(self.around(inner))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let recompute = datafusion::physical_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(recompute))
    }

    // A recursive query resets its operators between iterations, and passes rows on through this
    // state.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let inner = Arc::clone(&self.inner).reset_state()?;
        Ok(self.around(inner))
    }

    fn with_new_state(&self, state: Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(self.around(self.inner.with_new_state(state)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let computed = ComputedColumns::of(self.inner.as_ref(), context.memory_pool());
        let inner = self.inner.execute(partition, context)?;
        let cancellation = self.cancellation.clone();
        Ok(Box::pin(InterruptibleStream { inner, cancellation, computed }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.inner.metrics()
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.inner.statistics_from_inputs(inputs, args)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.inner.child_stats_requests(partition)
    }

    fn fetch(&self) -> Option<usize> {
        self.inner.fetch()
    }
}

struct InterruptibleStream {
    inner: SendableRecordBatchStream,
    cancellation: Cancellation,
    computed: Option<ComputedColumns>,
}

impl Stream for InterruptibleStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(cancelled) = self.cancellation.check() {
            return Poll::Ready(Some(Err(cancelled)));
        }
        let next = ready!(self.inner.poll_next_unpin(context));
        if let (Some(computed), Some(Ok(batch))) = (&self.computed, &next)
            && let Err(too_large) = computed.check(batch)
        {
            return Poll::Ready(Some(Err(too_large)));
        }
        Poll::Ready(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl RecordBatchStream for InterruptibleStream {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }
}

/// A join's condition that checks for cancellation on each evaluation.
#[derive(Debug)]
struct InterruptibleExpr {
    inner: Arc<dyn PhysicalExpr>,
    cancellation: Cancellation,
}

impl PhysicalExpr for InterruptibleExpr {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.cancellation.check()?;
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Self { inner, cancellation: self.cancellation.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}

impl fmt::Display for InterruptibleExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PartialEq for InterruptibleExpr {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for InterruptibleExpr {}

impl Hash for InterruptibleExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}
