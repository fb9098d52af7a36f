//! Groups rows by the ids of their texts. See [`dictionary_aggregate`](crate::query::dictionary_aggregate).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use crate::query::dictionary_aggregate::DictionaryAggregateExec;
use crate::query::rules::rewrite::PhysicalRewrite;

/// Replaces partial aggregates that group by texts.
pub(super) const DICTIONARY_AGGREGATE: PhysicalRewrite =
    PhysicalRewrite { name: "dictionary_aggregate", node: dictionary_aggregate };

fn dictionary_aggregate(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else { return Ok(None) };
    let exec = DictionaryAggregateExec::of(aggregate)?;
    Ok(exec.map(|exec| Arc::new(exec) as _))
}
