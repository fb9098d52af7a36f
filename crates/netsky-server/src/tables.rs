//! `/tables` and `/tables/NAME`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::connection::answering;
use crate::failure::Failure;
use crate::state::ReadState;

/// All tables with all of their columns are less.
const MAX_BYTES: usize = 4 << 20;

/// The tables and their row counts, as `netsky tables --json` prints them.
pub(crate) async fn tables(State(state): State<Arc<ReadState>>, request: Request) -> Response {
    let _answering = answering(request.extensions());
    output(&state, &["tables", "--json"]).await.unwrap_or_else(IntoResponse::into_response)
}

/// The columns of a table or view, as `netsky schema NAME --json` prints them.
pub(crate) async fn table(
    State(state): State<Arc<ReadState>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let _answering = answering(request.extensions());
    if name.contains('\0') {
        let failure = Failure::usage("the name of a table has a NUL character", "");
        return failure.with_status(StatusCode::NOT_FOUND).into_response();
    }
    let found = output(&state, &["schema", "--json", "--", &name]).await;
    found.unwrap_or_else(|failure| match failure.kind() {
        "invalid_input" => failure.with_status(StatusCode::NOT_FOUND).into_response(),
        _ => failure.into_response(),
    })
}

async fn output(state: &Arc<ReadState>, arguments: &[&str]) -> Result<Response, Failure> {
    let place = state.places.take().await?;
    let arguments: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
    let process = state.start(place, &arguments, String::new())?;
    let json = process.output(MAX_BYTES, state.queries.timeout).await?;
    let mut response = Response::new(Body::from(json));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
