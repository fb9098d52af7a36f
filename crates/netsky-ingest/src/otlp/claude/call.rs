//! Model calls: the event `api_request`.

use netsky_db::TokenUsageRecord;

use super::agent::agent_of;
use super::event::Event;
use crate::content_key::claude_content;
use crate::otlp::attributes::Attributes;
use crate::otlp::mapper::Mapper;
use crate::otlp::time;
use crate::otlp::who::Who;
use crate::{Detail, Row, Sighting, Via, key};

pub(super) fn map(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    let duration = attributes.count("duration_ms");
    let start = time::before(event.time, duration);
    let usage = Usage::new(attributes).ok_or("a model call has no model or no token counts")?;
    let agent_id = event.agent_id();
    let agent = agent_of(mapper, &event.who, agent_id);
    let source = attributes.name("query_source");
    let is_subagent = agent_id.is_some() || source.is_some_and(|it| it.starts_with("agent:"));
    let reported = attributes.count("cost_usd_micros").or_else(|| {
        let usd = attributes.number("cost_usd").filter(|usd| *usd >= 0.0)?;
        // Saturates.
        Some((usd * 1e6).round() as i64)
    });
    let detail = usage
        .detail(event.who.detail(agent_id), attributes)
        .with("query_source", source)
        .with("subagent", Some(is_subagent))
        .with("reported_cost_usd_micros", reported);
    let row = usage.row(&event.who, &agent, start, detail);
    let request_id = attributes.name("request_id");
    let mut sighting = match request_id {
        Some(id) => Sighting::new(Via::Otlp, row, [key::request(id)]),
        None => Sighting::new(Via::Otlp, row, [event.key("token_usage")]),
    };
    if let (None, Some(session)) = (request_id, event.who.session_id()) {
        sighting = sighting.with_content(claude_content(
            session,
            usage.model,
            usage.input,
            usage.cached,
            usage.cache_write,
            false,
        ));
    }
    mapper.push(&event.who, sighting, [start, event.time]);
    Ok(())
}

/// What a call used, as events and spans tell it.
pub(super) struct Usage<'a> {
    model: &'a str,
    input: i64,
    output: i64,
    cached: i64,
    cache_write: i64,
}

impl<'a> Usage<'a> {
    pub(super) fn new(attributes: &Attributes<'a>) -> Option<Self> {
        let [five_minutes, hour] = cache_writes(attributes);
        let split = five_minutes.unwrap_or(0).saturating_add(hour.unwrap_or(0));
        Some(Self {
            model: attributes.name("model")?,
            input: attributes.count("input_tokens")?,
            output: attributes.count("output_tokens")?,
            cached: attributes.count("cache_read_tokens").unwrap_or(0),
            cache_write: attributes.count("cache_creation_tokens").unwrap_or(split),
        })
    }

    /// Adds what there is no column for.
    pub(super) fn detail(&self, detail: Detail, attributes: &Attributes<'_>) -> Detail {
        let [five_minutes, hour] = cache_writes(attributes);
        // Older versions and spans tell the sum alone. A transcript may know the parts.
        let sum = (five_minutes.is_none() && hour.is_none()).then_some(self.cache_write);
        let speed = attributes.name("speed").map(|it| if it == "normal" { "standard" } else { it });
        detail
            .with("request_id", attributes.name("request_id"))
            .with("cache_write_5m_tokens", five_minutes)
            .with("cache_write_1h_tokens", hour)
            .with("cache_write_tokens", sum)
            .with("speed", speed)
            .with("effort", attributes.name("effort"))
            .with("duration_ms", attributes.count("duration_ms"))
            .with("ttft_ms", attributes.count("ttft_ms"))
    }

    pub(super) fn row(
        &self,
        who: &Who,
        agent: &str,
        start: chrono::DateTime<chrono::Utc>,
        detail: Detail,
    ) -> Row {
        let record = TokenUsageRecord {
            ts_utc: start,
            session_id: who.session_id(),
            agent: Some(agent),
            model: Some(self.model),
            input_tokens: Some(self.input),
            output_tokens: Some(self.output),
            cached_input_tokens: Some(self.cached),
            cost_usd_micros: None,
            detail_json: None,
        };
        Row::new(&record, detail)
    }
}

fn cache_writes(attributes: &Attributes<'_>) -> [Option<i64>; 2] {
    ["cache_creation_5m_tokens", "cache_creation_1h_tokens"].map(|key| attributes.count(key))
}
