//! The server over real connections.

mod broken;
mod child;
mod events;
mod exporters;
mod guards;
mod hooks;
mod http;
mod limits;
mod page;
mod python;
mod queries;
mod reading;
mod store;
mod watching;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use netsky_db::{Db, OpenOptions, TABLES};
use netsky_ingest::otlp::{FoundSession, Lookup};
use netsky_ingest::prices::Prices;
use netsky_ingest::{Committer, ReadOptions};
use netsky_server::{Received, Server, ServerError, ServerOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server in this process, with a store of its own.
struct TestServer {
    runtime: Runtime,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), ServerError>>>,
    received: Arc<Received>,
    dir: TempDir,
}

impl TestServer {
    fn new() -> Self {
        Self::with(ServerOptions::default())
    }

    fn with(options: ServerOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = server(&dir.path().join("meta.db"), options);
        let received = server.received();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = runtime.spawn(server.run([listener], async { drop(stopped.await) }));
        Self { runtime, address, stop: Some(stop), running: Some(running), received, dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("meta.db")
    }

    /// Sends a request on a connection of its own.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Client::connect(self.address).send(method, path, headers, body)
    }

    fn post_json(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    fn rows(&self, table: &str) -> Vec<Value> {
        rows(&self.path(), table)
    }

    /// Asks the server to stop.
    fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    fn join(&mut self) {
        let running = self.running.take().unwrap();
        self.runtime.block_on(running).unwrap().unwrap();
    }
}

fn server(path: &Path, options: ServerOptions) -> Server {
    let db = OpenOptions::new().busy_timeout(Duration::from_millis(500)).open(path).unwrap();
    let lookup = Lookup::new(Some(db.clone()), shop, ReadOptions::default());
    let committer = Committer::new(db, Arc::new(Prices::load(None).unwrap()));
    Server::new(options).receive(committer, lookup)
}

fn shop(_: &str, _: &str) -> Option<FoundSession> {
    Some(FoundSession { agent: Some("shop".to_owned()), cwd: Some("/home/dev/shop".to_owned()) })
}

fn rows(path: &Path, table: &str) -> Vec<Value> {
    let table = TABLES.iter().find(|known| known.name() == table).unwrap();
    let mut rows = Vec::new();
    let db = Db::open_read_only(path).unwrap();
    db.visit_rows(table, |_, json| rows.push(serde_json::from_slice(json).unwrap())).unwrap();
    rows
}

/// A connection.
struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // No test waits that long; it fails instead of hanging.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { address, stream: BufReader::new(stream) }
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, path, headers, body).unwrap()
    }

    fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        // The server may have answered already, and closed the connection.
        let _ = stream.write_all(body);
        self.answer_to(method)
    }

    fn answer(&mut self) -> std::io::Result<Answer> {
        self.answer_to("GET")
    }

    fn answer_to(&mut self, method: &str) -> std::io::Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = Vec::new();
        match headers.get("content-length") {
            _ if method == "HEAD" => {}
            Some(len) => {
                body.resize(len.parse().unwrap(), 0);
                self.stream.read_exact(&mut body)?;
            }
            None if headers.contains_key("transfer-encoding") => {
                while let Some(chunk) = self.chunk()? {
                    body.extend_from_slice(&chunk);
                }
            }
            None => {}
        }
        Ok(Answer { status, headers, body })
    }

    /// Reads a chunk of a body; `None` is its proper end.
    fn chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let len = usize::from_str_radix(line.trim_end(), 16);
        let len = len.map_err(|_| std::io::ErrorKind::UnexpectedEof)?;
        let mut chunk = vec![0; len + 2];
        self.stream.read_exact(&mut chunk)?;
        chunk.truncate(len);
        Ok((len > 0).then_some(chunk))
    }
}

/// A request with one call for each id.
fn calls(request_ids: &[String]) -> Value {
    let text = |text: &str| json!({ "stringValue": text });
    let records: Vec<_> = request_ids
        .iter()
        .map(|id| {
            let attributes = [
                ("session.id", text("s1")),
                ("event.name", text("api_request")),
                ("model", text("claude-opus-5-5")),
                ("input_tokens", json!({"intValue": 7})),
                ("output_tokens", json!({"intValue": "100"})),
                ("duration_ms", json!({"intValue": 20})),
                ("request_id", text(id)),
            ];
            let attributes = attributes.map(|(key, value)| json!({"key": key, "value": value}));
            json!({"timeUnixNano": "1795471366224000000", "attributes": attributes})
        })
        .collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": text("claude-code")}]},
        "scopeLogs": [{"logRecords": records}],
    }]})
}

fn call(request_id: &str) -> Value {
    calls(&[request_id.to_owned()])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Says why a test does not run, and fails if `NETSKY_REQUIRE` names it.
fn skip(what: &str, reason: &str) {
    let required = std::env::var("NETSKY_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|name| name == what || name == "all");
    assert!(!required, "{what} is required: {reason}");
    // Not `eprintln`, which the test harness captures.
    let _ = std::io::stderr().write_all(format!("skipped: {reason}\n").as_bytes());
}
