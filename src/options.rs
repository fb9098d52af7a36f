//! How a store is opened.

use std::time::Duration;

/// How long a call waits for other processes unless told otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How to open a store, where [`Db::open`](crate::Db::open) and its kin do not fit.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// // A hook that must not hold up its agent.
/// let options = netsky_db::OpenOptions::new().busy_timeout(Duration::from_millis(200));
/// let db = options.open(path)?;
/// # drop(db);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    pub(crate) busy_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// What `Db::open` and its kin use.
    pub fn new() -> Self {
        Self { busy_timeout: BUSY_TIMEOUT }
    }

    /// How long opening or writing waits while another process writes, before it fails with
    /// [`Error::Busy`](crate::Error::Busy); 10 seconds unless set. Queries never wait.
    #[must_use]
    pub fn busy_timeout(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout, ..self }
    }
}
