//! Other processes: this test program, started again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use netsky_db::Db;
use netsky_server::ServerOptions;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const TASK: &str = "NETSKY_SERVER_TEST_TASK";
const STORE: &str = "NETSKY_SERVER_TEST_STORE";

/// A process that ends with this value.
pub(crate) struct Child {
    process: std::process::Child,
    ready: String,
}

impl Child {
    /// Starts a process, and waits until it is ready. `task` is `serve`, or `hold`: it holds the lock for writing.
    pub(crate) fn start(task: &str, store: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["child::process", "--exact", "--nocapture", "--test-threads=1"])
            .env(TASK, task)
            .env(STORE, store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines
            .map(Result::unwrap)
            .find_map(|line| line.split_once("ready ").map(|(_, ready)| ready.to_owned()));
        Self { process, ready: ready.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.ready.parse().unwrap()
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the process does. In the test run itself, nothing.
#[test]
fn process() {
    let (Ok(task), Some(store)) = (std::env::var(TASK), std::env::var_os(STORE)) else { return };
    let store = Path::new(&store);
    match task.as_str() {
        "serve" => {
            let runtime = Runtime::new().unwrap();
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            ready(&listener.local_addr().unwrap().to_string());
            let server = crate::server(store, ServerOptions::default());
            runtime.block_on(server.run([listener], std::future::pending())).unwrap();
        }
        _ => {
            let db = Db::open_path(store).unwrap();
            db.upsert(|_| {
                ready("holding");
                // Until it is killed.
                let _ = std::io::stdin().read(&mut [0]);
                Ok(())
            })
            .unwrap();
        }
    }
}

fn ready(what: &str) {
    println!("ready {what}");
    let _ = std::io::stdout().flush();
}
