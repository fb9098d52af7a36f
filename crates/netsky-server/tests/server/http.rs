//! Requests and their answers.

use netsky_server::ServerOptions;
use serde_json::json;

use crate::{Client, TestServer, call, gzip};

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

#[test]
fn rows_are_stored_before_the_answer() {
    let server = TestServer::new();
    let answer = server.post_json("/v1/logs", &call("req_1"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(answer.headers["content-type"], "application/json");
    let usage = server.rows("token_usage");
    assert_eq!((usage.len(), &usage[0]["agent"]), (1, &json!("shop")));
    // Sent again, as after a lost answer.
    assert_eq!(server.post_json("/v1/logs", &call("req_1")).status, 200);
    assert_eq!(server.rows("token_usage").len(), 1);
    let total = server.received.total();
    assert_eq!((total.requests, total.records, total.committed.new["token_usage"]), (2, 2, 1));
}

#[test]
fn a_connection_serves_many_requests() {
    let server = TestServer::new();
    let mut client = Client::connect(server.address);
    for number in 0..20 {
        let body = call(&format!("req_{number}")).to_string();
        assert_eq!(client.send("POST", "/v1/logs", &[JSON], body.as_bytes()).status, 200);
    }
    assert_eq!(server.rows("token_usage").len(), 20);
}

#[test]
fn all_signals_are_answered_in_both_encodings() {
    let server = TestServer::new();
    for path in ["/v1/logs", "/v1/metrics", "/v1/traces"] {
        let answer = server.send("POST", path, &[PROTOBUF], b"");
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
        assert_eq!(answer.headers["content-type"], "application/x-protobuf");
        for content_type in
            ["application/json", "application/json; charset=utf-8", "Application/JSON"]
        {
            let answer = server.send("POST", path, &[("content-type", content_type)], b"{}");
            assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{path}");
        }
    }
}

#[test]
fn bodies_may_be_compressed() {
    let server = TestServer::new();
    let body = gzip(call("req_1").to_string().as_bytes());
    let answer = server.send("POST", "/v1/logs", &[JSON, ("content-encoding", "gzip")], &body);
    assert_eq!(answer.status, 200);
    assert_eq!(server.rows("token_usage").len(), 1);
    let answer = server.send("POST", "/v1/logs", &[JSON, ("content-encoding", "zstd")], &body);
    assert_eq!(answer.status, 415);
    for broken in [&body[..body.len() - 9], b"not gzip"] {
        let answer = server.send("POST", "/v1/logs", &[JSON, ("content-encoding", "gzip")], broken);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
}

#[test]
fn broken_bodies_are_refused() {
    let server = TestServer::new();
    for (header, body) in
        [(JSON, "{"), (JSON, "[]x"), (JSON, r#"{"resourceLogs":7}"#), (PROTOBUF, "\u{1}\u{2}x")]
    {
        let answer = server.send("POST", "/v1/logs", &[header], body.as_bytes());
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.headers["content-type"], header.1);
        assert!(
            answer.text().contains("the body is no ExportLogsServiceRequest"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(server.received.total().refused, 4);
}

#[test]
fn broken_records_are_named() {
    let server = TestServer::new();
    let mut body = call("req_1");
    let mut broken = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone();
    broken["attributes"].as_array_mut().unwrap().retain(|pair| pair["key"] != "model");
    body["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array_mut().unwrap().push(broken);
    let answer = server.post_json("/v1/logs", &body);
    assert_eq!(answer.status, 200);
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedLogRecords"], 1, "{answer}");
    assert!(answer["partialSuccess"]["errorMessage"].as_str().unwrap().contains("model"));
    assert_eq!(server.rows("token_usage").len(), 1);
}

#[test]
fn other_types_paths_and_methods_are_refused() {
    let server = TestServer::new();
    let status =
        |method, path, headers: &[(&str, &str)]| server.send(method, path, headers, b"{}").status;
    assert_eq!(status("POST", "/v1/logs", &[]), 415);
    assert_eq!(status("POST", "/v1/logs", &[("content-type", "text/plain")]), 415);
    let grpc = server.send("POST", "/v1/logs", &[("content-type", "application/grpc")], b"");
    assert!(grpc.status == 415 && grpc.text().contains("OTEL_EXPORTER_OTLP_PROTOCOL"));
    for path in ["/", "/v1", "/v1/log", "/v1/logs/", "/v1/profiles", "/v1/hooks/claude-code"] {
        assert_eq!(status("POST", path, &[JSON]), 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = server.send(method, "/v1/logs", &[JSON], b"{}");
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "POST"), "{method}");
    }
    assert_eq!(status("GET", "/healthz", &[]), 200);
}

#[test]
fn web_pages_cannot_record() {
    let server = TestServer::new();
    let body = call("req_1").to_string();
    let status = |header| server.send("POST", "/v1/logs", &[JSON, header], body.as_bytes()).status;
    assert_eq!(status(("origin", "https://example.org")), 403);
    assert_eq!(status(("origin", "http://localhost:4318")), 403);
    assert_eq!(status(("origin", "null")), 403);
    // A name of the page's owner that leads here.
    assert_eq!(status(("host", "rebound.example.org:4318")), 403);
    assert_eq!(status(("host", "")), 403);
    assert_eq!(server.rows("token_usage").len(), 0);
    assert_eq!(status(("host", "localhost:4318")), 200);
}

#[test]
fn a_token_is_required_if_there_is_one() {
    let server = TestServer::with(ServerOptions::new().token("secret"));
    let body = call("req_1").to_string();
    let send = |headers: &[(&str, &str)]| server.send("POST", "/v1/logs", headers, body.as_bytes());
    let answer = send(&[JSON]);
    assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"));
    assert_eq!(send(&[JSON, ("authorization", "Bearer wrong")]).status, 401);
    assert_eq!(send(&[JSON, ("authorization", "Bearer secret"), ("origin", "null")]).status, 403);
    assert_eq!(server.rows("token_usage").len(), 0);
    let right = ("authorization", "Bearer secret");
    assert_eq!(send(&[JSON, right, ("host", "collector.example.org")]).status, 200);
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn other_machines_need_a_token() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let listen = || runtime.block_on(tokio::net::TcpListener::bind("0.0.0.0:0")).unwrap();
    let server = crate::server(&dir.path().join("meta.db"), ServerOptions::new());
    let error = runtime.block_on(server.run([listen()], async {})).unwrap_err().to_string();
    assert!(error.contains("a token is required"), "{error}");
    let server = crate::server(&dir.path().join("meta.db"), ServerOptions::new().token(""));
    assert!(runtime.block_on(server.run([listen()], async {})).is_err());
    let server = crate::server(&dir.path().join("meta.db"), ServerOptions::new().token("secret"));
    runtime.block_on(server.run([listen()], async {})).unwrap();
}
