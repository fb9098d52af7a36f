//! Calls of models: the rows of `token_usage`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::TokenUsageRecord;
use netsky_db::internal::Key;

use super::origin::{self, Origin};
use super::record::{Message, Record};
use crate::content_key::claude_content;
use crate::detail::Detail;
use crate::key;
use crate::row::Row;
use crate::sighting::{SessionRef, Sighting};

/// The model of messages that Claude Code has made up itself.
pub(super) const NO_MODEL: &str = "<synthetic>";

/// A call of a model, from the lines of its message so far. It takes each line as the store would if each were a
/// row: so it makes no difference whether lines are read at once or not.
#[derive(Debug, Clone)]
pub(super) struct ModelCall {
    /// The conversation that it belongs to.
    pub(super) chain: String,
    /// The id of its message.
    pub(super) id: String,
    /// Where its first line begins.
    pub(super) offset: u64,
    /// Whether it was handed out. Until the next message begins, a line may still change it.
    pub(super) is_out: bool,
    session: Option<Arc<SessionRef>>,
    session_id: Option<String>,
    agent: Option<String>,
    detail: Detail,
    time: DateTime<Utc>,
    facts: Facts,
}

/// What the lines of a message tell of its call.
#[derive(Debug, Clone, Default, PartialEq)]
struct Facts {
    request_id: Option<String>,
    model: Option<String>,
    stop_reason: Option<String>,
    effort: Option<String>,
    service_tier: Option<String>,
    inference_geo: Option<String>,
    speed: Option<String>,
    input: Option<i64>,
    output: Option<i64>,
    cached: Option<i64>,
    cache_write_5m: Option<i64>,
    cache_write_1h: Option<i64>,
    thinking: Option<i64>,
    web_searches: Option<i64>,
    reported_cost: Option<i64>,
}

impl Facts {
    fn of(record: &Record<'_>, message: &Message<'_>) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let mut facts = Self {
            request_id: text(record.request_id.name()),
            model: text(message.model.name()),
            stop_reason: text(message.stop_reason.name()),
            effort: text(record.effort.name()),
            reported_cost: record.cost_usd.0.and_then(micros),
            ..Self::default()
        };
        let Some(usage) = message.usage.fields() else { return facts };
        facts.service_tier = text(usage.service_tier.name());
        facts.inference_geo = text(usage.inference_geo.name());
        facts.speed = text(usage.speed.name());
        facts.input = usage.input_tokens.0;
        facts.output = usage.output_tokens.0;
        facts.cached = usage.cache_read_input_tokens.0;
        // Old versions do not say for how long it was written: it was for 5 minutes.
        (facts.cache_write_5m, facts.cache_write_1h) = match usage.cache_creation.fields() {
            Some(split) => (split.ephemeral_5m_input_tokens.0, split.ephemeral_1h_input_tokens.0),
            None => (usage.cache_creation_input_tokens.0, None),
        };
        let details = usage.output_tokens_details.fields();
        facts.thinking = details.and_then(|details| details.thinking_tokens.0);
        let server_tools = usage.server_tool_use.fields();
        facts.web_searches = server_tools
            .and_then(|tools| tools.web_search_requests.0)
            .filter(|searches| *searches > 0);
        facts
    }

    /// Takes what another line tells: what is not known yet, and greater counts.
    fn add(&mut self, other: Self) {
        for (text, other) in [
            (&mut self.request_id, other.request_id),
            (&mut self.model, other.model),
            (&mut self.stop_reason, other.stop_reason),
            (&mut self.effort, other.effort),
            (&mut self.service_tier, other.service_tier),
            (&mut self.inference_geo, other.inference_geo),
            (&mut self.speed, other.speed),
        ] {
            if text.is_none() {
                *text = other;
            }
        }
        for (count, other) in [
            (&mut self.input, other.input),
            (&mut self.output, other.output),
            (&mut self.cached, other.cached),
            (&mut self.cache_write_5m, other.cache_write_5m),
            (&mut self.cache_write_1h, other.cache_write_1h),
            (&mut self.thinking, other.thinking),
            (&mut self.web_searches, other.web_searches),
        ] {
            *count = other.max(*count);
        }
        self.reported_cost = self.reported_cost.or(other.reported_cost);
    }

    fn has_counts(&self) -> bool {
        [self.input, self.output, self.cached].iter().any(Option::is_some)
    }
}

impl ModelCall {
    /// Returns the id of a message: without it, a line stands for itself.
    pub(super) fn id_of<'a>(record: &'a Record<'_>, message: &'a Message<'_>) -> Option<&'a str> {
        message.id.name().or(record.uuid.name())
    }

    /// Begins a call at the first line of its message.
    pub(super) fn new(
        id: &str,
        offset: u64,
        origin: &Origin<'_>,
        record: &Record<'_>,
        message: &Message<'_>,
    ) -> Self {
        Self {
            chain: origin.chain().to_owned(),
            id: id.to_owned(),
            offset,
            is_out: false,
            session: origin.session.clone(),
            session_id: origin.session_id.map(str::to_owned),
            agent: origin.agent(),
            detail: origin.detail().with("subagent", Some(origin.subagent.is_some())),
            time: origin.time,
            facts: Facts::of(record, message),
        }
    }

    /// Takes another line of the message.
    pub(super) fn add(&mut self, origin: &Origin<'_>, record: &Record<'_>, message: &Message<'_>) {
        let before = (self.time, self.facts.clone());
        self.time = self.time.min(origin.time);
        self.facts.add(Facts::of(record, message));
        if self.is_out && (self.time, &self.facts) != (before.0, &before.1) {
            self.is_out = false;
        }
    }

    /// Whether all is known of it. Old versions never say so.
    pub(super) fn is_complete(&self) -> bool {
        self.facts.stop_reason.is_some()
    }

    /// Returns its row; `None` if no model was called.
    pub(super) fn sighting(&self) -> Option<Sighting> {
        let facts = &self.facts;
        if facts.model.as_deref() == Some(NO_MODEL) || !facts.has_counts() {
            return None;
        }
        let detail = (self.detail.clone())
            .with("request_id", facts.request_id.as_deref())
            .with("message_id", Some(self.id.as_str()))
            .with("cache_write_5m_tokens", facts.cache_write_5m)
            .with("cache_write_1h_tokens", facts.cache_write_1h)
            .with("thinking_tokens", facts.thinking)
            .with("web_searches", facts.web_searches)
            .with("speed", facts.speed.as_deref())
            .with("service_tier", facts.service_tier.as_deref())
            .with("inference_geo", facts.inference_geo.as_deref())
            .with("effort", facts.effort.as_deref())
            .with("stop_reason", facts.stop_reason.as_deref())
            .with("reported_cost_usd_micros", facts.reported_cost);
        let record = TokenUsageRecord {
            ts_utc: self.time,
            session_id: self.session_id.as_deref(),
            agent: self.agent.as_deref(),
            model: facts.model.as_deref(),
            input_tokens: facts.input,
            output_tokens: facts.output,
            cached_input_tokens: facts.cached,
            cost_usd_micros: None,
            detail_json: None,
        };
        let request = facts.request_id.as_deref().map(key::request);
        let keys: Vec<Key> = request.into_iter().chain([key::message(&self.id)]).collect();
        let sighting = origin::sighting(self.session.as_ref(), Row::new(&record, detail), keys);
        let Some(session_id) = &self.session_id else { return Some(sighting) };
        let count = |count: Option<i64>| count.unwrap_or(0);
        Some(sighting.with_content(claude_content(
            session_id,
            facts.model.as_deref().unwrap_or_default(),
            count(facts.input),
            count(facts.cached),
            count(facts.cache_write_5m).saturating_add(count(facts.cache_write_1h)),
            facts.request_id.is_some(),
        )))
    }
}

/// Returns an amount of dollars in millionths.
fn micros(usd: f64) -> Option<i64> {
    // More than a call can cost. It keeps the product exact.
    #[allow(clippy::cast_possible_truncation)]
    (usd < 1e6).then_some((usd * 1e6).round() as i64)
}
