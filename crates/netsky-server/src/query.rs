//! `/query`

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Refusal;
use crate::answer_format::AnswerFormat;
use crate::chunks::{self, Gone, Sender};
use crate::connection::answering;
use crate::counts::Outcome;
use crate::failure::Failure;
use crate::places::{Place, SLOW};
use crate::query_process::QueryProcess;
use crate::query_request::{MAX_BODY_BYTES, QueryRequest};
use crate::state::ReadState;
use crate::stop::Phase;

/// The head of an answer is held back until there are that many bytes, or all: a failure before has its status.
const HELD_BYTES: usize = 16 << 10;

/// What the process has besides its `--timeout`, to say so itself.
const GRACE: Duration = Duration::from_secs(2);

/// What is read of a body that is too long, so that its client reads the answer.
const DISCARDED_BYTES: usize = 32 << 20;

pub(crate) async fn query(State(state): State<Arc<ReadState>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let text = |name: HeaderName| match head.headers.get(name).map(HeaderValue::to_str) {
        Some(Ok(text)) => Some(text),
        _ => None,
    };
    let body = match read_body(&state, &head.headers, body).await {
        Ok(body) => body,
        Err(failure) => return failure.into_response(),
    };
    let url = head.uri.query().unwrap_or_default();
    let content_type = text(CONTENT_TYPE).unwrap_or_default();
    let request = match QueryRequest::parse(content_type, &body, url, text(ACCEPT)) {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    drop(body);
    let answering = answering(&head.extensions);
    let counts = Arc::clone(&state.counts);
    // If the client goes away, this future is dropped, and the process with it.
    let running = counts.begin();
    match answer(&state, &request).await {
        Ok(Answer::Whole(body)) => {
            running.end(Outcome::Ok);
            respond(request.format, Body::from(body))
        }
        Ok(Answer::Begun { head, process, deadline }) => {
            let (sender, chunks) = chunks::channel(answering);
            let rest = stream(state, *process, deadline, head, request.format, sender);
            tokio::spawn(async move { running.end(rest.await) });
            respond(request.format, Body::from_stream(chunks))
        }
        Err(failure) => {
            running.end(Outcome::of(&failure));
            failure.into_response()
        }
    }
}

fn respond(format: AnswerFormat, body: Body) -> Response {
    let mut response = Response::new(body);
    let media_type = HeaderValue::from_static(format.media_type());
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

async fn read_body(
    state: &ReadState,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<crate::body::Bytes, Failure> {
    // Not by `Content-Length` alone, which need not be there.
    let size = body.size_hint().lower();
    let max = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    if size > max && !headers.contains_key(axum::http::header::EXPECT) {
        let mut left = DISCARDED_BYTES;
        while let Some(Ok(frame)) =
            std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
        {
            let len = frame.into_data().map_or(0, |data| data.len());
            left = left.saturating_sub(len);
            if left == 0 {
                break;
            }
        }
    }
    if size > max {
        return Err(too_large());
    }
    state.bodies.read(body, MAX_BODY_BYTES).await.map_err(|refusal| match refusal {
        Refusal::TooLarge(_) => too_large(),
        Refusal::Later(message) => Failure::busy(StatusCode::SERVICE_UNAVAILABLE, message),
        other => Failure::usage(other.message(), ""),
    })
}

fn too_large() -> Failure {
    let message = format!("the body is longer than {MAX_BODY_BYTES} bytes");
    Failure::too_large(message, "shorten the query; `netsky query --file` takes longer ones")
}

enum Answer {
    Whole(Vec<u8>),
    Begun { head: Vec<u8>, process: Box<QueryProcess>, deadline: Instant },
}

/// Starts the query, and reads the first bytes of its answer.
async fn answer(state: &Arc<ReadState>, request: &QueryRequest) -> Result<Answer, Failure> {
    let begin = async {
        let place = state.places.take().await?;
        let mut process = QueryProcess::start(state, place, request)?;
        let deadline = Instant::now() + state.queries.timeout + GRACE;
        let mut head = Vec::new();
        while head.len() < HELD_BYTES {
            let some = read(state, &mut process, deadline).await?;
            if some.is_empty() {
                return Ok(Answer::Whole(head));
            }
            head.extend_from_slice(&some);
        }
        Ok(Answer::Begun { head, process: Box::new(process), deadline })
    };
    tokio::select! {
        answer = begin => answer,
        () = state.stop.until(Phase::Killing) => {
            Err(Failure::busy(StatusCode::SERVICE_UNAVAILABLE, "the server is about to stop"))
        }
    }
}

async fn read(
    state: &ReadState,
    process: &mut QueryProcess,
    deadline: Instant,
) -> Result<Bytes, Failure> {
    timeout_at(deadline, process.read())
        .await
        .unwrap_or_else(|_| Err(Failure::timeout(state.queries.timeout)))
}

/// Sends the answer. After a failure, its connection is cut, because it has a status already.
async fn stream(
    state: Arc<ReadState>,
    process: QueryProcess,
    deadline: Instant,
    head: Vec<u8>,
    format: AnswerFormat,
    sender: Sender,
) -> Outcome {
    let send = send_all(&state, process, deadline, head, &sender);
    let sent = tokio::select! {
        sent = send => sent,
        () = sender.closed() => return Outcome::Cancelled,
        () = state.stop.until(Phase::Killing) => {
            Some(Failure::busy(StatusCode::SERVICE_UNAVAILABLE, "the server has stopped"))
        }
        () = tokio::time::sleep_until(deadline) => Some(Failure::timeout(state.queries.timeout)),
    };
    let Some(failure) = sent else { return Outcome::Ok };
    if format == AnswerFormat::Ndjson {
        // A whole line even if the last one is not.
        let _ = sender.send(Bytes::from(format!("\n{}\n", failure.to_json()))).await;
    }
    sender.cut(&failure).await;
    Outcome::of(&failure)
}

async fn send_all(
    state: &ReadState,
    mut process: QueryProcess,
    deadline: Instant,
    head: Vec<u8>,
    sender: &Sender,
) -> Option<Failure> {
    let mut chunk = Bytes::from(head);
    loop {
        if send(sender, chunk, &process.place).await.is_err() {
            // The client has gone, which the caller sees.
            return std::future::pending().await;
        }
        chunk = match read(state, &mut process, deadline).await {
            Ok(chunk) if chunk.is_empty() => return None,
            Ok(chunk) => chunk,
            Err(failure) => return Some(failure),
        };
    }
}

/// Sends a chunk. While the client is slow, the query rests.
async fn send(sender: &Sender, chunk: Bytes, place: &Place) -> Result<(), Gone> {
    let mut sending = pin!(sender.send(chunk));
    if let Ok(sent) = timeout(SLOW, &mut sending).await {
        return sent;
    }
    let rests = place.rest();
    sending.await?;
    if rests {
        place.resume().await;
    }
    Ok(())
}
