//! Collects the rows of a request.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::attributes::Attributes;
use super::lookup::Lookup;
use super::mapped::Mapped;
use super::who::Who;
use crate::batch::Chunk;
use crate::reader::Output;
use crate::sighting::{SessionRef, Sighting};
use crate::via::Via;

/// Collects the rows of a request.
#[derive(Debug)]
pub(super) struct Mapper<'a> {
    pub(super) lookup: &'a Lookup,
    out: Output,
    mapped: Mapped,
}

impl<'a> Mapper<'a> {
    pub(super) fn new(lookup: &'a Lookup) -> Self {
        Self { lookup, out: Output::default(), mapped: Mapped::default() }
    }

    /// Counts a record.
    pub(super) fn count(&mut self) {
        self.mapped.records += 1;
    }

    /// Notes that a record gives no row and is not meant to.
    pub(super) fn ignore(&mut self, name: &str) {
        const MAX_NAMES: usize = 100;
        if let Some(count) = self.mapped.ignored.get_mut(name) {
            *count += 1;
        } else if self.mapped.ignored.len() < MAX_NAMES {
            self.mapped.ignored.insert(crate::shorten::start_of(name, 100).to_owned(), 1);
        }
    }

    /// Notes that a record is broken.
    pub(super) fn reject(&mut self, reason: &'static str) {
        self.mapped.rejected += 1;
        self.mapped.reason.get_or_insert(reason);
    }

    /// Adds a row, and when its session was at work.
    pub(super) fn push(&mut self, who: &Who, sighting: Sighting, times: [DateTime<Utc>; 2]) {
        self.out.sightings.push(match &who.session {
            Some(session) => sighting.in_session(session),
            None => sighting,
        });
        self.touch(who, times);
    }

    /// Adds when a session was at work.
    pub(super) fn touch(&mut self, who: &Who, times: [DateTime<Utc>; 2]) {
        let Some(session) = &who.session else { return };
        let update = self.out.session(session, Via::Otlp);
        for time in times {
            update.spans.add(time);
        }
        if update.cwd.is_none() {
            update.cwd.clone_from(&who.cwd);
        }
    }

    /// Adds a row without a session's course.
    pub(super) fn push_only(&mut self, who: &Who, sighting: Sighting) {
        self.out.sightings.push(match &who.session {
            Some(session) => sighting.in_session(session),
            None => sighting,
        });
    }

    /// Returns whose session a record is of.
    pub(super) fn who(
        &self,
        runtime: &str,
        session_id: Option<&str>,
        attributes: &Attributes<'_>,
    ) -> Who {
        let found = session_id.map(|id| self.lookup.session(runtime, id)).unwrap_or_default();
        let options = self.lookup.options();
        // Not `service.instance.id`: it is a new one with each process.
        let agent = (options.agent.clone())
            .or(found.agent)
            .or_else(|| {
                attributes.name("agent.name").filter(|_| runtime != "claude").map(str::to_owned)
            })
            .or_else(|| {
                attributes.first_name(&["gen_ai.agent.name", "service.name"]).map(str::to_owned)
            })
            .unwrap_or_else(|| runtime.to_owned());
        let session =
            session_id.map(|id| Arc::new(SessionRef { id: id.to_owned(), agent: agent.clone() }));
        let version = attributes.first_name(&["app.version", "service.version"]);
        Who {
            runtime: runtime.to_owned(),
            agent,
            session,
            cwd: found.cwd,
            version: version.map(str::to_owned),
        }
    }

    pub(super) fn finish(mut self) -> Mapped {
        let sessions = self.out.take_sessions();
        let sightings = self.out.sightings;
        Mapped { chunk: Chunk { sightings, sessions, progress: None }, ..self.mapped }
    }
}
