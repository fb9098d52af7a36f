//! The beginning of connections.

use std::io::{Read, Write};
use std::time::Duration;

use crate::{Client, TestServer, field, message, query, read, short, startup, startup_with};

#[test]
fn the_token_is_the_password() {
    let server = TestServer::start();
    let mut client = Client::open(server.address);
    client.send(&startup(&[("user", "anybody"), ("database", "anything")]));
    assert_eq!(client.next(), "R:3");
    client.send(&message(b'p', b"secret\0"));
    let begun = client.until_ready();
    for part in [
        "R:0",
        "S:server_version=16.6",
        "S:client_encoding=UTF8",
        "S:TimeZone=UTC",
        "S:DateStyle=ISO, MDY",
        "S:standard_conforming_strings=on",
        "S:default_transaction_read_only=on",
        "S:session_authorization=anybody",
        "K",
        "Z:I",
    ] {
        assert!(begun.contains(part), "{part}: {begun}");
    }
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    for wrong in ["secre\0", "secrets\0", "\0"] {
        let mut client = Client::open(server.address);
        client.send(&startup(&[("user", "me")]));
        assert_eq!(client.next(), "R:3");
        client.send(&message(b'p', wrong.as_bytes()));
        let (tag, body) = client.read().unwrap();
        assert_eq!((tag, field(&body, b'C').as_deref()), (b'E', Some("28P01")));
        assert_eq!(field(&body, b'S').as_deref(), Some("FATAL"));
        assert_eq!(client.next(), "");
    }
}

#[test]
fn the_socket_needs_no_password() {
    let mut server = TestServer::start();
    let mut stream = server.socket();
    stream.write_all(&startup(&[("user", "me")])).unwrap();
    let (tag, body) = read(&mut stream).unwrap();
    assert_eq!(short(tag, &body), "R:0");
    stream.write_all(&query("SELECT n(1)")).unwrap();
    while read(&mut stream).unwrap().0 != b'D' {}
    server.stop();
    server.join();
    // It is removed at the end.
    assert!(!server.dir.path().join(".s.PGSQL.5432").exists());
}

#[test]
fn http_and_postgres_share_the_port() {
    let server = TestServer::start();
    // A client that sends nothing keeps nobody waiting.
    let _silent = Client::open(server.address);
    let mut client = server.connect();
    assert!(server.get("/metrics").starts_with("HTTP/1.1 200"));
    assert_eq!(client.query("SELECT n(2)"), "T D:1 D:2 C:SELECT 2 Z:I");
    assert!(server.get("/metrics").contains("netsky_queries_total{outcome=\"ok\"} 1"));
}

#[test]
fn encryption_is_declined() {
    let server = TestServer::start();
    let mut client = Client::open(server.address);
    for code in [80_877_104_u32, 80_877_103] {
        client.send(&[&8_u32.to_be_bytes()[..], &code.to_be_bytes()].concat());
        let mut answer = [0];
        client.stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }
    client.send(&startup(&[("user", "me")]));
    assert_eq!(client.next(), "R:3");
}

#[test]
fn newer_versions_are_negotiated() {
    let server = TestServer::start();
    let login = |minor: u16, parameters: &[(&str, &str)]| {
        let mut client = Client::open(server.address);
        client.send(&startup_with(minor, parameters));
        let first = client.read().unwrap();
        if first.0 == b'v' {
            assert_eq!(client.next(), "R:3");
        }
        client.send(&message(b'p', b"secret\0"));
        let key = loop {
            let (tag, body) = client.read().unwrap();
            if tag == b'K' {
                break body.len() - 4;
            }
        };
        (first.0, first.1, key)
    };
    assert_eq!(login(0, &[("user", "me")]).2, 4);
    let (tag, _, key) = login(2, &[("user", "me")]);
    assert_eq!((tag, key), (b'R', 32));
    let (tag, body, key) = login(9_999, &[("user", "me")]);
    assert_eq!((tag, &body[..8], key), (b'v', &[0, 3, 0, 2, 0, 0, 0, 0][..], 32));
    let (tag, body, _) = login(0, &[("user", "me"), ("_pq_.new", "x")]);
    assert_eq!((tag, &body[..]), (b'v', &b"\0\x03\0\0\0\0\0\x01_pq_.new\0"[..]));
}

#[test]
fn broken_packets_end_the_connection() {
    let server = TestServer::start();
    let whole = startup(&[("user", "me"), ("client_encoding", "LATIN1")]);
    for (packet, code) in [
        (&whole[..], "22023"),
        (&startup(&[("user", "me"), ("nothing", "1")]), "42704"),
        (&startup(&[("user", "me"), ("replication", "true")]), "0A000"),
        (&startup(&[("user", "me"), ("options", "-c")]), "42601"),
        (&startup(&[]), "28000"),
        (&[0, 0, 0, 8, 0, 2, 0, 0], "0A000"),
        (&[0, 0, 0, 4], "08P01"),
        (&[0, 0, 0x27, 0x11], "08P01"),
        (&[0, 0, 0, 9, 0, 3, 0, 0, b'x'], "08P01"),
        (&[0, 0, 0, 11, 0, 3, 0, 0, 0xff, 0, 0], "22021"),
    ] {
        let mut client = Client::open(server.address);
        client.send(packet);
        let mut last = client.next();
        if last == "R:3" {
            client.send(&message(b'p', b"secret\0"));
            last = client.next();
        }
        assert_eq!(last, format!("E:{code}"));
        assert_eq!(client.next(), "");
    }
    // Not even a password may be long before the login.
    let mut client = Client::open(server.address);
    client.send(&startup(&[("user", "me")]));
    assert_eq!(client.next(), "R:3");
    client.send(&message(b'p', &[b'x'; 20_000]));
    assert_eq!(client.next(), "E:08P01");
}

#[test]
fn a_packet_may_come_byte_by_byte() {
    let server = TestServer::start();
    let mut client = Client::open(server.address);
    let packets = [
        startup(&[("user", "me"), ("application_name", "slow"), ("TimeZone", "Europe/Berlin")]),
        message(b'p', b"secret\0"),
        query("SHOW application_name; SHOW TimeZone"),
    ];
    for byte in packets.concat() {
        client.send(&[byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    client.until_ready();
    assert_eq!(client.until_ready(), "T D:slow C:SHOW T D:UTC C:SHOW Z:I");
}

#[test]
fn a_truncated_packet_leaves_nothing_behind() {
    let server = TestServer::start();
    let packet = startup(&[("user", "me")]);
    for end in 1..packet.len() {
        let mut client = Client::open(server.address);
        client.send(&packet[..end]);
    }
    assert_eq!(server.connect().query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn further_sessions_are_refused_in_their_language() {
    let server = TestServer::start();
    let mut held: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for _ in 0..100 {
        let mut client = Client::open(server.address);
        client.send(&startup(&[("user", "me")]));
        assert_eq!(client.next(), "E:53300");
        assert_eq!(client.next(), "");
    }
    assert!(server.get("/metrics").starts_with("HTTP/1.1 200"));
    assert_eq!(held[7].query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    held.truncate(50);
    crate::eventually(|| {
        let mut client = Client::open(server.address);
        client.send(&startup(&[("user", "me")]));
        client.next() == "R:3"
    });
}
