//! The methods that need no tool.

use serde_json::{Value, json};

use super::message::RpcError;
use super::options::McpOptions;
use super::{resources, tools, versions};

const INSTRUCTIONS: &str = "\
netsky has what a fleet of coding agents did, as they recorded it: messages, tool calls, model calls with tokens and \
cost, sessions, git, crashes. Ask it about spending, failures, what runs or is stuck, and what happened when. \
Times are UTC in RFC 3339. cost, top, sessions and timeline answer frequent questions; for others, read schema \
first, then run a query. Answers are cut to max_bytes in whole rows; `truncated` and `more` say so.";

/// What a client has asked for.
pub(super) enum Asked<'a> {
    /// A result that is there.
    Now(Value),
    CallOf {
        tool: &'a str,
        arguments: Value,
    },
    Resource {
        uri: &'a str,
    },
}

/// Answers a request, or says what it needs.
pub(super) fn answer<'a>(
    method: &str,
    params: &'a Value,
    options: &McpOptions,
) -> Result<Asked<'a>, RpcError> {
    let text = |name: &str| params.get(name).and_then(Value::as_str);
    let missing = |name: &str| RpcError::invalid_params(format!("{name} must be a string"));
    Ok(Asked::Now(match method {
        "initialize" => {
            let mut result = about();
            result["protocolVersion"] = versions::negotiated(text("protocolVersion")).into();
            result
        }
        "server/discover" => {
            let mut result = about();
            result["supportedVersions"] = versions::all().into();
            result
        }
        "ping" => json!({}),
        "tools/list" => {
            let tools = tools::offered(options.allow_record).map(|tool| tool.listed());
            json!({"tools": tools.collect::<Vec<_>>()})
        }
        "resources/list" => resources::listed(options),
        "resources/templates/list" => resources::templates(),
        "resources/read" => {
            return Ok(Asked::Resource { uri: text("uri").ok_or_else(|| missing("uri"))? });
        }
        "tools/call" => {
            let tool = text("name").ok_or_else(|| missing("name"))?;
            let arguments = params.get("arguments").cloned().unwrap_or_default();
            return Ok(Asked::CallOf { tool, arguments });
        }
        _ => return Err(RpcError::unknown_method(method)),
    }))
}

fn about() -> Value {
    json!({
        "capabilities": {"tools": {}, "resources": {}},
        "serverInfo": {
            "name": "netsky",
            "title": "netsky, the record of a fleet of coding agents",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "instructions": INSTRUCTIONS,
    })
}
