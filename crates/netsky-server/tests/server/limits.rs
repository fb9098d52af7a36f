//! Clients that send too much, too slowly, or nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use netsky_server::ServerOptions;

use crate::{Client, TestServer, call, gzip};

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_long_body_is_refused() {
    let server = TestServer::with(ServerOptions::new().max_body_bytes(1_000));
    let answer = server.send("POST", "/v1/logs", &[JSON], &[b' '; 1_001]);
    assert_eq!(answer.status, 413);
    let mut body = b"{}".to_vec();
    body.resize(1_000, b' ');
    assert_eq!(server.send("POST", "/v1/logs", &[JSON], &body).status, 200);
}

#[test]
fn a_gzip_bomb_is_refused() {
    let server = TestServer::new();
    let bomb = gzip(&vec![b' '; 200 << 20]);
    assert!(bomb.len() < 2 << 20);
    let answer = server.send("POST", "/v1/logs", &[JSON, ("content-encoding", "gzip")], &bomb);
    assert_eq!(answer.status, 413);
    assert_eq!(server.post_json("/v1/logs", &call("req_1")).status, 200);
}

#[test]
fn requests_that_have_no_room_come_later() {
    let server = TestServer::with(ServerOptions::new().max_queued_bytes(2_000));
    let mut client = Client::connect(server.address);
    let body = call("req_1").to_string();
    // A request that has not come wholly keeps its room, once the server has read it.
    let (half, answer) = loop {
        let mut half = TcpStream::connect(server.address).unwrap();
        let head =
            "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        write!(half, "{head}content-length: 1900\r\n\r\n{:1800}", "").unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let answer = client.send("POST", "/v1/logs", &[JSON], body.as_bytes());
        if answer.status != 200 {
            break (half, answer);
        }
    };
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "1"));
    drop(half);
    let mut client = Client::connect(server.address);
    while client.send("POST", "/v1/logs", &[JSON], body.as_bytes()).status != 200 {
        client = Client::connect(server.address);
    }
}

#[test]
fn a_slow_client_is_cut_off() {
    let options = ServerOptions::new().request_timeout(Duration::from_millis(500));
    let server = TestServer::with(options);
    for start in [
        "",
        "POST /v1/logs HT",
        "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\nx: y",
        "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{",
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        // A byte now and then, for as long as it is let.
        let mut reader = stream.try_clone().unwrap();
        let dripping = std::thread::spawn(move || {
            while !start.is_empty() && stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        // Others are served in the meantime.
        assert_eq!(server.post_json("/v1/logs", &call("req_1")).status, 200);
        reader.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut rest = Vec::new();
        let end = reader.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(!matches!(end, Err(std::io::ErrorKind::WouldBlock)), "{start}");
        dripping.join().unwrap();
    }
}

#[test]
fn an_idle_connection_is_closed() {
    let server = TestServer::with(ServerOptions::new().idle_timeout(Duration::from_millis(200)));
    let mut client = Client::connect(server.address);
    assert_eq!(client.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn further_connections_wait() {
    let server = TestServer::with(ServerOptions::new().max_connections(1));
    let mut first = Client::connect(server.address);
    assert_eq!(first.send("GET", "/healthz", &[], b"").status, 200);
    let mut second = Client::connect(server.address);
    second.stream.get_mut().write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    second.stream.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(second.answer().is_err());
    drop(first);
    second.stream.get_ref().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(second.answer().unwrap().status, 200);
}
