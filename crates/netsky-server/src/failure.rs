//! Why a request was not answered: the error object that the command line prints with `--json`, and a status.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use netsky_db::Nearest;
use serde_json::{Value, json};

/// Why a request was not answered. Its JSON is that of `docs/json-schema/error.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    status: StatusCode,
    /// The methods that the path has.
    allow: Option<&'static str>,
    /// Boxed, because every result is as large as its failure.
    said: Box<Said>,
}

/// The parts of the object.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    code: u8,
    kind: String,
    message: String,
    hint: Option<String>,
    position: Value,
    nearest: Vec<String>,
}

impl Failure {
    /// A failure of the server's own. `kind` is one of `error.json`.
    pub(crate) fn new(
        status: StatusCode,
        kind: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        let said = Said {
            code: exit_code(kind),
            kind: kind.to_owned(),
            message: message.into(),
            hint,
            position: Value::Null,
            nearest: Vec::new(),
        };
        Self { status, allow: None, said: Box::new(said) }
    }

    /// The request is not what it should be.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "usage", message, hint)
    }

    pub(crate) fn too_large(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "usage", message, hint)
    }

    /// The same request can succeed later.
    pub(crate) fn busy(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, "busy", message, "try again later")
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        let hint = "`netsky doctor` checks the store, the disk and the permissions";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message, hint)
    }

    pub(crate) fn timeout(limit: std::time::Duration) -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            format!("the query took longer than {} s", limit.as_secs_f64()),
            "query less, for example a shorter time range, or start the server with a longer --timeout",
        )
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("the path takes {allow}");
        let failure = Self::new(StatusCode::METHOD_NOT_ALLOWED, "usage", message, "");
        Self { allow: Some(allow), ..failure }
    }

    /// Reads the object that a command prints. Returns `None` if it is none.
    pub(crate) fn from_json(text: &[u8]) -> Option<Self> {
        let object: Value = serde_json::from_slice(text).ok()?;
        let text = |name: &str| object.get(name)?.as_str().map(str::to_owned);
        let nearest = object.get("nearest").and_then(Value::as_array);
        let kind = text("kind")?;
        let status = status_of(&kind);
        let said = Said {
            code: object.get("code")?.as_u64().and_then(|code| u8::try_from(code).ok())?,
            message: text("message")?,
            hint: text("hint"),
            position: object.get("position").cloned().unwrap_or_default(),
            nearest: nearest
                .map(|names| names.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect())
                .unwrap_or_default(),
            kind,
        };
        Some(Self { status, allow: None, said: Box::new(said) })
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// What a caller can do about it, as in `error.json`.
    pub fn kind(&self) -> &str {
        &self.said.kind
    }

    /// What was wrong.
    pub fn message(&self) -> &str {
        &self.said.message
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.said.hint.as_deref()
    }

    /// `{"error": …}`.
    pub fn to_json(&self) -> Value {
        let Said { code, kind, message, hint, position, nearest } = &*self.said;
        json!({"error": {
            "code": code,
            "kind": kind,
            "message": message,
            "hint": hint,
            "position": position,
            "nearest": nearest,
        }})
    }
}

impl From<&netsky_db::Error> for Failure {
    fn from(error: &netsky_db::Error) -> Self {
        let kind = error.kind().name();
        let nearest = match error {
            netsky_db::Error::UnknownTable { nearest: Nearest::Resembling(names), .. } => {
                names.clone()
            }
            _ => Vec::new(),
        };
        let mut failure = Self::new(status_of(kind), kind, error.to_string(), "");
        failure.said.nearest = nearest;
        failure
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = self.to_json().to_string();
        body.push('\n');
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.said.kind == "busy" {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The status for a failure of a query.
fn status_of(kind: &str) -> StatusCode {
    match kind {
        "invalid_input" | "usage" | "found" | "already_exists" => StatusCode::BAD_REQUEST,
        "timeout" => StatusCode::GATEWAY_TIMEOUT,
        "resource_limit" => StatusCode::INSUFFICIENT_STORAGE,
        // Of the store: it is absent, in use, of another version, or being replaced.
        "not_found" | "busy" | "unsupported" | "io" | "interrupted" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The exit code that the command line has for a kind.
fn exit_code(kind: &str) -> u8 {
    match kind {
        "usage" => 2,
        "not_found" | "busy" | "unsupported" | "damaged" | "uncertain" | "io" => 3,
        "timeout" => 124,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_the_command_line_are_kept() {
        let text = r#"{"code":1,"kind":"invalid_input","message":"no column named 'a'","hint":"look","position":{"line":1,"column":8},"nearest":["agent"]}"#;
        let failure = Failure::from_json(text.as_bytes()).unwrap();
        assert_eq!(failure.status(), 400);
        assert_eq!(failure.to_json()["error"], serde_json::from_str::<Value>(text).unwrap());
        for broken in ["", "{}", "[]", "x", r#"{"code":"1","kind":"busy","message":"m"}"#] {
            assert_eq!(Failure::from_json(broken.as_bytes()), None, "{broken}");
        }
    }
}
