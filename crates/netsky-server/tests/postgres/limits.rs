//! What one client may take from the others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use netsky_server::ServerOptions;

use crate::{Client, TestServer, bind, execute, parse, query, startup};

#[test]
fn slow_readers_leave_their_places() {
    let server = TestServer::with(ServerOptions::new(), |queries| queries.max_running(1));
    let mut slow: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send(&query("SELECT endless"));
        assert_eq!(client.next(), "T");
    }
    let mut client = server.connect();
    for _ in 0..5 {
        assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    }
}

#[test]
fn slow_readers_over_http_leave_their_places() {
    let server = TestServer::with(ServerOptions::new(), |queries| queries.max_running(1));
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = "HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret";
        write!(stream, "GET /query?format=csv&sql=x {head}\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 99]).unwrap();
        slow.push(stream);
    }
    assert_eq!(server.connect().query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn waiting_cursors_leave_their_places() {
    let server = TestServer::with(ServerOptions::new(), |queries| queries.max_running(1));
    let mut waiting: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.query("BEGIN");
        let begin = [parse("", "SELECT n(99999)"), bind("p", "", &[]), execute("p", 2)];
        assert_eq!(client.batch(&begin), "1 2 D:1 D:2 s Z:T");
    }
    assert_eq!(server.connect().query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    assert_eq!(waiting[2].batch(&[execute("p", 1)]), "D:3 s Z:T");
    // Also if nobody asks for the rows that were described.
    waiting[2].send(
        &[
            parse("", "SELECT n(99999)"),
            bind("", "", &[]),
            crate::describe("P"),
            crate::message(b'H', b""),
        ]
        .concat(),
    );
    assert_eq!(server.connect().query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn a_cursor_that_waits_too_long_is_closed() {
    let options = ServerOptions::new().stall_timeout(Duration::from_millis(300));
    let server = TestServer::with(options, |queries| queries);
    let mut client = server.connect();
    client.query("BEGIN; DECLARE c CURSOR FOR SELECT endless");
    assert!(client.query("FETCH c").ends_with("C:FETCH 1 Z:T"));
    crate::eventually(|| server.children() == "0");
    assert_eq!(client.query("FETCH c"), "E:24000 Z:E");
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let options = ServerOptions::new().stall_timeout(Duration::from_millis(300));
    let server = TestServer::with(options, |queries| queries);
    let mut client = server.connect();
    client.send(&query("SELECT endless"));
    crate::eventually(|| server.children() == "1");
    crate::eventually(|| server.children() == "0");
}

#[test]
fn too_many_waiting_statements_are_refused() {
    let server = TestServer::with(ServerOptions::new(), |queries| queries.max_running(1));
    let mut clients: Vec<_> = (0..12).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&query("SELECT hang"));
    }
    // One runs, two wait, and perhaps one is long already.
    let refused = || {
        let metrics = server.get("/metrics");
        [8, 9].iter().any(|number| {
            metrics.contains(&format!("netsky_queries_total{{outcome=\"refused\"}} {number}"))
        })
    };
    crate::eventually(refused);
    drop(clients);
    crate::eventually(|| server.children() == "0");
    assert_eq!(server.connect().query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn statements_and_cursors_have_limits() {
    let server = TestServer::start();
    let mut client = server.connect();
    let many: Vec<_> =
        (0..1_000).map(|number| parse(&format!("s{number}"), "SELECT n(1)")).collect();
    client.batch(&many);
    assert_eq!(client.batch(&[parse("more", "SELECT n(1)")]), "E:53200 Z:I");
    client.query("DEALLOCATE ALL");
    let long = format!("SELECT '{}'", "x".repeat(1 << 19));
    let answer = client
        .batch(&(0..20).map(|number| parse(&format!("s{number}"), &long)).collect::<Vec<_>>());
    assert_eq!(answer, format!("{}E:53200 Z:I", "1 ".repeat(15)));
    client.query("DEALLOCATE ALL; BEGIN");
    client.batch(&[parse("s", "SELECT n(1)")]);
    let many: Vec<_> = (0..1_000).map(|number| bind(&format!("p{number}"), "s", &[])).collect();
    assert!(client.batch(&many).ends_with("2 Z:T"));
    assert_eq!(client.batch(&[bind("more", "s", &[])]), "E:53200 Z:E");
}

#[test]
fn long_rows_come_and_longer_ones_are_refused() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send(&query("SELECT big(9000000)"));
    assert_eq!(client.next(), "T");
    assert_eq!(client.read().unwrap().1.len(), 9_000_006);
    assert_eq!(client.until_ready(), "C:SELECT 1 Z:I");
    assert_eq!(client.query("SELECT big(70000000)"), "T E:54000 Z:I");
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn pipelined_messages_do_not_gather_without_limit() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut reader = client.stream.try_clone().unwrap();
    let count = 200_000;
    // More than all buffers have room for, while nobody reads and a statement runs.
    let sender = std::thread::spawn(move || {
        client.send(&query("SELECT big(3000000)"));
        let one = [parse("", "SELECT n(1)"), crate::close("S")].concat();
        for _ in 0..count {
            client.send(&one);
        }
        client.send(&crate::message(b'S', b""));
        client
    });
    let mut ready = 0;
    while ready < 2 {
        ready += usize::from(crate::read(&mut reader).unwrap().0 == b'Z');
    }
    let mut client = sender.join().unwrap();
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn five_hundred_connections_do_not_matter() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut held = Vec::new();
    for number in 0..500 {
        let mut other = Client::open(server.address);
        match number % 4 {
            0 => {}
            1 => other.send(&[0]),
            2 => other.send(&startup(&[("user", "me")])),
            _ => other.send(&startup(&[("user", "me")])[..9]),
        }
        held.push(other);
    }
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    held.truncate(400);
    assert!(server.get("/metrics").starts_with("HTTP/1.1 200"));
}
