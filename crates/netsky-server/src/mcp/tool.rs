//! A tool: what a client is told about it, and what a call runs.

use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::outcome::Failure;
use super::parameter::{Parameter, Type};
use super::rows::Keep;

/// The size of an answer with rows, if the call does not say: about 8,000 tokens.
pub(super) const DEFAULT_BYTES: u64 = 32_000;

/// What a call can ask for. Models and their clients refuse or cut what is much larger.
const MAX_BYTES: u64 = 400_000;

/// The parameter of tools that answer with rows.
pub(super) const MAX_BYTES_PARAMETER: Parameter = Parameter::new(
    "max_bytes",
    Type::Int { min: 1_000, max: MAX_BYTES },
    "The size of the answer in bytes, in whole rows; 4 bytes are about a token. Default: 32000.",
);

/// A tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub parameters: &'static [Parameter],
    pub invocation: fn(&Arguments) -> Invocation,
    /// How to get the rows that are left out.
    pub more: &'static str,
    pub writes: bool,
}

/// A command of `netsky`, and how its output is read.
#[derive(Debug)]
pub(super) struct Invocation {
    pub args: Vec<String>,
    pub input: String,
    pub output: Output,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// An answer with rows.
    Rows(Keep),
    /// Another JSON object.
    Object,
    Text,
}

impl Tool {
    /// What `tools/list` says of the tool.
    pub fn listed(&self) -> Value {
        let properties: Map<String, Value> = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name.to_owned(), parameter.schema()))
            .collect();
        let required: Vec<&str> = self
            .parameters
            .iter()
            .filter(|parameter| parameter.is_required)
            .map(|parameter| parameter.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": schema,
            "annotations": {
                "title": self.title,
                "readOnlyHint": !self.writes,
                "destructiveHint": false,
                "idempotentHint": !self.writes,
                "openWorldHint": false,
            },
        })
    }

    /// Checks the arguments of a call.
    pub fn check(&self, given: Map<String, Value>) -> Result<Arguments, Failure> {
        Arguments::check(given, self.parameters)
    }
}

impl Invocation {
    /// A command that prints rows as JSON.
    pub fn rows(command: &str, keep: Keep) -> Self {
        Self {
            args: vec![command.to_owned(), "--json".to_owned()],
            input: String::new(),
            output: Output::Rows(keep),
        }
    }

    /// Adds the arguments with these names as options.
    pub fn options(mut self, arguments: &Arguments, names: &[&str]) -> Self {
        self.args.extend(names.iter().filter_map(|name| arguments.option(name)));
        self
    }

    /// Adds an argument without an option, which must be the last one.
    pub fn operand(mut self, operand: Option<&str>) -> Self {
        if let Some(operand) = operand {
            self.args.extend(["--".to_owned(), operand.to_owned()]);
        }
        self
    }

    /// Adds the values of a query's parameters.
    pub fn values(mut self, values: Vec<(String, String)>) -> Self {
        self.args.extend(values.into_iter().map(|(name, value)| format!("--param={name}={value}")));
        self
    }
}
