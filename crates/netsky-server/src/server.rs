//! The server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use netsky_ingest::Committer;
use netsky_ingest::otlp::Lookup;
use tokio::net::TcpListener;
use tower_http::decompression::RequestDecompressionLayer;

use crate::body::Memory;
use crate::connection::{Connections, Timeouts};
use crate::guard;
use crate::options::ServerOptions;
use crate::receive::{self, Shared};
use crate::received::Received;

/// A server that records what it receives in a store.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
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
    /// Creates a server that records with `committer`, and finds sessions with `lookup`.
    ///
    /// The committer's store should have a [`busy_timeout`](netsky_db::OpenOptions::busy_timeout) of 2 seconds:
    /// clients wait for their answers, and send again what was not recorded.
    pub fn new(committer: Committer, lookup: Lookup, options: ServerOptions) -> Self {
        let memory = Memory::new(options.max_queued_bytes);
        let received = Arc::default();
        Self { shared: Arc::new(Shared { committer, lookup, options, memory, received }) }
    }

    /// What the server has received so far, also after it has ended.
    pub fn received(&self) -> Arc<Received> {
        Arc::clone(&self.shared.received)
    }

    /// Answers requests until `shutdown` is ready. Then it accepts no more, answers the requests that have begun,
    /// and returns: everything that was answered with 200 is stored.
    ///
    /// # Errors
    ///
    /// [`ServerError`], before any request.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let options = &self.shared.options;
        match options.token.as_deref() {
            Some("") => return Err(ServerError::EmptyToken),
            Some(_) => {}
            None => {
                let address = listener.local_addr()?;
                if !address.ip().is_loopback() {
                    return Err(ServerError::TokenRequired { address });
                }
            }
        }
        let timeouts = Timeouts { request: options.request_timeout, idle: options.idle_timeout };
        let connections = Connections::new(listener, options.max_connections, timeouts);
        let router = router(self.shared);
        axum::serve(connections, router).with_graceful_shutdown(shutdown).await?;
        Ok(())
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let only_post = receive::only_post;
    Router::new()
        .route("/v1/logs", post(receive::logs).fallback(only_post))
        .route("/v1/metrics", post(receive::metrics).fallback(only_post))
        .route("/v1/traces", post(receive::traces).fallback(only_post))
        .route("/v1/hooks/claude-code", post(receive::hook).fallback(only_post))
        .route("/healthz", get(receive::health))
        .fallback(receive::not_found)
        // It only wraps the body: nothing is read before the request is allowed.
        .layer(RequestDecompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(&shared), guard::check))
        .with_state(shared)
}
