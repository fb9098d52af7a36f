//! Events worth noting: compactions, errors, and turns that were broken off.

use netsky_db::WatchdogEventRecord;
use serde_json::Value;

use super::json::text;
use super::reader::CodexReader;
use super::record::Record;
use crate::detail::Detail;
use crate::key;
use crate::reader::Output;
use crate::shorten::{shortened, start_of};

impl CodexReader {
    pub(super) fn compacted(&self, record: &Record<'_>, out: &mut Output) {
        self.watchdog(record, "compaction", "info", None, self.detail(), out);
    }

    pub(super) fn aborted(&self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        let detail = self.detail().with("turn_id", text(payload, "turn_id"));
        self.watchdog(record, "turn_aborted", "warning", text(payload, "reason"), detail, out);
    }

    pub(super) fn error(&self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        let message = self.content(text(payload, "message"));
        let kind = payload.get("codex_error_info").map(|kind| shortened(kind, 1_024));
        let detail = self
            .detail()
            .with("error", kind.filter(|kind| !kind.is_null()))
            .with("message", message.map(|message| start_of(message, 2_048)));
        self.watchdog(record, "error", "error", Some("failed"), detail, out);
    }

    fn watchdog(
        &self,
        record: &Record<'_>,
        event: &str,
        severity: &str,
        status: Option<&str>,
        detail: Detail,
        out: &mut Output,
    ) {
        let Some(ts_utc) = record.time else { return };
        let row = WatchdogEventRecord {
            ts_utc,
            event,
            agent: Some(self.agent_name()),
            severity: Some(severity),
            status: status.map(|status| start_of(status, 256)),
            detail_json: None,
        };
        // Events have no id. The same event at the same time with the same text is the same.
        let message = record.payload.get("message").and_then(Value::as_str).unwrap_or_default();
        let turn = text(record.payload, "turn_id").unwrap_or_default();
        let id = self.key_id(&format!("{event}/{}/{turn}/{message}", record.timestamp));
        self.push(self.sighting(&row, detail, [key::event(&id)]), out);
    }
}
