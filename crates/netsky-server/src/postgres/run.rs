//! A statement that a backend works on.

use std::sync::Arc;
use std::time::Instant;

use super::reply;
use super::sql_error::{SqlError, garbage};
use crate::backend::{Backend, Frame};
use crate::counts::{Begun, Outcome};
use crate::places::Place;
use crate::state::ReadState;

/// A statement, with the types that the client gives for its parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) sql: &'a str,
    pub(crate) types: &'a [u32],
}

/// What a backend says before any row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The body of a ParameterDescription.
    pub(crate) parameters: Vec<u8>,
    /// The body of a RowDescription, if there are rows.
    pub(crate) columns: Option<Vec<u8>>,
}

impl Source<'_> {
    fn parse(&self, out: &mut Vec<u8>) {
        reply::message(out, b'P', |out| {
            reply::text(out, "");
            reply::text(out, self.sql);
            reply::count(out, self.types.len());
            self.types.iter().for_each(|oid| out.extend_from_slice(&oid.to_be_bytes()));
        });
    }

    /// The request to describe the statement.
    pub(crate) fn describe(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.sql.len() + 64);
        self.parse(&mut out);
        reply::raw(&mut out, b'D', b"S\0");
        reply::raw(&mut out, b'S', b"");
        out
    }

    /// The request to run it with values, which are encoded as in Bind, and with formats for its columns.
    pub(crate) fn run(&self, values: &[u8], formats: &[i16]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.sql.len() + values.len() + 64);
        self.parse(&mut out);
        reply::message(&mut out, b'B', |out| {
            out.extend_from_slice(b"\0\0");
            out.extend_from_slice(values);
            reply::count(out, formats.len());
            formats.iter().for_each(|format| out.extend_from_slice(&format.to_be_bytes()));
        });
        reply::raw(&mut out, b'D', b"P\0");
        reply::raw(&mut out, b'E', b"\0\0\0\0\0");
        reply::raw(&mut out, b'S', b"");
        out
    }
}

/// A request that a backend works on. The backend is killed if this is dropped before [`Run::finish`].
#[derive(Debug)]
pub(crate) struct Run {
    backend: Option<Backend>,
    state: Arc<ReadState>,
    place: Place,
    rests: bool,
    begun: Option<Begun>,
    since: Instant,
    request: Vec<u8>,
    sent: usize,
    received: u64,
    /// The backend has said that it waits for the next request.
    is_ready: bool,
}

impl Run {
    /// Begins a request, and reads what comes before any row.
    pub(crate) async fn start(
        state: &Arc<ReadState>,
        request: Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<(Self, Head), SqlError> {
        let mut begun = state.counts.begin();
        begun.set_deadline(deadline);
        let place = match state.places.take().await {
            Ok(place) => place,
            Err(failure) => {
                let error = SqlError::from(failure);
                begun.end(outcome(&error));
                return Err(error);
            }
        };
        let mut run = Self {
            backend: None,
            state: Arc::clone(state),
            place,
            rests: false,
            begun: Some(begun),
            since: Instant::now(),
            request,
            sent: 0,
            received: 0,
            is_ready: false,
        };
        let began = async {
            run.backend = Some(state.postgres_backends.take()?);
            run.head().await
        };
        match began.await {
            Ok(head) => Ok((run, head)),
            Err(error) => Err(run.fail(error)),
        }
    }

    /// Begins a request to describe, and ends it.
    pub(crate) async fn describe(
        state: &Arc<ReadState>,
        source: Source<'_>,
        deadline: Option<Instant>,
    ) -> Result<Head, SqlError> {
        let (mut run, head) = Self::start(state, source.describe(), deadline).await?;
        run.until_ready().await;
        run.finish();
        Ok(head)
    }

    async fn head(&mut self) -> Result<Head, SqlError> {
        let mut head = Head::default();
        loop {
            let (tag, body) = self.next().await?;
            match tag {
                b'1' | b'2' | b'N' => {}
                b't' => head.parameters = body,
                b'T' => {
                    head.columns = Some(body);
                    return Ok(head);
                }
                b'n' => return Ok(head),
                b'E' => {
                    let error = SqlError::read(&body).ok_or_else(garbage)?;
                    self.until_ready().await;
                    return Err(error);
                }
                _ => return Err(garbage()),
            }
        }
    }

    async fn next(&mut self) -> Result<(u8, Vec<u8>), SqlError> {
        loop {
            if let Some(frame) = self.frame()? {
                let (tag, body, length) = (frame.tag, frame.body.to_vec(), frame.whole.len());
                self.consume(length);
                return Ok((tag, body));
            }
            self.fill().await?;
        }
    }

    /// The next message, if it has come wholly.
    pub(crate) fn frame(&self) -> Result<Option<Frame<'_>>, SqlError> {
        let frame = self.backend.as_ref().map_or(Ok(None), Backend::frame);
        frame.map_err(SqlError::from)
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        if let Some(backend) = &mut self.backend {
            backend.consume(bytes);
        }
    }

    /// Waits for more of the answer.
    pub(crate) async fn fill(&mut self) -> Result<(), SqlError> {
        if self.rests {
            self.place.resume().await;
            self.rests = false;
        }
        let Some(backend) = &mut self.backend else { return Err(garbage()) };
        let read = backend.exchange(&self.request, &mut self.sent).await.unwrap_or(0);
        if read > 0 {
            self.received += read as u64;
            return Ok(());
        }
        match self.backend.take() {
            Some(mut backend) => {
                backend.hold(self.place.clone());
                Err(backend.end().await.into())
            }
            None => Err(garbage()),
        }
    }

    /// Reads to the end of the request, after which the backend can be used again.
    pub(crate) async fn until_ready(&mut self) {
        loop {
            match self.next().await {
                Ok((b'Z', _)) => {
                    self.is_ready = true;
                    return;
                }
                Ok((b'C' | b'N', _)) => {}
                _ => {
                    self.backend = None;
                    return;
                }
            }
        }
    }

    /// Leaves its place to others, because the client is slow. Returns false if too many have done so.
    pub(crate) fn rest(&mut self) -> bool {
        self.rests = self.rests || self.place.rest();
        self.rests
    }

    /// When the client's patience for what follows ends.
    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        if let Some(begun) = &mut self.begun {
            begun.set_deadline(deadline);
        }
    }

    pub(crate) fn rests(&self) -> bool {
        self.rests
    }

    /// The request has ended, after [`Run::until_ready`], and the backend works on the next one.
    pub(crate) fn finish(mut self) {
        self.end(Outcome::Ok);
    }

    /// The request has failed.
    pub(crate) fn fail(&mut self, error: SqlError) -> SqlError {
        self.end(outcome(&error));
        error
    }

    /// The client has enough of it.
    pub(crate) fn close(mut self) {
        if let Some(begun) = self.begun.take() {
            begun.end(Outcome::Ok);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(begun) = self.begun.take() {
            begun.end(outcome);
        }
        if self.is_ready
            && let Some(backend) = self.backend.take()
        {
            self.state.postgres_backends.put(backend, self.since.elapsed(), self.received);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(mut backend) = self.backend.take() {
            // The place is free when the process has really ended.
            backend.hold(self.place.clone());
        }
    }
}

fn outcome(error: &SqlError) -> Outcome {
    match error.code() {
        "53300" => Outcome::Refused,
        "57014" => Outcome::Timeout,
        code if code.starts_with("XX") || code.starts_with("5") => Outcome::Failed,
        _ => Outcome::Invalid,
    }
}
