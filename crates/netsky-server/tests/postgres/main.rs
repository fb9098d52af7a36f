//! The protocol of PostgreSQL over real connections, with backends that do what the test says.
#![cfg(unix)]

mod backend;
mod cursors;
mod faults;
mod limits;
mod logins;
mod messages;
mod transactions;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use netsky_server::{PostgresSocket, Program, Queries, Server, ServerError, ServerOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server in this process.
struct TestServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), ServerError>>>,
    runtime: Runtime,
    dir: TempDir,
}

impl TestServer {
    fn start() -> Self {
        Self::with(ServerOptions::new(), |queries| queries)
    }

    fn with(options: ServerOptions, set: impl FnOnce(Queries) -> Queries) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new(backend::program(dir.path()), dir.path().join("meta.db"));
        let queries = set(Queries::new(program, "secret").max_running(4));
        let socket = PostgresSocket::bind(dir.path(), 5432).unwrap();
        let server = Server::new(options).answer(queries).listen_postgres(socket);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = runtime.spawn(server.run([listener], async { drop(stopped.await) }));
        Self { address, stop: Some(stop), running: Some(running), runtime, dir }
    }

    fn connect(&self) -> Client {
        let mut client = Client::open(self.address);
        client.send(&startup(&[("user", "me")]));
        assert_eq!(client.next(), "R:3");
        client.send(&message(b'p', b"secret\0"));
        assert!(client.until_ready().ends_with("Z:I"));
        client
    }

    fn socket(&self) -> UnixStream {
        UnixStream::connect(self.dir.path().join(".s.PGSQL.5432")).unwrap()
    }

    /// Sends a request over HTTP, and returns the whole answer.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head =
            "HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\nconnection: close";
        write!(stream, "GET {path} {head}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// How many processes run.
    fn children(&self) -> String {
        let metrics = self.get("/metrics");
        let line = metrics.lines().find(|line| line.starts_with("netsky_child_processes "));
        line.unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    fn stop(&mut self) {
        drop(self.stop.take());
    }

    fn join(&mut self) {
        self.runtime.block_on(self.running.take().unwrap()).unwrap().unwrap();
    }
}

/// Waits for something that happens soon.
fn eventually(mut what: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it has not happened");
}

/// A connection, byte by byte.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // No test waits that long; it fails instead of hanging.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn read(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        read(&mut self.stream)
    }

    /// The next message in short; empty at the end of the connection.
    fn next(&mut self) -> String {
        self.read().map_or(String::new(), |(tag, body)| short(tag, &body))
    }

    /// The messages up to ReadyForQuery, or to the end of the connection.
    fn until_ready(&mut self) -> String {
        let mut all = Vec::new();
        loop {
            let next = self.next();
            let is_last = next.starts_with('Z') || next.is_empty();
            all.push(next);
            if is_last {
                return all.join(" ").trim_end().to_owned();
            }
        }
    }

    fn query(&mut self, sql: &str) -> String {
        self.send(&query(sql));
        self.until_ready()
    }

    /// Sends messages and Sync.
    fn batch(&mut self, messages: &[Vec<u8>]) -> String {
        self.send(&[messages.concat(), message(b'S', b"")].concat());
        self.until_ready()
    }
}

fn read(stream: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body)?;
    Ok((head[0], body))
}

/// A message in short: its letter, and the most important of it.
fn short(tag: u8, body: &[u8]) -> String {
    let texts = || body.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let rest = match tag {
        b'E' | b'N' => texts().find(|text| text.starts_with('C')).unwrap()[1..].to_owned(),
        b'C' => texts().next().unwrap().into_owned(),
        b'S' => texts().take(2).collect::<Vec<_>>().join("="),
        b'R' => body[3].to_string(),
        b'Z' => (body[0] as char).to_string(),
        b'D' => row(body).join(","),
        b't' => format!("{:?}", &body[2..].chunks(4).map(|oid| oid[3]).collect::<Vec<_>>()),
        _ => String::new(),
    };
    let mut short = (tag as char).to_string();
    if !rest.is_empty() {
        write!(short, ":{rest}").unwrap();
    }
    short
}

fn row(body: &[u8]) -> Vec<String> {
    let mut rest = &body[2..];
    let mut values = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = i32::from_be_bytes(*length);
        if length < 0 {
            values.push("NULL".to_owned());
            rest = after;
        } else {
            let (value, after) = after.split_at(length as usize);
            values.push(String::from_utf8_lossy(value).into_owned());
            rest = after;
        }
    }
    values
}

fn field(body: &[u8], letter: u8) -> Option<String> {
    let mut fields = body.split(|&byte| byte == 0);
    let found = fields.find(|field| field.first() == Some(&letter))?;
    Some(String::from_utf8_lossy(&found[1..]).into_owned())
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[tag], &length[..], body].concat()
}

fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    startup_with(0, parameters)
}

fn startup_with(minor: u16, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = [3_u16.to_be_bytes(), minor.to_be_bytes()].concat();
    for (name, value) in parameters {
        body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    body.push(0);
    [&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', format!("{name}\0{sql}\0\0\0").as_bytes())
}

fn bind(portal: &str, statement: &str, values: &[&str]) -> Vec<u8> {
    let mut body = format!("{portal}\0{statement}\0\0\0").into_bytes();
    body.extend_from_slice(&(values.len() as u16).to_be_bytes());
    for value in values {
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    }
    body.extend_from_slice(&[0, 0]);
    message(b'B', &body)
}

fn describe(target: &str) -> Vec<u8> {
    message(b'D', format!("{target}\0").as_bytes())
}

fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), &[0], &rows.to_be_bytes()].concat())
}

fn close(target: &str) -> Vec<u8> {
    message(b'C', format!("{target}\0").as_bytes())
}
