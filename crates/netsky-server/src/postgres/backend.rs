//! Backends: processes that answer one statement after another. Those that wait for the next one are shared by all
//! sessions.

use std::any::Any;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;
use tokio::process::ChildStdin;
use tokio::time::sleep;

use super::sql_error::SqlError;
use crate::failure::Failure;
use crate::program::Process;
use crate::state::ReadState;

/// How long a backend waits for the next statement. Starting one takes some 20 ms.
const IDLE: Duration = Duration::from_secs(10);

/// The longest message of a backend. The longest is a row.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// What is kept of the memory for long messages.
const KEPT_BYTES: usize = 1 << 20;

/// A process that answers statements.
#[derive(Debug)]
pub(crate) struct Backend {
    process: Process,
    stdin: ChildStdin,
    buffer: Vec<u8>,
    /// Where what was not read yet begins.
    start: usize,
}

/// A whole message of a backend at the start of its buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
}

impl Backend {
    /// The next message, if it has come wholly.
    pub(crate) fn frame(&self) -> Result<Option<Frame<'_>>, SqlError> {
        let bytes = self.buffer.get(self.start..).unwrap_or_default();
        let Some(&[tag, a, b, c, d]) = bytes.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length < 4 || !tag.is_ascii_graphic() {
            return Err(garbage());
        }
        if length > MAX_FRAME_BYTES {
            let message = format!("a row is longer than {MAX_FRAME_BYTES} bytes");
            return Err(
                SqlError::new("54000", message).hint("select less of it, for example with left()")
            );
        }
        let whole = bytes.get(..length + 1);
        Ok(whole.map(|whole| Frame { tag, body: whole.get(5..).unwrap_or_default(), whole }))
    }

    /// Passes over so many bytes.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = self.buffer.len().min(self.start + bytes);
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            if self.buffer.capacity() > KEPT_BYTES {
                self.buffer = Vec::new();
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Reads some bytes, and writes of a request what there is room for. Returns how many bytes were read; none
    /// means that the process has ended. `sent` is how much of the request was written.
    pub(crate) async fn exchange(&mut self, request: &[u8], sent: &mut usize) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let Self { process, stdin, buffer, .. } = self;
        let read = process.read();
        let mut read = std::pin::pin!(read);
        let bytes = poll_fn(|cx| {
            while let Some(left) = request.get(*sent..).filter(|left| !left.is_empty()) {
                match Pin::new(&mut *stdin).poll_write(cx, left) {
                    Poll::Ready(Ok(written @ 1..)) => *sent += written,
                    // It has ended, which is seen where it is read.
                    Poll::Ready(_) => *sent = request.len(),
                    Poll::Pending => break,
                }
            }
            read.as_mut().poll(cx)
        })
        .await?;
        buffer.extend_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Why the process has ended.
    pub(crate) async fn end(self) -> SqlError {
        match self.process.end().await {
            Ok(()) => SqlError::new("XX000", "the query's process ended without an answer"),
            Err(failure) => error(&failure),
        }
    }

    /// Keeps `it` until the process has ended.
    pub(crate) fn hold(&mut self, it: impl Any + Send + Sync) {
        self.process.hold(it);
    }
}

pub(crate) fn garbage() -> SqlError {
    SqlError::new("XX000", "the query's process has sent what is no answer")
}

/// A failure of the server as PostgreSQL would say it.
pub(crate) fn error(failure: &Failure) -> SqlError {
    let code = match (failure.status(), failure.kind()) {
        (429, _) => "53300",
        (_, "timeout") => "57014",
        (_, "resource_limit") => "53200",
        (_, "busy") => "55P03",
        (_, "io") => "58030",
        (_, "damaged") => "XX001",
        (_, "not_found") => "58P01",
        _ => "XX000",
    };
    SqlError::new(code, failure.message()).hint(failure.hint().unwrap_or_default())
}

/// The backends that wait for a statement.
#[derive(Debug)]
pub(crate) struct Backends {
    pub(crate) state: Arc<ReadState>,
    idle: Mutex<Vec<(Backend, Instant)>>,
}

impl Backends {
    pub(crate) fn new(state: Arc<ReadState>) -> Self {
        Self { state, idle: Mutex::default() }
    }

    /// Takes the backend that was used last, or starts one.
    pub(crate) fn take(&self) -> Result<Backend, SqlError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some((mut backend, _)) = idle() {
            // It may have been killed while it waited.
            if backend.process.is_running() {
                return Ok(backend);
            }
        }
        let queries = &self.state.queries;
        let limit = format!("--memory-limit={}B", queries.memory_limit);
        let started = queries.program.open(["postgres-backend", limit.as_str()]);
        let (mut process, stdin) = started.map_err(|failure| error(&failure))?;
        process.hold(self.state.counts.child());
        Ok(Backend { process, stdin, buffer: Vec::new(), start: 0 })
    }

    /// Keeps a backend for the next statement, if there are not as many already as may run.
    pub(crate) fn put(&self, backend: Backend) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.state.queries.max_running {
            idle.push((backend, Instant::now()));
        }
    }

    /// Ends those that have waited too long, for ever.
    pub(crate) async fn tend(&self) {
        loop {
            sleep(IDLE / 4).await;
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|(_, since)| since.elapsed() < IDLE);
        }
    }
}
