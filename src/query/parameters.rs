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

/// As many as PostgreSQL's protocol can number. Types are kept up to the highest number.
const MAX_PARAMETERS: usize = 65_535;

/// The types of a query's parameters, first that of `$1`.
#[derive(Debug)]
pub(super) struct Parameters(Vec<Option<DataType>>);

impl Parameters {
    /// # Errors
    ///
    /// [`Error::ParameterName`] if one is not a number, or a greater one.
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

    /// The values, each as the type that its place asks for.
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

    /// A null for each.
    pub(super) fn nulls(&self) -> Result<Vec<ScalarValue>> {
        let null = |ty: &Option<DataType>| match ty {
            Some(ty) => Ok(ScalarValue::try_from(ty)?),
            None => Ok(ScalarValue::Null),
        };
        self.0.iter().map(null).collect()
    }
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
