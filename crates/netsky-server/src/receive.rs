//! Records requests, and answers when their rows are durable.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use netsky_db::ErrorKind;
use netsky_ingest::otlp::{self, Encoding, Lookup, Signal};
use netsky_ingest::{Batch, Committer};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::answer::{Refusal, answer};
use crate::body::{Bytes, Memory};
use crate::options::{HookRefusal, ServerOptions};
use crate::received::Received;

/// What the requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) committer: Committer,
    pub(crate) lookup: Lookup,
    pub(crate) options: ServerOptions,
    pub(crate) memory: Memory,
    pub(crate) received: Arc<Received>,
}

pub(crate) async fn logs(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    telemetry(shared, request, Signal::Logs).await
}

pub(crate) async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    telemetry(shared, request, Signal::Metrics).await
}

pub(crate) async fn traces(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    telemetry(shared, request, Signal::Traces).await
}

pub(crate) async fn only_post(State(shared): State<Arc<Shared>>) -> Refusal {
    shared.received.change(|total| total.refused += 1);
    Refusal::MethodNotAllowed("POST")
}

/// Returns the encoding of a request's body.
pub(crate) fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    headers.get(CONTENT_TYPE)?.to_str().ok().and_then(Encoding::from_content_type)
}

async fn telemetry(shared: Arc<Shared>, request: Request, signal: Signal) -> Response {
    let encoding = encoding_of(request.headers());
    let recorded = match encoding {
        Some(encoding) => record(&shared, request.into_body(), signal, encoding).await,
        None => Err(unsupported_type(request.headers())),
    };
    match (recorded, encoding) {
        (Ok(body), Some(encoding)) => answer(StatusCode::OK, encoding.content_type(), body),
        (Ok(body), None) => answer(StatusCode::OK, Encoding::Json.content_type(), body),
        (Err(refusal), encoding) => refuse(&shared, &refusal, encoding),
    }
}

async fn record(
    shared: &Arc<Shared>,
    body: Body,
    signal: Signal,
    encoding: Encoding,
) -> Result<Vec<u8>, Refusal> {
    let body = shared.memory.read(body, shared.options.max_body_bytes).await?;
    let here = Arc::clone(shared);
    on_thread(shared, move || {
        let request = otlp::decode(signal, encoding, &body)
            .map_err(|error| Refusal::Broken(error.to_string()))?;
        let mut mapped = otlp::map(&request, &here.lookup);
        drop(request);
        let chunk = std::mem::take(&mut mapped.chunk);
        let answer = otlp::response(signal, encoding, &mapped);
        let is_empty = chunk.sightings.is_empty() && chunk.sessions.is_empty();
        let committed = if is_empty {
            Default::default()
        } else {
            let batch = Batch { chunks: vec![chunk] };
            here.committer
                .commit(batch, netsky_db::internal::now())
                .map_err(|it| refusal_of(&it))?
        };
        here.received.add(&mapped, committed);
        // Its memory is free again when its rows are stored.
        drop(body);
        Ok(answer)
    })
    .await
}

/// Records what an agent tells a hook.
pub(crate) async fn hook(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match hook_payload(&shared, request).await {
        Ok(()) => answer(StatusCode::OK, Encoding::Json.content_type(), b"{}".to_vec()),
        Err(refusal) => refuse(&shared, &refusal, Some(Encoding::Json)),
    }
}

async fn hook_payload(shared: &Arc<Shared>, request: Request) -> Result<(), Refusal> {
    let hooks = shared.options.hooks.clone().ok_or(Refusal::NotFound)?;
    if encoding_of(request.headers()) != Some(Encoding::Json) {
        return Err(Refusal::UnsupportedType("the Content-Type must be application/json"));
    }
    let body = shared.memory.read(request.into_body(), shared.options.max_body_bytes).await?;
    on_thread(shared, move || {
        let body: Bytes = body;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body)
            .map_err(|error| Refusal::Broken(format!("the body is no JSON object: {error}")))?;
        hooks.receive(&body).map_err(|refusal| match refusal {
            HookRefusal::Broken(message) => Refusal::Broken(message),
            HookRefusal::Later(message) => Refusal::Later(message),
        })
    })
    .await?;
    shared.received.change(|total| total.requests += 1);
    Ok(())
}

/// Runs what blocks. Concurrent commits share the store's transactions, so each request has a thread, of which
/// there are as many as connections. A request that takes too long is answered; what it does goes on, and is
/// found to be stored when it is sent again.
async fn on_thread<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match timeout(shared.options.commit_timeout, spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Err(Refusal::Later(format!("recording has failed: {error}"))),
        Err(_) => Err(Refusal::Later("recording takes too long".to_owned())),
    }
}

fn refusal_of(error: &netsky_db::Error) -> Refusal {
    match error.kind() {
        // Sent again, it would fail again.
        ErrorKind::InvalidInput => Refusal::Broken(error.to_string()),
        _ => Refusal::Later(error.to_string()),
    }
}

fn refuse(shared: &Shared, refusal: &Refusal, encoding: Option<Encoding>) -> Response {
    shared.received.change(|total| match refusal {
        Refusal::Later(message) => {
            total.postponed += 1;
            total.last_problem = Some(message.clone());
        }
        _ => total.refused += 1,
    });
    refusal.response(encoding)
}

fn unsupported_type(headers: &HeaderMap) -> Refusal {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    Refusal::UnsupportedType(match value {
        Some(value) if value.starts_with(b"application/grpc") => {
            "gRPC is not supported; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        }
        _ => "the Content-Type must be application/x-protobuf or application/json",
    })
}
