//! Telemetry of Claude Code.

mod agent;
mod call;
mod dispatch;
mod event;
mod log;
mod message;
mod metrics;
mod span;
mod tool;
mod watchdog;

pub(super) use agent::learn;
pub(super) use log::{event_name, log};
pub(super) use metrics::metrics;
pub(super) use span::span;
