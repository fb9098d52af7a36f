//! The resources: texts that a client can show to a model without a call of a tool.

use serde_json::{Value, json};

use super::child;
use super::message::RpcError;
use super::options::McpOptions;
use super::rows::Keep;
use super::tool::{Invocation, Output};
use super::tools;

const SCHEMA: &str = "netsky://schema";
const FUNCTIONS: &str = "netsky://functions";
const SKILL: &str = "netsky://skill";

/// The resources that have a fixed address.
pub(super) fn listed(options: &McpOptions) -> Value {
    let resource = |uri: &str, name: &str, title: &str, description: &str, mime: &str| json!({"uri": uri, "name": name, "title": title, "description": description, "mimeType": mime});
    let mut resources = vec![
        resource(
            SCHEMA,
            "schema",
            "Tables and views",
            "All tables and views in a line each, 3 KB.",
            "text/plain",
        ),
        resource(
            FUNCTIONS,
            "functions",
            "SQL functions",
            "All functions that SQL can call, 45 KB.",
            "text/markdown",
        ),
    ];
    if options.skill.is_some() {
        resources.push(resource(
            SKILL,
            "skill",
            "How to use netsky",
            "Queries for frequent questions, and traps.",
            "text/markdown",
        ));
    }
    json!({"resources": resources})
}

/// The resources with a name in their address.
pub(super) fn templates() -> Value {
    json!({"resourceTemplates": [{
        "uriTemplate": "netsky://schema/{table}",
        "name": "table",
        "title": "Columns of a table or view",
        "description": "Every column with its type and meaning.",
        "mimeType": "text/markdown",
    }]})
}

/// Reads a resource.
pub(super) async fn read(options: &McpOptions, uri: &str) -> Result<Value, RpcError> {
    let table = uri.strip_prefix(SCHEMA).and_then(|rest| rest.strip_prefix('/'));
    let (invocation, mime) = match (uri, table, options.skill) {
        (SCHEMA, ..) => (tools::ddl(), "text/plain"),
        (FUNCTIONS, ..) => (markdown("functions", None), "text/markdown"),
        (SKILL, _, Some(skill)) => return Ok(contents(uri, "text/markdown", skill)),
        (_, Some(_), _) => (markdown("schema", table), "text/markdown"),
        _ => return Err(RpcError::unknown_resource(uri)),
    };
    let text = child::run(options, &invocation).await.and_then(child::Printed::text);
    match (text, table) {
        (Ok(text), _) => Ok(contents(uri, mime, &text)),
        (Err(failure), Some(_)) => Err(RpcError::unknown_resource(uri).because(failure.message())),
        (Err(failure), None) => Err(RpcError::internal(failure.message())),
    }
}

fn markdown(command: &str, operand: Option<&str>) -> Invocation {
    Invocation {
        args: vec![command.to_owned(), "--format=markdown".to_owned()],
        output: Output::Text,
        ..Invocation::rows(command, Keep::First)
    }
    .operand(operand)
}

fn contents(uri: &str, mime: &str, text: &str) -> Value {
    json!({"contents": [{"uri": uri, "mimeType": mime, "text": text}]})
}
