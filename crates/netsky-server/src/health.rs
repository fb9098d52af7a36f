//! `/healthz`

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::state::ReadState;

/// Without queries, the server has the store open.
pub(crate) async fn receiver() -> &'static str {
    "ok\n"
}

/// Whether the store can be opened. A lake is not asked, because that costs money.
pub(crate) async fn store(State(state): State<Arc<ReadState>>) -> Response {
    if state.is_of_lake() {
        return "ok\n".into_response();
    }
    match spawn_blocking(move || state.open()).await {
        Ok(Ok(_)) => "ok\n".into_response(),
        Ok(Err(error)) => {
            let failure = Failure::from(&error);
            failure.with_status(axum::http::StatusCode::SERVICE_UNAVAILABLE).into_response()
        }
        Err(error) => Failure::internal(error.to_string()).into_response(),
    }
}
