//! Who may ask.

use crate::Client;
use crate::reading::{Reading, TOKEN};

#[test]
fn requests_without_the_token_are_refused() {
    let Some(server) = Reading::start() else { return };
    let status = |path, headers: &[(&str, &str)]| {
        Client::connect(server.address).send("GET", path, headers, b"").status
    };
    for path in ["/query?sql=SELECT%201", "/events?table=ticks", "/tables", "/tables/x", "/metrics"]
    {
        for token in ["", "Bearer", "Bearer secre", "Bearer secrets", "Basic secret"] {
            assert_eq!(status(path, &[("authorization", token)]), 401, "{path} {token}");
        }
    }
    let answer = Client::connect(server.address).send("GET", "/tables", &[], b"");
    assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"));
    assert_eq!(status("/metrics", &[TOKEN]), 200);
}

#[test]
fn pages_of_other_sites_get_nothing() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    let own = format!("http://{}", server.address);
    let status = |header| server.send("GET", "/tables", &[header], "").status;
    assert_eq!(status(("host", "rebound.example.org:4318")), 421);
    assert_eq!(status(("host", "localhost:1")), 200);
    assert_eq!(status(("origin", "null")), 403);
    assert_eq!(status(("origin", "http://localhost:1")), 403);
    assert_eq!(status(("origin", own.as_str())), 200);
    assert_eq!(status(("sec-fetch-site", "cross-site")), 403);
    assert_eq!(status(("sec-fetch-site", "same-origin")), 200);
    let health = |header| Client::connect(server.address).send("GET", "/healthz", &[header], b"");
    assert_eq!(health(("sec-fetch-site", "cross-site")).status, 403);
    assert_eq!(health(("host", "any")).status, 200);
}

#[test]
fn methods_and_paths_are_explained() {
    let Some(server) = Reading::start() else { return };
    for (path, allow) in [
        ("/query", "GET, HEAD, POST, OPTIONS"),
        ("/tables", "GET, HEAD, OPTIONS"),
        ("/events", "GET, HEAD, OPTIONS"),
    ] {
        let answer = server.send("DELETE", path, &[], "");
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, allow), "{path}");
        let answer = server.send("OPTIONS", path, &[], "");
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (204, allow), "{path}");
    }
    let answer = server.get("/nothing");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("/query"), "{}", answer.text());
    for path in ["/nothing", "/query", "/healthz", "/metrics"] {
        let headers = server.get(path).headers;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
    }
}
