//! Backends: processes that answer one query after another. Those that wait for the next one are shared by all clients.

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

use crate::counts::Counts;
use crate::failure::Failure;
use crate::program::{Process, Program};
use crate::queries::Queries;

/// How long a backend waits for the next query. Starting one takes some 20 ms.
const IDLE: Duration = Duration::from_secs(10);

/// The longest message of a backend. The longest is a row.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// A backend that has worked longer, or sent more, has used much memory.
const LONG: Duration = Duration::from_secs(1);
const MANY_BYTES: u64 = 16 << 20;

/// What is kept of the memory for long messages.
const KEPT_BYTES: usize = 1 << 20;

/// A process that answers queries.
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
    pub(crate) fn frame(&self) -> Result<Option<Frame<'_>>, Failure> {
        let bytes = self.buffer.get(self.start..).unwrap_or_default();
        let Some(&[tag, a, b, c, d]) = bytes.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length < 4 || !tag.is_ascii_graphic() {
            return Err(garbage());
        }
        if length > MAX_FRAME_BYTES {
            let message = format!("a row is longer than {MAX_FRAME_BYTES} bytes");
            return Err(Failure::too_large(message, "select less of it, for example with left()"));
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
    pub(crate) async fn end(self) -> Failure {
        match self.process.end().await {
            Ok(()) => Failure::internal("the query's process ended without an answer"),
            Err(failure) => failure,
        }
    }

    /// Keeps `it` until the process has ended.
    pub(crate) fn hold(&mut self, it: impl Any + Send + Sync) {
        self.process.hold(it);
    }
}

pub(crate) fn garbage() -> Failure {
    Failure::internal("the query's process has sent what is no answer")
}

/// Processes of one command, of which some wait for a request.
#[derive(Debug)]
pub(crate) struct Backends {
    program: Program,
    arguments: Vec<String>,
    max_idle: usize,
    counts: Arc<Counts>,
    idle: Mutex<Vec<(Backend, Instant)>>,
}

impl Backends {
    /// The arguments are those of `netsky`.
    pub(crate) fn new(queries: &Queries, counts: &Arc<Counts>, arguments: Vec<String>) -> Self {
        Self {
            program: queries.program.clone(),
            arguments,
            max_idle: queries.max_running,
            counts: Arc::clone(counts),
            idle: Mutex::default(),
        }
    }

    /// Takes the backend that was used last, or starts one.
    pub(crate) fn take(&self) -> Result<Backend, Failure> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some((mut backend, _)) = idle() {
            // It may have been killed while it waited.
            if backend.process.is_running() {
                return Ok(backend);
            }
        }
        let (mut process, stdin) = self.program.open(&self.arguments)?;
        process.hold(self.counts.child());
        Ok(Backend { process, stdin, buffer: Vec::new(), start: 0 })
    }

    /// Keeps a backend that has answered for the next request, unless it may have used much memory, which it may not
    /// have given back, or as many wait already as may run.
    pub(crate) fn put(&self, backend: Backend, took: Duration, received: u64) {
        if took >= LONG || received >= MANY_BYTES || !backend.buffer.is_empty() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.max_idle {
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
