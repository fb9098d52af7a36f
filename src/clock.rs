//! The time of day.

use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// The time now. `Utc::now` panics if the machine's clock is set to before 1970, as one without a
/// battery may be until it has reached a time server.
pub fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}
