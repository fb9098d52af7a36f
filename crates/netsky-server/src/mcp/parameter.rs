//! The parameters of tools.

use serde_json::{Value, json};

/// A parameter of a tool.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub ty: Type,
    pub is_required: bool,
    pub doc: &'static str,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    Text,
    OneOf(&'static [&'static str]),
    Int {
        min: u64,
        max: u64,
    },
    Object,
    /// Scalars by name or in order.
    Values,
}

impl Parameter {
    pub const fn new(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Self { name, ty, is_required: false, doc }
    }

    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The JSON schema of the argument.
    pub fn schema(&self) -> Value {
        let scalar = json!({"type": ["string", "number", "boolean"]});
        let mut schema = match self.ty {
            Type::Text => json!({"type": "string"}),
            Type::OneOf(values) => json!({"type": "string", "enum": values}),
            Type::Int { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Type::Object => json!({"type": "object"}),
            Type::Values => json!({"anyOf": [
                {"type": "object", "additionalProperties": scalar},
                {"type": "array", "items": scalar},
            ]}),
        };
        schema["description"] = self.doc.into();
        schema
    }

    /// Says what an argument must be, if it is not.
    pub fn refusal(&self, value: &Value) -> Option<String> {
        let is_scalar =
            |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        let (is_valid, wanted) = match self.ty {
            Type::Text => (value.is_string(), "a string".to_owned()),
            Type::OneOf(values) => {
                let is_known = value.as_str().is_some_and(|value| values.contains(&value));
                (is_known, format!("one of {}", values.join(", ")))
            }
            Type::Int { min, max } => {
                let is_within = value.as_u64().is_some_and(|value| (min..=max).contains(&value));
                (is_within, format!("an integer from {min} to {max}"))
            }
            Type::Object => (value.is_object(), "an object".to_owned()),
            Type::Values => {
                let is_valid = match value {
                    Value::Object(values) => values.values().all(is_scalar),
                    Value::Array(values) => values.iter().all(is_scalar),
                    _ => false,
                };
                (is_valid, "an object or an array of strings, numbers and booleans".to_owned())
            }
        };
        (!is_valid).then(|| format!("{} must be {wanted}", self.name))
    }
}
