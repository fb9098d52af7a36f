//! Who may use the server: programs with the token, or any program of this machine; never a web page.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use netsky_ingest::otlp::Encoding;
use subtle::ConstantTimeEq;

use crate::answer::Refusal;
use crate::failure::Failure;
use crate::receive::{Shared, encoding_of};
use crate::state::ReadState;

/// Refuses requests that are not allowed.
pub(crate) async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let token = shared.options.token.as_deref();
    let encoding: Option<Encoding> = encoding_of(request.headers());
    match allow(request.headers(), request.uri(), token) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            shared.received.change(|total| total.refused += 1);
            refusal.response(encoding)
        }
    }
}

/// Refuses what a page of another site may have sent, for the routes that answer browsers.
pub(crate) async fn local(request: Request, next: Next) -> Response {
    match is_local(request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

/// Refuses requests without the token.
pub(crate) async fn token(
    State(state): State<Arc<ReadState>>,
    request: Request,
    next: Next,
) -> Response {
    if has_token(request.headers(), &state.queries.token) {
        return next.run(request).await;
    }
    let message = "the token is missing or wrong";
    let hint = "send 'Authorization: Bearer TOKEN', with the token that `netsky serve` has printed";
    Failure::new(StatusCode::UNAUTHORIZED, "usage", message, hint).into_response()
}

/// A name of another site's owner can lead to this machine, and then a browser takes its page for one of this
/// server. But the `Host` is that name. Its port does not matter: it is another one behind `ssh -L`.
fn is_local(headers: &HeaderMap, uri: &Uri) -> Result<(), Failure> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(|it| it.as_str())).unwrap_or_default();
    if !is_loopback(host) || headers.get_all(HOST).iter().count() > 1 {
        return Err(Failure::new(
            StatusCode::MISDIRECTED_REQUEST,
            "usage",
            "the Host must be localhost or a loopback address",
            "from another machine, use `ssh -L 4318:127.0.0.1:4318 HOST`",
        ));
    }
    let is_own = |origin: &HeaderValue| {
        let origin = origin.as_bytes().strip_prefix(b"http://");
        origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host.as_bytes()))
    };
    is_of_this_site(headers, is_own)
}

/// Refuses what a page of another site has sent, for routes that anybody may ask.
pub(crate) async fn no_other_site(request: Request, next: Next) -> Response {
    match is_of_this_site(request.headers(), |_| false) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

fn is_of_this_site(
    headers: &HeaderMap,
    is_own: impl Fn(&HeaderValue) -> bool,
) -> Result<(), Failure> {
    let is_cross_site =
        headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"cross-site");
    if is_cross_site || !headers.get_all(ORIGIN).iter().all(is_own) {
        let message = "requests of other sites' pages are not answered";
        return Err(Failure::new(StatusCode::FORBIDDEN, "usage", message, ""));
    }
    Ok(())
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    given.is_some_and(|given| bool::from(given.ct_eq(token.as_bytes())))
}

/// A browser tells the origin of a page that posts something, and the host that the page has asked for, which may
/// be a name of its owner that leads to this machine.
fn allow(headers: &HeaderMap, uri: &Uri, token: Option<&str>) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::Forbidden("requests of web pages are not accepted"));
    }
    let Some(token) = token else {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let is_loopback = host.or(uri.authority().map(|it| it.as_str())).is_some_and(is_loopback);
        return match is_loopback {
            true => Ok(()),
            false => Err(Refusal::Forbidden("the Host must be localhost or a loopback address")),
        };
    };
    if has_token(headers, token) { Ok(()) } else { Err(Refusal::Unauthorized) }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Whether a `Host` is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        // A name ends at the first colon. An IPv6 address must be in brackets.
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_loopback_hosts_are_this_machine() {
        for host in
            ["localhost", "LOCALHOST:4318", "127.0.0.1", "127.8.9.1:4318", "[::1]:4318", "[::1]"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.nip.io:4318",
            "10.0.0.1:4318",
            "[::2]",
            "0.0.0.0",
            "::1:x",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let uri = Uri::from_static("/query");
        let status = |pairs: &[(&'static str, &'static str)]| {
            is_local(&headers(pairs), &uri).map_or_else(|failure| failure.status(), |()| 200)
        };
        let host = ("host", "localhost:8080");
        assert_eq!(status(&[host]), 200);
        assert_eq!(status(&[host, ("origin", "http://LOCALHOST:8080")]), 200);
        assert_eq!(status(&[host, ("sec-fetch-site", "same-origin")]), 200);
        assert_eq!(status(&[]), 421);
        assert_eq!(status(&[("host", "rebound.example.org:4318")]), 421);
        for origin in
            ["null", "https://localhost:8080", "http://localhost:8081", "http://localhost"]
        {
            assert_eq!(status(&[host, ("origin", origin)]), 403, "{origin}");
        }
        assert_eq!(status(&[host, ("sec-fetch-site", "cross-site")]), 403);
    }

    #[test]
    fn tokens_must_be_equal() {
        let uri = Uri::from_static("/v1/logs");
        let allowed = |value| {
            let headers = headers(&[("authorization", value), ("host", "example.org")]);
            allow(&headers, &uri, Some("secret")).is_ok()
        };
        assert!(allowed("Bearer secret") && allowed("bearer  secret "));
        for value in
            ["secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret"]
        {
            assert!(!allowed(value), "{value}");
        }
    }
}
