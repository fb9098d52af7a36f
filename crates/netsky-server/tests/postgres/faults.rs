//! Backends that fail, and clients that go away.

use std::time::Duration;

use crate::{Client, TestServer, bind, execute, field, parse, query, startup};

#[test]
fn a_dead_backend_ends_only_its_statement() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (sql, answer, says) in [
        ("SELECT die", "E:XX000", "panicked at the worst time"),
        ("SELECT abort", "E:XX000", "signal: 6"),
        ("SELECT killed", "E:XX000", "no memory left"),
        ("SELECT failure", "E:58P01", "there is no store"),
        ("SELECT garbage", "E:XX000", "no answer"),
        ("SELECT breaks", "T D:1 E:XX000", "ended with"),
        ("SELECT babbles", "T D:1 E:XX000", "no answer"),
        ("SELECT divides(3)", "T D:0 D:1 D:2 E:22012", "division by zero"),
    ] {
        client.send(&query(sql));
        let mut seen = Vec::new();
        let message = loop {
            let (tag, body) = client.read().unwrap();
            seen.push(crate::short(tag, &body));
            if tag == b'E' {
                break field(&body, b'M').unwrap();
            }
        };
        assert_eq!((seen.join(" ").as_str(), client.next().as_str()), (answer, "Z:I"), "{sql}");
        assert!(message.contains(says), "{sql}: {message}");
        assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    }
}

#[test]
fn a_backend_answers_many_statements() {
    let server = TestServer::start();
    let (mut one, mut other) = (server.connect(), server.connect());
    let first = one.query("SELECT pid");
    assert_eq!(other.query("SELECT pid"), first);
    one.query("SELECT wrong");
    assert_eq!(one.query("SELECT pid"), first);
    // One that has died while it waited is replaced.
    assert_eq!(one.query("SELECT last"), "T D:1 C:SELECT 1 Z:I");
    std::thread::sleep(Duration::from_millis(100));
    let next = other.query("SELECT pid");
    assert!(next != first && next.ends_with("C:SELECT 1 Z:I"), "{next}");
}

#[test]
fn a_cancel_ends_the_statement_that_runs() {
    let server = TestServer::start();
    for sql in ["SELECT hang", "SELECT slow", "SELECT endless"] {
        let mut client = Client::open(server.address);
        client.send(&[startup(&[("user", "me")]), crate::message(b'p', b"secret\0")].concat());
        let key = loop {
            let (tag, body) = client.read().unwrap();
            if tag == b'K' {
                break body;
            }
        };
        client.until_ready();
        let cancel = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &key].concat();
        // When nothing runs, it cancels nothing.
        Client::open(server.address).send(&cancel);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
        client.send(&query(sql));
        std::thread::sleep(Duration::from_millis(300));
        let mut canceller = Client::open(server.address);
        canceller.send(&cancel);
        assert_eq!(canceller.next(), "");
        let end = client.until_ready();
        assert!(end.ends_with("E:57014 Z:I"), "{sql}: {}", &end[end.len().saturating_sub(99)..]);
        assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    }
    crate::eventually(|| server.children() == "1" || server.children() == "0");
}

#[test]
fn what_a_client_leaves_behind_ends() {
    let server = TestServer::start();
    let backend = |sql: &str| {
        let mut client = server.connect();
        client.send(&query(sql));
        crate::eventually(|| server.children() == "1");
        drop(client);
        crate::eventually(|| server.children() == "0");
    };
    backend("SELECT hang");
    backend("SELECT endless");
    let mut client = server.connect();
    client.query("BEGIN");
    client.batch(&[parse("", "SELECT endless"), bind("p", "", &[]), execute("p", 2)]);
    assert_eq!(server.children(), "1");
    drop(client);
    crate::eventually(|| server.children() == "0");
}

#[test]
fn statements_have_a_timeout() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.query("SET statement_timeout = 200");
    assert_eq!(client.query("SELECT hang"), "E:57014 Z:I");
    assert_eq!(client.query("SELECT slow"), "T E:57014 Z:I");
    assert_eq!(client.query("SELECT n(1); SELECT slow"), "T D:1 C:SELECT 1 T E:57014 Z:I");
    let slow = [parse("", "SELECT slow"), bind("", "", &[]), execute("", 0)];
    assert_eq!(client.batch(&slow), "1 2 E:57014 Z:I");
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    assert!(server.get("/metrics").contains("netsky_queries_total{outcome=\"timeout\"} 4"));
}

#[test]
fn the_servers_timeout_holds_for_all() {
    let server =
        TestServer::with(Default::default(), |queries| queries.timeout(Duration::from_millis(300)));
    let mut client = server.connect();
    client.query("SET statement_timeout = '1h'");
    client.send(&query("SELECT hang"));
    let (tag, body) = client.read().unwrap();
    assert_eq!((tag, field(&body, b'C').as_deref()), (b'E', Some("57014")));
    assert!(field(&body, b'H').unwrap().contains("--timeout"));
}

#[test]
fn the_servers_end_ends_sessions() {
    let mut server = TestServer::start();
    let (mut idle, mut busy) = (server.connect(), server.connect());
    idle.query("BEGIN");
    busy.send(&query("SELECT slow"));
    assert_eq!(busy.next(), "T");
    server.stop();
    assert_eq!((idle.next().as_str(), idle.next().as_str()), ("E:57P01", ""));
    // It has 5 seconds.
    assert_eq!((busy.next().as_str(), busy.next().as_str()), ("E:57P01", ""));
    server.join();
}
