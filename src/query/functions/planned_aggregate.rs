//! Aggregates that are planned as expressions of DataFusion's aggregates.
//!
//! `count_if(x)` is `count(CASE WHEN x THEN 1 END)`. The planner asks for a plan of each call, so such
//! an aggregate needs no accumulators, and spills, merges and counts its memory as the others do.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
    WindowFunctionDefinition,
};
use datafusion::prelude::lit;

/// Returns the expression that a call is planned as.
pub(super) type Plan = fn(RawAggregateExpr) -> Result<Expr>;

/// The name of an aggregate, and how it is planned.
#[derive(Debug)]
pub(super) struct PlannedAggregate {
    name: &'static str,
    plan: Plan,
    signature: Signature,
}

impl PlannedAggregate {
    pub(super) fn udaf(name: &'static str, plan: Plan) -> AggregateUDF {
        let signature = Signature::variadic_any(Volatility::Immutable);
        AggregateUDF::new_from_impl(Self { name, plan, signature })
    }
}

impl PartialEq for PlannedAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for PlannedAggregate {}

impl Hash for PlannedAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for PlannedAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("{}() is available in SQL only", self.name)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        plan_err!("{}() is available in SQL only", self.name)
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<arrow::datatypes::FieldRef>> {
        plan_err!("{}() is available in SQL only", self.name)
    }

    /// The sorted expression comes first among the arguments.
    fn supports_within_group_clause(&self) -> bool {
        matches!(self.name, "percentile_disc" | "mode")
    }
}

/// Plans the calls.
#[derive(Debug)]
pub(super) struct AggregatePlanner;

impl ExprPlanner for AggregatePlanner {
    fn plan_aggregate(&self, call: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let func = Arc::clone(&call.func);
        let Some(planned) = func.inner().downcast_ref::<PlannedAggregate>() else {
            return Ok(PlannerResult::Original(with_separator(call)));
        };
        let args = call.args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let name = format!("{}({distinct}{args})", planned.name);
        Ok(PlannerResult::Planned((planned.plan)(call)?.alias(name)))
    }

    fn plan_window(&self, call: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        if let WindowFunctionDefinition::AggregateUDF(func) = &call.func_def
            && func.inner().is::<PlannedAggregate>()
        {
            return plan_err!(
                "{}() does not work over a window; aggregate in a subquery with GROUP BY, and join it",
                func.name()
            );
        }
        Ok(PlannerResult::Original(call))
    }
}

/// `string_agg` needs no separator in DuckDB.
fn with_separator(mut call: RawAggregateExpr) -> RawAggregateExpr {
    if call.func.name() == "string_agg" && call.args.len() == 1 {
        call.args.push(lit(","));
    }
    call
}
