//! The current time.

use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// Returns the current time. `Utc::now` panics if the machine's clock is set to before 1970; a
/// machine without a battery may have such a clock until it has reached a time server.
pub fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}
