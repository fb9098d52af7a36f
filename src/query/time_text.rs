//! Support for SQL that was written when times were text.
//!
//! In netsky-db 0.1.6 a time was text. Here it is a timestamp, so that arithmetic and comparisons are
//! right; comparisons with a text literal work as in DataFusion. Operations that need text are
//! rewritten to get the time in its stored form: `LIKE`, the operators `||` and `~`, a cast to text,
//! every text function, and `coalesce` of times with text. Dates are texts there, too.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampNanosecondType};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions;
use datafusion::logical_expr::expr::{Cast, Like, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Documentation, Expr, ExprSchemable, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast as cast_expr,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::query::functions::text_functions as added_functions;
use crate::row::stored_time_array;

/// Makes a session accept times in place of text.
pub(super) fn register(session: &mut SessionState) -> Result<()> {
    let text_functions = functions::string::functions()
        .into_iter()
        .chain(functions::unicode::functions())
        .chain(functions::regex::functions());
    let text_functions = text_functions.into_iter().map(|function| function.name().to_owned());
    for name in text_functions.chain(added_functions().map(str::to_owned)) {
        // The registered function may already be a replacement.
        let function = session.udf(&name)?;
        session.register_udf(Arc::new(TextFnOnTimestamp::around(function, Times::Always)))?;
    }
    let coalesce = TextFnOnTimestamp::around(functions::core::coalesce(), Times::BesideText);
    session.register_udf(Arc::new(coalesce))?;
    session.register_function_rewrite(Arc::new(TimestampAsTextRewrite))
}

/// The function that a call of one of the registered functions becomes; `None` if it stays as it is.
pub(super) fn inner(function: &Arc<ScalarUDF>) -> Option<Arc<ScalarUDF>> {
    let replacement = function.inner().downcast_ref::<TextFnOnTimestamp>()?;
    Some(Arc::clone(&replacement.function))
}

/// The function that returns a time in its stored form.
pub(super) fn stored_time() -> ScalarUDF {
    ScalarUDF::new_from_impl(StoredTime::new())
}

/// Plans the SQL constructs that are not calls of a registered function. It must come before other
/// planners.
pub(super) fn planner() -> Arc<dyn ExprPlanner> {
    Arc::new(TimestampAsTextRewrite)
}

/// Whether the type's values print in the stored form: timestamps in UTC.
pub(super) fn is_utc_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(_, Some(zone)) if matches!(&**zone, "UTC" | "+00:00" | "Z"))
}

/// Returns an expression for a time's stored form, or the expression itself if it is not a time.
fn as_text(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr.get_type(schema) {
        Ok(ty) if is_utc_time(&ty) => Transformed::yes(stored_time().call(vec![expr])),
        Ok(DataType::Date32) => Transformed::yes(cast_expr(expr, DataType::Utf8View)),
        // If the type cannot be determined yet, the planner reports it later.
        _ => Transformed::no(expr),
    }
}

fn like_texts(like: Like, schema: &DFSchema) -> Transformed<Like> {
    let (expr, pattern) = (as_text(*like.expr, schema), as_text(*like.pattern, schema));
    let changed = expr.transformed || pattern.transformed;
    let (expr, pattern) = (Box::new(expr.data), Box::new(pattern.data));
    Transformed::new_transformed(Like { expr, pattern, ..like }, changed)
}

#[derive(Debug)]
struct TimestampAsTextRewrite;

impl FunctionRewrite for TimestampAsTextRewrite {
    fn name(&self) -> &'static str {
        "times_as_text"
    }

    /// Runs before type coercion, on expressions that the planner accepted.
    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::Like(like) => like_texts(like, schema).update_data(Expr::Like),
            Expr::SimilarTo(like) => like_texts(like, schema).update_data(Expr::SimilarTo),
            Expr::Cast(cast) if is_text(cast.field.data_type()) => as_text(*cast.expr, schema)
                .update_data(Box::new)
                .update_data(|expr| Expr::Cast(Cast { expr, ..cast })),
            Expr::TryCast(cast) if is_text(cast.field.data_type()) => as_text(*cast.expr, schema)
                .update_data(Box::new)
                .update_data(|expr| Expr::TryCast(TryCast { expr, ..cast })),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
                let (left, right) = (as_text(*left, schema), as_text(*right, schema));
                let changed = left.transformed || right.transformed;
                let concat = BinaryExpr::new(
                    Box::new(left.data),
                    Operator::StringConcat,
                    Box::new(right.data),
                );
                Transformed::new_transformed(Expr::BinaryExpr(concat), changed)
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                match func.inner().downcast_ref::<TextFnOnTimestamp>() {
                    Some(takes_times) => {
                        let types = args.iter().map(|arg| arg.get_type(schema));
                        let types = types.collect::<Result<Vec<_>>>()?;
                        let args = match takes_times.sees_texts(types.iter()) {
                            true => args.into_iter().map(|arg| as_text(arg, schema).data).collect(),
                            false => args,
                        };
                        Transformed::yes(takes_times.function.call(args))
                    }
                    None => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
                }
            }
            other => Transformed::no(other),
        })
    }
}

impl ExprPlanner for TimestampAsTextRewrite {
    /// `~` and similar operators are checked for text while the SQL is being planned, before any
    /// rewrite.
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let left = match op {
            BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch => as_text(left, schema).data,
            _ => left,
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }

    /// `substr(..)` and `SUBSTRING(.. FROM ..)` are syntax and do not use the function registry.
    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(
            TextFnOnTimestamp::around(functions::unicode::substr(), Times::Always).call(args),
        ))
    }

    /// `POSITION(.. IN ..)` is syntax as well.
    fn plan_position(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(
            TextFnOnTimestamp::around(functions::unicode::strpos(), Times::Always).call(args),
        ))
    }
}

fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// A text function that accepts times. It is in a plan from parsing until the rewrite replaces it
/// by the function itself, with the times converted to text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TextFnOnTimestamp {
    function: Arc<ScalarUDF>,
    times: Times,
    signature: Signature,
}

/// When a function gets times as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Times {
    Always,
    /// Only if another argument is text; with times alone, the function returns a time.
    BesideText,
}

impl TextFnOnTimestamp {
    fn around(function: Arc<ScalarUDF>, times: Times) -> ScalarUDF {
        let signature = Signature::user_defined(function.signature().volatility);
        ScalarUDF::new_from_impl(Self { function, times, signature })
    }

    fn sees_texts<'a>(&self, mut types: impl Iterator<Item = &'a DataType>) -> bool {
        match self.times {
            Times::Always => true,
            Times::BesideText => types.any(is_text),
        }
    }
}

impl ScalarUDFImpl for TextFnOnTimestamp {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let sees_texts = self.sees_texts(types.iter());
        let as_text =
            |ty: &DataType| match sees_texts && (is_utc_time(ty) || *ty == DataType::Date32) {
                true => DataType::Utf8View,
                false => ty.clone(),
            };
        let fields: Vec<FieldRef> =
            types.iter().map(|ty| Arc::new(Field::new("argument", as_text(ty), true))).collect();
        let coerced = fields_with_udf(&fields, self.function.as_ref())?;
        Ok(coerced.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.function.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

/// `stored_time(t)`: a time as text in its stored form.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StoredTime {
    signature: Signature,
}

impl StoredTime {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for StoredTime {
    fn name(&self) -> &'static str {
        "stored_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = matches!(args.args.first(), Some(ColumnarValue::Scalar(_)));
        let times = ColumnarValue::values_to_arrays(&args.args)?.remove(0);
        let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let times = cast(&times, &nanoseconds)?;
        let texts = stored_time_array(times.as_primitive::<TimestampNanosecondType>());
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(
                &texts, 0,
            )?));
        }
        Ok(ColumnarValue::Array(texts))
    }
}
