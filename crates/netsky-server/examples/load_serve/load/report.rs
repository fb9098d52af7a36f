//! What has come of a load.

use std::fmt;
use std::time::Duration;

use super::client::Asked;
use super::memory::Seen;

/// What has come of a load.
#[derive(Debug)]
pub struct Report {
    /// The promises that were broken.
    pub broken: Vec<String>,
    pub asked: Asked,
    pub memory: Seen,
    pub recorded: u64,
    pub followed: usize,
    pub joins: u64,
    pub time: Duration,
    pub speaks_postgres: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        if !self.speaks_postgres {
            writeln!(f, "the server does not speak Postgres: all clients use HTTP")?;
        }
        for (outcome, count) in &self.asked.outcomes {
            writeln!(f, "{outcome}: {count}")?;
        }
        for (protocol, times) in &self.asked.times {
            let mut times = times.clone();
            times.sort_unstable();
            let at = |part: f64| {
                let place =
                    ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
                times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
            };
            writeln!(
                f,
                "{protocol}: {:.1} answers/s, p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
                times.len() as f64 / seconds,
                at(0.5),
                at(0.95),
                at(0.99),
                at(1.0)
            )?;
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let quarters: Vec<String> =
            (0..4).map(|number| format!("{:.1}", mib(self.memory.quarter(number)))).collect();
        writeln!(
            f,
            "server: {} MiB by quarter, at most {:.1}; {:.1} s of processor time",
            quarters.join(", "),
            mib(self.memory.most(|it| it.server)),
            self.memory.processor.0
        )?;
        writeln!(
            f,
            "children: at most {}, together {:.1} MiB, the largest {:.1}; {:.1} s of processor time",
            self.memory.most(|it| it.count as u64),
            mib(self.memory.most(|it| it.children)),
            mib(self.memory.most(|it| it.largest_child)),
            self.memory.processor.1
        )?;
        writeln!(
            f,
            "{} rows recorded ({:.0}/s), {} to be followed, {} joins killed",
            self.recorded,
            self.recorded as f64 / seconds,
            self.followed,
            self.joins
        )?;
        match self.broken.is_empty() {
            true => write!(f, "all promises are kept"),
            false => write!(f, "BROKEN:\n  {}", self.broken.join("\n  ")),
        }
    }
}
