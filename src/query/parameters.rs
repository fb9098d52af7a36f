//! The parameters of a query: `$1`, `$2` and so on, bound as values.

use std::collections::HashMap;

use arrow::datatypes::DataType;
use chrono::DateTime;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::error::{Error, Result};
use crate::row::date;
use crate::table::Value;

/// A parameter as DataFusion has it.
pub(crate) fn scalar(value: &Value<'_>) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Value::Int(value) => ScalarValue::Int64(Some(*value)),
        Value::Float(value) => ScalarValue::Float64(Some(*value)),
        Value::Date(date) => ScalarValue::Date32(Some(date::days_since_1970(*date))),
        Value::Text(value) => ScalarValue::Utf8View(Some(value.clone().into_owned())),
        Value::Time(value) => {
            // No row has a time outside of these, so that comparisons with the nearest hold as well.
            let nearest = if *value < DateTime::UNIX_EPOCH { i64::MIN } else { i64::MAX };
            let nanos = value.timestamp_nanos_opt().unwrap_or(nearest);
            ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into()))
        }
    }
}

/// Puts the values in the places of the parameters, each as the type that its place asks for.
pub(super) fn bind(plan: LogicalPlan, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
    let mut types = plan.get_parameter_types()?;
    correct(&mut types, &plan)?;
    let mut wanted = 0;
    for name in types.keys() {
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        let number = number.filter(|number| *number > 0);
        wanted = wanted.max(number.ok_or_else(|| Error::ParameterName { name: name.clone() })?);
    }
    if wanted != values.len() {
        return Err(Error::ParameterCount { wanted, given: values.len() });
    }
    if wanted == 0 {
        return Ok(plan);
    }
    let typed = values.into_iter().enumerate().map(|(index, value)| {
        let number = index + 1;
        match types.get(&format!("${number}")) {
            Some(Some(wanted)) => value.cast_to(wanted).map_err(|_| Error::InvalidParameter {
                number,
                value: value.to_string(),
                wanted: wanted.clone(),
            }),
            _ => Ok(value),
        }
    });
    Ok(plan.with_param_values(typed.collect::<Result<Vec<_>>>()?)?)
}

/// DataFusion takes a parameter for the type of what it stands beside. Of a limit it knows none, and a
/// pattern is a text, also where it is one for times.
fn correct(
    types: &mut HashMap<String, Option<DataType>>,
    plan: &LogicalPlan,
) -> datafusion::common::Result<()> {
    let mut is = |expr: &Expr, ty: DataType| {
        if let Expr::Placeholder(placeholder) = expr {
            types.insert(placeholder.id.clone(), Some(ty));
        }
    };
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            let limits = [&limit.skip, &limit.fetch].into_iter().flatten();
            limits.for_each(|expr| is(expr, DataType::Int64));
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Like(like) | Expr::SimilarTo(like) = expr {
                    is(&like.pattern, DataType::Utf8View);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}
