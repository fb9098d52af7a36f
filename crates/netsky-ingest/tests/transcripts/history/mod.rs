//! Made-up histories of agents: what their programs write, line by line, and the rows that must come of it.
//!
//! The expected rows are noted while the lines are written, from what happened, and not from the lines.

mod claude;
mod claude_calls;
mod codex;
mod codex_calls;
mod expected;
mod telemetry;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use netsky_ingest::otlp::Request;

pub use expected::{Expected, summaries};

/// A source of chance. The same seed gives the same history.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Returns a number below another one.
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    /// Returns true in so many of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }

    /// Returns an id like those of the programs: a UUID of version 7 at a time.
    fn uuid(&mut self, millis: i64) -> String {
        let (time, bits) = (format!("{millis:012x}"), self.next());
        let random = format!("{:016x}", self.next());
        format!(
            "{}-{}-7{:03x}-8{:03x}-{}",
            &time[..8],
            &time[8..],
            bits & 0xFFF,
            (bits >> 12) & 0xFFF,
            &random[..12]
        )
    }
}

/// A history.
#[derive(Debug)]
pub struct History {
    /// The files, relative to a directory, in the order in which they were created.
    pub files: Vec<PathBuf>,
    /// The lines in the order in which they were written, each with its file.
    pub lines: Vec<(usize, Vec<u8>)>,
    /// What was told by OpenTelemetry, each after so many lines.
    pub telemetry: Vec<(usize, Request)>,
    pub expected: Expected,
    has_telemetry: bool,
    /// The projects of the sessions that were told of.
    projects: BTreeMap<String, String>,
    has_forks: bool,
    chance: Chance,
    /// Milliseconds since 1970.
    clock: i64,
    counter: i64,
}

/// What a history has.
struct Kind {
    has_forks: bool,
    has_telemetry: bool,
}

impl History {
    /// Makes up a history of some sessions with some steps each.
    pub fn new(seed: u64, sessions: usize, steps: usize) -> Self {
        Self::make(
            seed,
            sessions,
            steps,
            Kind { has_forks: true, has_telemetry: seed.is_multiple_of(2) },
        )
    }

    /// Makes up one without forks. A copy has the session of the fork, so the original must be stored first.
    pub fn without_forks(seed: u64, sessions: usize, steps: usize) -> Self {
        Self::make(
            seed,
            sessions,
            steps,
            Kind { has_forks: false, has_telemetry: seed.is_multiple_of(2) },
        )
    }

    fn make(seed: u64, sessions: usize, steps: usize, kind: Kind) -> Self {
        let Kind { has_forks, has_telemetry } = kind;
        let mut history = Self {
            has_forks,
            has_telemetry,
            telemetry: Vec::new(),
            projects: BTreeMap::new(),
            files: Vec::new(),
            lines: Vec::new(),
            expected: Expected::default(),
            chance: Chance::new(seed),
            clock: 1_769_904_000_000,
            counter: 0,
        };
        for _ in 0..sessions {
            if history.chance.percent(50) {
                claude::session(&mut history, steps);
            } else {
                codex::thread(&mut history, steps);
            }
            let pause = history.chance.below(7_200_000);
            history.clock += pause as i64;
        }
        let now = history.now();
        history.expected.finish(now);
        history
    }

    /// Returns a time when all is over.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.clock).unwrap() + chrono::Duration::days(3)
    }

    /// Returns a time right after a line was written.
    pub fn now_at(&self, line: usize) -> DateTime<Utc> {
        // A record is written every tenth of a second or less often.
        DateTime::from_timestamp_millis(1_769_904_000_000 + line as i64 * 100).unwrap()
    }

    fn file(&mut self, path: impl Into<PathBuf>) -> usize {
        self.files.push(path.into());
        self.files.len() - 1
    }

    fn write(&mut self, file: usize, line: impl Into<Vec<u8>>) {
        self.lines.push((file, line.into()));
    }

    /// Lets time pass and returns the time.
    fn tick(&mut self) -> String {
        self.clock += 100 + self.chance.below(400) as i64;
        time(self.clock)
    }

    fn wait(&mut self, millis: i64) {
        self.clock += millis;
    }

    /// Returns another number than before.
    fn number(&mut self) -> i64 {
        self.counter += 1;
        self.counter
    }

    /// Returns a line that is no record.
    fn noise(&mut self) -> Vec<u8> {
        let noise: [&[u8]; 8] = [
            b"{\"type\":\"user\",",
            b"[1,2]",
            b"\0\0\0\0",
            b"",
            b"\xFF\xFE",
            b"{}",
            b"{\"type\":\"novelty\",\"timestamp\":7}",
            b"null",
        ];
        self.chance.pick(&noise).to_vec()
    }
}

/// Returns a time as the programs, and rows, have it.
fn time(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true)
}
