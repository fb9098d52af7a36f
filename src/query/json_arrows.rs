//! Chains of `->` and `->>`.
//!
//! The planner of `datafusion-functions-json` gives each arrow's value an alias with its SQL.
//! DataFusion 55.2 computes the type of an aliased expression twice, so that each arrow in a chain
//! doubled the planning time: 22 arrows took 42 seconds. Only the name of the whole chain is
//! visible, so the inner aliases are removed.
//!
//! The planning time of nested calls is also quadratic in their number. So a chain becomes one call
//! with a path, which the crate itself would make of it later.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};

/// Adds JSON functions and operators to a session.
pub(super) fn register(mut session: SessionState) -> Result<SessionState> {
    datafusion_functions_json::register_all(&mut session)?;
    // The last planner is the one that was just registered. The crate does not export its name.
    let Some(arrows) = session.expr_planners().last().cloned() else { return Ok(session) };
    let mut builder = SessionStateBuilder::new_from_existing(session);
    // The first planner that returns a plan is used.
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(UnnamedArguments(arrows)));
    Ok(builder.build())
}

/// Plans operators like another planner, but without aliases inside expressions.
#[derive(Debug)]
struct UnnamedArguments(Arc<dyn ExprPlanner>);

impl ExprPlanner for UnnamedArguments {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let mut planned = self.0.plan_binary_op(expr, schema)?;
        if let PlannerResult::Planned(Expr::Alias(named)) = &mut planned
            && let Expr::ScalarFunction(arrow) = named.expr.as_mut()
        {
            for argument in &mut arrow.args {
                if let Expr::Alias(named) = argument {
                    *argument = std::mem::take(&mut named.expr);
                }
            }
            join_paths(arrow);
        }
        Ok(planned)
    }
}

/// Rewrites `f(json_get(j, 'a'), 'b')` to `f(j, 'a', 'b')`. The keys must be literals: with other
/// expressions, a NULL in the middle would mean something else.
fn join_paths(arrow: &mut ScalarFunction) {
    let is_literal = |key: &Expr| matches!(key, Expr::Literal(..));
    let takes_path = matches!(arrow.name(), "json_get" | "json_as_text");
    let Some((Expr::ScalarFunction(inner), keys)) = arrow.args.split_first_mut() else { return };
    let mut all = inner.args.iter().skip(1).chain(keys.iter());
    if takes_path && inner.name() == "json_get" && all.all(is_literal) {
        let mut path = std::mem::take(&mut inner.args);
        path.extend(keys.iter_mut().map(std::mem::take));
        arrow.args = path;
    }
}
