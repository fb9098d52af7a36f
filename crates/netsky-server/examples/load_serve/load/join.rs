//! Joins that would never end.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Result;
use super::http::Connection;
use super::server::Server;
use super::wire::Session;

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000) AS a(i), generate_series(1, 100000) AS b(i), \
                       generate_series(1, 100000) AS c(i) WHERE a.i * b.i * c.i = 7";

/// How long one runs.
const RUNS: Duration = Duration::from_secs(3);

/// Starts a join, kills it after a while, and starts the next one, until the end. Returns how many there were.
pub fn run(server: &Server, speaks_postgres: bool, end: Instant) -> Result<u64> {
    let mut count = 0;
    let wait = || sleep(RUNS.min(end.saturating_duration_since(Instant::now())));
    while Instant::now() < end {
        count += 1;
        if speaks_postgres {
            let mut session = Session::connect(server.address, &server.token)?;
            session.send_query(ENDLESS)?;
            wait();
            match session.cancel()?.as_str() {
                // It may have had no place.
                "wire 57014" | "wire 53300" => {}
                other => return Err(format!("a cancelled join: {other}").into()),
            }
        } else {
            let mut connection = Connection::open(server.address, &server.token)?;
            connection.send_query(ENDLESS, "csv")?;
            wait();
            // The client goes away.
            drop(connection);
        }
    }
    Ok(count)
}
