//! The page: its files are in the program, and need no token. What they ask the server for does.

use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::failure::Failure;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../assets/", $path)))),*]
    };
}

const INDEX: &str = "index.html";

/// The files by their paths below `/assets/`.
const FILES: &[(&str, &[u8])] = files![
    "index.html",
    "icon.svg",
    "page.css",
    "js/agents.js",
    "js/api.js",
    "js/chart.js",
    "js/colour.js",
    "js/cost.js",
    "js/dom.js",
    "js/editor.js",
    "js/fleet.js",
    "js/format.js",
    "js/grid.js",
    "js/lanes.js",
    "js/live.js",
    "js/main.js",
    "js/panel.js",
    "js/queries.js",
    "js/series.js",
    "js/sql.js",
    "js/state.js",
    "js/table.js",
    "js/tools.js",
    "vendor/codemirror-6.LICENSE",
    "vendor/codemirror-6.js",
    "vendor/uplot-1.6.32.LICENSE",
    "vendor/uplot-1.6.32.css",
    "vendor/uplot-1.6.32.js",
];

/// A file, as it is sent.
#[derive(Debug)]
struct File {
    path: &'static str,
    content: &'static [u8],
    gzip: Vec<u8>,
    etag: HeaderValue,
}

/// Compressed once, when the first browser comes.
static COMPRESSED: LazyLock<Vec<File>> =
    LazyLock::new(|| FILES.iter().map(|(path, content)| File::new(path, content)).collect());

/// The routes of the page.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(async |headers: HeaderMap| file(INDEX, &headers))).route(
        "/assets/{*path}",
        get(async |Path(path): Path<String>, headers: HeaderMap| file(&path, &headers)),
    )
}

fn file(path: &str, request: &HeaderMap) -> Response {
    match COMPRESSED.iter().find(|file| file.path == path) {
        Some(file) => file.response(request),
        None => Failure::usage("no such file", "the page is at /")
            .with_status(StatusCode::NOT_FOUND)
            .into_response(),
    }
}

impl File {
    fn new(path: &'static str, content: &'static [u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail; without it, the content is sent as it is.
        let gzip = encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default();
        // It ends with the checksum and the length of the content.
        let checksum: String =
            gzip.iter().rev().take(8).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::try_from(format!("\"{checksum}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("\"0\""));
        Self { path, content, gzip, etag }
    }

    fn response(&'static self, request: &HeaderMap) -> Response {
        let has = |name, text: &str| {
            let value = request.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
            value.is_some_and(|value| value.contains(text))
        };
        let is_kept = self.etag.to_str().is_ok_and(|etag| has(IF_NONE_MATCH, etag));
        let is_gzip = has(ACCEPT_ENCODING, "gzip") && !self.gzip.is_empty();
        let mut response = match (is_kept, is_gzip) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, true) => Response::new(Body::from(&*self.gzip)),
            (false, false) => Response::new(Body::from(self.content)),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        // A browser keeps the files, and asks whether they have changed: another version may serve at this port.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if !is_kept {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(self.path)));
            if is_gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}
