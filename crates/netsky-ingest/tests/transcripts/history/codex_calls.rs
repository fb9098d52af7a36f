//! Calls of tools in threads of Codex, and the agents that they start.

use serde_json::json;

use super::codex::Thread;
use super::{History, time};

impl Thread {
    pub(super) fn tool_call(&mut self, history: &mut History) {
        let number = history.number();
        match history.chance.below(10) {
            0 => {
                let id = format!("call_{number}");
                let arguments = json!({"cmd": "sleep 9"}).to_string();
                let start = self.call(history, &id, "exec_command", &arguments);
                self.lost.push((id, start));
            }
            1 | 2 => {
                let id = format!("call_{number}");
                let start = self.call(history, &id, "mcp__docs__find", "{\"q\":1}");
                let end = self.output(history, &id, "page");
                self.add_call(history, &id, "docs find", true, &start, &end);
            }
            3 | 4 if self.is_new => {
                let id = format!("call_{number}");
                let item = format!("exec-{number}");
                let call = json!({"type": "custom_tool_call", "call_id": id, "name": "exec", "input": "js"});
                let start = self.record(history, "response_item", call);
                let (code, line) = (history.chance.below(2) as i64, format!("ls d{number}"));
                let ran = self.ran(history, &item, &line, code);
                let end = time(crate::store::utc(&ran).timestamp_millis() + 50);
                self.add_call(history, &item, "builtin exec_command", true, &ran, &end);
                self.log_call(history, &item, &line, code, [&ran, &end]);
                let row = format!("{ran} {} {code}", json!(["ls", format!("d{number}")]));
                history.expected.add("cli_invocations", row);
                let output = json!({"type": "custom_tool_call_output", "call_id": id, "output": "Script completed"});
                let end = self.record(history, "response_item", output);
                self.add_call(history, &id, "builtin exec", true, &start, &end);
            }
            _ => self.command(history, number),
        }
    }

    /// Writes a call that runs a command.
    pub(super) fn command(&mut self, history: &mut History, number: i64) {
        let id = format!("call_{number}");
        let commits = history.chance.percent(30);
        let line =
            if commits { format!("git commit -m c{number}") } else { format!("ls d{number}") };
        let code = if history.chance.percent(30) { 1 } else { 0 };
        let arguments = json!({"cmd": line}).to_string();
        let start = self.call(history, &id, "exec_command", &arguments);
        let ran = match self.is_new && history.chance.percent(70) {
            true => self.ran(history, &id, &line, code),
            false => start.clone(),
        };
        let output = format!("Wall time: 0.1 seconds\nProcess exited with code {code}\nOutput:\n");
        let end = self.output(history, &id, &output);
        self.add_call(history, &id, "builtin exec_command", true, &start, &end);
        let words: Vec<&str> = line.split(' ').collect();
        self.log_call(history, &id, &line, code, [&start, &end]);
        // By telemetry, the command began with the call.
        let began = if history.has_telemetry { &start } else { &ran };
        history.expected.add("cli_invocations", format!("{began} {} {code}", json!(words)));
        if commits {
            let status = if code == 0 { "ok" } else { "failed" };
            let row = format!("{ran} commit {} main {status}", self.project);
            history.expected.add("git_operations", row);
        }
    }

    pub(super) fn ran(&mut self, history: &mut History, id: &str, line: &str, code: i64) -> String {
        self.item(
            history,
            json!({"type": "CommandExecution", "id": id, "command": ["/bin/bash", "-lc", line],
                "cwd": format!("file:///src/{}", self.project), "source": "agent", "exit_code": code,
                "status": "completed", "aggregated_output": ""}),
        )
    }

    pub(super) fn call(
        &mut self,
        history: &mut History,
        id: &str,
        tool: &str,
        arguments: &str,
    ) -> String {
        let call =
            json!({"type": "function_call", "call_id": id, "name": tool, "arguments": arguments});
        self.record(history, "response_item", call)
    }

    pub(super) fn output(&mut self, history: &mut History, id: &str, output: &str) -> String {
        let output = json!({"type": "function_call_output", "call_id": id, "output": output});
        self.record(history, "response_item", output)
    }

    pub(super) fn add_call(
        &self,
        history: &mut History,
        id: &str,
        tool: &str,
        succeeded: bool,
        start: &str,
        end: &str,
    ) {
        let row = format!("{id} {} {tool} {} {succeeded} {start} {end}", self.id, self.agent);
        history.expected.add("mcp_tool_calls", row);
    }

    pub(super) fn log_call(
        &self,
        history: &mut History,
        id: &str,
        line: &str,
        code: i64,
        times: [&str; 2],
    ) {
        let [start, end] = times.map(|at| crate::store::utc(at).timestamp_millis());
        let event = json!({
            "event.name": "codex.tool_result", "call_id": id, "tool_name": "exec_command",
            "duration_ms": (end - start).to_string(), "success": "true",
            "arguments": json!({ "cmd": line }).to_string(),
            "output": format!("Wall time: 0.1 seconds\nProcess exited with code {code}\nOutput:\n"),
        });
        self.log(history, times[1], event);
    }

    /// Starts an agent, which does its work, and waits for it.
    pub(super) fn spawn(&mut self, history: &mut History) {
        let number = history.number();
        let (id, brief) = (format!("call_{number}"), format!("brief{number}"));
        let arguments = json!({"message": brief}).to_string();
        let call_start = self.call(history, &id, "spawn_agent", &arguments);
        let mut child = Self::create(history, &self.project, self.is_new);
        child.agent = format!("{}/job", self.project);
        child.is_subagent = true;
        let born = time(history.clock);
        let mut meta = child.meta(history);
        let spawn = json!({"parent_thread_id": self.id, "depth": 1, "agent_path": "/root/job"});
        meta["source"] = json!({"subagent": {"thread_spawn": spawn}});
        meta["parent_thread_id"] = json!(self.id);
        if self.is_new {
            meta["forked_from_id"] = json!(self.id);
            meta["subagent_history_start_ordinal"] = json!(self.lines.len() + 1);
            child.copy(history, self, meta);
        } else {
            child
                .line(history, json!({"timestamp": born, "type": "session_meta", "payload": meta}));
        }
        let start = if self.is_new {
            let item = json!({"type": "SubAgentActivity", "id": id, "kind": "started",
                "agent_thread_id": child.id, "agent_path": "/root/job"});
            self.item(history, item);
            born
        } else {
            call_start.clone()
        };
        let answer = match self.is_new {
            true => json!({"task_name": "/root/job"}),
            false => json!({"agent_id": child.id, "nickname": "Bo"}),
        };
        let end = self.output(history, &id, &answer.to_string());
        self.add_call(history, &id, "builtin spawn_agent", true, &call_start, &end);
        child.begin_turn(history);
        for _ in 0..history.chance.below(4) {
            child.step(history);
        }
        child.end_turn(history, true);
        let end = if self.is_new {
            let item = json!({"type": "SubAgentActivity", "id": format!("done-{number}"), "kind": "completed",
                "agent_thread_id": child.id, "agent_path": "/root/job"});
            let end = self.item(history, item);
            time(crate::store::utc(&end).timestamp_millis() + 50)
        } else {
            let wait = format!("wait_{number}");
            let start = self.call(history, &wait, "wait", &json!({"ids": [child.id]}).to_string());
            let status = json!({"status": {&child.id: {"completed": "done"}}, "timed_out": false});
            let end = self.output(history, &wait, &status.to_string());
            self.add_call(history, &wait, "builtin wait", true, &start, &end);
            end
        };
        let row = format!("{} completed {start} {end} {brief}", child.id);
        history.expected.add("clone_dispatches", row);
    }
}
