//! Calls of tools in sessions of Claude Code, and their results.

use serde_json::{Value, json};

use super::History;
use super::claude::{Open, Session, Subagent, TYPE};

impl Session {
    /// Makes up a call.
    pub(super) fn tool(
        &mut self,
        history: &mut History,
        block: &mut Value,
        subagent: Option<&Subagent>,
    ) -> Open {
        let id = format!("toolu_{:06}", history.number());
        let number = history.number();
        let dispatches = subagent.is_none() && history.chance.percent(15);
        let name = match () {
            () if dispatches && self.is_new => "Agent",
            () if dispatches => "Task",
            () => history.chance.pick(&["Bash", "Bash", "Read", "mcp__docs__find"]),
        };
        let command = match history.chance.percent(30) {
            true => format!("git commit -m c{number}"),
            false => format!("ls d{number}"),
        };
        let input = match name {
            "Bash" => json!({"command": command}),
            "Task" | "Agent" => {
                json!({"prompt": format!("brief{number}"), "subagent_type": TYPE, "description": "d"})
            }
            _ => json!({"path": format!("/x/{number}")}),
        };
        *block = json!({"type": "tool_use", "id": id, "name": name, "input": input});
        let agent = self.agent(subagent);
        let dispatched = dispatches.then(|| {
            let agent = format!("a{number:06}");
            let dir = format!("claude/projects/-src-{}/{}/subagents", self.project, self.id);
            let file = self.is_new.then(|| {
                let meta = history.file(format!("{dir}/agent-{agent}.meta.json"));
                let facts = json!({"agentType": TYPE, "description": "d", "toolUseId": id});
                history.write(meta, facts.to_string());
                history.file(format!("{dir}/agent-{agent}.jsonl"))
            });
            Subagent {
                id: agent,
                call: id.clone(),
                file,
                start: String::new(),
                brief: format!("brief{number}"),
            }
        });
        Open {
            id,
            name,
            start: String::new(),
            agent,
            command: (name == "Bash").then_some(command),
            subagent: dispatched,
        }
    }

    pub(super) fn result(&mut self, history: &mut History, call: Open, within: Option<&Subagent>) {
        if let Some(subagent) = &call.subagent {
            let runs_on = subagent.file.is_some() && history.chance.percent(50);
            if !runs_on {
                for _ in 0..history.chance.below(3) {
                    self.answer(history, Some(subagent));
                }
            }
            let status = if runs_on { "async_launched" } else { "completed" };
            let more = json!({"status": status, "agentId": subagent.id, "totalTokens": 7});
            let end = self.write_result(history, &call, false, "done", more, within);
            self.add_call(history, &call, Some(&end), true);
            if runs_on {
                self.running.push(subagent.clone());
            } else {
                self.add_run(history, subagent, &end);
            }
            return;
        }
        let is_error = history.chance.percent(25);
        let commits = call.command.as_deref().is_some_and(|command| command.starts_with("git"));
        let text = match (call.name, is_error) {
            ("Bash", true) => "Exit code 2\nno",
            ("Bash", false) if commits => "[main abc1234] c",
            _ => "fine",
        };
        let more = json!({"interrupted": false});
        let end = self.write_result(history, &call, is_error, text, more, within);
        self.add_call(history, &call, Some(&end), !is_error);
        if self.is_new {
            let [started, ended] =
                [&call.start, &end].map(|at| crate::store::utc(at).timestamp_millis());
            let mut event = json!({"event.name": "tool_result", "tool_use_id": call.id, "tool_name": call.name,
                "success": (!is_error).to_string(), "duration_ms": ended - started});
            if let Some(command) = &call.command {
                event["tool_input"] = json!(json!({ "command": command }).to_string());
            }
            if call.name.starts_with("mcp__") {
                event["tool_name"] = json!("mcp_tool");
            }
            self.log(history, within, &end, event);
        }
        if let Some(command) = &call.command {
            let words: Vec<&str> = command.split(' ').collect();
            let code = if is_error { 2 } else { 0 };
            let row = format!("{} {} {code}", call.start, json!(words));
            history.expected.add("cli_invocations", row);
            if commits {
                let status = if is_error { "failed" } else { "ok" };
                let row = format!("{} commit {} main {status}", call.start, self.project);
                history.expected.add("git_operations", row);
            }
        }
    }

    pub(super) fn write_result(
        &mut self,
        history: &mut History,
        call: &Open,
        is_error: bool,
        text: &str,
        more: Value,
        within: Option<&Subagent>,
    ) -> String {
        let block = json!({"type": "tool_result", "tool_use_id": call.id, "content": text, "is_error": is_error});
        let message = json!({"role": "user", "content": [block]});
        let record = json!({"type": "user", "message": message, "toolUseResult": more});
        self.record(history, within, record).0
    }

    /// Notes a call that never got a result.
    pub(super) fn lost(&mut self, history: &mut History, call: &Open) {
        self.add_call(history, call, None, false);
    }

    pub(super) fn add_call(
        &self,
        history: &mut History,
        call: &Open,
        end: Option<&str>,
        succeeded: bool,
    ) {
        let (source, tool) = match call.name.strip_prefix("mcp__docs__") {
            Some(tool) => ("docs", tool),
            None => ("builtin", call.name),
        };
        let row = format!(
            "{} {} {source} {tool} {} {succeeded} {} {}",
            call.id,
            self.id,
            call.agent,
            call.start,
            end.unwrap_or("-")
        );
        history.expected.add("mcp_tool_calls", row);
    }

    pub(super) fn add_run(&self, history: &mut History, subagent: &Subagent, end: &str) {
        let row = format!("{} completed {} {end} {}", subagent.id, subagent.start, subagent.brief);
        history.expected.add("clone_dispatches", row);
    }

    /// Ends the subagents that run on.
    pub(super) fn end_running(&mut self, history: &mut History) {
        for subagent in std::mem::take(&mut self.running) {
            let text = format!(
                "<task-notification>\n<task-id>{}</task-id>\n<tool-use-id>{}</tool-use-id>\n<status>completed</status>\n</task-notification>",
                subagent.id, subagent.call
            );
            let record = json!({"type": "user", "message": {"role": "user", "content": text}});
            let (end, _) = self.record(history, None, record);
            self.add_run(history, &subagent, &end);
        }
    }
}
