//! Threads of Codex.

use serde_json::{Value, json};

use super::{History, time};

/// A thread that is being made up.
pub(super) struct Thread {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) agent: String,
    /// Whether it is of a version that writes items and records of usage.
    pub(super) is_new: bool,
    pub(super) is_subagent: bool,
    pub(super) file: usize,
    pub(super) lines: Vec<Value>,
    pub(super) turn: String,
    pub(super) model: &'static str,
    /// All tokens so far: input, cached, output.
    pub(super) total: [i64; 3],
    /// Calls of the turn without an output.
    pub(super) lost: Vec<(String, String)>,
}

pub(super) fn thread(history: &mut History, steps: usize) {
    let project = format!("proj{}", history.chance.below(3));
    let is_new = history.chance.percent(50);
    let mut thread = Thread::create(history, &project, is_new);
    let meta = thread.meta(history);
    thread.record(history, "session_meta", meta);
    thread.begin_turn(history);
    for _ in 0..steps {
        thread.step(history);
    }
    thread.end_turn(history, true);
    if history.has_forks && history.chance.percent(40) {
        thread.fork(history, steps / 2);
    }
}

impl Thread {
    pub(super) fn create(history: &mut History, project: &str, is_new: bool) -> Self {
        history.tick();
        let id = history.chance.uuid(history.clock);
        let path = format!("codex/sessions/2026/02/01/rollout-2026-02-01T00-00-00-{id}.jsonl");
        Self {
            id,
            project: project.to_owned(),
            agent: project.to_owned(),
            is_new,
            is_subagent: false,
            file: history.file(path),
            lines: Vec::new(),
            turn: String::new(),
            model: "",
            total: [0; 3],
            lost: Vec::new(),
        }
    }

    pub(super) fn meta(&self, history: &History) -> Value {
        json!({
            "id": self.id, "timestamp": time(history.clock), "cwd": format!("/src/{}", self.project),
            "cli_version": if self.is_new { "0.169.0" } else { "0.60.1" }, "git": {"branch": "main"},
            "model_provider": "openai", "source": "cli",
        })
    }

    /// Writes a record of the thread and returns its time.
    pub(super) fn record(&mut self, history: &mut History, kind: &str, payload: Value) -> String {
        let timestamp = history.tick();
        history.expected.seen(&self.id, &self.agent, history.clock);
        self.line(history, json!({"timestamp": timestamp, "type": kind, "payload": payload}));
        timestamp
    }

    pub(super) fn line(&mut self, history: &mut History, mut record: Value) {
        if self.is_new {
            record["ordinal"] = json!(self.lines.len());
        }
        history.write(self.file, record.to_string());
        self.lines.push(record);
    }

    pub(super) fn event(&mut self, history: &mut History, payload: Value) -> String {
        self.record(history, "event_msg", payload)
    }

    pub(super) fn item(&mut self, history: &mut History, item: Value) -> String {
        // The record is written a moment after the item.
        let millis = history.clock;
        let turn = self.turn.clone();
        self.event(
            history,
            json!({"type": "item_completed", "thread_id": self.id, "turn_id": turn, "item": item,
                "started_at_ms": millis, "completed_at_ms": millis + 50}),
        );
        time(millis)
    }

    pub(super) fn step(&mut self, history: &mut History) {
        match history.chance.below(16) {
            0 => {
                let completes = history.chance.percent(70);
                self.end_turn(history, completes);
                if history.chance.percent(30) {
                    history.wait(3_700_000);
                }
                self.begin_turn(history);
            }
            1 => self.message(history),
            2 => {
                let ts = self.record(history, "compacted", json!({"message": "so far"}));
                let row = format!("{ts} compaction info {}", self.agent);
                history.expected.add("watchdog_events", row);
                self.event(history, json!({"type": "context_compacted"}));
            }
            3 => {
                let noise = history.noise();
                history.write(self.file, noise);
            }
            4 => drop(self.count(history, None)),
            5 => {
                let text = json!([{"type": "input_text", "text": "<environment_context>"}]);
                let message = json!({"type": "message", "role": "user", "content": text});
                self.record(history, "response_item", message);
            }
            6 if !self.is_subagent => self.spawn(history),
            7..=9 => self.model_call(history),
            _ => self.tool_call(history),
        }
    }

    pub(super) fn begin_turn(&mut self, history: &mut History) {
        history.tick();
        self.turn = history.chance.uuid(history.clock);
        self.model = history.chance.pick(&["gpt-5.2-codex", "gpt-6.1-sol", "local"]);
        let started = history.clock / 1_000;
        self.event(
            history,
            json!({"type": "task_started", "turn_id": self.turn, "started_at": started}),
        );
        let turn =
            json!({"turn_id": self.turn, "model": self.model, "cwd": "/src", "effort": "low"});
        self.record(history, "turn_context", turn);
        let body = format!("prompt {}", history.number());
        let ts = if self.is_new {
            let content = json!([{"type": "text", "text": body}]);
            let id = history.chance.uuid(history.clock);
            let at = history.clock;
            self.item(history, json!({"type": "UserMessage", "id": id, "content": content}));
            assert!(history.clock > at);
            time(history.clock)
        } else {
            self.event(history, json!({"type": "user_message", "message": body}))
        };
        if !self.is_subagent {
            let row = format!("{ts} inbound {} user {} {body}", self.id, self.agent);
            history.expected.add("messages", row);
        }
        // Old counts are shown again.
        if history.chance.percent(50) {
            self.count(history, None);
        }
    }

    pub(super) fn end_turn(&mut self, history: &mut History, completes: bool) {
        for (id, start) in std::mem::take(&mut self.lost) {
            self.add_call(history, &id, "builtin exec_command", false, &start, "-");
        }
        if completes {
            self.event(history, json!({"type": "task_complete", "turn_id": self.turn}));
        } else {
            let aborted =
                json!({"type": "turn_aborted", "turn_id": self.turn, "reason": "interrupted"});
            let ts = self.event(history, aborted);
            let row = format!("{ts} turn_aborted warning {}", self.agent);
            history.expected.add("watchdog_events", row);
        }
    }

    pub(super) fn message(&mut self, history: &mut History) {
        let body = format!("text {}", history.number());
        let ts = if self.is_new {
            let id = format!("m_{}", history.number());
            let content = json!([{"type": "Text", "text": body}]);
            self.item(history, json!({"type": "AgentMessage", "id": id, "content": content}));
            time(history.clock)
        } else {
            self.event(history, json!({"type": "agent_message", "message": body}))
        };
        if !self.is_subagent {
            let row = format!("{ts} outbound {} {} user {body}", self.id, self.agent);
            history.expected.add("messages", row);
        }
    }

    pub(super) fn model_call(&mut self, history: &mut History) {
        let input = 1_000 + history.number();
        let used = [input, history.chance.below(1_000) as i64, history.chance.below(500) as i64];
        for (total, used) in self.total.iter_mut().zip(used) {
            *total += used;
        }
        let (id, ts) = if self.is_new {
            let id = format!("resp_{input}");
            let usage = json!({
                "thread_id": self.id, "turn_id": self.turn, "response_id": id,
                "usage": usage(used), "thread_token_usage": usage(self.total),
            });
            let ts = self.record(history, "token_usage_record", usage);
            (id, ts)
        } else {
            let ts = self.count(history, Some(used));
            ("-".to_owned(), ts)
        };
        let [input, cached, output] = used;
        let row = format!(
            "{id} {} {} {} {} {output} {cached} {ts}",
            self.id,
            self.agent,
            self.model,
            input - cached
        );
        history.expected.add("token_usage", row);
        let written =
            ["input_token_count", "cached_token_count", "output_token_count"].into_iter().zip(used);
        let mut event = json!({"event.name": "codex.sse_event", "event.kind": "response.completed", "model": self.model});
        for (name, count) in written {
            event[name] = json!(count.to_string());
        }
        self.log(history, &ts, event);
        if self.is_new {
            self.count(history, Some(used));
        }
    }

    /// Writes the counts for the screen: of a call, or the old ones again.
    pub(super) fn count(&mut self, history: &mut History, used: Option<[i64; 3]>) -> String {
        let last = used.unwrap_or([9, 9, 9]);
        let info = json!({"total_token_usage": usage(self.total), "last_token_usage": usage(last)});
        // Before the first call, there are none.
        let info = if self.total == [0; 3] { Value::Null } else { info };
        self.event(history, json!({"type": "token_count", "info": info, "rate_limits": {}}))
    }

    /// Sends an event about what was over at a time.
    pub(super) fn log(&self, history: &mut History, time: &str, mut event: Value) {
        event["conversation.id"] = json!(self.id);
        event["event.timestamp"] = json!(time);
        history.log(&self.id, &self.project, None, event);
    }

    /// Begins with the history of another thread.
    pub(super) fn copy(&mut self, history: &mut History, from: &Self, meta: Value) {
        let now = time(history.clock);
        self.line(history, json!({"timestamp": now, "type": "session_meta", "payload": meta}));
        let keeps_times = history.chance.percent(50);
        for line in &from.lines {
            let mut line = line.clone();
            if !keeps_times {
                line["timestamp"] = json!(now);
            }
            self.line(history, line);
        }
        self.total = from.total;
    }

    /// Goes on in another thread.
    pub(super) fn fork(&self, history: &mut History, steps: usize) {
        let mut fork = Self::create(history, &self.project, self.is_new);
        let mut meta = fork.meta(history);
        meta["forked_from_id"] = json!(self.id);
        fork.copy(history, self, meta);
        history.wait(5_000);
        fork.begin_turn(history);
        for _ in 0..steps {
            fork.step(history);
        }
        fork.end_turn(history, true);
    }
}

fn usage([input, cached, output]: [i64; 3]) -> Value {
    json!({"input_tokens": input, "cached_input_tokens": cached, "output_tokens": output})
}
