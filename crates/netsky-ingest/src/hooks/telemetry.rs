//! Where agents send OpenTelemetry.

use serde::Serialize;

/// Where the receiver of netsky listens by default.
pub(super) const ENDPOINT: &str = "http://127.0.0.1:4318";

/// What the settings of an agent say about OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Telemetry {
    /// It goes to netsky.
    On,
    /// There are no settings.
    Off,
    /// There are settings, but not those of netsky.
    Other,
}
