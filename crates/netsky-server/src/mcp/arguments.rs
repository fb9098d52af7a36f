//! The arguments of a call, which fit the parameters of the tool.

use netsky_db::nearest;
use serde_json::{Map, Value};

use super::outcome::Failure;
use super::parameter::Parameter;

/// The arguments of a call.
#[derive(Debug)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Checks the arguments. An argument that is null counts as left out: models send it for what they do not
    /// need.
    pub fn check(mut given: Map<String, Value>, parameters: &[Parameter]) -> Result<Self, Failure> {
        given.retain(|_, value| !value.is_null());
        for (name, value) in &given {
            let Some(parameter) = parameters.iter().find(|known| known.name == name) else {
                let names = || parameters.iter().map(|parameter| parameter.name);
                let near = nearest(name, names());
                let names: Vec<&str> = names().collect();
                return Err(Failure::of_arguments(format!("no parameter named '{name}'{near}"))
                    .hint(format!("the parameters are: {}", names.join(", ")))
                    .nearest(near.names()));
            };
            if let Some(refusal) = parameter.refusal(value) {
                return Err(Failure::of_arguments(refusal).hint(parameter.doc));
            }
        }
        let missing = parameters
            .iter()
            .find(|parameter| parameter.is_required && !given.contains_key(parameter.name));
        match missing {
            Some(parameter) => {
                let message = format!("{} is missing", parameter.name);
                Err(Failure::of_arguments(message).hint(parameter.doc))
            }
            None => Ok(Self(given)),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub fn int(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// The JSON of an argument.
    pub fn json(&self, name: &str) -> Option<String> {
        self.0.get(name).map(Value::to_string)
    }

    /// An argument as an option of the command line. One word, so that no value is taken for an option.
    pub fn option(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| format!("--{}={}", name.replace('_', "-"), plain(value)))
    }

    /// The values for the parameters of a query, by name or number.
    pub fn values(&self, name: &str) -> Vec<(String, String)> {
        match self.0.get(name) {
            Some(Value::Object(values)) => {
                values.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
            }
            Some(Value::Array(values)) => values
                .iter()
                .enumerate()
                .map(|(index, value)| ((index + 1).to_string(), plain(value)))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The text of a scalar.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
