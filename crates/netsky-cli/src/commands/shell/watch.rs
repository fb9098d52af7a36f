//! `.watch`: a statement that runs again and again.

use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::commands::parameters::Parameters;
use crate::commands::query::{self, AnswerArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::store::StoreArgs;
use crate::time_zone;

/// As in psql.
const DEFAULT: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(100);

/// How often Ctrl-C is looked for between two runs.
const PAUSE: Duration = Duration::from_millis(50);

/// The time between two runs: `5`, `0.5`, or `1m`.
pub fn interval(argument: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = argument else { return Ok(DEFAULT) };
    let seconds = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    seconds
        .or_else(|| humantime::parse_duration(text).ok())
        .filter(|interval| *interval >= SHORTEST)
        .ok_or_else(|| {
            Failure::input(format!("expected seconds, such as 5 or 0.5, found '{text}'"))
        })
}

/// Prints the answer again and again, until Ctrl-C is pressed or the query fails.
pub fn run(
    store: &StoreArgs,
    sql: &str,
    answer: &AnswerArgs,
    interval: Duration,
) -> Result<(), Failure> {
    // A pager would wait for a key.
    let _unpaged = output::unpaged();
    loop {
        let now = time_zone::shown()?.local(Utc::now());
        let seconds = interval.as_secs_f64();
        output::print_dim(&format!("{}, every {seconds} s; Ctrl-C ends", now.format("%H:%M:%S")))?;
        match query::answer_with(store, sql, &Parameters::default(), answer, false) {
            Err(failure) if failure.is_interrupt() => return Ok(()),
            done => done?,
        }
        let next = Instant::now() + interval;
        while Instant::now() < next {
            if interrupt::pressed() {
                return Ok(());
            }
            thread::sleep(PAUSE.min(next.saturating_duration_since(Instant::now())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_seconds_or_durations() {
        for (text, milliseconds) in [("5", 5_000), ("0.5", 500), ("1m", 60_000), ("250ms", 250)] {
            assert_eq!(interval(Some(text)).unwrap(), Duration::from_millis(milliseconds));
        }
        for wrong in ["0", "-1", "soon", "NaN", "1e30"] {
            assert!(interval(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
