//! Keys: what makes two sightings one row.

use netsky_db::internal::Key;
use sha2::{Digest, Sha256};

/// Returns the key of what has the `parts`, such as a session and a call's id, among everything of one `kind`:
/// a table and the kind of the id. The hash is cryptographic because ids come from files that anybody can write.
pub fn key(kind: &str, parts: &[&str]) -> Key {
    let mut hash = Sha256::new();
    for part in std::iter::once(&kind).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut key = Key::default();
    for (byte, hashed) in key.iter_mut().zip(hash) {
        *byte = hashed;
    }
    key
}

/// Returns the key of a model call by the id of its request.
pub fn request(request_id: &str) -> Key {
    key("token_usage.request", &[request_id])
}

/// Returns the key of a model call by the id of its message.
pub fn message(message_id: &str) -> Key {
    key("token_usage.message", &[message_id])
}

/// Returns the key of a model call of Codex. The ids of responses are unique in a thread only.
pub fn response(thread_id: &str, response_id: &str) -> Key {
    key("token_usage.response", &[thread_id, response_id])
}

/// Returns the id to use for the call, item or event `id` of a Codex thread in the functions below: Codex's ids
/// are unique in a thread only.
pub fn in_thread(thread_id: &str, id: &str) -> String {
    format!("{thread_id}/{id}")
}

/// Returns the key of a tool call.
pub fn tool_call(tool_use_id: &str) -> Key {
    key("mcp_tool_calls", &[tool_use_id])
}

/// Returns the key of a message of a conversation by the id of its record.
pub fn record(uuid: &str) -> Key {
    key("messages", &[uuid])
}

/// Returns the key of a prompt by its id.
pub fn prompt(prompt_id: &str) -> Key {
    key("messages.prompt", &[prompt_id])
}

/// Returns the key of a dispatched clone by the id of the tool call that dispatched it.
pub fn dispatch(tool_use_id: &str) -> Key {
    key("clone_dispatches", &[tool_use_id])
}

/// Returns the key of the command line that a tool call ran.
pub fn command(tool_use_id: &str) -> Key {
    key("cli_invocations", &[tool_use_id])
}

/// Returns the key of a git operation by the tool call that ran it and its place among those of the call.
pub fn git(tool_use_id: &str, place: usize) -> Key {
    key("git_operations", &[tool_use_id, &place.to_string()])
}

/// Returns the key of an event by the id of its record.
pub fn event(uuid: &str) -> Key {
    key("watchdog_events", &[uuid])
}

/// Returns the key of the text of an answer by the id of its request. In a transcript, it is that of the first
/// record with text among those of the request's message: telemetry has the text of them all, under the id of
/// the last record, which need not have text.
pub fn answer(request_id: &str) -> Key {
    key("messages.answer", &[request_id])
}

/// Returns the key of a dispatched clone by the id of the agent that it runs.
pub fn dispatched_agent(agent_id: &str) -> Key {
    key("clone_dispatches.agent", &[agent_id])
}

/// Returns the key of the event that a tool call was refused.
pub fn refusal(tool_use_id: &str) -> Key {
    key("watchdog_events.refusal", &[tool_use_id])
}

/// Returns the key of the event that a request has failed for good.
pub fn failed_request(request_id: &str) -> Key {
    key("watchdog_events.failed_request", &[request_id])
}

/// Returns the key of the row that an event of OpenTelemetry without an id of its own gives in a table.
pub fn telemetry(table: &str, parts: &[&str]) -> Key {
    key(&format!("{table}.telemetry"), parts)
}
