//! Sessions of Claude Code.

use serde_json::{Value, json};

use super::History;

/// A session that is being made up.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) project: String,
    /// Whether it is of a version that writes messages when they are complete.
    pub(super) is_new: bool,
    pub(super) file: usize,
    /// The lines of its file.
    pub(super) lines: Vec<Value>,
    /// Subagents that run on while the session goes on.
    pub(super) running: Vec<Subagent>,
}

/// A subagent that is being made up.
#[derive(Clone)]
pub(super) struct Subagent {
    pub(super) id: String,
    /// The call that dispatched it.
    pub(super) call: String,
    /// Its file; `None` if it is shown as progress in that of the session.
    pub(super) file: Option<usize>,
    pub(super) start: String,
    pub(super) brief: String,
}

/// A call of a tool that waits for its result.
pub(super) struct Open {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) start: String,
    pub(super) agent: String,
    pub(super) command: Option<String>,
    pub(super) subagent: Option<Subagent>,
}

/// The type of all subagents.
pub(super) const TYPE: &str = "explorer";

pub(super) fn session(history: &mut History, steps: usize) {
    let project = format!("proj{}", history.chance.below(3));
    let id = history.chance.uuid(history.clock);
    let is_new = history.chance.percent(50);
    let file = history.file(format!("claude/projects/-src-{project}/{id}.jsonl"));
    let mut session = Session { id, project, is_new, file, lines: Vec::new(), running: Vec::new() };
    session.prompt(history);
    for _ in 0..steps {
        session.step(history);
    }
    session.end_running(history);
    if history.has_forks && history.chance.percent(40) {
        session.fork(history, steps / 2);
    }
}

impl Session {
    pub(super) fn step(&mut self, history: &mut History) {
        match history.chance.below(16) {
            0 | 1 => self.prompt(history),
            2 => history.wait(3_700_000),
            3 => self.system(history, "compact_boundary", "compaction", "info"),
            4 => self.system(history, "api_error", "api_error", "warning"),
            5 => {
                let noise = history.noise();
                history.write(self.file, noise);
            }
            6 => self.failed_request(history),
            7 => {
                let record =
                    json!({"type": "file-history-snapshot", "messageId": "m", "snapshot": {}});
                self.line(history, record);
            }
            8 => self.meta(history),
            _ => self.answer(history, None),
        }
        if !self.running.is_empty() && history.chance.percent(60) {
            let at = history.chance.below(self.running.len());
            let subagent = self.running[at].clone();
            self.answer(history, Some(&subagent));
        }
    }

    pub(super) fn agent(&self, subagent: Option<&Subagent>) -> String {
        match subagent {
            Some(_) => format!("{}/{TYPE}", self.project),
            None => self.project.clone(),
        }
    }

    /// Writes a record that every version has in one form or another. Returns its time and its id.
    pub(super) fn record(
        &mut self,
        history: &mut History,
        subagent: Option<&Subagent>,
        mut record: Value,
    ) -> (String, String) {
        let timestamp = history.tick();
        let uuid = history.chance.uuid(history.clock);
        let common = |record: &mut Value| {
            record["timestamp"] = json!(timestamp);
            record["sessionId"] = json!(self.id);
            record["cwd"] = json!(format!("/src/{}", self.project));
            record["gitBranch"] = json!("main");
            record["version"] = json!(if self.is_new { "2.1.330" } else { "2.0.5" });
        };
        common(&mut record);
        record["uuid"] = json!(uuid);
        record["isSidechain"] = json!(subagent.is_some());
        history.expected.seen(&self.id, &self.project, history.clock);
        match subagent {
            None => self.line(history, record),
            Some(Subagent { id, file: Some(file), .. }) => {
                record["agentId"] = json!(id);
                history.write(*file, record.to_string());
            }
            Some(Subagent { id, call, file: None, .. }) => {
                let outer = history.chance.uuid(history.clock);
                let data = json!({"type": "agent_progress", "agentId": id, "message": record, "prompt": ""});
                let mut progress = json!({"type": "progress", "data": data, "uuid": outer});
                progress["parentToolUseID"] = json!(call);
                progress["toolUseID"] = json!("agent_msg");
                common(&mut progress);
                self.line(history, progress);
            }
        }
        (timestamp, uuid)
    }

    /// Writes a line of the session's file.
    pub(super) fn line(&mut self, history: &mut History, record: Value) {
        history.write(self.file, record.to_string());
        if history.chance.percent(3) {
            history.write(self.file, record.to_string());
        }
        self.lines.push(record);
    }

    pub(super) fn prompt(&mut self, history: &mut History) {
        let body = format!("prompt {}", history.number());
        let content = match history.chance.percent(50) {
            true => json!(body),
            false => json!([{"type": "text", "text": body}]),
        };
        let mut record = json!({"type": "user", "message": {"role": "user", "content": content}});
        if self.is_new {
            record["promptId"] = json!(format!("prompt-{}", history.number()));
        }
        let (ts, _) = self.record(history, None, record);
        let row = format!("{ts} inbound {} user {} {body}", self.id, self.project);
        history.expected.add("messages", row);
    }

    /// Writes texts that are no prompts.
    pub(super) fn meta(&mut self, history: &mut History) {
        let mut record =
            json!({"type": "user", "message": {"role": "user", "content": "<command-name>/clear"}});
        if history.chance.percent(50) {
            record = json!({"type": "user", "isMeta": true, "message": {"role": "user", "content": "Caveat"}});
        }
        self.record(history, None, record);
    }

    pub(super) fn system(
        &mut self,
        history: &mut History,
        subtype: &str,
        event: &str,
        severity: &str,
    ) {
        let mut record = json!({"type": "system", "subtype": subtype, "content": ""});
        record["compactMetadata"] = json!({"trigger": "auto", "preTokens": 1_000});
        let (ts, _) = self.record(history, None, record);
        history
            .expected
            .add("watchdog_events", format!("{ts} {event} {severity} {}", self.project));
    }

    pub(super) fn failed_request(&mut self, history: &mut History) {
        let usage = json!({"input_tokens": 0, "output_tokens": 0});
        let content = json!([{"type": "text", "text": "API Error: 500"}]);
        let id = format!("synthetic-{}", history.number());
        let message = json!({"id": id, "role": "assistant", "model": "<synthetic>", "content": content,
            "stop_reason": "stop_sequence", "usage": usage});
        let record = json!({"type": "assistant", "isApiErrorMessage": true, "message": message});
        let (ts, _) = self.record(history, None, record);
        history.expected.add("watchdog_events", format!("{ts} api_error error {}", self.project));
    }

    /// Writes a message of the model, with the calls in it and their results.
    pub(super) fn answer(&mut self, history: &mut History, subagent: Option<&Subagent>) {
        let number = history.number();
        let (message, request) = (format!("msg_{number:06}"), format!("req_{number:06}"));
        let has_request = self.is_new || history.chance.percent(70);
        let model = history.chance.pick(&[
            "claude-opus-4-5-20251101",
            "claude-sonnet-4-5-20250929",
            "gpt-x",
        ]);
        let cached = history.chance.below(100_000) as i64;
        let written = history.chance.below(10_000) as i64;
        let agent = self.agent(subagent);
        let blocks: Vec<Value> = (0..1 + history.chance.below(4))
            .map(|_| match history.chance.below(10) {
                0 => json!({"type": "thinking", "thinking": "hm"}),
                1..=4 => json!({"type": "text", "text": format!("text {}", history.number())}),
                _ => json!({"type": "tool_use"}),
            })
            .collect();
        let together = history.chance.percent(10);
        let lines: Vec<Vec<Value>> = match together {
            true => vec![blocks],
            false => blocks.into_iter().map(|block| vec![block]).collect(),
        };
        let outputs: Vec<i64> = match self.is_new {
            true => vec![number + 50; lines.len()],
            false => lines.iter().map(|_| history.chance.below(60) as i64).collect(),
        };
        let mut first = None;
        let mut open: Vec<Open> = Vec::new();
        let count = lines.len();
        for (place, mut blocks) in lines.into_iter().enumerate() {
            let mut calls = Vec::new();
            for block in &mut blocks {
                if block["type"] == "tool_use" {
                    calls.push(self.tool(history, block, subagent));
                }
            }
            let texts: Vec<&str> =
                blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            let body = (!texts.is_empty()).then(|| texts.join("\n\n"));
            let message = json!({
                "id": message, "type": "message", "role": "assistant", "model": model, "content": blocks,
                "stop_reason": if self.is_new { json!("end_turn") } else { Value::Null },
                "usage": {
                    "input_tokens": number, "output_tokens": outputs[place],
                    "cache_read_input_tokens": cached, "cache_creation_input_tokens": written,
                    "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
                },
            });
            let mut record = json!({"type": "assistant", "message": message});
            if has_request {
                record["requestId"] = json!(request);
            }
            let (ts, _) = self.record(history, subagent, record);
            first.get_or_insert_with(|| ts.clone());
            // What a subagent says is shown as progress, or said to the session's agent.
            let is_shown = subagent.is_some_and(|subagent| subagent.file.is_none());
            if let Some(body) = body.filter(|_| !is_shown) {
                let to = subagent.map_or("user", |_| self.project.as_str());
                let row = format!("{ts} outbound {} {agent} {to} {body}", self.id);
                history.expected.add("messages", row);
            }
            for mut call in calls {
                call.start.clone_from(&ts);
                if let Some(subagent) = &mut call.subagent {
                    subagent.start.clone_from(&ts);
                }
                open.push(call);
            }
            // A tool may answer before the message is over.
            if place + 1 < count && !open.is_empty() && history.chance.percent(30) {
                let at = history.chance.below(open.len());
                let call = open.remove(at);
                self.result(history, call, subagent);
            }
        }
        let mut output = outputs.iter().max().copied().unwrap_or(0);
        let first = first.unwrap_or_default();
        if history.has_telemetry {
            // Old versions never write how much it was in the end.
            output += if self.is_new { 0 } else { 1_000 };
            let mut event = json!({"event.name": "api_request", "model": model, "input_tokens": number,
                "output_tokens": output, "cache_read_tokens": cached, "cache_creation_tokens": written, "duration_ms": 0});
            if self.is_new {
                event["request_id"] = json!(request);
            }
            self.log(history, subagent, &first, event);
        }
        let row =
            format!("{message} {} {agent} {model} {number} {output} {cached} {first}", self.id,);
        history.expected.add("token_usage", row);
        history.chance.shuffle(&mut open);
        for call in open {
            if history.chance.percent(6) && call.subagent.is_none() {
                self.lost(history, &call);
            } else {
                self.result(history, call, subagent);
            }
        }
    }

    /// Sends an event about what was over at a time.
    pub(super) fn log(
        &self,
        history: &mut History,
        subagent: Option<&Subagent>,
        time: &str,
        mut event: Value,
    ) {
        let sequence = history.number();
        event["session.id"] = json!(self.id);
        event["event.timestamp"] = json!(time);
        event["event.sequence"] = json!(sequence);
        event["service.name"] = json!("claude-code");
        if let Some(subagent) = subagent.filter(|_| self.is_new) {
            event["agent_id"] = json!(subagent.id);
            event["agent.name"] = json!(TYPE);
        }
        let nanos = crate::store::utc(time).timestamp_nanos_opt();
        history.log(&self.id, &self.project, nanos, event);
    }

    /// Goes on in a copy of the session, which has another id.
    pub(super) fn fork(&mut self, history: &mut History, steps: usize) {
        let id = history.chance.uuid(history.clock);
        let project = self.project.clone();
        let file = history.file(format!("claude/projects/-src-{project}/{id}.jsonl"));
        let copied = 1 + history.chance.below(self.lines.len());
        let mut fork = Session {
            id: id.clone(),
            project: project.clone(),
            is_new: self.is_new,
            file,
            lines: Vec::new(),
            running: Vec::new(),
        };
        for line in &self.lines[..copied] {
            let mut line = line.clone();
            let timestamp = line["timestamp"].as_str().map(crate::store::utc);
            if let Some(timestamp) = timestamp {
                line["sessionId"] = json!(id);
                let millis = timestamp.timestamp_millis();
                history.expected.seen(&id, &project, millis);
            }
            if line.pointer("/data/message/sessionId").is_some() {
                line["data"]["message"]["sessionId"] = json!(id);
            }
            fork.line(history, line);
        }
        for _ in 0..steps {
            fork.step(history);
        }
        fork.end_running(history);
    }
}
