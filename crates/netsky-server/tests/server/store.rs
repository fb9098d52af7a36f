//! The store behind the server: busy, stopped, killed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::child::Child;
use crate::{Client, TestServer, call, rows};

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_busy_store_is_retried_later() {
    let server = TestServer::new();
    assert_eq!(server.post_json("/v1/logs", &call("req_1")).status, 200);
    let holder = Child::start("hold", &server.path());
    let answer = server.post_json("/v1/logs", &call("req_2"));
    assert_eq!(
        (answer.status, answer.headers["retry-after"].as_str()),
        (503, "1"),
        "{}",
        answer.text()
    );
    assert_eq!(server.received.total().postponed, 1);
    drop(holder);
    let mut answer = server.post_json("/v1/logs", &call("req_2"));
    while answer.status == 503 {
        answer = server.post_json("/v1/logs", &call("req_2"));
    }
    assert_eq!(answer.status, 200);
    assert_eq!(server.rows("token_usage").len(), 2);
}

#[test]
fn equal_requests_at_once_are_recorded_once() {
    let server = TestServer::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..10 {
                    let body = call(&format!("req_{number}"));
                    assert_eq!(server.post_json("/v1/logs", &body).status, 200);
                }
            });
        }
    });
    assert_eq!(server.rows("token_usage").len(), 10);
}

#[test]
fn stopping_answers_what_has_begun() {
    let mut server = TestServer::new();
    let stopped = AtomicBool::new(false);
    let acknowledged = Mutex::new(BTreeSet::new());
    let (address, path) = (server.address, server.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (stopped, acknowledged) = (&stopped, &acknowledged);
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for number in 0.. {
                    let id = format!("req_{thread}_{number}");
                    let body = call(&id).to_string();
                    match client.try_send("POST", "/v1/logs", &[JSON], body.as_bytes()) {
                        Ok(answer) => {
                            assert_eq!(answer.status, 200);
                            acknowledged.lock().unwrap().insert(id);
                        }
                        Err(_) if stopped.load(Ordering::SeqCst) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 50 {
            std::thread::sleep(Duration::from_millis(5));
        }
        stopped.store(true, Ordering::SeqCst);
        server.stop();
        server.join();
    });
    assert_recorded(&path, &acknowledged.into_inner().unwrap());
}

#[test]
fn a_killed_server_has_all_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let acknowledged: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let mut sent = BTreeSet::new();
    for round in 0..4 {
        let server = Child::start("serve", &path);
        let address = server.address();
        let before = acknowledged.lock().unwrap().len();
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                let acknowledged = Arc::clone(&acknowledged);
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    let mut sent = Vec::new();
                    for number in 0.. {
                        let id = format!("req_{round}_{thread}_{number}");
                        let body = call(&id).to_string();
                        sent.push(id.clone());
                        match client.try_send("POST", "/v1/logs", &[JSON], body.as_bytes()) {
                            Ok(answer) if answer.status == 200 => {
                                acknowledged.lock().unwrap().insert(id);
                            }
                            _ => break,
                        }
                    }
                    sent
                })
            })
            .collect();
        while acknowledged.lock().unwrap().len() < before + 30 * (round + 1) {
            std::thread::sleep(Duration::from_millis(2));
        }
        server.kill();
        for thread in threads {
            sent.extend(thread.join().unwrap());
        }
        assert_recorded(&path, &acknowledged.lock().unwrap());
    }
    // Clients send again what was not acknowledged, and some that was.
    let server = Child::start("serve", &path);
    let mut client = Client::connect(server.address());
    for id in &sent {
        let body = call(id).to_string();
        assert_eq!(client.send("POST", "/v1/logs", &[JSON], body.as_bytes()).status, 200);
    }
    assert_recorded(&path, &sent);
    assert_eq!(rows(&path, "token_usage").len(), sent.len());
}

/// Checks that each call is there, and none twice.
fn assert_recorded(path: &std::path::Path, expected: &BTreeSet<String>) {
    let mut found = BTreeSet::new();
    for row in rows(path, "token_usage") {
        let detail: serde_json::Value =
            serde_json::from_str(row["detail_json"].as_str().unwrap()).unwrap();
        let id = detail["request_id"].as_str().unwrap().to_owned();
        assert!(found.insert(id.clone()), "{id} is there twice");
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
