//! The protocol of PostgreSQL with the real backends, byte by byte: what no client brings about.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Server;
use crate::cli::Home;

/// A query that ends only when it is killed.
const ENDLESS: &str =
    "SELECT count(*) FROM ticks a, ticks b, ticks c, ticks d WHERE a.id + b.id + c.id + d.id < 0";

/// A home with 3,000 ticks.
fn home() -> Home {
    let home = Home::new();
    let row = "{\"ts_utc\":\"2026-04-15T23:00:00Z\",\"source\":\"s\",\"detail_json\":\"{}\"}\n";
    home.run(&["import", "ticks", &home.file("ticks.ndjson", row.repeat(3_000))]);
    home
}

/// A session.
struct Session<S> {
    stream: S,
    key: Vec<u8>,
}

fn over_tcp(server: &Server, home: &Home) -> Session<TcpStream> {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    Session::begin(stream, &server.token(home))
}

impl<S: Read + Write> Session<S> {
    fn begin(mut stream: S, password: &str) -> Self {
        stream.write_all(b"\0\0\0\x11\0\x03\0\0user\0me\0\0").unwrap();
        let mut key = Vec::new();
        loop {
            match read(&mut stream).unwrap() {
                (b'R', body) if body[3] == 3 => {
                    stream.write_all(&message(b'p', password)).unwrap();
                }
                (b'K', body) => key = body,
                (b'Z', _) => return Self { stream, key },
                _ => {}
            }
        }
    }

    fn send(&mut self, sql: &str) {
        self.stream.write_all(&message(b'Q', sql)).unwrap();
    }

    /// The values of the rows, and the code of an error.
    fn answer(&mut self) -> io::Result<Vec<String>> {
        let mut all = Vec::new();
        loop {
            let (tag, body) = read(&mut self.stream)?;
            match tag {
                b'D' => all.push(String::from_utf8_lossy(&body[6..]).into_owned()),
                b'E' => {
                    let mut fields = body.split(|&byte| byte == 0);
                    let code = fields.find(|field| field.first() == Some(&b'C')).unwrap();
                    all.push(String::from_utf8_lossy(&code[1..]).into_owned());
                }
                b'Z' => return Ok(all),
                _ => {}
            }
        }
    }

    fn query(&mut self, sql: &str) -> Vec<String> {
        self.send(sql);
        self.answer().unwrap()
    }
}

fn read(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes(head[1..].try_into().unwrap());
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body)?;
    Ok((head[0], body))
}

fn message(tag: u8, text: &str) -> Vec<u8> {
    let length = (text.len() as u32 + 5).to_be_bytes();
    [&[tag], &length[..], text.as_bytes(), &[0]].concat()
}

#[test]
fn a_join_without_end_disturbs_nobody_and_is_cancelled() {
    let home = home();
    let server = Server::start_with(&home, &[]);
    let (mut busy, mut other) = (over_tcp(&server, &home), over_tcp(&server, &home));
    busy.send(ENDLESS);
    for _ in 0..10 {
        assert_eq!(other.query("SELECT count(*) FROM ticks"), ["3000"]);
    }
    assert_eq!(other.query("SET statement_timeout = 300"), [""; 0]);
    assert_eq!(other.query(ENDLESS), ["57014"]);
    assert_eq!(other.query("SET statement_timeout = 0; SELECT count(*) FROM ticks"), ["3000"]);
    let cancel = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &busy.key].concat();
    let mut canceller = TcpStream::connect(&server.address).unwrap();
    canceller.write_all(&cancel).unwrap();
    assert_eq!(canceller.read(&mut [0]).unwrap(), 0);
    assert_eq!(busy.answer().unwrap(), ["57014"]);
    assert_eq!(busy.query("SELECT count(*) FROM ticks"), ["3000"]);
    assert_eq!(busy.query("DELETE FROM ticks"), ["25006"]);
    assert_eq!(busy.query("EXPLAIN ANALYZE DELETE FROM ticks"), ["25006"]);
}

#[test]
fn cursors_read_the_rows_that_were_there_when_they_began() {
    let home = home();
    let server = Server::start_with(&home, &[]);
    let mut session = over_tcp(&server, &home);
    session.query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM ticks ORDER BY id");
    assert_eq!(session.query("FETCH 2 FROM c"), ["1", "2"]);
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    assert_eq!(session.query("SELECT count(*) FROM ticks"), ["3001"]);
    assert_eq!(session.query("FETCH ALL FROM c").last().map(String::as_str), Some("3000"));
    session.query("COMMIT");
    // Between statements, no backend has the store open.
    let backup = home.path("backup.db").display().to_string();
    home.ok(&["backup", &backup]);
    home.run(&["restore", &backup, "--force"]);
    assert_eq!(session.query("SELECT count(*) FROM ticks"), ["3001"]);
}

#[test]
fn the_socket_needs_no_password_and_goes_with_the_server() {
    let home = home();
    let server = Server::start_with(&home, &[]);
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let path = home.path(&format!(".netsky/.s.PGSQL.{port}"));
    let mut session = Session::begin(UnixStream::connect(&path).unwrap(), "");
    assert_eq!(session.query("SELECT count(*) FROM ticks"), ["3000"]);
    let (code, error) = server.end("-TERM");
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains(&format!("\npsql -h ~/.netsky -p {port}\n")), "{error}");
    assert!(!path.exists());
    let (_, body) = read(&mut session.stream).unwrap();
    assert!(String::from_utf8_lossy(&body).contains("57P01"));
}

#[test]
#[cfg(target_os = "linux")]
fn backends_end_with_a_killed_server() {
    let home = home();
    let store = home.path(".netsky/meta.db").display().to_string();
    let server = Server::start_with(&home, &[]);
    let (mut busy, mut idle) = (over_tcp(&server, &home), over_tcp(&server, &home));
    busy.send(ENDLESS);
    idle.query("SELECT 1");
    assert!(super::processes(&store) > 0);
    drop(server);
    while super::processes(&store) > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
}
