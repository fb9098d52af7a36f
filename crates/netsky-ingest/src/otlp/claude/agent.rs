//! The agents that telemetry is of: those of sessions, and their subagents.

use crate::otlp::attributes::Attributes;
use crate::otlp::lookup::Lookup;
use crate::otlp::mapper::Mapper;
use crate::otlp::who::Who;

/// The name of Claude Code as a runtime.
pub(super) const RUNTIME: &str = "claude";

/// Notes what an event or a span tells of subagents. Only some of a subagent's tell its type.
pub(in crate::otlp) fn learn(attributes: &Attributes<'_>, lookup: &Lookup) {
    let Some(id) = attributes.name("agent_id") else { return };
    // `agent.builtin.general-purpose`
    let of_span = || attributes.name("query_source_safe")?.strip_prefix("agent.")?.split_once('.');
    let ty = attributes.first_name(&["agent.name", "agent_type"]);
    if let Some(ty) = ty.or_else(|| of_span().map(|(_, ty)| ty)) {
        lookup.learn_subagent(id, ty);
    }
}

/// Returns whose session a record is of.
pub(super) fn who(mapper: &Mapper<'_>, attributes: &Attributes<'_>) -> Who {
    mapper.who(RUNTIME, attributes.name("session.id"), attributes)
}

/// Returns the agent of a row: that of the session, or the subagent.
pub(super) fn agent_of(mapper: &Mapper<'_>, who: &Who, agent_id: Option<&str>) -> String {
    match agent_id {
        None => who.agent.clone(),
        Some(id) => {
            let ty = mapper.lookup.subagent(id);
            format!("{}/{}", who.agent, ty.as_deref().unwrap_or("agent"))
        }
    }
}
