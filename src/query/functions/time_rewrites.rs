//! Calls of time functions that mean the current time, and `date_part('epoch', x)`.
//!
//! `'now'` becomes `now()`, which is the same time wherever a query has it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF};

/// The functions that take `'now'`, and after how many arguments they take the current time.
const TAKE_NOW: [(&str, Option<usize>); 12] = [
    ("date", Some(0)),
    ("datetime", Some(0)),
    ("time", Some(0)),
    ("julianday", Some(0)),
    ("unixepoch", Some(0)),
    ("strftime", Some(1)),
    ("date_diff", None),
    ("datediff", None),
    ("datesub", None),
    ("timestampdiff", None),
    ("age", None),
    ("to_char", None),
];

pub(super) fn register(session: &mut SessionState) -> Result<()> {
    let (now, epoch) = (session.udf("now")?, session.udf("epoch")?);
    session.register_function_rewrite(Arc::new(TimeRewrites { now, epoch }))
}

#[derive(Debug)]
struct TimeRewrites {
    now: Arc<ScalarUDF>,
    epoch: Arc<ScalarUDF>,
}

impl FunctionRewrite for TimeRewrites {
    fn name(&self) -> &'static str {
        "time_functions"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(ScalarFunction { func, mut args }) = expr else {
            return Ok(Transformed::no(expr));
        };
        if let ("date_part", [Expr::Literal(part, _), time]) = (func.name(), args.as_slice())
            && part.try_as_str().flatten().is_some_and(|part| part.eq_ignore_ascii_case("epoch"))
            && time
                .get_type(schema)
                .is_ok_and(|ty| matches!(ty, DataType::Timestamp(..) | DataType::Duration(_)))
        {
            // It rounds as it should: date_part returned 1767615456.2089999 for .209, and whole seconds
            // for the difference of two times.
            return Ok(Transformed::yes(self.epoch.call(vec![time.clone()])));
        }
        let takes = TAKE_NOW.iter().find(|(name, _)| *name == func.name());
        let mut changed = false;
        if let Some((_, least)) = takes {
            if *least == Some(args.len()) {
                args.push(self.now.call(Vec::new()));
                changed = true;
            }
            for arg in &mut args {
                let text = match arg {
                    Expr::Literal(text, _) => text.try_as_str().flatten(),
                    _ => None,
                };
                if text.is_some_and(|text| text.trim().eq_ignore_ascii_case("now")) {
                    *arg = self.now.call(Vec::new());
                    changed = true;
                }
            }
        }
        let call = Expr::ScalarFunction(ScalarFunction { func, args });
        Ok(Transformed::new_transformed(call, changed))
    }
}
