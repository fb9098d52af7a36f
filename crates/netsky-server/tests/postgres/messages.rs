//! Messages in every order.

use crate::{TestServer, bind, close, describe, execute, field, message, parse, query};

#[test]
fn a_text_may_have_many_statements() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query(""), "I Z:I");
    assert_eq!(client.query(" ; -- nothing\n"), "I Z:I");
    assert_eq!(client.query("SELECT n(1); SELECT n(0);"), "T D:1 C:SELECT 1 T C:SELECT 0 Z:I");
    // It stops at the first error.
    assert_eq!(
        client.query("SELECT n(1); SELECT wrong; SELECT n(1)"),
        "T D:1 C:SELECT 1 E:42703 Z:I"
    );
    // If it cannot be read, nothing of it is done.
    assert_eq!(client.query("SELECT n(1); SELEC; SELECT n(1)"), "E:42601 Z:I");
    assert_eq!(client.query("SELECT n(1); SELECT 'it"), "E:42601 Z:I");
    assert_eq!(client.query("SELECT n(1); DROP TABLE a"), "T D:1 C:SELECT 1 E:25006 Z:I");
    assert_eq!(client.query("COPY (SELECT 1) TO STDOUT"), "H d d c C:COPY 2 Z:I");
    assert_eq!(client.query("DROP TABLE ticks"), "E:25006 Z:I");
    assert_eq!(client.query("SELEC 1"), "E:42601 Z:I");
}

#[test]
fn errors_say_where_in_the_whole_text() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (sql, position) in [
        ("SELECT wrong", "8"),
        ("SELECT 'ü'; SELECT wrong", "20"),
        ("/* ü */ SELECT wrong", "16"),
        ("BEGIN; SELEC 1", "8"),
        ("BEGIN; SELECT 1 + 'ü", "19"),
        ("SELECT 1 /* no end", "10"),
        ("BEGIN; DECLARE c CURSOR FOR SELECT wrong", "36"),
    ] {
        client.send(&query(sql));
        let body = loop {
            let (tag, body) = client.read().unwrap();
            if tag == b'E' {
                break body;
            }
        };
        assert_eq!(field(&body, b'P').as_deref(), Some(position), "{sql}");
        client.until_ready();
        client.query("ROLLBACK");
    }
}

#[test]
fn the_extended_protocol_answers_in_order() {
    let server = TestServer::start();
    let mut client = server.connect();
    let all = [
        parse("s", "SELECT values($1, $2)"),
        describe("Ss"),
        bind("", "s", &["x", "y"]),
        describe("P"),
        execute("", 0),
        close("P"),
        close("Ss"),
        close("Snothing"),
    ];
    assert_eq!(client.batch(&all), "1 t:[] T 2 T D:x,y C:SELECT 1 3 3 3 Z:I");
    assert_eq!(client.batch(&[bind("", "s", &[])]), "E:26000 Z:I");
    assert_eq!(client.batch(&[execute("nothing", 0)]), "E:34000 Z:I");
    assert_eq!(client.batch(&[describe("Snothing")]), "E:26000 Z:I");
    let empty = [parse("", ""), bind("", "", &[]), describe("P"), execute("", 0)];
    assert_eq!(client.batch(&empty), "1 2 n I Z:I");
    let two = [parse("", "SELECT n(1); SELECT n(2)")];
    assert_eq!(client.batch(&two), "E:42601 Z:I");
    let copy = [parse("", "COPY x TO STDOUT"), bind("", "", &[]), describe("P"), execute("", 0)];
    assert_eq!(client.batch(&copy), "1 2 n H d d c C:COPY 2 Z:I");
    let show = [parse("", "SHOW server_version"), describe("S"), bind("", "", &[]), execute("", 0)];
    assert_eq!(client.batch(&show), "1 t:[] T 2 D:16.6 C:SHOW Z:I");
    let again = [parse("", "SHOW DateStyle"), bind("", "", &[]), execute("", 1), execute("", 1)];
    assert_eq!(client.batch(&again), "1 2 D:ISO, MDY s C:SHOW Z:I");
    assert_eq!(
        client.batch(&[
            parse("", "SET jit = off"),
            bind("", "", &[]),
            execute("", 0),
            execute("", 0)
        ]),
        "1 2 C:SET E:55000 Z:I"
    );
    let set = [parse("", "SET application_name = 'x'"), bind("", "", &[]), execute("", 0)];
    assert_eq!(client.batch(&set), "1 2 C:SET S:application_name=x Z:I");
}

#[test]
fn after_an_error_messages_are_skipped_until_sync() {
    let server = TestServer::start();
    let mut client = server.connect();
    let all = [
        parse("a", "SELECT n(1)"),
        parse("b", "SELEC"),
        parse("c", "SELECT n(1)"),
        query("SELECT n(1)"),
        execute("", 0),
    ];
    assert_eq!(client.batch(&all), "1 E:42601 Z:I");
    assert_eq!(client.batch(&[describe("Sa")]), "t:[] T Z:I");
    assert_eq!(client.batch(&[describe("Sc")]), "E:26000 Z:I");
    let copies = [message(b'd', b"x"), message(b'c', b""), message(b'f', b"x\0")];
    assert_eq!(client.batch(&copies), "Z:I");
}

#[test]
fn pipelined_batches_are_each_answered() {
    let server = TestServer::start();
    let mut client = server.connect();
    let one = [parse("", "SELECT n(2)"), bind("", "", &[]), execute("", 0), message(b'S', b"")];
    let wrong = [parse("", "SELECT wrong"), bind("", "", &[]), execute("", 0), message(b'S', b"")];
    client.send(&[one.concat(), wrong.concat(), query("SELECT n(1)"), one.concat()].concat());
    assert_eq!(client.until_ready(), "1 2 D:1 D:2 C:SELECT 2 Z:I");
    assert_eq!(client.until_ready(), "1 2 E:42703 Z:I");
    assert_eq!(client.until_ready(), "T D:1 C:SELECT 1 Z:I");
    assert_eq!(client.until_ready(), "1 2 D:1 D:2 C:SELECT 2 Z:I");
}

#[test]
fn flush_sends_what_there_is() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send(&[parse("", "SELECT n(1)"), message(b'H', b"")].concat());
    assert_eq!(client.next(), "1");
    client.send(&[bind("", "", &[]), describe("P"), message(b'H', b"")].concat());
    assert_eq!((client.next(), client.next()), ("2".to_owned(), "T".to_owned()));
    assert_eq!(client.batch(&[execute("", 0)]), "D:1 C:SELECT 1 Z:I");
}

#[test]
fn a_portal_gives_its_rows_in_parts() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query("BEGIN"), "C:BEGIN Z:T");
    let begin = [parse("", "SELECT n(5)"), bind("p", "", &[]), describe("Pp"), execute("p", 2)];
    assert_eq!(client.batch(&begin), "1 2 T D:1 D:2 s Z:T");
    // Others do not disturb it.
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:T");
    assert_eq!(client.batch(&[execute("p", 2)]), "D:3 D:4 s Z:T");
    assert_eq!(client.batch(&[execute("p", 2)]), "D:5 C:SELECT 1 Z:T");
    assert_eq!(client.batch(&[execute("p", 2)]), "C:SELECT 0 Z:T");
    let exact = [bind("q", "", &[]), execute("q", 5), execute("q", 5), execute("p", 0)];
    assert_eq!(client.batch(&[parse("", "SELECT n(5)")]), "1 Z:T");
    assert_eq!(client.batch(&exact), "2 D:1 D:2 D:3 D:4 D:5 s C:SELECT 0 C:SELECT 0 Z:T");
    assert_eq!(client.query("COMMIT"), "C:COMMIT Z:I");
    // It ends with its transaction.
    assert_eq!(client.batch(&[execute("p", 2)]), "E:34000 Z:I");
    let alone = [parse("", "SELECT n(5)"), bind("p", "", &[]), execute("p", 2)];
    assert_eq!(client.batch(&alone), "1 2 D:1 D:2 s Z:I");
    assert_eq!(client.batch(&[execute("p", 2)]), "E:34000 Z:I");
    crate::eventually(|| server.children() == "1");
}

#[test]
fn names_are_used_once() {
    let server = TestServer::start();
    let mut client = server.connect();
    let twice = [parse("s", "SELECT n(1)"), parse("s", "SELECT n(1)")];
    assert_eq!(client.batch(&twice), "1 E:42P05 Z:I");
    client.query("BEGIN");
    assert_eq!(client.batch(&[bind("p", "s", &[]), bind("p", "s", &[])]), "2 E:42P03 Z:E");
    client.query("ROLLBACK");
    assert_eq!(client.query("DEALLOCATE s"), "C:DEALLOCATE Z:I");
    assert_eq!(client.query("DEALLOCATE s"), "E:26000 Z:I");
    client.batch(&[parse("s", "SELECT n(1)"), parse("t", "SELECT n(1)")]);
    assert_eq!(client.query("DEALLOCATE ALL"), "C:DEALLOCATE ALL Z:I");
    assert_eq!(client.batch(&[describe("St")]), "E:26000 Z:I");
}

#[test]
fn statements_are_prepared_in_sql_too() {
    let server = TestServer::start();
    let mut client = server.connect();
    let sql = "PREPARE s (int, text) AS SELECT values($1, $2)";
    assert_eq!(client.query(sql), "C:PREPARE Z:I");
    assert_eq!(client.query("EXECUTE s(7, 'x')"), "T D:7,x C:SELECT 1 Z:I");
    assert_eq!(client.query("EXECUTE s(NULL, 'it''s')"), "T D:NULL,it's C:SELECT 1 Z:I");
    assert_eq!(client.query(sql), "E:42P05 Z:I");
    assert_eq!(client.query("PREPARE t AS SELECT wrong"), "E:42703 Z:I");
    assert_eq!(client.query("EXECUTE t"), "E:26000 Z:I");
    // The same statements as those of the protocol.
    let bound = [bind("", "s", &["8", "y"]), execute("", 0)];
    assert_eq!(client.batch(&bound), "2 D:8,y C:SELECT 1 Z:I");
    let described =
        [parse("e", "EXECUTE s(9, 'z')"), describe("Se"), bind("", "e", &[]), execute("", 0)];
    assert_eq!(client.batch(&described), "1 t:[] T 2 D:9,z C:SELECT 1 Z:I");
    assert_eq!(client.query("DEALLOCATE s; EXECUTE s(1, 'x')"), "C:DEALLOCATE E:26000 Z:I");
}

#[test]
fn a_statement_that_was_refused_does_not_exist() {
    let server = TestServer::start();
    let mut client = server.connect();
    // Its Parse is answered before a backend has seen it.
    assert_eq!(client.batch(&[parse("s", "SELECT wrong"), describe("Ss")]), "1 E:42703 Z:I");
    assert_eq!(client.batch(&[parse("s", "SELECT n(1)"), describe("Ss")]), "1 t:[] T Z:I");
}

#[test]
fn truncated_messages_are_answered_with_an_error() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (tag, body) in [
        (b'P', &b"s\0SELECT 1\0\0\x01\0\0\0\x17"[..]),
        (b'B', b"p\0s\0\0\x01\0\0\0\x01\0\0\0\x01x\0\0"),
        (b'E', b"p\0\0\0\0\0"),
        (b'D', b"Sx\0"),
        (b'C', b"Px\0"),
    ] {
        for end in 0..body.len() {
            assert_eq!(client.batch(&[message(tag, &body[..end])]), "E:08P01 Z:I", "{tag} {end}");
        }
    }
    client.send(&message(b'Q', b"SELECT n(1)"));
    assert_eq!(client.until_ready(), "E:08P01 Z:I");
    client.send(&message(b'Q', b"SELECT '\xff'\0"));
    assert_eq!(client.until_ready(), "E:22021 Z:I");
    client.send(&message(b'F', b"\0\0\0\x01"));
    assert_eq!(client.until_ready(), "E:0A000 Z:I");
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn what_is_no_message_ends_the_connection() {
    let server = TestServer::start();
    for broken in [
        &b"G\0\0\0\x04"[..],
        b"Q\0\0\0\x03",
        b"Q\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"p\0\0\0\x05\0",
    ] {
        let mut client = server.connect();
        client.send(broken);
        let last = client.next();
        assert!(last == "E:08P01", "{broken:?}: {last}");
    }
}

#[test]
fn long_messages_are_refused_and_passed_over() {
    let server = TestServer::start();
    let mut client = server.connect();
    let long = "x".repeat(3 << 20);
    assert_eq!(client.query(&long), "E:54000 Z:I");
    assert_eq!(client.batch(&[parse("", &long), parse("", "SELECT n(1)")]), "E:54000 Z:I");
    let text = "x".repeat((1 << 20) - 5);
    assert_eq!(client.query(&format!("SHOW \"{text}\"")), "E:54000 Z:I");
    let text = "x".repeat((1 << 20) - 100);
    assert_eq!(client.query(&format!("SHOW \"{text}\"")), "E:42704 Z:I");
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
}

#[test]
fn settings_are_told_when_they_change() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query("SET application_name = 'a'"), "C:SET S:application_name=a Z:I");
    assert_eq!(
        client.query("BEGIN; SET application_name = 'b'"),
        "C:BEGIN C:SET S:application_name=b Z:T"
    );
    assert_eq!(client.query("ROLLBACK"), "C:ROLLBACK S:application_name=a Z:I");
    assert_eq!(client.query("SET LOCAL application_name = 'c'"), "N:25P01 C:SET Z:I");
    assert_eq!(client.query("RESET ALL"), "C:RESET S:application_name= Z:I");
    assert_eq!(client.query("SHOW nothing"), "E:42704 Z:I");
    assert_eq!(client.query("SET my.own = 'x'; SHOW my.own"), "C:SET T D:x C:SHOW Z:I");
    assert_eq!(
        client.query("SET statement_timeout = 5000; SHOW statement_timeout"),
        "C:SET T D:5s C:SHOW Z:I"
    );
    // What fails together is undone together.
    assert_eq!(client.query("SET statement_timeout = 9000; SELECT wrong"), "C:SET E:42703 Z:I");
    assert_eq!(client.query("SHOW statement_timeout"), "T D:5s C:SHOW Z:I");
    assert_eq!(client.query("DISCARD ALL"), "C:DISCARD ALL Z:I");
    assert_eq!(client.query("SHOW statement_timeout"), "T D:0 C:SHOW Z:I");
    assert_eq!(client.query("SET TIME ZONE 'Europe/Berlin'"), "E:0A000 Z:I");
    assert_eq!(client.query("SET default_transaction_read_only = off"), "N:01000 C:SET Z:I");
    assert_eq!(client.query("SET client_encoding = 'LATIN1'"), "E:22023 Z:I");
    assert!(client.query("SHOW ALL").contains("D:server_version,16.6, "));
}
