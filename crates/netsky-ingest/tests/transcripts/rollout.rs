//! Writes rollouts of made-up threads.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::store::utc;

/// The lines of a rollout.
pub struct Rollout {
    pub lines: Vec<String>,
    pub time: DateTime<Utc>,
    ordinal: Option<u64>,
}

impl Rollout {
    /// Begins one of a version without ordinals.
    pub fn old(meta: Value) -> Self {
        Self::begin(None, meta)
    }

    /// Begins one of a version with ordinals.
    pub fn new(meta: Value) -> Self {
        Self::begin(Some(0), meta)
    }

    fn begin(ordinal: Option<u64>, meta: Value) -> Self {
        let time = meta["timestamp"].as_str().map_or_else(|| utc("2026-03-01T10:00:00Z"), utc);
        let mut rollout = Self { lines: Vec::new(), time, ordinal };
        rollout.record("session_meta", meta);
        rollout
    }

    /// Adds a record a tenth of a second after the one before.
    pub fn record(&mut self, kind: &str, payload: Value) -> &mut Self {
        self.time += Duration::milliseconds(100);
        let timestamp = self.time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let mut record = json!({"timestamp": timestamp, "type": kind, "payload": payload});
        if let Some(ordinal) = &mut self.ordinal {
            record["ordinal"] = (*ordinal).into();
            *ordinal += 1;
        }
        self.lines.push(record.to_string());
        self
    }

    pub fn event(&mut self, payload: Value) -> &mut Self {
        self.record("event_msg", payload)
    }

    pub fn item(&mut self, payload: Value) -> &mut Self {
        self.record("response_item", payload)
    }

    pub fn wait(&mut self, seconds: i64) -> &mut Self {
        self.time += Duration::seconds(seconds);
        self
    }

    pub fn turn(&mut self, id: &str, model: &str) -> &mut Self {
        self.event(json!({"type": "task_started", "turn_id": id}));
        self.record("turn_context", json!({"turn_id": id, "cwd": "/src/shop", "model": model}))
    }

    pub fn done(&mut self, id: &str) -> &mut Self {
        self.event(json!({"type": "task_complete", "turn_id": id}))
    }

    /// Adds a `token_count` with the tokens of a call and of all calls so far: input, cached, output.
    pub fn count(&mut self, last: [i64; 3], total: [i64; 3]) -> &mut Self {
        let info = json!({"last_token_usage": usage(last), "total_token_usage": usage(total)});
        self.event(json!({"type": "token_count", "info": info, "rate_limits": null}))
    }

    /// Adds a `token_usage_record`.
    pub fn usage(
        &mut self,
        thread: &str,
        response: &str,
        last: [i64; 3],
        total: [i64; 3],
    ) -> &mut Self {
        self.record(
            "token_usage_record",
            json!({
                "thread_id": thread, "response_id": response,
                "usage": usage(last), "thread_token_usage": usage(total),
            }),
        )
    }

    pub fn call(&mut self, id: &str, tool: &str, arguments: Value) -> &mut Self {
        let arguments = arguments.to_string();
        self.item(
            json!({"type": "function_call", "name": tool, "arguments": arguments, "call_id": id}),
        )
    }

    pub fn output(&mut self, id: &str, output: impl Into<Value>) -> &mut Self {
        self.item(json!({"type": "function_call_output", "call_id": id, "output": output.into()}))
    }
}

fn usage([input, cached, output]: [i64; 3]) -> Value {
    json!({
        "input_tokens": input, "cached_input_tokens": cached, "output_tokens": output,
        "reasoning_output_tokens": output / 2, "total_tokens": input + output,
    })
}

/// The first record of a thread.
pub fn meta(id: &str) -> Value {
    json!({
        "id": id, "timestamp": "2026-03-01T10:00:00Z", "cwd": "/src/shop", "cli_version": "0.60.1",
        "git": {"branch": "main"}, "model_provider": "openai", "source": "cli",
    })
}
