//! A statement that only reads, parsed and planned.

use std::mem::{self, ManuallyDrop};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use crate::error::Result;
use crate::query::parameters::Parameters;
use crate::query::statement;
use crate::thread_pool;

/// A plan that is not optimized yet, and its parameters.
pub(super) struct Planned {
    plan: LogicalPlan,
    pub(super) parameters: Parameters,
}

impl Planned {
    pub(super) async fn new(session: &SessionContext, sql: &str) -> Result<Self> {
        let plan = statement::plan(session, sql).await?;
        let parameters = Parameters::of(&plan)?;
        Ok(Self { plan, parameters })
    }

    /// The plan with the values in place of its parameters.
    pub(super) fn bind(self, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        bind(self.plan, &self.parameters, values)
    }

    /// Types are final only when the analyzer has coerced them, and it does not know what an open
    /// parameter is. So it sees nulls of the parameters' types.
    pub(super) fn schema(&self, session: &SessionContext) -> Result<SchemaRef> {
        let nulls = self.parameters.nulls()?;
        let plan = bind(self.plan.clone(), &self.parameters, nulls)?;
        let state = session.state();
        let analyzed = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {});
        match analyzed {
            Ok(plan) => Ok(Arc::clone(plan.schema().inner())),
            // A null may fail to fit where a value of another type would.
            Err(_) if self.parameters.types().contains(&None) => {
                Ok(Arc::clone(self.plan.schema().inner()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn bind(
    plan: LogicalPlan,
    parameters: &Parameters,
    values: Vec<ScalarValue>,
) -> Result<LogicalPlan> {
    let values = parameters.cast(values)?;
    match values.is_empty() {
        true => Ok(plan),
        false => Ok(plan.with_param_values(values)?),
    }
}

/// A plan that is not freed by whoever drops it: freeing walks down its trees by recursion, and overflows
/// the stack of a thread that is not one of ours (see [`STACK_BYTES`](thread_pool::STACK_BYTES)).
pub(super) struct FreedElsewhere(pub(super) Planned);

impl FreedElsewhere {
    /// The plan with the values in place of its parameters. A thread of ours must call it, and free it.
    pub(super) fn bind(&self, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        bind(self.0.plan.clone(), &self.0.parameters, values)
    }
}

impl Drop for FreedElsewhere {
    fn drop(&mut self) {
        // If the system refuses a thread, the job is dropped here, and must not free the plan.
        let plan = ManuallyDrop::new(mem::take(&mut self.0.plan));
        let _ = thread_pool::spawn(move || drop(ManuallyDrop::into_inner(plan)));
    }
}
