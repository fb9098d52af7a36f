//! Model calls.
//!
//! Versions since 0.169 write a `token_usage_record` for each call, and after it a `token_count` for the screen,
//! with the same numbers. Older versions write the `token_count` alone, again and again. A `token_count` counts
//! as a call if the total has changed, and no record was seen yet. That needs no look at the rest of the file: a
//! record is written when the answer has come, its `token_count` after the tools that the answer called. In a
//! thread that a new version has gone on with, the calls before have no records, and they still count.

use netsky_db::TokenUsageRecord;
use netsky_db::internal::Key;

use super::json::text;
use super::reader::CodexReader;
use super::record::Record;
use super::usage::Usage;
use crate::content_key::codex_content;
use crate::key;
use crate::reader::Output;

impl CodexReader {
    pub(super) fn token_usage_record(&mut self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        // A call of another thread stands in that thread's file.
        if text(payload, "thread_id").is_some_and(|thread| thread != self.thread_id()) {
            return;
        }
        let is_first = !std::mem::replace(&mut self.context.has_usage_records, true);
        let Some(usage) = Usage::parse(payload.get("usage")) else { return };
        let id = text(payload, "response_id");
        let mut keys: Vec<Key> =
            id.map(|id| key::response(self.thread_id(), id)).into_iter().collect();
        if let Some(total) = Usage::parse(payload.get("thread_token_usage"))
            && (is_first || keys.is_empty())
        {
            // If its `token_count` came before, against the rule, it was that of this call.
            keys.push(self.total_key(total));
        }
        self.model_call(record, usage, keys, out);
    }

    pub(super) fn token_count(&mut self, record: &Record<'_>, out: &mut Output) {
        let Some(info) = record.payload.get("info") else { return };
        let total = Usage::parse(info.get("total_token_usage"));
        let before = self.context.total;
        self.context.total = total.or(before);
        if self.context.has_usage_records || (total.is_some() && total == before) {
            return;
        }
        let last = Usage::parse(info.get("last_token_usage"));
        let usage = last.or_else(|| total.map(|total| total.since(before.unwrap_or_default())));
        let key = match total {
            Some(total) => self.total_key(total),
            None => key::key("token_usage.count", &[self.thread_id(), record.timestamp]),
        };
        if let Some(usage) = usage.filter(|usage| !usage.is_zero()) {
            self.model_call(record, usage, vec![key], out);
        }
    }

    /// Returns the key of the call after which a thread has used this many tokens.
    fn total_key(&self, total: Usage) -> Key {
        let counts = total.counts().map(|count| count.to_string());
        let [a, b, c, d, e] = &counts;
        key::key("token_usage.total", &[self.thread_id(), a, b, c, d, e])
    }

    fn model_call(&self, record: &Record<'_>, usage: Usage, keys: Vec<Key>, out: &mut Output) {
        let Some(ts_utc) = record.time else { return };
        let (session, payload) = (self.thread_id(), record.payload);
        let model = self.context.model.as_deref();
        let thread = self.context.thread.as_ref();
        let mut detail = self
            .detail()
            .with("model_provider", thread.and_then(|thread| thread.provider.as_deref()))
            .with("response_id", text(payload, "response_id"))
            .with("turn_id", text(payload, "turn_id"))
            .with("effort", self.context.effort.as_deref())
            .with("subagent", thread.map(|thread| thread.is_subagent));
        for (name, count) in
            [("cache_write_5m_tokens", usage.cache_write), ("thinking_tokens", usage.reasoning)]
        {
            detail.set(name, Some(count).filter(|count| *count > 0));
        }
        let row = TokenUsageRecord {
            ts_utc,
            session_id: Some(session),
            agent: Some(self.agent_name()),
            model,
            input_tokens: Some(usage.uncached()),
            output_tokens: Some(usage.output),
            cached_input_tokens: Some(usage.cached),
            cost_usd_micros: None,
            detail_json: None,
        };
        let content = codex_content(
            session,
            model.unwrap_or_default(),
            usage.uncached(),
            usage.cached,
            usage.cache_write,
            usage.output,
        );
        self.push(self.sighting(&row, detail, keys).with_content(content), out);
    }
}
