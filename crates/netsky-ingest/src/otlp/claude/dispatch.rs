//! Dispatched subagents: the event `subagent_completed`.

use netsky_db::CloneDispatchRecord;

use super::event::Event;
use crate::otlp::mapper::Mapper;
use crate::otlp::time;
use crate::{Row, Sighting, Via, key};

pub(super) fn map(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let (attributes, who) = (event.attributes, &event.who);
    // Older versions tell no id. Their transcripts have the dispatch, and nothing says which it is.
    let Some(id) = event.agent_id() else {
        mapper.ignore("subagent_completed without agent_id");
        return Ok(());
    };
    let ty = attributes.name("agent_type").unwrap_or("agent");
    let duration = attributes.count("duration_ms");
    let start = time::before(event.time, duration);
    let record = CloneDispatchRecord {
        ts_utc_start: start,
        ts_utc_end: Some(event.time),
        agent_id: id,
        runtime: Some(who.runtime()),
        brief_path: None,
        brief: None,
        workspace: who.cwd(),
        branch: None,
        status: Some("completed"),
        exit_code: None,
        detail_json: None,
    };
    let detail = who
        .detail(None)
        .with("agent", Some(format!("{}/{ty}", who.agent)))
        .with("subagent_type", Some(ty))
        .with("model", attributes.first_name(&["final_model", "model"]))
        .with("total_tokens", attributes.count("total_tokens"))
        .with("total_tool_uses", attributes.count("total_tool_uses"))
        .with("total_duration_ms", duration);
    let row = Row::new(&record, detail);
    let sighting = Sighting::new(Via::Otlp, row, [key::dispatched_agent(id)]);
    mapper.push(who, sighting, [start, event.time]);
    Ok(())
}
