//! `netsky-cluster`: the processes that run queries of a lake on many machines.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use clap::{Parser, Subcommand};
use env_logger::Env;
use netsky_cluster::{Executor, Result, SCHEDULER_PORT, Scheduler};
use tokio::runtime::Builder;
use tokio::signal;

/// Run queries of a lake on many machines.
///
/// A cluster is one scheduler and any number of executors. `netsky query --lake URL --cluster df://HOST:PORT` asks it.
/// All processes must be of one version and read the lake at the same URL, with credentials from their environment.
/// Nothing is encrypted, and whoever reaches the ports can read every lake that the processes can read: keep them in a
/// private network.
#[derive(Debug, Parser)]
#[command(name = "netsky-cluster", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plan queries and give their tasks to executors
    Scheduler {
        /// Where clients and executors reach it
        #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from(([127, 0, 0, 1], SCHEDULER_PORT)))]
        listen: SocketAddr,
    },
    /// Run tasks of queries
    Executor {
        /// The scheduler. If it is not there yet, the executor waits for it
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50050", value_parser = host_and_port)]
        scheduler: (String, u16),
        /// Where clients and executors get results; the scheduler uses the next port. With port 0, both are free ones
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Under which name others reach it [default: the address from which it talks to the scheduler]
        #[arg(long, value_name = "HOST")]
        advertise: Option<String>,
        /// How many tasks run at once [default: the number of cores]
        #[arg(long, value_name = "N")]
        cores: Option<NonZero<usize>>,
        /// The memory of all tasks, such as 8GiB; what needs more goes to the disk [default: 70 percent]
        #[arg(long, value_name = "SIZE")]
        memory: Option<ByteSize>,
        /// Where results and what does not fit into memory are stored [default: a temporary directory]
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    env_logger::Builder::from_env(Env::default().default_filter_or("warn")).init();
    let done = Builder::new_multi_thread().enable_all().build().map(|runtime| {
        let done = runtime.block_on(run(args.command));
        // Connections that are still open do not hold the end up.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("netsky-cluster: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("netsky-cluster: no threads: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Scheduler { listen } => {
            eprintln!("scheduler on {listen}");
            tokio::select! {
                ended = Scheduler { listen }.run() => ended,
                () = terminated() => Ok(()),
            }
        }
        Command::Executor { scheduler, listen, advertise, cores, memory, directory } => {
            eprintln!("executor of {}:{}", scheduler.0, scheduler.1);
            let memory = memory.map(|size| size.as_u64());
            Executor { scheduler, listen, advertise, cores, memory, directory }.run().await
        }
    }
}

/// Waits for SIGINT or SIGTERM.
async fn terminated() {
    #[cfg(unix)]
    if let Ok(mut term) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = term.recv() => {}
        }
        return;
    }
    let _ = signal::ctrl_c().await;
}

fn host_and_port(text: &str) -> std::result::Result<(String, u16), String> {
    let parsed = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parsed {
        Some((host, port)) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err("a scheduler is HOST:PORT, such as 10.0.0.1:50050".to_owned()),
    }
}
