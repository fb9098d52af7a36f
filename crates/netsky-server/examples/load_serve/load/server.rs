//! A `netsky serve` with a store of its own.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::follower::Follower;
use super::http::Connection;
use super::memory::children;
use super::{Error, Result};

/// For what is asked outside of the load. The machine may be busy.
const DEADLINE: Duration = Duration::from_secs(120);

/// A server. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    program: PathBuf,
    dir: TempDir,
    pub address: SocketAddr,
    pub token: String,
    /// How many ticks there are at the start; their ids are the numbers up to it.
    pub ticks: i64,
}

/// The last ids of tables.
#[derive(Debug)]
pub struct LastIds(BTreeMap<&'static str, i64>);

impl LastIds {
    pub fn of(&self, table: &str) -> i64 {
        self.0.get(table).copied().unwrap_or(0)
    }
}

/// The tables that are written.
const TABLES: [&str; 2] = ["ticks", "messages"];

impl Server {
    /// Starts a server with the demo's fleet.
    pub fn start(program: &Path, rows: u64) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let temp = dir.path().join("temp");
        fs::create_dir(&temp)?;
        let mut process = {
            let store = dir.path().join("meta.db");
            run(program, &store, &["demo", "--rows", &rows.to_string()])?;
            Command::new(program)
                .arg("--db")
                .arg(&store)
                .args(["serve", "--listen", "127.0.0.1:0"])
                .env("TMPDIR", &temp)
                .env("HOME", dir.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?
        };
        let file = dir.path().join("serve.json");
        let said = until(|| {
            let text = fs::read_to_string(&file).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let Some(said) = said else {
            let _ = process.kill();
            return Err(format!("{} serve says nothing in serve.json", program.display()).into());
        };
        let port = said["port"].as_u64().ok_or("serve.json has no port")?;
        let token = said["token"].as_str().ok_or("serve.json has no token")?.to_owned();
        let address = format!("127.0.0.1:{port}").parse()?;
        let program = program.to_owned();
        let mut server = Self { process, program, dir, address, token, ticks: 0 };
        server.ticks = server.number("SELECT count(*) AS n FROM ticks")?;
        Ok(server)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("meta.db")
    }

    pub fn last_ids(&self) -> Result<LastIds> {
        let id = |table| {
            let sql = format!("SELECT coalesce(max(id), 0) AS n FROM {table}");
            self.number(&sql).map(|id| (table, id))
        };
        TABLES.into_iter().map(id).collect::<Result<_>>().map(LastIds)
    }

    /// How many rows have been added.
    pub fn added(&self, before: &LastIds) -> Result<u64> {
        let mut added = 0;
        for table in TABLES {
            let id = before.of(table);
            added += self.number(&format!("SELECT count(*) AS n FROM {table} WHERE id > {id}"))?;
        }
        Ok(u64::try_from(added)?)
    }

    /// The ids that a follower should have seen.
    pub fn ids(&self, follower: &Follower) -> Result<Vec<i64>> {
        let Follower { table, condition, after, .. } = follower;
        let rows =
            self.ask(&format!("SELECT id FROM {table} WHERE id > {after}{condition} ORDER BY id"))?;
        rows.lines().skip(1).map(|id| Ok(id.parse()?)).collect()
    }

    fn number(&self, sql: &str) -> Result<i64> {
        let rows = self.ask(sql)?;
        Ok(rows.lines().nth(1).ok_or("no row")?.parse()?)
    }

    /// Asks for CSV, again if the server is busy.
    fn ask(&self, sql: &str) -> Result<String> {
        let answer = until(|| {
            let asked = Connection::open(self.address, &self.token)
                .and_then(|mut connection| connection.query(sql, "csv"));
            match asked {
                Ok((429, _)) => None,
                Ok((200, body)) => Some(Ok(String::from_utf8_lossy(&body).into_owned())),
                Ok((status, body)) => {
                    Some(Err(format!("{sql}: {status} {}", String::from_utf8_lossy(&body))))
                }
                Err(error) => Some(Err(format!("{sql}: {error}"))),
            }
        });
        Ok(answer.ok_or("the server stays busy")??)
    }

    /// Waits until no query runs. Returns what is wrong.
    pub fn until_without_children(&self) -> Option<String> {
        // Those that are kept for later end when they have been idle for a while.
        let ended = until(|| children(self.id()).is_empty().then_some(()));
        ended.is_none().then(|| "child processes are left".to_owned())
    }

    /// Ends the server and checks the store. Returns what is wrong.
    pub fn end(mut self) -> Result<Vec<String>> {
        let mut broken = Vec::new();
        let id = self.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        match until(|| self.process.try_wait().ok().flatten()) {
            Some(status) if status.success() => {}
            status => broken.push(format!("the server has ended with {status:?}")),
        }
        let left: Vec<_> = fs::read_dir(self.dir.path().join("temp"))?.flatten().collect();
        if !left.is_empty() {
            broken.push(format!("temporary files are left: {left:?}"));
        }
        if self.dir.path().join("serve.json").exists() {
            broken.push("serve.json is left".to_owned());
        }
        broken.extend(run(&self.program, &self.store(), &["check"]).err().map(|it| it.to_string()));
        Ok(broken)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(program: &Path, store: &Path, arguments: &[&str]) -> std::result::Result<(), Error> {
    let output = Command::new(program).arg("--db").arg(store).args(arguments).output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("netsky {}: {said}", arguments.join(" ")).into())
        }
    }
}

fn until<T>(mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        if let Some(it) = ready() {
            return Some(it);
        }
        sleep(Duration::from_millis(20));
    }
    None
}
