//! A load for a server: clients with small queries, writers, followers, and endless joins.
//!
//! Everything is blocking and by hand: on the machine that it measures, a load must cost little itself.

mod client;
mod follower;
mod http;
mod join;
mod memory;
mod report;
mod server;
mod wire;
pub mod writer;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use self::client::Asked;
use self::follower::Follower;
use self::memory::Memory;
pub use self::report::Report;
use self::server::Server;
use self::writer::Writer;

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, Error>;

/// What a load consists of.
#[derive(Debug)]
pub struct Options {
    /// The program `netsky`.
    pub program: PathBuf,
    /// With these, this program calls [`writer::run_if_asked`].
    pub writer_arguments: Vec<String>,
    pub clients: u64,
    pub writers: u64,
    pub followers: u64,
    pub joins: u64,
    pub time: Duration,
    /// Between two queries of a client.
    pub pause: Duration,
    /// The rows of the store at the start.
    pub rows: u64,
}

/// After the load, so long until the last rows have been followed.
const LAST_ROWS: Duration = Duration::from_secs(60);

/// Runs the load, and returns what has come of it.
pub fn run(options: &Options) -> Result<Report> {
    let server = Server::start(&options.program, options.rows)?;
    let speaks_postgres = wire::is_spoken(server.address);
    let before = server.last_ids()?;
    let memory = Memory::watch(server.id());
    let followers: Vec<Follower> = (0..options.followers)
        .map(|n| Follower::start(&server, n, &before))
        .collect::<Result<_>>()?;
    let writers: Vec<Writer> =
        (0..options.writers).map(|n| Writer::start(&server, options, n)).collect::<Result<_>>()?;

    let end = Instant::now() + options.time;
    let (mut asked, mut broken) = (Asked::default(), Vec::new());
    let mut joins = 0;
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..options.clients)
            .map(|n| {
                let speaks_postgres = speaks_postgres && n % 2 == 1;
                let server = &server;
                scope.spawn(move || client::run(server, n, speaks_postgres, options.pause, end))
            })
            .collect();
        let running: Vec<_> = (0..options.joins)
            .map(|n| {
                let speaks_postgres = speaks_postgres && n % 2 == 1;
                let server = &server;
                scope.spawn(move || join::run(server, speaks_postgres, end))
            })
            .collect();
        for client in clients {
            asked.add(client.join().map_err(|_| "a client has panicked")?);
        }
        for join in running {
            match join.join().map_err(|_| "a join has panicked")? {
                Ok(count) => joins += count,
                Err(error) => broken.push(error.to_string()),
            }
        }
        Ok(())
    })?;

    let mut recorded = 0;
    for writer in writers {
        recorded += writer.end()?;
    }
    let added = server.added(&before)?;
    if added != recorded {
        broken.push(format!("{recorded} rows were recorded, and {added} are there"));
    }
    let deadline = Instant::now() + LAST_ROWS;
    let mut followed = 0;
    for follower in followers {
        let expected = server.ids(&follower)?;
        followed += expected.len();
        broken.extend(follower.end(&expected, deadline));
    }
    broken.extend(server.until_without_children());
    let memory = memory.end();
    broken.extend(memory.broken(options.time));
    broken.extend(server.end()?);
    broken.extend(asked.broken());
    let time = options.time;
    Ok(Report { broken, asked, memory, recorded, followed, joins, time, speaks_postgres })
}
