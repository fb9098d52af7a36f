//! `/metrics`: the store and the queries, for Prometheus.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use crate::connection::answering;
use crate::prometheus::{head, line};
use crate::state::ReadState;

/// The sizes of tables need a walk over the store's pages, so they are measured this often at most.
const STORE_AGE: Duration = Duration::from_secs(5);

pub(crate) async fn metrics(
    State(state): State<Arc<ReadState>>,
    request: axum::extract::Request,
) -> Response {
    let _answering = answering(request.extensions());
    let mut text = String::new();
    state.counts.print(&mut text);
    // Others wait for the same measurement.
    let mut measured = state.store_metrics.lock().await;
    let known = measured.as_ref().filter(|(at, _)| at.elapsed() < STORE_AGE);
    match known {
        Some((_, store)) => text += store,
        None => {
            let here = Arc::clone(&state);
            let store = spawn_blocking(move || store_metrics(&here)).await.unwrap_or_default();
            text += &store;
            *measured = Some((Instant::now(), store));
        }
    }
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

/// Empty for a lake, whose rows only a query counts.
fn store_metrics(state: &ReadState) -> String {
    if state.is_of_lake() {
        return String::new();
    }
    let stats = state.open().and_then(|db| db.stats());
    let mut out = String::new();
    head(&mut out, "netsky_store_up", "gauge", "Whether the store can be read");
    line(&mut out, "netsky_store_up", &[], f64::from(u8::from(stats.is_ok())));
    let Ok(stats) = stats else { return out };
    head(&mut out, "netsky_store_bytes", "gauge", "The size of the store's file");
    line(&mut out, "netsky_store_bytes", &[], stats.file_bytes as f64);
    let now = netsky_db::internal::now();
    type Measure = fn(&netsky_db::TableStats) -> u64;
    let measures: [(&str, &str, Measure); 2] = [
        ("netsky_table_rows", "The rows of a table", |table| table.rows),
        ("netsky_table_bytes", "The size of a table's pages", |table| {
            table.page_bytes + table.column_bytes
        }),
    ];
    for (name, help, measure) in measures {
        head(&mut out, name, "gauge", help);
        for table in &stats.tables {
            line(&mut out, name, &[("table", table.table.name())], measure(table) as f64);
        }
    }
    let name = "netsky_table_newest_row_age_seconds";
    head(&mut out, name, "gauge", "The age of a table's newest row, by its time");
    for table in &stats.tables {
        if let Some((_, newest)) = table.span {
            let age = (now - newest).num_milliseconds() as f64 / 1e3;
            line(&mut out, name, &[("table", table.table.name())], age);
        }
    }
    out
}
