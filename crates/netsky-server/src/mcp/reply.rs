//! Answers in the version of the protocol that the request names.

use super::message::{self, Id, RpcError};

/// What the answer of a request depends on.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub id: Id,
    pub method: String,
    /// Whether the request is of the version without `initialize`.
    pub is_stateless: bool,
}

/// Lists do not change while a server runs. What is in the store does.
const LISTS_STAY_MS: u32 = 3_600_000;

impl Reply {
    /// The answer with a result, which is a JSON object, or with an error.
    pub fn answer(&self, result: Result<String, RpcError>) -> String {
        match result {
            Ok(result) if self.is_stateless => {
                message::answer(&self.id, &with_fields(&result, &self.fields()))
            }
            Ok(result) => message::answer(&self.id, &result),
            Err(error) if self.is_stateless => error.stateless().answer(Some(&self.id)),
            Err(error) => error.answer(Some(&self.id)),
        }
    }

    /// What a result has in the version without `initialize`.
    fn fields(&self) -> String {
        let stays_ms = match self.method.as_str() {
            "server/discover" | "tools/list" | "resources/list" | "resources/templates/list" => {
                Some(LISTS_STAY_MS)
            }
            "resources/read" => Some(0),
            _ => None,
        };
        let cached = stays_ms.map(|ms| format!(r#","ttlMs":{ms},"cacheScope":"private""#));
        format!(r#""resultType":"complete"{}"#, cached.unwrap_or_default())
    }
}

fn with_fields(object: &str, fields: &str) -> String {
    match object.strip_prefix('{') {
        Some("}") => format!("{{{fields}}}"),
        Some(rest) => format!("{{{fields},{rest}"),
        None => object.to_owned(),
    }
}
