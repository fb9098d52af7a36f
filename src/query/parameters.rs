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

/// Returns a value as a DataFusion scalar.
pub(crate) fn scalar(value: &Value<'_>) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Value::Int(value) => ScalarValue::Int64(Some(*value)),
        Value::Float(value) => ScalarValue::Float64(Some(*value)),
        Value::Date(date) => ScalarValue::Date32(Some(date::days_since_1970(*date))),
        Value::Text(value) => ScalarValue::Utf8View(Some(value.clone().into_owned())),
        Value::Time(value) => {
            // No row has a time outside the range of `i64`, so comparisons with the nearest `i64` have
            // the same result.
            let nearest = if *value < DateTime::UNIX_EPOCH { i64::MIN } else { i64::MAX };
            let nanos = value.timestamp_nanos_opt().unwrap_or(nearest);
            ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into()))
        }
    }
}

/// The maximum in PostgreSQL's protocol. It is bounded because types are stored up to the highest
/// number.
const MAX_PARAMETERS: usize = 65_535;

/// The types of a query's parameters, starting with `$1`.
#[derive(Debug)]
pub(super) struct Parameters(Vec<Option<DataType>>);

impl Parameters {
    /// Returns the parameters of a plan.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterName`] if a name is not a number from 1 to 65,535.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut named = plan.get_parameter_types()?;
        correct(&mut named, plan)?;
        let mut types = Vec::new();
        for (name, ty) in named {
            let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
            let number = number.filter(|number| (1..=MAX_PARAMETERS).contains(number));
            let number = number.ok_or(Error::ParameterName { name })?;
            if number > types.len() {
                types.resize(number, None);
            }
            types[number - 1] = ty;
        }
        Ok(Self(types))
    }

    pub(super) fn types(&self) -> &[Option<DataType>] {
        &self.0
    }

    /// Casts each value to the type of its parameter.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`] and [`Error::InvalidParameter`].
    pub(super) fn cast(&self, values: Vec<ScalarValue>) -> Result<Vec<ScalarValue>> {
        if self.0.len() != values.len() {
            return Err(Error::ParameterCount { wanted: self.0.len(), given: values.len() });
        }
        let typed = values.into_iter().zip(&self.0).enumerate().map(|(index, (value, wanted))| {
            let Some(wanted) = wanted else { return Ok(value) };
            value.cast_to(wanted).map_err(|_| Error::InvalidParameter {
                number: index + 1,
                value: value.to_string(),
                wanted: wanted.clone(),
            })
        });
        typed.collect()
    }

    /// Returns a NULL for each parameter.
    pub(super) fn nulls(&self) -> Result<Vec<ScalarValue>> {
        let null = |ty: &Option<DataType>| match ty {
            Some(ty) => Ok(ScalarValue::try_from(ty)?),
            None => Ok(ScalarValue::Null),
        };
        self.0.iter().map(null).collect()
    }
}

/// Corrects the types that DataFusion derives for parameters. It gives a parameter the type of the
/// expression beside it. But it has no type for a limit, and it gives a pattern the type of a time if a
/// time is matched, although a pattern is text.
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
