//! Clients that ask a small query, wait, and ask the next one.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::http::Connection;
use super::server::Server;
use super::wire::{self, Session};

/// What a server says if it is asked for later.
const LATER: [&str; 2] = ["HTTP 429", "wire 53300"];

/// How long a client waits then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Small queries: what a page asks for, and a lookup. `LAST` is an id that the store has at the start, so that the
/// first has a known answer.
const QUERIES: [&str; 5] = [
    "SELECT count(*) AS n FROM ticks WHERE id <= LAST",
    "SELECT 1 AS n",
    "SELECT ts_utc, source FROM ticks ORDER BY id DESC LIMIT 20",
    "SELECT agent, count(*) AS n FROM mcp_tool_calls GROUP BY agent ORDER BY n DESC LIMIT 10",
    "SELECT model, sum(output_tokens) AS n FROM token_usage WHERE ts_utc > (SELECT max(ts_utc) FROM token_usage) - INTERVAL '1 day' GROUP BY model ORDER BY model",
];

/// What clients have asked, and got.
#[derive(Debug, Default)]
pub struct Asked {
    /// How often each outcome was.
    pub outcomes: BTreeMap<String, u64>,
    /// How long answers took, by protocol.
    pub times: BTreeMap<&'static str, Vec<Duration>>,
    pub wrong: Vec<String>,
}

impl Asked {
    pub fn add(&mut self, other: Self) {
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (protocol, times) in other.times {
            self.times.entry(protocol).or_default().extend(times);
        }
        self.wrong.extend(other.wrong);
    }

    pub fn broken(&self) -> Vec<String> {
        let is_good = |outcome: &str| outcome.ends_with(" ok") || LATER.contains(&outcome);
        let failed = self.outcomes.iter().filter(|(outcome, _)| !is_good(outcome));
        let failed = failed.map(|(outcome, count)| format!("{count} queries: {outcome}"));
        let mut broken: Vec<String> = failed.chain(self.wrong.iter().take(5).cloned()).collect();
        for (protocol, times) in &self.times {
            if times.is_empty() {
                broken.push(format!("{protocol}: no query was answered"));
            }
        }
        broken
    }
}

enum Client {
    Http(Connection),
    Wire(Box<Session>),
}

/// An answer, or the outcome.
type Answer = std::result::Result<String, String>;

impl Client {
    fn connect(server: &Server, speaks_postgres: bool) -> std::result::Result<Self, String> {
        Ok(match speaks_postgres {
            true => Self::Wire(Box::new(Session::connect(server.address, &server.token)?)),
            false => {
                let connection = Connection::open(server.address, &server.token);
                Self::Http(connection.map_err(|error| format!("HTTP {error}"))?)
            }
        })
    }

    /// Asks for CSV without a header: as the wire's text.
    fn ask(&mut self, sql: &str) -> Answer {
        match self {
            Self::Http(connection) => match connection.query(sql, "csv") {
                Ok((200, body)) => {
                    let body = String::from_utf8_lossy(&body);
                    Ok(body.split_once('\n').map_or("", |(_, rows)| rows.trim()).to_owned())
                }
                Ok((status @ (429 | 503), _)) => Err(format!("HTTP {status}")),
                Ok((status, body)) => {
                    Err(format!("HTTP {status} {}", String::from_utf8_lossy(&body).trim()))
                }
                Err(error) => Err(format!("HTTP {error}")),
            },
            Self::Wire(session) => session.query(sql),
        }
    }
}

/// Asks until the end.
pub fn run(
    server: &Server,
    number: u64,
    speaks_postgres: bool,
    pause: Duration,
    end: Instant,
) -> Asked {
    let mut asked = Asked::default();
    let protocol = if speaks_postgres { wire::NAME } else { "HTTP" };
    asked.times.entry(protocol).or_default();
    let mut random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // Not all at once.
    let mut wait = pause.mul_f64((number % 50) as f64 / 50.0);
    let mut client = None;
    for turn in number.. {
        sleep(wait.min(end.saturating_duration_since(Instant::now())));
        let began = Instant::now();
        if began >= end {
            break;
        }
        let query = QUERIES[turn as usize % QUERIES.len()];
        let connected = match client.take() {
            Some(client) => Ok(client),
            None => Client::connect(server, speaks_postgres),
        };
        let answer = connected.and_then(|mut connected| {
            let answer = connected.ask(&query.replace("LAST", &server.ticks.to_string()));
            // A failure of the connection has no code.
            let stays = answer.as_ref().err().is_none_or(|outcome| is_code(outcome));
            client = stays.then_some(connected);
            answer
        });
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        wait = pause.mul_f64(0.5 + (random >> 33) as f64 / (1_u64 << 31) as f64);
        let outcome = match answer {
            Ok(text) => {
                asked.times.entry(protocol).or_default().push(began.elapsed());
                let expected = match turn as usize % QUERIES.len() {
                    0 => Some(server.ticks.to_string()),
                    1 => Some("1".to_owned()),
                    _ => None,
                };
                let is_right = expected.map_or(!text.is_empty(), |expected| expected == text);
                if !is_right {
                    asked.wrong.push(format!("{protocol}: {query}: {text:?}"));
                }
                format!("{protocol} ok")
            }
            Err(outcome) => {
                if LATER.contains(&&*outcome) {
                    wait = RETRY_AFTER.mul_f64(0.5 + wait.div_duration_f64(pause) / 2.0);
                }
                outcome
            }
        };
        *asked.outcomes.entry(outcome).or_default() += 1;
    }
    asked
}

fn is_code(outcome: &str) -> bool {
    outcome.split(' ').nth(1).is_some_and(|code| {
        (3..=5).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    })
}
