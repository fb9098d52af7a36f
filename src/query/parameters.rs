//! The parameters of a query, `$1` or `$name`, bound as values.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::DataType;
use chrono::DateTime;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ScalarValue, plan_err};
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

/// The parameters of a query: the numbered ones, starting with `$1`, then the named ones in alphabetical
/// order.
#[derive(Debug)]
pub(super) struct Parameters {
    /// Without their `$`.
    names: Vec<String>,
    types: Vec<Option<DataType>>,
}

impl Parameters {
    /// Returns the parameters of a plan.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterName`] if a parameter is neither a number from 1 to 65,535 nor a name.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut found = types(plan)?;
        correct(&mut found, plan)?;
        let (mut types, mut named) = (Vec::new(), BTreeMap::new());
        for (name, ty) in found {
            let number = name.strip_prefix('$').map(str::parse::<usize>);
            match (number, name.strip_prefix('$').and_then(|name| name.chars().next())) {
                (Some(Ok(number @ 1..=MAX_PARAMETERS)), _) => {
                    if number > types.len() {
                        types.resize(number, None);
                    }
                    types[number - 1] = ty;
                }
                (_, Some(first)) if first.is_alphabetic() || first == '_' => {
                    named.insert(name[1..].to_owned(), ty);
                }
                _ => return Err(Error::ParameterName { name }),
            }
        }
        let mut names: Vec<String> = (1..=types.len()).map(|number| number.to_string()).collect();
        for (name, ty) in named {
            names.push(name);
            types.push(ty);
        }
        Ok(Self { names, types })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn types(&self) -> &[Option<DataType>] {
        &self.types
    }

    /// Casts each value to the type of its parameter.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`] and [`Error::InvalidParameter`].
    pub(super) fn cast(&self, values: Vec<ScalarValue>) -> Result<Vec<ScalarValue>> {
        if self.types.len() != values.len() {
            return Err(Error::ParameterCount { wanted: self.types.len(), given: values.len() });
        }
        let typed = values.into_iter().zip(&self.types).zip(&self.names);
        let typed = typed.map(|((value, wanted), name)| {
            let Some(wanted) = wanted else { return Ok(value) };
            value.cast_to(wanted).map_err(|_| Error::InvalidParameter {
                name: name.clone(),
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
        self.types.iter().map(null).collect()
    }

    /// Returns the plan with values in place of the parameters, in the order of [`names`](Self::names).
    ///
    /// # Errors
    ///
    /// Those of [`cast`](Self::cast).
    pub(super) fn bind(&self, plan: LogicalPlan, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        let values = self.cast(values)?;
        if values.is_empty() {
            return Ok(plan);
        }
        let values: Vec<(&str, ScalarValue)> =
            self.names.iter().map(String::as_str).zip(values).collect();
        Ok(plan.with_param_values(values)?)
    }
}

/// The types that DataFusion derives for parameters, by their names with `$`. Its own list of them refuses a
/// parameter that stands in one place with a type and in another without, as in `id > $1 AND id < $1 + 5`.
fn types(plan: &LogicalPlan) -> Result<HashMap<String, Option<DataType>>> {
    let mut types: HashMap<String, Option<DataType>> = HashMap::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let Expr::Placeholder(placeholder) = expr else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                let found = placeholder.field.as_ref().map(|field| field.data_type().clone());
                let found = found.filter(|ty| *ty != DataType::Null);
                let known = types.entry(placeholder.id.clone()).or_default();
                match (&known, &found) {
                    (Some(one), Some(other)) if one != other => plan_err!(
                        "the parameter {} is {one} in one place and {other} in another; cast it, as in \
                         {}::text",
                        placeholder.id,
                        placeholder.id
                    ),
                    (None, _) => {
                        *known = found;
                        Ok(TreeNodeRecursion::Continue)
                    }
                    (Some(_), _) => Ok(TreeNodeRecursion::Continue),
                }
            })
        })
    })?;
    Ok(types)
}

/// Corrects the types that DataFusion derives for parameters. It gives a parameter the type of the
/// expression beside it. But it has no type for a limit and none for `$1::int`, and it gives a pattern the
/// type of a time if a time is matched, although a pattern is text.
fn correct(
    types: &mut HashMap<String, Option<DataType>>,
    plan: &LogicalPlan,
) -> datafusion::common::Result<()> {
    let mut correct = |expr: &Expr, ty: DataType, only_if_unknown: bool| {
        if let Expr::Placeholder(placeholder) = expr {
            let known = types.entry(placeholder.id.clone()).or_default();
            if known.is_none() || !only_if_unknown {
                *known = Some(ty);
            }
        }
    };
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            let limits = [&limit.skip, &limit.fetch].into_iter().flatten();
            limits.for_each(|expr| correct(expr, DataType::Int64, false));
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::Like(like) | Expr::SimilarTo(like) => {
                        correct(&like.pattern, DataType::Utf8View, false);
                    }
                    Expr::Cast(cast) => {
                        correct(&cast.expr, cast.field.data_type().clone(), true);
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}
