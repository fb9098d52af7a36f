//! Transactions and savepoints.

use crate::{TestServer, bind, execute, parse};

#[test]
fn a_failed_transaction_does_nothing_more() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query("BEGIN"), "C:BEGIN Z:T");
    assert_eq!(client.query("SELECT wrong"), "E:42703 Z:E");
    assert_eq!(client.query("SELECT n(1)"), "E:25P02 Z:E");
    assert_eq!(client.batch(&[parse("", "SELECT n(1)")]), "E:25P02 Z:E");
    assert_eq!(client.query(""), "I Z:E");
    assert_eq!(client.batch(&[parse("", ""), bind("", "", &[])]), "1 E:25P02 Z:E");
    assert_eq!(client.query("COMMIT"), "C:ROLLBACK Z:I");
    assert_eq!(client.query("SELECT n(1)"), "T D:1 C:SELECT 1 Z:I");
    let begin = [parse("", "BEGIN"), bind("", "", &[]), execute("", 0)];
    assert_eq!(client.batch(&begin), "1 2 C:BEGIN Z:T");
    let commit = [parse("", "COMMIT"), bind("", "", &[]), execute("", 0)];
    assert_eq!(client.batch(&commit), "1 2 C:COMMIT Z:I");
}

#[test]
fn transactions_are_answered_as_in_postgresql() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query("COMMIT"), "N:25P01 C:COMMIT Z:I");
    assert_eq!(client.query("ROLLBACK"), "N:25P01 C:ROLLBACK Z:I");
    assert_eq!(client.query("BEGIN; BEGIN"), "C:BEGIN N:25001 C:BEGIN Z:T");
    assert_eq!(client.query("COMMIT AND CHAIN"), "C:COMMIT Z:T");
    assert_eq!(client.query("END; SELECT n(1)"), "C:COMMIT T D:1 C:SELECT 1 Z:I");
    assert_eq!(client.query("COMMIT AND CHAIN"), "E:25P01 Z:I");
    assert_eq!(client.query("START TRANSACTION READ ONLY"), "C:START TRANSACTION Z:T");
    assert_eq!(client.query("SHOW transaction_read_only"), "T D:on C:SHOW Z:T");
    assert_eq!(client.query("ABORT"), "C:ROLLBACK Z:I");
    // Both are accepted, and said not to be so.
    assert_eq!(client.query("BEGIN READ WRITE"), "N:01000 C:BEGIN Z:T");
    assert_eq!(client.query("SHOW transaction_read_only"), "T D:on C:SHOW Z:T");
    client.query("ROLLBACK");
    assert_eq!(client.query("BEGIN ISOLATION LEVEL SERIALIZABLE"), "N:01000 C:BEGIN Z:T");
    assert_eq!(client.query("SHOW transaction_isolation"), "T D:serializable C:SHOW Z:T");
    assert_eq!(
        client.query("COMMIT; SHOW transaction_isolation"),
        "C:COMMIT T D:read committed C:SHOW Z:I"
    );
    assert_eq!(client.query("DISCARD ALL; SELECT n(1)"), "E:25001 Z:I");
}

#[test]
fn savepoints_heal_a_failed_transaction() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.query("SAVEPOINT a"), "E:25P01 Z:I");
    client.query("BEGIN; SET statement_timeout = 7000");
    assert_eq!(client.query("SAVEPOINT a"), "C:SAVEPOINT Z:T");
    client.query("SET statement_timeout = 8000; SAVEPOINT b");
    assert_eq!(client.query("SELECT wrong"), "E:42703 Z:E");
    assert_eq!(client.query("RELEASE a"), "E:25P02 Z:E");
    assert_eq!(client.query("ROLLBACK TO SAVEPOINT a"), "C:ROLLBACK Z:T");
    assert_eq!(client.query("SHOW statement_timeout"), "T D:7s C:SHOW Z:T");
    assert_eq!(client.query("RELEASE SAVEPOINT a"), "C:RELEASE Z:T");
    assert_eq!(client.query("RELEASE a"), "E:3B001 Z:E");
    assert_eq!(client.query("ROLLBACK"), "C:ROLLBACK Z:I");
    assert_eq!(client.query("SHOW statement_timeout"), "T D:0 C:SHOW Z:I");
}
