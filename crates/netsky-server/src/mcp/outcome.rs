//! What a call of a tool comes to.

use serde_json::{Value, json};

/// What a call comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Text for the model alone.
    Text(String),
    /// A JSON object, which must be valid.
    Object(String),
    Failure(Failure),
}

impl Outcome {
    /// The JSON of the result of `tools/call`. An object is in it twice: programs read `structuredContent`, and
    /// clients of versions before 2025-06-18 know only `content`.
    pub fn result(&self) -> String {
        let (text, object, is_error) = match self {
            Self::Text(text) => (text.clone(), None, false),
            Self::Object(object) => (object.clone(), Some(object.clone()), false),
            Self::Failure(failure) => {
                let object = failure.object();
                (object.clone(), Some(object), true)
            }
        };
        let content = json!([{"type": "text", "text": text}]);
        let structured = object.map(|object| format!(r#","structuredContent":{object}"#));
        let structured = structured.unwrap_or_default();
        format!(r#"{{"content":{content}{structured},"isError":{is_error}}}"#)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Why a call failed, as `netsky` says it with `--json`: see docs/json-schema/error.json.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    error: Value,
}

impl Failure {
    pub fn new(code: i32, kind: &str, message: impl Into<String>) -> Self {
        Self {
            error: json!({
                "code": code,
                "kind": kind,
                "message": message.into(),
                "hint": null,
                "position": null,
                "nearest": [],
            }),
        }
    }

    /// The failure that a command printed; `None` if the text is none.
    pub fn of_object(text: &[u8]) -> Option<Self> {
        let error: Value = serde_json::from_slice(text).ok()?;
        let failure = error.get("kind").is_some().then_some(Self { error })?;
        Some(match failure.error["kind"] == "timeout" {
            // Its hint is about an option, which no tool has.
            true => failure.hint("query less, for example a shorter time range"),
            false => failure,
        })
    }

    /// The arguments do not fit the tool.
    pub fn of_arguments(message: impl Into<String>) -> Self {
        Self::new(2, "usage", message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.error["hint"] = hint.into().into();
        self
    }

    pub fn nearest(mut self, names: &[String]) -> Self {
        self.error["nearest"] = names.into();
        self
    }

    pub fn message(&self) -> &str {
        self.error["message"].as_str().unwrap_or_default()
    }

    fn object(&self) -> String {
        json!({"error": self.error}).to_string()
    }
}
