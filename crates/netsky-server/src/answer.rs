//! Answers to requests.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use netsky_ingest::otlp::Encoding;

/// Why a request is not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The body is not what it should be. The client must not send it again.
    Broken(String),
    /// There is no token, or a wrong one.
    Unauthorized,
    /// The request may come from a web page.
    Forbidden(&'static str),
    /// There is no such path.
    NotFound,
    /// The path takes another method.
    MethodNotAllowed(&'static str),
    /// The body is too long.
    TooLarge(usize),
    /// The type of the body is unknown.
    UnsupportedType(&'static str),
    /// The request is to be sent again.
    Later(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Broken(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Broken(message) | Self::Later(message) => message.clone(),
            Self::Unauthorized => {
                "the token is missing or wrong; send 'Authorization: Bearer TOKEN'".to_owned()
            }
            Self::Forbidden(message) | Self::UnsupportedType(message) => (*message).to_owned(),
            Self::NotFound => {
                "no such path; OTLP goes to /v1/logs, /v1/metrics and /v1/traces".to_owned()
            }
            Self::MethodNotAllowed(method) => format!("use {method}"),
            Self::TooLarge(max) => {
                format!("the body is longer than {max} bytes; send smaller batches")
            }
        }
    }

    /// Returns the answer. If the encoding of the request is known, the message is in the `Status` that OTLP
    /// prescribes.
    pub(crate) fn response(&self, encoding: Option<Encoding>) -> Response {
        let message = self.message();
        let (content_type, body) = match encoding {
            Some(encoding) => (encoding.content_type(), status_body(encoding, &message)),
            None => ("text/plain; charset=utf-8", format!("{message}\n").into_bytes()),
        };
        let mut response = answer(self.status(), content_type, body);
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::MethodNotAllowed(method) => {
                headers.insert(ALLOW, HeaderValue::from_static(method));
            }
            Self::Later(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.response(None)
    }
}

/// Returns an answer with a body.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Encodes `google.rpc.Status` with only its message, the field 2.
fn status_body(encoding: Encoding, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Json => serde_json::json!({ "message": message }).to_string().into_bytes(),
        Encoding::Protobuf => {
            let mut body = vec![2 << 3 | 2];
            let mut len = message.len();
            while len >= 0x80 {
                body.push((len & 0x7f) as u8 | 0x80);
                len >>= 7;
            }
            body.push(len as u8);
            body.extend_from_slice(message.as_bytes());
            body
        }
    }
}
