//! Chains of `->` and `->>`.
//!
//! The planner of `datafusion-functions-json` gives each arrow's value an alias with its SQL.
//! DataFusion 55.2 computes the type of an aliased expression twice, so that each arrow in a chain
//! doubled the planning time: 22 arrows took 42 seconds. Only the name of the whole chain is
//! visible, so the inner aliases are removed.
//!
//! The planning time of nested calls is also quadratic in their number. So a chain becomes one call
//! with a path, which the crate itself would make of it later.
//!
//! `x['a']` and `x:a` read JSON as well if `x` is a text, and `x.a` does if its name ends in `_json`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema, Result, TableReference};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, TypePlanner,
};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, lit};
use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType as SqlDataType};

use crate::query::json_path::JsonPath;

/// Adds JSON functions and operators to a session.
pub(super) fn register(mut session: SessionState) -> Result<SessionState> {
    datafusion_functions_json::register_all(&mut session)?;
    // The last planner is the one that was just registered. The crate does not export its name.
    let Some(arrows) = session.expr_planners().last().cloned() else { return Ok(session) };
    let mut builder = SessionStateBuilder::new_from_existing(session);
    // The first planner that returns a plan is used.
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(UnnamedArguments(arrows)));
    planners.insert(0, Arc::new(TextAsJson));
    Ok(builder.with_type_planner(Arc::new(JsonIsText)).build())
}

/// Plans `x['a']`, `x[0]`, `x.a` and `x:a` for a text `x`, as `x->>'a'` is.
#[derive(Debug)]
struct TextAsJson;

impl ExprPlanner for TextAsJson {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op: BinaryOperator::Custom(op), left, right: Expr::Literal(path, _) } =
            &expr
        else {
            return Ok(PlannerResult::Original(expr));
        };
        let Some(path) = path.try_as_str().flatten().filter(|_| op == ":") else {
            return Ok(PlannerResult::Original(expr));
        };
        // The parser writes the path with double quotes, and keys in brackets with single ones.
        let path =
            JsonPath::parse(&format!("$.{}", path.replace("['", ".\"").replace("']", "\"")))?;
        Ok(PlannerResult::Planned(json_as_text(left.clone(), path.arguments().collect())))
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if !expr.expr.get_type(schema).is_ok_and(|ty| is_text(&ty)) {
            return Ok(PlannerResult::Original(expr));
        }
        let RawFieldAccessExpr { field_access, expr: json } = expr;
        Ok(match field_access {
            GetFieldAccess::NamedStructField { name } => {
                PlannerResult::Planned(json_as_text(json, vec![lit(name)]))
            }
            GetFieldAccess::ListIndex { key } => {
                PlannerResult::Planned(json_as_text(json, vec![*key]))
            }
            field_access @ GetFieldAccess::ListRange { .. } => {
                PlannerResult::Original(RawFieldAccessExpr { field_access, expr: json })
            }
        })
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        // Only columns of JSON: `agent.name` is more likely a mistake than a key in a text.
        if !is_text(field.data_type()) || !field.name().ends_with("_json") {
            return Ok(PlannerResult::Original(Vec::new()));
        }
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let path = nested_names.iter().map(|name| lit(name.as_str())).collect();
        Ok(PlannerResult::Planned(json_as_text(column, path)))
    }
}

fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Returns the value at the path as text. A path after a path becomes one call, as with arrows.
fn json_as_text(json: Expr, path: Vec<Expr>) -> Expr {
    let function = datafusion_functions_json::udfs::json_as_text_udf();
    let mut arguments = match json {
        Expr::ScalarFunction(call) if call.func == function => call.args,
        json => vec![json],
    };
    arguments.extend(path);
    function.call(arguments)
}

/// The types `json` and `jsonb`: JSON is text here.
#[derive(Debug)]
struct JsonIsText;

impl TypePlanner for JsonIsText {
    fn plan_type_field(&self, ty: &SqlDataType) -> Result<Option<FieldRef>> {
        Ok(match ty {
            SqlDataType::JSON | SqlDataType::JSONB => {
                Some(Arc::new(Field::new("", DataType::Utf8View, true)))
            }
            _ => None,
        })
    }
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
