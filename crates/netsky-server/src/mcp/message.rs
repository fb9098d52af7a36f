//! The messages of JSON-RPC 2.0.

use serde_json::{Map, Value, json};

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// It waits for an answer.
    Request { id: Id, method: String, params: Value },
    /// It waits for none.
    Notification { method: String, params: Value },
    /// An answer, which this server has not asked for.
    Answer,
}

/// The id of a request: the JSON of a string or an integer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id(String);

impl Id {
    /// The id in a value; `None` if it is neither a string nor an integer.
    pub fn of(value: &Value) -> Option<Self> {
        let is_id = value.is_string() || value.is_i64() || value.is_u64();
        is_id.then(|| Self(value.to_string()))
    }

    fn as_json(&self) -> &str {
        &self.0
    }
}

const INVALID_PARAMS: i32 = -32602;
const UNKNOWN_RESOURCE: i32 = -32002;

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RpcError {
    code: i32,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::new(-32700, message)
    }

    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(-32600, message)
    }

    pub fn unknown_method(method: &str) -> Self {
        Self::new(-32601, format!("no method named '{method}'"))
    }

    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(-32603, message)
    }

    pub fn unknown_resource(uri: &str) -> Self {
        let data = Some(json!({"uri": uri}));
        Self { data, ..Self::new(UNKNOWN_RESOURCE, format!("no resource {uri}")) }
    }

    /// The error in the version of MCP without `initialize`.
    pub fn stateless(self) -> Self {
        match self.code {
            UNKNOWN_RESOURCE => Self { code: INVALID_PARAMS, ..self },
            _ => self,
        }
    }

    /// Adds why.
    pub fn because(mut self, reason: &str) -> Self {
        self.message += &format!(": {reason}");
        self
    }

    pub fn unsupported_version(asked: &str, data: Value) -> Self {
        let message = format!("the version '{asked}' of the protocol is not supported");
        Self { data: Some(data), ..Self::new(-32022, message) }
    }

    fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The answer with this error. An unreadable request has no id.
    pub fn answer(&self, id: Option<&Id>) -> String {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        let id = id.map_or("null", Id::as_json);
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
    }
}

/// The answer with a result, which is JSON.
pub(super) fn answer(id: &Id, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.as_json())
}

/// Parses the messages of a line. An array of messages, which version 2025-03-26 of MCP has, is answered one
/// by one.
pub(super) fn parse(line: &str) -> Vec<Result<Message, RpcError>> {
    match serde_json::from_str(line) {
        Err(error) => vec![Err(RpcError::unreadable(format!("the line is not JSON: {error}")))],
        Ok(Value::Array(messages)) if messages.is_empty() => {
            vec![Err(RpcError::invalid_request("the array has no messages"))]
        }
        Ok(Value::Array(messages)) => messages.into_iter().map(message).collect(),
        Ok(value) => vec![message(value)],
    }
}

fn message(value: Value) -> Result<Message, RpcError> {
    let Value::Object(mut fields) = value else {
        return Err(RpcError::invalid_request("a message is an object"));
    };
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(RpcError::invalid_request("a message has \"jsonrpc\": \"2.0\""));
    }
    let Some(method) = fields.remove("method") else {
        return match fields.contains_key("result") || fields.contains_key("error") {
            true => Ok(Message::Answer),
            false => Err(RpcError::invalid_request("the message has no method")),
        };
    };
    let Value::String(method) = method else {
        return Err(RpcError::invalid_request("the method is not a string"));
    };
    let params = fields.remove("params").unwrap_or_else(|| Value::Object(Map::new()));
    match fields.remove("id") {
        None => Ok(Message::Notification { method, params }),
        Some(id) => match Id::of(&id) {
            Some(id) => Ok(Message::Request { id, method, params }),
            None => Err(RpcError::invalid_request("the id is neither a string nor an integer")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_message_is_recognised() {
        let one = |line: &str| parse(line).remove(0);
        let Ok(Message::Request { id, method, .. }) =
            one(r#"{"jsonrpc":"2.0","id":"a\"b","method":"ping"}"#)
        else {
            panic!("not a request")
        };
        assert_eq!(method, "ping");
        assert_eq!(answer(&id, "{}"), r#"{"jsonrpc":"2.0","id":"a\"b","result":{}}"#);
        assert!(matches!(
            one(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Ok(Message::Notification { .. })
        ));
        assert_eq!(one(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(Message::Answer));
    }

    #[test]
    fn what_is_no_message_gets_an_error() {
        for (line, code) in [
            ("", -32700),
            ("{", -32700),
            ("{\"jsonrpc\":\"2.0\",\"method\":\"\u{0}\"", -32700),
            ("1", -32600),
            ("[]", -32600),
            ("{}", -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        ] {
            let found = parse(line);
            assert!(matches!(&found[..], [Err(error)] if error.code == code), "{line}: {found:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(&parse(&deep)[..], [Err(error)] if error.code == -32700));
    }

    #[test]
    fn each_message_of_an_array_counts() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let found = parse(&format!("[{ping}, 1, {ping}]"));
        assert_eq!(found.iter().filter(|message| message.is_ok()).count(), 2);
        assert_eq!(found.len(), 3);
    }
}
