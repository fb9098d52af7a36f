//! Events, which are log records.

use chrono::{DateTime, Utc};
use netsky_db::internal::Key;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::key;
use crate::otlp::attributes::Attributes;
use crate::otlp::who::Who;

/// A log record of Claude Code.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    /// When it was logged: when what it tells of had ended.
    pub(super) time: DateTime<Utc>,
    pub(super) attributes: &'a Attributes<'a>,
    pub(super) who: Who,
    pub(super) record: &'a LogRecord,
}

impl Event<'_> {
    /// The id of the subagent whose event it is.
    pub(super) fn agent_id(&self) -> Option<&str> {
        self.attributes.name("agent_id")
    }

    /// The key of the row in a table that this event gives, if it has no other. An exporter that got no answer
    /// sends its events again.
    pub(super) fn key(&self, table: &str) -> Key {
        let session = self.who.session_id().unwrap_or_default();
        let attributes = self.attributes;
        match (attributes.name("event.timestamp"), attributes.integer_text("event.sequence")) {
            (Some(timestamp), Some(sequence)) => {
                key::telemetry(table, &[session, timestamp, &sequence])
            }
            _ => {
                let times = [self.record.time_unix_nano, self.record.observed_time_unix_nano];
                let [time, observed] = times.map(|time| time.to_string());
                key::telemetry(table, &[session, self.name, &time, &observed])
            }
        }
    }
}
