//! The server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use netsky_ingest::Committer;
use netsky_ingest::otlp::Lookup;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_http::decompression::RequestDecompressionLayer;

use crate::body::Memory;
use crate::connection::{Answers, Connections, Timeouts};
use crate::failure::Failure;
use crate::options::ServerOptions;
use crate::poller;
use crate::postgres::Front;
#[cfg(unix)]
use crate::postgres::PostgresSocket;
use crate::queries::Queries;
use crate::receive::{self, Shared};
use crate::received::Received;
use crate::state::ReadState;
use crate::stop::{Phase, Stop};
use crate::{events, guard, health, metrics, page, query, security_headers, tables};

/// How long running queries have when the server ends.
const LAST_QUERIES: Duration = Duration::from_secs(5);

/// How long connections have after that.
const LAST_CONNECTIONS: Duration = Duration::from_secs(1);

/// A server that records what it receives in a store, and answers queries.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    receiver: Option<(Committer, Lookup)>,
    queries: Option<Queries>,
    received: Arc<Received>,
    #[cfg(unix)]
    socket: Option<PostgresSocket>,
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Without a token, every machine that reaches the address could record.
    #[error("{address} is not a loopback address, so a token is required")]
    TokenRequired {
        /// The address.
        address: SocketAddr,
    },
    /// The token is empty.
    #[error("the token is empty")]
    EmptyToken,
    /// The listener has failed.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
}

impl Server {
    /// Creates a server that only says that it runs.
    pub fn new(options: ServerOptions) -> Self {
        Self {
            options,
            receiver: None,
            queries: None,
            received: Arc::default(),
            #[cfg(unix)]
            socket: None,
        }
    }

    /// Receives telemetry, records it with `committer`, and finds sessions with `lookup`.
    ///
    /// The committer's store should have a [`busy_timeout`](netsky_db::OpenOptions::busy_timeout) of 2 seconds:
    /// clients wait for their answers, and send again what was not recorded.
    #[must_use]
    pub fn receive(self, committer: Committer, lookup: Lookup) -> Self {
        Self { receiver: Some((committer, lookup)), ..self }
    }

    /// Answers queries.
    #[must_use]
    pub fn answer(self, queries: Queries) -> Self {
        Self { queries: Some(queries), ..self }
    }

    /// Answers queries over a Unix socket too, with the protocol of PostgreSQL.
    #[cfg(unix)]
    #[must_use]
    pub fn listen_postgres(self, socket: PostgresSocket) -> Self {
        Self { socket: Some(socket), ..self }
    }

    /// What the server has received so far, also after it has ended.
    pub fn received(&self) -> Arc<Received> {
        Arc::clone(&self.received)
    }

    /// Answers requests until `shutdown` is ready. Then it accepts no more, ends streams of events, answers the
    /// requests that have begun, and returns: everything that was answered with 200 is stored. Queries that need
    /// more than 5 seconds for it are killed. Sessions of PostgreSQL's protocol end after their statement.
    ///
    /// # Errors
    ///
    /// [`ServerError`], before any request.
    pub async fn run(
        #[cfg_attr(not(unix), allow(unused_mut))] mut self,
        listeners: impl IntoIterator<Item = TcpListener>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let listeners: Vec<_> = listeners.into_iter().collect();
        self.check(&listeners)?;
        let ServerOptions { request_timeout, idle_timeout, stall_timeout, .. } = self.options;
        let timeouts =
            Timeouts { request: request_timeout, idle: idle_timeout, stalled: stall_timeout };
        let stop = Stop::default();
        let state = self.queries.clone().map(|it| Arc::new(ReadState::new(it, stop.clone())));
        let front = state.clone().map(|state| Arc::new(Front::new(state, stall_timeout)));
        let max = self.options.max_connections;
        let connections = Connections::new(listeners, max, timeouts, front.clone());
        #[cfg(unix)]
        let socket = self.socket.take();
        let service = self.router(state.clone()).into_make_service_with_connect_info::<Answers>();
        let stopping = {
            let stop = stop.clone();
            async move {
                shutdown.await;
                stop.begin(Phase::Stopping);
            }
        };
        let serve = axum::serve(connections, service).with_graceful_shutdown(stopping);
        let end = async {
            stop.until(Phase::Stopping).await;
            sleep(LAST_QUERIES).await;
            stop.begin(Phase::Killing);
            sleep(LAST_CONNECTIONS).await;
        };
        let poll = async {
            match state {
                Some(state) => tokio::select! {
                    () = poller::poll(Arc::clone(&state)) => {}
                    () = state.query_backends.tend() => {}
                    () = state.postgres_backends.tend() => {}
                },
                None => std::future::pending().await,
            }
        };
        let postgres = {
            let (front, stop) = (front.clone(), stop.clone());
            async move {
                let Some(front) = front else { return std::future::pending().await };
                #[cfg(unix)]
                if let Some(socket) = socket {
                    tokio::select! {
                        () = socket.serve(Arc::clone(&front)) => {}
                        () = stop.until(Phase::Stopping) => {}
                    }
                }
                std::future::pending().await
            }
        };
        let served = async {
            serve.await?;
            if let Some(front) = &front {
                front.drained().await;
            }
            Ok(())
        };
        tokio::select! {
            served = served => served,
            () = end => Ok(()),
            () = poll => Ok(()),
            () = postgres => Ok(()),
        }
    }

    fn check(&self, listeners: &[TcpListener]) -> Result<(), ServerError> {
        let queries = self.queries.as_ref().map(|queries| &*queries.token);
        if [self.options.token.as_deref(), queries].contains(&Some("")) {
            return Err(ServerError::EmptyToken);
        }
        if self.options.token.is_none() {
            for listener in listeners {
                let address = listener.local_addr()?;
                if !address.ip().is_loopback() {
                    return Err(ServerError::TokenRequired { address });
                }
            }
        }
        Ok(())
    }

    fn router(self, state: Option<Arc<ReadState>>) -> Router {
        let mut router = Router::new();
        let received = self.received;
        if let Some((committer, lookup)) = self.receiver {
            let memory = Memory::new(self.options.max_queued_bytes);
            let (options, received) = (self.options, Arc::clone(&received));
            router = router.merge(receiving(Arc::new(Shared {
                committer,
                lookup,
                options,
                memory,
                received,
            })));
        }
        router = match state {
            Some(state) => router.merge(reading(state)),
            None => router.merge(with_health(get(health::receiver))),
        };
        router
            .fallback(async move || {
                received.change(|total| total.refused += 1);
                let hint = "the page is at /; /query, /events, /tables, /metrics and /healthz answer; OTLP goes to /v1/logs, \
                            /v1/metrics and /v1/traces";
                let failure = Failure::usage("no such path", hint);
                failure.with_status(StatusCode::NOT_FOUND)
            })
            .layer(from_fn(security_headers::add))
    }
}

/// The routes that record.
fn receiving(shared: Arc<Shared>) -> Router {
    let only_post = receive::only_post;
    Router::new()
        .route("/v1/logs", post(receive::logs).fallback(only_post))
        .route("/v1/metrics", post(receive::metrics).fallback(only_post))
        .route("/v1/traces", post(receive::traces).fallback(only_post))
        .route("/v1/hooks/claude-code", post(receive::hook).fallback(only_post))
        // It only wraps the body: nothing is read before the request is allowed.
        .layer(RequestDecompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(&shared), guard::check))
        .with_state(shared)
}

/// The routes that read.
fn reading(state: Arc<ReadState>) -> Router {
    let with_token = Router::new()
        .route("/query", methods(get(query::query).post(query::query), "GET, HEAD, POST, OPTIONS"))
        .route("/events", only_get(get(events::events)))
        .route("/tables", only_get(get(tables::tables)))
        .route("/tables/{name}", only_get(get(tables::table)))
        .route("/metrics", only_get(get(metrics::metrics)))
        .route_layer(from_fn_with_state(Arc::clone(&state), guard::token));
    // The page's files need no token: a browser has none yet when it loads them.
    with_token
        .merge(page::routes())
        .route_layer(from_fn(guard::local))
        .merge(with_health(get(health::store)))
        .with_state(state)
}

/// The route that anybody may ask.
fn with_health<S: Clone + Send + Sync + 'static>(handler: MethodRouter<S>) -> Router<S> {
    Router::new().route("/healthz", only_get(handler)).route_layer(from_fn(guard::no_other_site))
}

fn only_get<S: Clone + Send + Sync + 'static>(router: MethodRouter<S>) -> MethodRouter<S> {
    methods(router, "GET, HEAD, OPTIONS")
}

/// Says which methods a path has, if it is asked, or if another one is used.
fn methods<S: Clone + Send + Sync + 'static>(
    router: MethodRouter<S>,
    allow: &'static str,
) -> MethodRouter<S> {
    router
        .options(async move || (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response())
        .fallback(async move || Failure::method_not_allowed(allow))
}
