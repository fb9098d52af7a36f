//! `sum` and `avg` of booleans and of numbers in text.
//!
//! SQLite and DuckDB add up booleans, and the values of `->>` are text. DataFusion refuses both with
//! a page of signatures. So `sum` and `avg` accept them while a query is planned, and are replaced by
//! DataFusion's with a cast before it is optimized.

use std::sync::Arc;

use crate::query::functions::list_functions::text_of_union;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, ExprSchemable, Signature,
    Volatility, WindowFunctionDefinition, cast,
};

/// The aggregates that take numbers only.
const NAMES: [&str; 2] = ["sum", "avg"];

pub(super) fn register(session: &mut SessionState) -> Result<()> {
    for name in NAMES {
        let inner = session.udaf(name)?;
        let signature = Signature::user_defined(Volatility::Immutable);
        let wrapped = AggregateUDF::new_from_impl(NumberAggregate { inner, signature });
        session.register_udaf(Arc::new(wrapped))?;
    }
    session.register_function_rewrite(Arc::new(Unwrap))
}

/// The aggregate that a call of one of the registered aggregates becomes; `None` if it stays as it is.
pub(in crate::query) fn inner_aggregate(
    aggregate: &Arc<AggregateUDF>,
) -> Option<Arc<AggregateUDF>> {
    let replacement = aggregate.inner().downcast_ref::<NumberAggregate>()?;
    Some(Arc::clone(&replacement.inner))
}

/// An aggregate of numbers that takes booleans and texts, too.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberAggregate {
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

/// Returns what an argument is cast to, unless DataFusion's aggregate takes it.
fn as_number(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::Boolean => Some(DataType::Int64),
        // The latter is what JSON operators return.
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Union(..) => {
            Some(DataType::Float64)
        }
        _ => None,
    }
}

impl AggregateUDFImpl for NumberAggregate {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let [ty] = types else {
            return plan_err!("{name}() takes 1 argument, found {}", types.len());
        };
        let ty = as_number(ty).unwrap_or_else(|| ty.clone());
        let field: FieldRef = Arc::new(Field::new("argument", ty.clone(), true));
        match fields_with_udf(&[field], self.inner.as_ref()) {
            Ok(coerced) => Ok(coerced.iter().map(|field| field.data_type().clone()).collect()),
            Err(_) => plan_err!("{name}() takes numbers, found {ty}; count() counts anything"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(fields)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

#[derive(Debug)]
struct Unwrap;

impl FunctionRewrite for Unwrap {
    fn name(&self) -> &'static str {
        "number_aggregates"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::AggregateFunction(mut call) => {
                match call.func.inner().downcast_ref::<NumberAggregate>() {
                    Some(wrapped) => {
                        let inner = Arc::clone(&wrapped.inner);
                        call.params.args = as_numbers(call.params.args, schema);
                        call.func = inner;
                        Transformed::yes(Expr::AggregateFunction(call))
                    }
                    None => Transformed::no(Expr::AggregateFunction(call)),
                }
            }
            Expr::WindowFunction(mut call) => {
                let inner = match &call.fun {
                    WindowFunctionDefinition::AggregateUDF(func) => {
                        let wrapped = func.inner().downcast_ref::<NumberAggregate>();
                        wrapped.map(|wrapped| Arc::clone(&wrapped.inner))
                    }
                    _ => None,
                };
                match inner {
                    Some(inner) => {
                        call.params.args = as_numbers(call.params.args, schema);
                        call.fun = WindowFunctionDefinition::AggregateUDF(inner);
                        Transformed::yes(Expr::WindowFunction(call))
                    }
                    None => Transformed::no(Expr::WindowFunction(call)),
                }
            }
            other => Transformed::no(other),
        })
    }
}

fn as_numbers(args: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let as_number = |arg: Expr| match arg.get_type(schema).ok().as_ref().and_then(as_number) {
        Some(ty) => match arg.unalias() {
            // A value of JSON is read as a number in the first place.
            Expr::ScalarFunction(call) if call.name() == "json_get" => {
                datafusion_functions_json::udfs::json_get_float_udf().call(call.args)
            }
            arg if is_union(&arg, schema) => cast(text_of_union(arg, false), ty),
            arg => cast(arg, ty),
        },
        None => arg,
    };
    args.into_iter().map(as_number).collect()
}

fn is_union(arg: &Expr, schema: &DFSchema) -> bool {
    arg.get_type(schema).is_ok_and(|ty| matches!(ty, DataType::Union(..)))
}
