//! The connection to a client: what it has sent and was not read yet, and what it has not taken yet.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::message::{self, Frame, MAX_MESSAGE_BYTES, MAX_STARTUP_BYTES};
use super::sql_error::SqlError;

const CHUNK_BYTES: usize = 16 << 10;

/// What is kept of the memory for long messages.
const KEPT_BYTES: usize = 64 << 10;

/// After its last message, a client has this time and may send that much before its connection is reset.
const LAST_TIME: Duration = Duration::from_millis(500);
const LAST_BYTES: usize = 1 << 20;

/// What a client sends.
pub(crate) struct Input {
    from: Box<dyn AsyncRead + Send + Unpin>,
    buffer: Vec<u8>,
    /// Where what was not read yet begins.
    start: usize,
    /// A longer body is thrown away.
    max_bytes: usize,
    has_ended: bool,
}

/// What a client gets.
pub(crate) struct Output {
    to: Box<dyn AsyncWrite + Send + Unpin>,
    /// What is to be sent; whole messages are appended.
    pub(crate) buffer: Vec<u8>,
    /// How much of it was sent.
    start: usize,
}

/// What has come.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message {
        tag: u8,
        body: Vec<u8>,
    },
    /// The body must be thrown away.
    TooLong {
        tag: u8,
        length: usize,
    },
    /// The client has gone.
    End,
}

impl Input {
    pub(crate) fn new(from: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (buffer, start, max_bytes) = (Vec::new(), 0, MAX_STARTUP_BYTES);
        Self { from: Box::new(from), buffer, start, max_bytes, has_ended: false }
    }

    /// Accepts messages of any length that is allowed, from a client that has logged in.
    pub(crate) fn accept_long_messages(&mut self) {
        self.max_bytes = MAX_MESSAGE_BYTES;
    }

    /// Reads some bytes. Nothing is lost if this is dropped.
    async fn fill(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(CHUNK_BYTES);
        if self.has_ended || !self.from.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
        {
            self.has_ended = true;
        }
    }

    /// What was not read yet.
    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Passes over `head` bytes, and takes the `length` ones after these, or what there is of them.
    fn take(&mut self, head: usize, length: usize) -> Vec<u8> {
        let rest = self.unread().get(head..).unwrap_or_default();
        let taken = rest.get(..length).unwrap_or(rest).to_vec();
        self.start = self.buffer.len().min(self.start + head + taken.len());
        taken
    }

    /// Reads a start-up packet, without its length. `None` if the client has gone.
    pub(crate) async fn startup(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        loop {
            if let Some(&length) = self.unread().first_chunk() {
                let rest = message::startup_length(length)?;
                if self.unread().len() >= 4 + rest {
                    return Ok(Some(self.take(4, rest)));
                }
            }
            if self.has_ended {
                return Ok(None);
            }
            self.fill().await;
        }
    }

    /// Reads a message. Nothing is lost if this is dropped.
    pub(crate) async fn next(&mut self) -> Result<Incoming, SqlError> {
        loop {
            match message::frame(self.unread())? {
                Frame::Message { tag, length }
                    if length <= self.max_bytes && self.unread().len() >= 5 + length =>
                {
                    let body = self.take(5, length);
                    return Ok(Incoming::Message { tag, body });
                }
                Frame::Message { tag, length } | Frame::TooLong { tag, length }
                    if length > self.max_bytes =>
                {
                    self.take(5, 0);
                    return Ok(Incoming::TooLong { tag, length });
                }
                _ if self.has_ended => return Ok(Incoming::End),
                _ => self.fill().await,
            }
        }
    }

    /// Reads the body of a message that is too long. Returns false if the client has gone.
    pub(crate) async fn discard(&mut self, mut length: usize) -> bool {
        loop {
            length -= self.take(0, length).len();
            if length == 0 {
                return true;
            }
            if self.has_ended {
                return false;
            }
            self.fill().await;
        }
    }

    /// Waits until the client has gone. What it sends is kept, up to a limit: then only a failed write tells.
    pub(crate) async fn gone(&mut self) {
        while self.unread().len() <= MAX_MESSAGE_BYTES {
            self.fill().await;
            if self.has_ended {
                return;
            }
        }
        pending().await
    }
}

impl Output {
    pub(crate) fn new(to: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { to: Box::new(to), buffer: Vec::new(), start: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Sends some bytes. Nothing is lost if this is dropped.
    pub(crate) async fn write_some(&mut self) -> io::Result<()> {
        let Self { to, buffer, start } = self;
        let left = buffer.get(*start..).unwrap_or_default();
        let written = poll_fn(|cx| Pin::new(&mut *to).poll_write(cx, left)).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        *start += written;
        if *start >= buffer.len() {
            *start = 0;
            buffer.clear();
            if buffer.capacity() > MAX_MESSAGE_BYTES {
                *buffer = Vec::new();
            }
        }
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while !self.is_empty() {
            self.write_some().await?;
        }
        self.to.flush().await
    }
}

/// Sends what is left, and closes the connection. If bytes of the client were unread, it would be reset, and the
/// client would not see the last message.
pub(crate) async fn close(mut input: Input, mut output: Output) {
    let last = async {
        output.flush().await?;
        output.to.shutdown().await?;
        let mut left = LAST_BYTES;
        while !input.has_ended && left > 0 {
            left = left.saturating_sub(input.take(0, usize::MAX).len());
            input.fill().await;
        }
        io::Result::Ok(())
    };
    let _ = timeout(LAST_TIME, last).await;
}
