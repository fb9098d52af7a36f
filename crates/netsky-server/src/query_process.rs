//! A query over HTTP that a backend works on.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use serde_json::json;

use crate::backend::{Backend, garbage};
use crate::failure::Failure;
use crate::frame;
use crate::places::Place;
use crate::query_request::QueryRequest;
use crate::state::ReadState;

/// A query that a backend works on. The backend is killed if this is dropped before the answer has ended.
#[derive(Debug)]
pub(crate) struct QueryProcess {
    state: Arc<ReadState>,
    /// Until the answer has ended.
    backend: Option<Backend>,
    pub(crate) place: Place,
    request: Vec<u8>,
    sent: usize,
    received: u64,
    since: Instant,
}

impl QueryProcess {
    /// Asks a backend.
    pub(crate) fn start(
        state: &Arc<ReadState>,
        place: Place,
        request: &QueryRequest,
    ) -> Result<Self, Failure> {
        let mut arguments = request.arguments();
        arguments.extend(state.limits());
        let body = json!({"sql": request.sql, "arguments": arguments}).to_string();
        let mut request = Vec::with_capacity(body.len() + 5);
        frame::write(frame::QUERY, body.as_bytes(), &mut request)
            .map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Self {
            backend: Some(state.query_backends.take()?),
            state: Arc::clone(state),
            place,
            request,
            sent: 0,
            received: 0,
            since: Instant::now(),
        })
    }

    /// Reads some bytes of the answer. There are none at its end.
    pub(crate) async fn read(&mut self) -> Result<Bytes, Failure> {
        loop {
            let Some(backend) = &mut self.backend else { return Ok(Bytes::new()) };
            if let Some(frame) = backend.frame()? {
                let (tag, length) = (frame.tag, frame.whole.len());
                let body = Bytes::copy_from_slice(frame.body);
                backend.consume(length);
                match tag {
                    frame::DATA if body.is_empty() => continue,
                    frame::DATA => return Ok(body),
                    frame::DONE => {
                        self.end();
                        return Ok(Bytes::new());
                    }
                    frame::FAILURE => {
                        self.end();
                        return Err(Failure::from_json(&body).unwrap_or_else(garbage));
                    }
                    _ => return Err(garbage()),
                }
            }
            match backend.exchange(&self.request, &mut self.sent).await {
                Ok(bytes @ 1..) => self.received += bytes as u64,
                _ => {
                    let Some(mut backend) = self.backend.take() else { return Err(garbage()) };
                    backend.hold(self.place.clone());
                    return Err(backend.end().await);
                }
            }
        }
    }

    /// Leaves the backend to the next query.
    fn end(&mut self) {
        if let Some(backend) = self.backend.take() {
            self.state.query_backends.put(backend, self.since.elapsed(), self.received);
        }
    }
}

impl Drop for QueryProcess {
    fn drop(&mut self) {
        if let Some(mut backend) = self.backend.take() {
            // The place is free when the process has really ended.
            backend.hold(self.place.clone());
        }
    }
}
