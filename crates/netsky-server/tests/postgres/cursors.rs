//! Cursors of SQL.

use crate::{TestServer, bind, close, describe, execute, message, parse};

#[test]
fn a_cursor_gives_its_rows_forward() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query("DECLARE c CURSOR FOR SELECT n(9)"), "E:25P01 Z:I");
    client.query("BEGIN");
    assert_eq!(client.query("DECLARE c CURSOR FOR SELECT n(9)"), "C:DECLARE CURSOR Z:T");
    assert_eq!(client.query("FETCH c"), "T D:1 C:FETCH 1 Z:T");
    assert_eq!(client.query("FETCH FORWARD 2 FROM c"), "T D:2 D:3 C:FETCH 2 Z:T");
    assert_eq!(client.query("MOVE 2 FROM c"), "C:MOVE 2 Z:T");
    assert_eq!(client.query("FETCH RELATIVE 2 FROM c"), "T D:7 C:FETCH 1 Z:T");
    assert_eq!(client.query("FETCH ABSOLUTE 8 FROM c"), "T D:8 C:FETCH 1 Z:T");
    assert_eq!(client.query("FETCH ALL FROM c"), "T D:9 C:FETCH 1 Z:T");
    assert_eq!(client.query("FETCH 5 FROM c"), "T C:FETCH 0 Z:T");
    assert_eq!(client.query("SAVEPOINT s; FETCH PRIOR FROM c"), "C:SAVEPOINT E:55000 Z:E");
    client.query("ROLLBACK TO s");
    assert_eq!(client.query("CLOSE c"), "C:CLOSE CURSOR Z:T");
    assert_eq!(client.query("FETCH c"), "E:34000 Z:E");
    client.query("ROLLBACK");
    assert_eq!(
        client.query("DECLARE c CURSOR FOR SELECT n(1); FETCH ALL c; CLOSE ALL"),
        "C:DECLARE CURSOR T D:1 C:FETCH 1 C:CLOSE CURSOR ALL Z:I"
    );
}

#[test]
fn only_held_cursors_outlive_their_transaction() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.query("BEGIN");
    client.query("DECLARE a CURSOR FOR SELECT n(9)");
    client.query("DECLARE b CURSOR WITH HOLD FOR SELECT n(9)");
    client.query("FETCH 2 b; FETCH 2 a");
    client.query("COMMIT");
    assert_eq!(client.query("FETCH a"), "E:34000 Z:I");
    assert_eq!(client.query("FETCH b"), "T D:3 C:FETCH 1 Z:I");
    client.query("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT n(1)");
    client.query("ROLLBACK");
    assert_eq!(client.query("FETCH c"), "E:34000 Z:I");
    assert_eq!(client.query("FETCH b"), "T D:4 C:FETCH 1 Z:I");
    assert_eq!(client.query("DECLARE b CURSOR WITH HOLD FOR SELECT n(1)"), "E:42P03 Z:I");
    assert_eq!(client.query("CLOSE b"), "C:CLOSE CURSOR Z:I");
    client.query("BEGIN; SAVEPOINT s; DECLARE d CURSOR FOR SELECT n(9)");
    client.query("ROLLBACK TO s");
    assert_eq!(client.query("FETCH d"), "E:34000 Z:E");
}

#[test]
fn a_wrong_query_is_found_when_it_is_declared() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.query("BEGIN");
    assert_eq!(client.query("DECLARE c CURSOR FOR SELECT wrong"), "E:42703 Z:E");
    client.query("ROLLBACK");
    client.query("BEGIN; DECLARE c CURSOR FOR SELECT divides(2)");
    assert_eq!(client.query("FETCH 2 c"), "T D:0 D:1 C:FETCH 2 Z:T");
    assert_eq!(client.query("FETCH 2 c"), "T E:22012 Z:E");
}

#[test]
fn cursors_work_in_the_extended_protocol() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.query("BEGIN");
    let declare = [
        parse("", "DECLARE c CURSOR FOR SELECT values($1)"),
        describe("S"),
        bind("", "", &["x"]),
        describe("P"),
        execute("", 0),
    ];
    assert_eq!(client.batch(&declare), "1 t:[] n 2 n C:DECLARE CURSOR Z:T");
    let fetch = |sql: &str, rows: u32| {
        [parse("", sql), describe("S"), bind("", "", &[]), describe("P"), execute("", rows)]
    };
    assert_eq!(client.batch(&fetch("FETCH 3 FROM c", 0)), "1 t:[] T 2 T D:x C:FETCH 1 Z:T");
    client.query("DECLARE d CURSOR FOR SELECT n(9)");
    assert_eq!(client.batch(&fetch("FETCH 3 FROM d", 2)), "1 t:[] T 2 T D:1 D:2 s Z:T");
    assert_eq!(client.batch(&[execute("", 2)]), "D:3 C:FETCH 1 Z:T");
    // A portal of the protocol is a cursor of SQL, too, and the other way round.
    assert_eq!(client.batch(&[execute("d", 1), close("Pd")]), "D:4 s 3 Z:T");
    client.batch(&[parse("", "SELECT n(3)"), bind("e", "", &[])]);
    assert_eq!(client.query("FETCH e"), "T D:1 C:FETCH 1 Z:T");
    let own = [parse("", "FETCH f"), bind("f", "", &[]), execute("f", 0)];
    assert_eq!(client.batch(&own), "1 2 E:34000 Z:E");
}

#[test]
fn the_first_fetch_decides_on_the_format() {
    let server = TestServer::start();
    let mut client = server.connect();
    client
        .query("BEGIN; DECLARE c CURSOR FOR SELECT n(9); DECLARE d BINARY CURSOR FOR SELECT n(9)");
    // As psycopg does it.
    assert_eq!(client.batch(&[describe("Pc")]), "T Z:T");
    let binary = message(b'B', b"\0\0\0\0\0\0\0\x01\0\x01");
    let mut fetch = |sql: &str| {
        client.send(&[parse("", sql), binary.clone(), describe("P"), message(b'S', b"")].concat());
        let columns = loop {
            let (tag, body) = client.read().unwrap();
            if matches!(tag, b'T' | b'E') {
                break body;
            }
        };
        client.until_ready();
        *columns.last().unwrap()
    };
    assert_eq!((fetch("FETCH c"), fetch("FETCH d")), (1, 1));
    assert_eq!(client.query("FETCH d"), "T D:1 C:FETCH 1 Z:T");
    assert_eq!(client.query("FETCH c"), "E:0A000 Z:E");
}
