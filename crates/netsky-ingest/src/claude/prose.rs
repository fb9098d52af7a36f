//! What people and agents say: the rows of `messages`.

use netsky_db::internal::Key;
use netsky_db::{Direction, MessageRecord};
use serde_json::Value;

use super::context::Context;
use super::origin::Origin;
use super::record::{Block, Content, Message, Record};
use crate::key;
use crate::reader::ReadOptions;
use crate::row::Row;

/// Who talks to an agent in its main conversation.
const USER: &str = "user";
/// Texts that Claude Code puts into the place of a prompt begin so.
const NO_PROMPT: [&str; 3] = ["<command-", "<local-command-", "<task-notification>"];

/// Returns the row of a prompt; `None` if the record is none.
pub(super) fn prompt(
    record: &Record<'_>,
    origin: &Origin<'_>,
    context: &mut Context,
    options: &ReadOptions,
) -> Option<(Row, Vec<Key>)> {
    if record.is_meta.is_true() || record.is_compact_summary.is_true() || origin.subagent.is_some()
    {
        return None;
    }
    let uuid = record.uuid.name()?;
    let content = record.message.fields()?.content.get()?;
    if content.blocks().any(|block| block.kind.text() == Some("tool_result")) {
        return None;
    }
    let body = content.prose("\n\n").filter(|body| !body.is_empty())?;
    if NO_PROMPT.iter().any(|start| body.trim_start().starts_with(start)) {
        return None;
    }
    // Others with the id of the prompt are remarks that follow it, such as that it was interrupted.
    let prompt_id = record.prompt_id.name();
    let is_first = prompt_id.is_some() && context.last_prompt.as_deref() != prompt_id;
    if is_first {
        context.last_prompt = prompt_id.map(str::to_owned);
    }
    let detail = (origin.detail())
        .with("uuid", Some(uuid))
        .with("prompt_id", prompt_id)
        .with("permission_mode", record.permission_mode.name());
    let agent = origin.agent();
    let record = MessageRecord {
        ts_utc: origin.time,
        source: "claude-code",
        direction: Direction::Inbound,
        chat_id: origin.session_id,
        from_agent: Some(USER),
        to_agent: agent.as_deref(),
        body: Some(&*body).filter(|_| !options.without_content),
        raw_json: None,
    };
    let of_prompt = prompt_id.filter(|_| is_first).map(key::prompt);
    let keys = [key::record(uuid)].into_iter().chain(of_prompt).collect();
    Some((Row::new(&record, detail), keys))
}

/// Returns the row of an answer; `None` if the record has no text. What a subagent says in a file of its own, it
/// says to the agent that dispatched it.
pub(super) fn answer(
    record: &Record<'_>,
    message: &Message<'_>,
    origin: &Origin<'_>,
    context: &mut Context,
    options: &ReadOptions,
) -> Option<(Row, Vec<Key>)> {
    if origin.is_progress {
        return None;
    }
    let uuid = record.uuid.name()?;
    let content = message.content.get().filter(|content| matches!(content, Content::Blocks(_)))?;
    let body = content.prose("\n\n")?;
    let request_id = record.request_id.name();
    let is_first = request_id.is_some() && context.last_answer.as_deref() != request_id;
    if is_first {
        context.last_answer = request_id.map(str::to_owned);
    }
    let detail = (origin.detail())
        .with("uuid", Some(uuid))
        .with("model", message.model.name())
        .with("message_id", message.id.name())
        .with("request_id", request_id);
    let agent = origin.agent();
    let record = MessageRecord {
        ts_utc: origin.time,
        source: "claude-code",
        direction: Direction::Outbound,
        chat_id: origin.session_id,
        from_agent: agent.as_deref(),
        to_agent: origin.project.as_deref().filter(|_| origin.subagent.is_some()).or(Some(USER)),
        body: Some(&*body).filter(|_| !options.without_content),
        raw_json: None,
    };
    let of_request = request_id.filter(|_| is_first).map(key::answer);
    let keys = [key::record(uuid)].into_iter().chain(of_request).collect();
    Some((Row::new(&record, detail), keys))
}

/// Returns the row of a message from one agent to another; `None` if the call sends none.
pub(super) fn between_agents(
    block: &Block<'_>,
    origin: &Origin<'_>,
    options: &ReadOptions,
) -> Option<(Row, Vec<Key>)> {
    let id = block.id.name().filter(|_| block.name.name() == Some("SendMessage"))?;
    let input = block.input.as_ref()?;
    let text = |keys: [&str; 2]| keys.iter().find_map(|key| input.get(key).and_then(Value::as_str));
    let agent = origin.agent();
    let record = MessageRecord {
        ts_utc: origin.time,
        source: "agent",
        direction: Direction::Outbound,
        chat_id: origin.session_id,
        from_agent: agent.as_deref(),
        to_agent: text(["to", "recipient"]),
        body: text(["message", "content"]).filter(|_| !options.without_content),
        raw_json: None,
    };
    let detail = origin.detail().with("tool_use_id", Some(id));
    Some((Row::new(&record, detail), vec![key::record(id)]))
}
