//! Whether anybody still waits for a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::{DataFusionError, Result};

/// A flag that a query's threads share with whoever waits for its answer.
///
/// To abort a tokio task is not enough: that takes effect where the task waits for something, and a
/// join can compute for minutes without waiting.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    pub(super) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails if nobody waits for the query.
    pub(super) fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(DataFusionError::Execution("the query was cancelled".to_owned())),
            false => Ok(()),
        }
    }
}
