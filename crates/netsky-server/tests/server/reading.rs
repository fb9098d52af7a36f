//! A server that answers queries, and its store.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use netsky_db::Db;
use netsky_server::{Program, Queries, Server, ServerError, ServerOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Answer, Client, skip};

pub(crate) const TOKEN: (&str, &str) = ("authorization", "Bearer secret");

/// A query that ends only when it is killed.
pub(crate) const ENDLESS: &str =
    "SELECT count(*) FROM ticks a, ticks b, ticks c, ticks d WHERE a.id + b.id + c.id + d.id < 0";

/// A server in this process, whose queries are processes.
pub(crate) struct Reading {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), ServerError>>>,
    runtime: Runtime,
    dir: TempDir,
}

/// The program, if it is built.
pub(crate) fn program() -> Option<PathBuf> {
    let built = std::env::current_exe().unwrap().with_file_name("../netsky");
    match built.canonicalize() {
        Ok(path) => Some(path),
        Err(_) => {
            skip("netsky", "queries over HTTP are not tested, because `netsky` is not built");
            None
        }
    }
}

impl Reading {
    pub(crate) fn start() -> Option<Self> {
        Self::with(ServerOptions::new(), |queries| queries)
    }

    pub(crate) fn with(
        options: ServerOptions,
        set: impl FnOnce(Queries) -> Queries,
    ) -> Option<Self> {
        let program = program()?;
        let dir = tempfile::tempdir().unwrap();
        let queries = Queries::new(Program::new(program, dir.path().join("meta.db")), "secret");
        let server = Server::new(options).answer(set(queries));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = runtime.spawn(server.run([listener], async { drop(stopped.await) }));
        let (stop, running) = (Some(stop), Some(running));
        Some(Self { address, stop, running, runtime, dir })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("meta.db")
    }

    /// Records ticks.
    pub(crate) fn record(&self, count: i64) {
        record(&self.path(), count);
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let headers = [&[TOKEN], headers].concat();
        Client::connect(self.address).send(method, path, &headers, body.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn query(&self, sql: &str) -> Answer {
        self.send("POST", "/query", &[], sql)
    }

    /// Starts a query whose answer nobody reads yet.
    pub(crate) fn begin(&self, sql: &str) -> Client {
        let mut client = Client::connect(self.address);
        let (address, len) = (self.address, sql.len());
        let head = format!(
            "POST /query?format=csv HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer secret"
        );
        write!(client.stream.get_mut(), "{head}\r\ncontent-length: {len}\r\n\r\n{sql}").unwrap();
        client
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a metric has a value.
    pub(crate) fn until(&self, name: &str, value: f64) {
        while self.metric(name) != value {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn join(&mut self) {
        let running = self.running.take().unwrap();
        self.runtime.block_on(running).unwrap().unwrap();
    }

    /// The processes that answer queries of this store.
    #[cfg(target_os = "linux")]
    pub(crate) fn processes(&self) -> usize {
        let path = self.path().display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|process| {
                let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                line.starts_with(b"netsky") && String::from_utf8_lossy(&line).contains(&path)
            })
            .count()
    }
}

/// Records ticks in a store.
pub(crate) fn record(path: &Path, count: i64) {
    let rows = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"s","detail_json":"{}"}"#;
    let rows = format!("{rows}\n").repeat(usize::try_from(count).unwrap());
    Db::open_path(path).unwrap().import("ticks", rows.as_bytes()).unwrap();
}

pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}
