//! Hands out rows: what has ended, and what was answered.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::internal::Key;

use super::dispatch::{Outcome, Running};
use super::model_call::ModelCall;
use super::origin::{self, Origin};
use super::reader::ClaudeReader;
use super::tool_call::ToolCall;
use super::tool_result::ToolResult;
use crate::reader::Output;
use crate::row::Row;
use crate::sighting::{SessionRef, Sighting};

impl ClaudeReader {
    /// Hands out what belongs to the messages of a conversation except one.
    pub(super) fn end_messages(&mut self, chain: &str, but: Option<&str>, out: &mut Output) {
        let ended = |of: &str, message: &str| of == chain && Some(message) != but;
        for mut call in extract(&mut self.model_calls, |call| ended(&call.chain, &call.id)) {
            self.push_model_call(&mut call, out);
        }
        for call in extract(&mut self.tool_calls, |call| ended(&call.chain, &call.message)) {
            self.push_unanswered(call, out);
        }
    }

    pub(super) fn push_model_call(&self, call: &mut ModelCall, out: &mut Output) {
        if call.is_out {
            return;
        }
        call.is_out = true;
        if let Some(sighting) = call.sighting() {
            self.push(sighting, out);
        }
    }

    pub(super) fn push_unanswered(&mut self, mut call: ToolCall, out: &mut Output) {
        let session = self.session(call.session.as_deref());
        self.push_rows(call.rows(None, &self.options), session.as_ref(), out);
        self.push_dispatched(&call, out);
        call.forget_texts();
        self.context.add_late(call);
    }

    /// Hands out the subagent that a call without a result has dispatched.
    pub(super) fn push_dispatched(&mut self, call: &ToolCall, out: &mut Output) {
        let Some(dispatch) = &call.dispatch else { return };
        let is_first = self.is_first_dispatch(call);
        let session = self.session(call.session.as_deref());
        self.push_rows(dispatch.row(None, is_first), session.as_ref(), out);
    }

    pub(super) fn push_answered(
        &mut self,
        mut call: ToolCall,
        result: &ToolResult<'_>,
        out: &mut Output,
    ) {
        let session = self.session(call.session.as_deref());
        self.push_rows(call.rows(Some(result), &self.options), session.as_ref(), out);
        let Some(dispatch) = &mut call.dispatch else { return };
        if let Some(id) = result.more.and_then(|more| more.agent_id.name()) {
            dispatch.agent_id = Some(id.to_owned());
        }
        let is_first = self.is_first_dispatch(&call);
        let Some(dispatch) = &call.dispatch else { return };
        self.push_rows(dispatch.row(Some(result), is_first), session.as_ref(), out);
        match dispatch.running(result, call.session.as_deref(), is_first) {
            Some(running) => self.context.add_running(running),
            None => {
                // Its result comes after everything else of it.
                if let Some(agent_id) = dispatch.agent_id.clone() {
                    self.end_messages(&agent_id, None, out);
                }
            }
        }
    }

    /// Notes the subagent of a call, and returns whether no call before has dispatched it.
    pub(super) fn is_first_dispatch(&mut self, call: &ToolCall) -> bool {
        let Some(dispatch) = &call.dispatch else { return false };
        let Some(agent_id) = &dispatch.agent_id else { return false };
        self.context.add_agent(agent_id, &dispatch.agent_type, &call.id)
    }

    pub(super) fn push_ended(
        &mut self,
        running: &Running,
        end: DateTime<Utc>,
        outcome: Outcome,
        out: &mut Output,
    ) {
        let session = self.session(running.session.as_deref());
        self.push_rows(running.row(end, outcome), session.as_ref(), out);
    }

    pub(super) fn session(&mut self, id: Option<&str>) -> Option<Arc<SessionRef>> {
        let agent = self.options.agent.as_deref();
        Some(self.context.session(id?, None)?.reference(agent))
    }

    pub(super) fn push_row(
        &self,
        row: Option<(Row, Vec<Key>)>,
        origin: &Origin<'_>,
        out: &mut Output,
    ) {
        self.push_rows(row, origin.session.as_ref(), out);
    }

    pub(super) fn push_rows(
        &self,
        rows: impl IntoIterator<Item = (Row, Vec<Key>)>,
        session: Option<&Arc<SessionRef>>,
        out: &mut Output,
    ) {
        for (row, keys) in rows {
            self.push(origin::sighting(session, row, keys), out);
        }
    }

    pub(super) fn push(&self, sighting: Sighting, out: &mut Output) {
        let is_since = |since: DateTime<Utc>| sighting.row.time().is_some_and(|time| time >= since);
        if self.options.since.is_none_or(is_since) {
            out.sightings.push(sighting);
        }
    }
}

/// Takes the elements that fulfil a condition, in order.
fn extract<T>(values: &mut Vec<T>, mut is_taken: impl FnMut(&T) -> bool) -> Vec<T> {
    if !values.iter().any(&mut is_taken) {
        return Vec::new();
    }
    let (taken, kept) = std::mem::take(values).into_iter().partition(is_taken);
    *values = kept;
    taken
}
