//! What is seen of an ingest while it runs.

use netsky_ingest::Observer;

use crate::interrupt;
use crate::progress::Progress;

/// Shows how far an ingest is, and stops it after Ctrl-C.
#[derive(Default)]
pub struct Watcher<'a> {
    pub bar: Option<&'a Progress>,
}

impl Observer for Watcher<'_> {
    fn bytes_read(&self, bytes: u64) {
        if let Some(bar) = self.bar {
            bar.set(bytes);
        }
    }

    fn stops(&self) -> bool {
        interrupt::pressed()
    }
}
