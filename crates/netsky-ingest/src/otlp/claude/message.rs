//! Messages: the events `user_prompt` and `assistant_response`.

use netsky_db::internal::Key;
use netsky_db::{Direction, MessageRecord};

use super::event::Event;
use crate::otlp::mapper::Mapper;
use crate::{Row, Sighting, Via, key};

pub(super) fn prompt(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    // What a command expands to is not what somebody wrote.
    if attributes.name("command_name").is_some() {
        mapper.ignore("user_prompt of a command");
        return Ok(());
    }
    let uuid = attributes.name("message.uuid").map(key::record);
    let Some(key) = uuid.or_else(|| attributes.name("prompt.id").map(key::prompt)) else {
        // Older versions tell no id. Their transcripts have the prompt, and nothing says which it is.
        mapper.ignore("user_prompt without an id");
        return Ok(());
    };
    push(mapper, event, Direction::Inbound, key)
}

pub(super) fn answer(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    // Not those of subagents, and of calls for titles and summaries. They are no messages to the user.
    let is_main = attributes
        .name("query_source")
        .is_none_or(|source| source == "sdk" || source.starts_with("repl_main_thread"));
    if event.agent_id().is_some() || !is_main {
        mapper.ignore("assistant_response of a subagent or helper");
        return Ok(());
    }
    let request = attributes.name("request_id").map(key::answer);
    let Some(key) = request.or_else(|| attributes.name("message.uuid").map(key::record)) else {
        mapper.ignore("assistant_response without an id");
        return Ok(());
    };
    push(mapper, event, Direction::Outbound, key)
}

fn push(
    mapper: &mut Mapper<'_>,
    event: &Event<'_>,
    direction: Direction,
    key: Key,
) -> Result<(), &'static str> {
    let (attributes, who) = (event.attributes, &event.who);
    let agent = who.agent.as_str();
    let (from, to, texts, length) = match direction {
        Direction::Inbound => ("user", agent, ["prompt_text", "prompt"], "prompt_length"),
        Direction::Outbound => (agent, "user", ["response", "response_text"], "response_length"),
    };
    let body = texts.iter().find_map(|key| attributes.text(key));
    let body =
        body.filter(|text| *text != "<REDACTED>" && !mapper.lookup.options().without_content);
    let record = MessageRecord {
        ts_utc: event.time,
        source: "claude-code",
        direction,
        chat_id: who.session_id(),
        from_agent: Some(from),
        to_agent: Some(to),
        body,
        raw_json: None,
    };
    let detail = who
        .detail(None)
        .with("prompt_id", attributes.name("prompt.id"))
        .with("model", attributes.name("model"))
        .with("length", attributes.count(length));
    let sighting = Sighting::new(Via::Otlp, Row::new(&record, detail), [key]);
    mapper.push(who, sighting, [event.time, event.time]);
    Ok(())
}
