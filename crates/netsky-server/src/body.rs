//! Bodies of requests, which share the memory that there is for them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Refusal;

/// The memory for bodies: a permit for each byte.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Semaphore>);

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Reads a body. It holds its memory until it is dropped.
    pub(crate) async fn read(&self, mut body: Body, max_bytes: usize) -> Result<Bytes, Refusal> {
        let mut bytes = Bytes { bytes: Vec::new(), _memory: None };
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame
                .map_err(|error| Refusal::Broken(format!("the body cannot be read: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > max_bytes.saturating_sub(bytes.bytes.len()) {
                return Err(Refusal::TooLarge(max_bytes));
            }
            bytes.take(&self.0, data.len())?;
            bytes.bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }
}

/// A body that was read.
#[derive(Debug)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Bytes {
    fn take(&mut self, memory: &Arc<Semaphore>, len: usize) -> Result<(), Refusal> {
        let full = || Refusal::Later("too many requests are being recorded".to_owned());
        let len = u32::try_from(len).map_err(|_| full())?;
        let permit = Arc::clone(memory).try_acquire_many_owned(len).map_err(|_| full())?;
        match &mut self._memory {
            Some(memory) => memory.merge(permit),
            memory @ None => *memory = Some(permit),
        }
        Ok(())
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
