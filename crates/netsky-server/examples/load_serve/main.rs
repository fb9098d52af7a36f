//! Asks a real `netsky serve` as a busy fleet and its people do, and says whether it keeps its promises.
//!
//! ```text
//! cargo build --release -p netsky-cli
//! cargo run --release -p netsky-server --example load_serve -- target/release/netsky [clients=50] [seconds=60]
//! ```
//!
//! The other options are `writers=8`, `followers=5`, `joins=2`, `pause=1000` (ms between two queries of a client) and
//! `rows=100000` of the store at the start. Half of the clients speak HTTP and half the Postgres protocol, if the
//! server does. It ends with 1 if a query fails with anything but 429 or 53300, an answer is wrong, a row is not
//! followed exactly once, memory grows, something is left behind, or the store is damaged. Times are printed, and no
//! promise.

mod load;

use std::process::ExitCode;
use std::time::Duration;

use load::{Error, Options};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, Error> {
    if load::writer::run_if_asked()? {
        return Ok(true);
    }
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().ok_or("usage: load_serve NETSKY [NAME=NUMBER]...")?;
    let mut options = Options {
        program: program.into(),
        writer_arguments: Vec::new(),
        clients: 50,
        writers: 8,
        followers: 5,
        joins: 2,
        time: Duration::from_secs(60),
        pause: Duration::from_secs(1),
        rows: 100_000,
    };
    for argument in arguments {
        let (name, number) = argument.split_once('=').ok_or("an option is NAME=NUMBER")?;
        let number: u64 = number.parse()?;
        match name {
            "clients" => options.clients = number,
            "writers" => options.writers = number,
            "followers" => options.followers = number,
            "joins" => options.joins = number,
            "seconds" => options.time = Duration::from_secs(number),
            "pause" => options.pause = Duration::from_millis(number),
            "rows" => options.rows = number,
            _ => return Err(format!("'{name}' is unknown").into()),
        }
    }
    let report = load::run(&options)?;
    println!("{report}");
    Ok(report.broken.is_empty())
}
