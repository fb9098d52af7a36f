//! A parsed and planned query.

use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use std::mem::{self, ManuallyDrop};

use crate::error::Result;
use crate::query::extension::Rewrite;
use crate::query::parameters::Parameters;
use crate::query::statement::{self, PlannedStatement};
use crate::query::syntax::ColumnNames;
use crate::thread_pool;

/// A plan before optimization, its parameters, and the names of its columns.
pub(super) struct Planned {
    plan: LogicalPlan,
    pub(super) parameters: Parameters,
    pub(super) names: ColumnNames,
}

impl Planned {
    pub(super) async fn new(
        session: &SessionContext,
        sql: &str,
        rewrite: Option<&Rewrite>,
    ) -> Result<Self> {
        let PlannedStatement { plan, names } = statement::plan(session, sql, rewrite).await?;
        let parameters = Parameters::of(&plan)?;
        Ok(Self { plan, parameters, names })
    }

    /// Replaces the parameters by values.
    pub(super) fn bind(self, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        self.parameters.bind(self.plan, values)
    }

    /// Returns the schema of the answer. Types are final only after type coercion, which fails for open
    /// parameters. So NULLs of the parameters' types take their place.
    pub(super) fn schema(&self, session: &SessionContext) -> Result<SchemaRef> {
        let nulls = self.parameters.nulls()?;
        let plan = self.parameters.bind(self.plan.clone(), nulls)?;
        let state = session.state();
        let analyzed = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {});
        match analyzed {
            Ok(plan) => Ok(self.names.apply(plan.schema().inner())),
            // A NULL without a type may not fit where a value of the right type would.
            Err(_) if self.parameters.types().contains(&None) => {
                Ok(self.names.apply(self.plan.schema().inner()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A plan that is freed on a thread of ours, not on the thread that drops it. A plan is freed by
/// recursion, which overflows the stack of other threads (see
/// [`STACK_BYTES`](thread_pool::STACK_BYTES)).
pub(super) struct DropOnPoolThread(pub(super) Planned);

impl DropOnPoolThread {
    /// Returns a plan with values in place of the parameters. Only a thread of ours may call this and
    /// free the plan.
    pub(super) fn bind(&self, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        self.0.parameters.bind(self.0.plan.clone(), values)
    }

    pub(super) fn names(&self) -> ColumnNames {
        self.0.names.clone()
    }
}

impl Drop for DropOnPoolThread {
    fn drop(&mut self) {
        // If the system refuses a thread, the closure is dropped here, and must not free the plan.
        let plan = ManuallyDrop::new(mem::take(&mut self.0.plan));
        let _ = thread_pool::spawn(move || drop(ManuallyDrop::into_inner(plan)));
    }
}
