//! Followers of `/events`, which must see each row once.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http::Connection;
use super::server::{LastIds, Server};
use super::{Result, writer};

/// One of the followers connects again after so long.
const CONNECTED: Duration = Duration::from_secs(1);

/// What comes so long after the last row is found out.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// A thread that follows a table.
#[derive(Debug)]
pub struct Follower {
    pub table: &'static str,
    pub condition: String,
    pub after: i64,
    name: String,
    seen: Arc<Mutex<Vec<i64>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Follower {
    /// Starts one of five kinds.
    pub fn start(server: &Server, number: u64, before: &LastIds) -> Result<Self> {
        let (table, format, source, reconnects) = match number % 5 {
            0 => ("ticks", "sse", None, false),
            1 => ("messages", "ndjson", None, false),
            2 => ("ticks", "sse", None, true),
            3 => ("ticks", "ndjson", Some(writer::source(0)), false),
            _ => ("messages", "sse", None, true),
        };
        let after = before.of(table);
        let mut url = format!("/events?table={table}&format={format}");
        let mut condition = String::new();
        if let Some(source) = source {
            condition = format!(" AND source = '{source}'");
            url += &format!("&where=source+%3D+%27{source}%27");
        }
        let (seen, stop) = (Arc::<Mutex<Vec<i64>>>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            let (address, token) = (server.address, server.token.clone());
            let url = url.clone();
            thread::spawn(move || follow(address, &token, &url, after, reconnects, &seen, &stop))
        };
        Ok(Self { table, condition, after, name: url, seen, stop, thread })
    }

    /// Waits until the rows have been seen, and returns what is wrong.
    pub fn end(self, expected: &[i64], deadline: Instant) -> Option<String> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen().len() < expected.len()
            && !self.thread.is_finished()
            && Instant::now() < deadline
        {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(AFTERWARDS);
        self.stop.store(true, Ordering::SeqCst);
        let name = &self.name;
        match self.thread.join() {
            Err(_) => return Some(format!("{name}: the follower has panicked")),
            Ok(Err(error)) => return Some(format!("{name}: {error}")),
            Ok(Ok(())) => {}
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (*seen != expected).then(|| {
            let at = seen.iter().zip(expected).take_while(|(seen, row)| seen == row).count();
            format!(
                "{name}: {} rows were followed instead of {}; they differ at {at}: {:?} and {:?}",
                seen.len(),
                expected.len(),
                seen.get(at),
                expected.get(at)
            )
        })
    }
}

fn follow(
    address: SocketAddr,
    token: &str,
    url: &str,
    mut after: i64,
    reconnects: bool,
    seen: &Mutex<Vec<i64>>,
    stop: &AtomicBool,
) -> io::Result<()> {
    while !stop.load(Ordering::SeqCst) {
        let mut connection = Connection::open(address, token)?;
        let status = connection.follow(url, Some(after))?;
        if status != 200 {
            return Err(io::Error::other(format!("the answer is {status}")));
        }
        let (connected, mut line) = (Instant::now(), Vec::new());
        let is_over = || reconnects && connected.elapsed() > CONNECTED;
        while !stop.load(Ordering::SeqCst) && !is_over() {
            let Some(text) = connection.line(Duration::from_millis(100), &mut line)? else {
                continue;
            };
            let id = match text.strip_prefix("data: ").unwrap_or(&text) {
                row if row.starts_with("{\"id\":") => {
                    let digits = row["{\"id\":".len()..].split([',', '}']).next();
                    digits.and_then(|digits| digits.parse().ok())
                }
                _ if text.starts_with("event: error") || text.starts_with("{\"error\"") => {
                    return Err(io::Error::other(text));
                }
                _ => None,
            };
            if let Some(id) = id {
                after = id;
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            }
        }
    }
    Ok(())
}
