//! Writers: processes that use the library, and others that run `netsky record`.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use netsky_db::{Db, Direction, MessageRecord};

use super::server::Server;
use super::{Options, Result};

/// Between two rows of a writer.
const PAUSE: Duration = Duration::from_millis(100);

/// The variables of a process that writes.
const STORE: &str = "NETSKY_LOAD_STORE";
const NUMBER: &str = "NETSKY_LOAD_WRITER";

/// What is said with the number of rows.
const RECORDED: &str = "recorded ";

/// The source of a writer's rows.
pub fn source(number: u64) -> String {
    format!("load-{number}")
}

/// A writer.
#[derive(Debug)]
pub enum Writer {
    Library(Child),
    Command { stop: Arc<AtomicBool>, thread: JoinHandle<Result<u64>> },
}

impl Writer {
    /// Starts a writer: each fourth runs commands.
    pub fn start(server: &Server, options: &Options, number: u64) -> Result<Self> {
        if number % 4 == 3 {
            let stop = Arc::<AtomicBool>::default();
            let stopped = Arc::clone(&stop);
            let (program, store) = (options.program.clone(), server.store());
            let thread = thread::spawn(move || {
                let mut count = 0;
                while !stopped.load(Ordering::SeqCst) {
                    let row = format!(r#"{{"source":"{}","detail_json":"{{}}"}}"#, source(number));
                    let mut command = Command::new(&program);
                    command.arg("--db").arg(&store).args(["record", "ticks", &row]);
                    let output = command.output()?;
                    if !output.status.success() {
                        let error = String::from_utf8_lossy(&output.stderr).into_owned();
                        return Err(format!("netsky record: {error}").into());
                    }
                    count += 1;
                    sleep(PAUSE * 5);
                }
                Ok(count)
            });
            return Ok(Self::Command { stop, thread });
        }
        let child = Command::new(env::current_exe()?)
            .args(&options.writer_arguments)
            .env(STORE, server.store())
            .env(NUMBER, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self::Library(child))
    }

    /// Ends it, and returns how many rows it has recorded.
    pub fn end(self) -> Result<u64> {
        match self {
            Self::Command { stop, thread } => {
                stop.store(true, Ordering::SeqCst);
                thread.join().map_err(|_| "a writer has panicked")?
            }
            Self::Library(mut child) => {
                drop(child.stdin.take());
                let output = BufReader::new(child.stdout.take().ok_or("no output")?);
                let mut count = None;
                for line in output.lines() {
                    let line = line?;
                    let digits = line.split_once(RECORDED).map(|(_, digits)| digits.trim());
                    count = count.or(digits.and_then(|digits| digits.parse().ok()));
                }
                let status = child.wait()?;
                Ok(count.ok_or_else(|| format!("a writer has failed: {status}"))?)
            }
        }
    }
}

/// Records rows until standard input ends, if this process is to be a writer. Returns whether it is.
pub fn run_if_asked() -> Result<bool> {
    let (Some(store), Ok(number)) = (env::var_os(STORE), env::var(NUMBER)) else {
        return Ok(false);
    };
    let source = source(number.parse()?);
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let input = thread::spawn(move || {
        let read = io::stdin().read(&mut [0]);
        stop.store(true, Ordering::SeqCst);
        read
    });
    let db = Db::open_path(store)?;
    let mut count = 0_u64;
    while !stopped.load(Ordering::SeqCst) {
        if count.is_multiple_of(2) {
            db.record_tick(chrono::Utc::now(), &source, "{}")?;
        } else {
            db.record_message(MessageRecord {
                from_agent: Some("load"),
                body: Some("a line of text"),
                ..MessageRecord::new(chrono::Utc::now(), &source, Direction::Outbound)
            })?;
        }
        count += 1;
        sleep(PAUSE);
    }
    writeln!(io::stdout(), "{RECORDED}{count}")?;
    input.join().map_err(|_| "the input has panicked")??;
    Ok(true)
}
