//! Who may use the server: programs with the token, or any program of this machine; never a web page.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::Response;
use netsky_ingest::otlp::Encoding;
use subtle::ConstantTimeEq;

use crate::answer::Refusal;
use crate::receive::{Shared, encoding_of};

/// Refuses requests that are not allowed.
pub(crate) async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let token = shared.options.token.as_deref();
    let encoding: Option<Encoding> = encoding_of(request.headers());
    let is_health = request.uri().path() == "/healthz";
    let token = token.map(|token| (token, is_health));
    match allow(request.headers(), request.uri(), token) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            shared.received.change(|total| total.refused += 1);
            refusal.response(encoding)
        }
    }
}

/// A browser tells the origin of a page that posts something, and the host that the page has asked for, which may
/// be a name of its owner that leads to this machine.
fn allow(headers: &HeaderMap, uri: &Uri, token: Option<(&str, bool)>) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::Forbidden("requests of web pages are not accepted"));
    }
    let Some((token, is_health)) = token else {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let is_loopback = host.or(uri.authority().map(|it| it.as_str())).is_some_and(is_loopback);
        return match is_loopback {
            true => Ok(()),
            false => Err(Refusal::Forbidden("the Host must be localhost or a loopback address")),
        };
    };
    let given = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let is_right = given.is_some_and(|given| bool::from(given.ct_eq(token.as_bytes())));
    if is_right || is_health { Ok(()) } else { Err(Refusal::Unauthorized) }
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
    fn tokens_must_be_equal() {
        let uri = Uri::from_static("/v1/logs");
        let allowed = |value| {
            let headers = headers(&[("authorization", value), ("host", "example.org")]);
            allow(&headers, &uri, Some(("secret", false))).is_ok()
        };
        assert!(allowed("Bearer secret") && allowed("bearer  secret "));
        for value in
            ["secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret"]
        {
            assert!(!allowed(value), "{value}");
        }
    }
}
