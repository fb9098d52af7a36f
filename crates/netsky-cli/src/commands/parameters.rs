//! The values of a query's parameters.

use arrow::datatypes::DataType;
use netsky_db::{Error, PreparedQuery, Value, nearest};

use crate::failure::Failure;
use crate::time_or_age::parse_time_or_age;

/// Values as they were typed.
#[derive(Debug, Default)]
pub struct Parameters<'a> {
    /// The values of `$1`, `$2` and so on.
    pub numbered: &'a [String],
    /// The values of named parameters, by name.
    pub named: &'a [(String, String)],
}

/// Parses `NAME=VALUE`.
pub fn parse_named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let name = name.strip_prefix('$').unwrap_or(name);
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE, as in since=7d".to_owned()),
    }
}

impl Parameters<'_> {
    pub fn is_empty(&self) -> bool {
        self.numbered.is_empty() && self.named.is_empty()
    }

    /// The values in the order of the query's parameters. If a parameter has the type of a time, an age such
    /// as `7d` means the time that long ago.
    pub fn values_for(&self, query: &PreparedQuery) -> Result<Vec<Value<'_>>, Failure> {
        let names = query.parameter_names();
        if let Some((unknown, _)) = self.named.iter().find(|(name, _)| !names.contains(name)) {
            let near = nearest(unknown, names.iter().map(String::as_str));
            let message = format!("the query has no parameter ${unknown}{near}");
            return Err(Failure::input(message).with_nearest(&near));
        }
        let (numbered, by_name): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| name.parse::<usize>().is_ok());
        if let Some(name) = by_name.iter().find(|name| self.find(name).is_none()) {
            return Err(Failure::input(format!(
                "no value for the parameter ${name}\n  pass one with --param {name}=VALUE"
            )));
        }
        let values = names.iter().zip(query.parameter_types());
        let values = values.filter_map(|(name, ty)| Some(value(self.find(name)?, ty.as_ref())));
        let values: Vec<Value<'_>> = values.collect();
        if values.len() < names.len() || self.numbered.len() > numbered.len() {
            let given = self.numbered.len() + self.named.len();
            return Err(Error::ParameterCount { wanted: names.len(), given }.into());
        }
        Ok(values)
    }

    fn find(&self, name: &str) -> Option<&str> {
        let named = self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let numbered = || {
            let number = name.parse::<usize>().ok()?;
            self.numbered.get(number.checked_sub(1)?)
        };
        named.or_else(numbered).map(String::as_str)
    }
}

fn value<'a>(text: &'a str, ty: Option<&DataType>) -> Value<'a> {
    if let Some(DataType::Timestamp(..)) = ty
        && humantime::parse_duration(text).is_ok()
        && let Ok(time) = parse_time_or_age(text)
    {
        return Value::Time(time);
    }
    Value::Text(text.into())
}
