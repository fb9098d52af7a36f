//! Reads the steps of conversations: messages, with the calls in them.

use chrono::{DateTime, Utc};

use super::model_call::{ModelCall, NO_MODEL};
use super::origin::{self, Origin};
use super::reader::ClaudeReader;
use super::record::{Message, Record};
use super::tool_call::ToolCall;
use super::tool_result::ToolResult;
use super::{event, prose};
use crate::reader::Output;

/// Limits on what is held. No transcript comes near them; they bound the memory for one that was made to.
const MAX_MODEL_CALLS: usize = 256;
const MAX_TOOL_CALLS: usize = 256;

impl ClaudeReader {
    /// Reads a record of a conversation.
    pub(super) fn step(
        &mut self,
        record: &Record<'_>,
        origin: &Origin<'_>,
        offset: u64,
        out: &mut Output,
    ) {
        match (record.kind.text(), record.message.fields()) {
            (Some("assistant"), Some(message)) => {
                self.assistant(record, message, origin, offset, out);
            }
            (Some("user"), Some(message)) => self.user(record, message, origin, out),
            (Some("system"), _) => {
                self.push_row(event::of_system(record, origin, &self.options), origin, out);
            }
            _ => {}
        }
    }

    /// Reads what a subagent does, of versions that write it into the file of the session.
    pub(super) fn progress(
        &mut self,
        record: &Record<'_>,
        time: DateTime<Utc>,
        offset: u64,
        out: &mut Output,
    ) {
        let Some(progress) = record.data.fields() else { return };
        let Some(nested) = progress.message.get() else { return };
        if progress.kind.text() != Some("agent_progress") {
            return;
        }
        let id = progress.agent_id.name().map(str::to_owned);
        let parent = record.parent_tool_use_id.name();
        if let (Some(id), Some(parent)) = (&id, parent) {
            // The call may have been handed out already, when nothing had come for a day.
            let open = self.tool_calls.iter_mut().find(|call| call.id == parent);
            let call = open.or_else(|| self.context.late_call(parent));
            let dispatch = call.and_then(|call| call.dispatch.as_mut());
            let kind = dispatch.map(|dispatch| {
                dispatch.agent_id = Some(id.clone());
                dispatch.agent_type.clone()
            });
            if let Some(kind) = kind {
                self.context.add_agent(id, &kind, parent);
            }
        }
        let subagent = Some(self.subagent(id, nested.attribution_agent.name()));
        let time = origin::time(nested).unwrap_or(time);
        let origin = Origin { subagent, is_progress: true, ..self.origin(record, time) };
        self.step(nested, &origin, offset, out);
    }

    fn assistant(
        &mut self,
        record: &Record<'_>,
        message: &Message<'_>,
        origin: &Origin<'_>,
        offset: u64,
        out: &mut Output,
    ) {
        self.push_row(event::failed_request(record, origin, &self.options), origin, out);
        let Some(id) = ModelCall::id_of(record, message) else { return };
        self.end_messages(origin.chain(), Some(id), out);
        let known = self.model_calls.iter().position(|call| call.chain == origin.chain());
        if let Some(call) = known.and_then(|at| self.model_calls.get_mut(at)) {
            call.add(origin, record, message);
        } else {
            if self.model_calls.len() >= MAX_MODEL_CALLS {
                let mut oldest = self.model_calls.remove(0);
                self.push_model_call(&mut oldest, out);
            }
            self.model_calls.push(ModelCall::new(id, offset, origin, record, message));
        }
        let at = known.unwrap_or(self.model_calls.len().saturating_sub(1));
        if self.model_calls.get(at).is_some_and(|call| call.is_complete() && !call.is_out) {
            let mut calls = std::mem::take(&mut self.model_calls);
            if let Some(call) = calls.get_mut(at) {
                self.push_model_call(call, out);
            }
            self.model_calls = calls;
        }
        if message.model.name() != Some(NO_MODEL) {
            let answer = prose::answer(record, message, origin, &mut self.context, &self.options);
            self.push_row(answer, origin, out);
        }
        let Some(content) = message.content.get() else { return };
        for block in content.blocks().filter(|block| block.kind.text() == Some("tool_use")) {
            self.push_row(prose::between_agents(block, origin, &self.options), origin, out);
            if let Some(call) = ToolCall::new(block, id, offset, origin, record, &self.options)
                && !self.tool_calls.iter().any(|known| known.id == call.id)
            {
                if self.tool_calls.len() >= MAX_TOOL_CALLS {
                    let oldest = self.tool_calls.remove(0);
                    self.push_unanswered(oldest, out);
                }
                self.tool_calls.push(call);
            }
        }
    }

    fn user(
        &mut self,
        record: &Record<'_>,
        message: &Message<'_>,
        origin: &Origin<'_>,
        out: &mut Output,
    ) {
        let prompt = prose::prompt(record, origin, &mut self.context, &self.options);
        self.push_row(prompt, origin, out);
        let Some(content) = message.content.get() else { return };
        self.notice(content.prose("\n").as_deref(), origin.time, out);
        let results = || content.blocks().filter(|block| block.kind.text() == Some("tool_result"));
        // Of one of several results, it could be that of another.
        let more = record.tool_use_result.fields().filter(|_| results().count() == 1);
        for block in results() {
            let Some(id) = block.tool_use_id.name() else { continue };
            self.push_row(event::refusal(record, id, origin), origin, out);
            let open = self.tool_calls.iter().position(|call| call.id == id);
            let open = open.map(|at| self.tool_calls.remove(at));
            let late = self.context.take_late(id);
            if let Some(call) = open.or(late) {
                self.push_answered(call, &ToolResult::new(origin.time, block, more), out);
            }
        }
    }
}
