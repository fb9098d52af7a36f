//! Events: the rows of `watchdog_events`.

use netsky_db::WatchdogEventRecord;
use netsky_db::internal::Key;
use serde_json::{Value, json};

use super::origin::Origin;
use super::record::{ApiError, Compaction, Record};
use crate::detail::Detail;
use crate::key;
use crate::reader::ReadOptions;
use crate::row::Row;
use crate::shorten::start_of;

/// The limit on a text in the details.
const MAX_TEXT_BYTES: usize = 2_048;

/// Returns the event of a record of the system; `None` if it is none.
pub(super) fn of_system(
    record: &Record<'_>,
    origin: &Origin<'_>,
    options: &ReadOptions,
) -> Option<(Row, Vec<Key>)> {
    let detail = origin.detail();
    let (event, severity, status, detail) = match record.subtype.text()? {
        "compact_boundary" => {
            let detail = with_compaction(detail, record.compact_metadata.fields());
            ("compaction", "info", None, detail)
        }
        "microcompact_boundary" => {
            let detail = with_compaction(detail, record.microcompact_metadata.fields());
            ("microcompaction", "info", None, detail)
        }
        "api_error" => {
            let (status, message) = match record.error.get() {
                Some(ApiError::Object(error)) => {
                    (error.status.0, error.formatted.text().or(error.message.text()))
                }
                Some(ApiError::Word(word)) => (None, Some(&**word)),
                None => (None, None),
            };
            let detail = detail
                .with("status", status)
                .with("attempt", record.retry_attempt.0)
                .with("max_attempts", record.max_retries.0)
                .with("retry_in_ms", record.retry_in_ms.0)
                .with("error", text(message, options));
            ("api_error", "warning", Some("retrying"), detail)
        }
        "stop_hook_summary" => {
            let errors = record.hook_errors.get().filter(|errors| !errors.is_empty())?;
            let first = errors.iter().find_map(|error| error.text());
            let detail = detail
                .with("hook_event", Some("Stop"))
                .with("hook_errors", Some(json!(errors.len())))
                .with("error", text(first, options));
            ("hook_error", "warning", None, detail)
        }
        _ => return None,
    };
    let keys = vec![key::event(record.uuid.name()?)];
    Some((row(origin, event, severity, status, detail), keys))
}

/// Returns the event that a request has failed, from the message that Claude Code made up for it.
pub(super) fn failed_request(
    record: &Record<'_>,
    origin: &Origin<'_>,
    options: &ReadOptions,
) -> Option<(Row, Vec<Key>)> {
    if !record.is_api_error_message.is_true() {
        return None;
    }
    let uuid = record.uuid.name()?;
    let word = match record.error.get() {
        Some(ApiError::Word(word)) => Some(&**word),
        _ => None,
    };
    let content = record.message.fields().and_then(|message| message.content.get());
    let message = content.and_then(|content| content.prose("\n"));
    let detail = (origin.detail())
        .with("request_id", record.request_id.name())
        .with("status", record.api_error_status.0)
        .with("error_type", record.api_error_type.name().or(word))
        .with("error", text(message.as_deref(), options));
    let of_request = record.request_id.name().map(key::failed_request);
    let keys = [key::event(uuid)].into_iter().chain(of_request).collect();
    Some((row(origin, "api_error", "error", Some("failed"), detail), keys))
}

/// Returns the event that a tool call was refused.
pub(super) fn refusal(
    record: &Record<'_>,
    tool_use_id: &str,
    origin: &Origin<'_>,
) -> Option<(Row, Vec<Key>)> {
    let decision = record.permission_decision.fields()?;
    if decision.decision.name() != Some("reject") {
        return None;
    }
    let detail = (origin.detail())
        .with("tool_use_id", Some(tool_use_id))
        .with("decision_source", decision.source.name());
    let keys = vec![key::refusal(tool_use_id)];
    Some((row(origin, "permission_denied", "warning", None, detail), keys))
}

fn with_compaction(detail: Detail, compaction: Option<&Compaction<'_>>) -> Detail {
    detail
        .with("trigger", compaction.and_then(|compaction| compaction.trigger.name()))
        .with("pre_tokens", compaction.and_then(|compaction| compaction.pre_tokens.0))
        .with("saved_tokens", compaction.and_then(|compaction| compaction.tokens_saved.0))
}

fn text(text: Option<&str>, options: &ReadOptions) -> Option<Value> {
    text.filter(|_| !options.without_content).map(|text| start_of(text, MAX_TEXT_BYTES).into())
}

fn row(
    origin: &Origin<'_>,
    event: &str,
    severity: &str,
    status: Option<&str>,
    detail: Detail,
) -> Row {
    let agent = origin.agent();
    let record = WatchdogEventRecord {
        ts_utc: origin.time,
        event,
        agent: agent.as_deref(),
        severity: Some(severity),
        status,
        detail_json: None,
    };
    Row::new(&record, detail)
}
