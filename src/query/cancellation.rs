//! The cancellation of a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::{DataFusionError, Result};

/// A flag shared by a query's threads and the consumer of its result.
///
/// Aborting a tokio task is not enough: that takes effect only at an await point, and a join can
/// compute for minutes without reaching one.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Ends the work that checks the flag.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails if the query has been cancelled.
    pub(super) fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(DataFusionError::Execution("the query was cancelled".to_owned())),
            false => Ok(()),
        }
    }
}
