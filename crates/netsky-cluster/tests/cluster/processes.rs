//! The processes of a cluster.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use netsky_cluster::Cluster;
use netsky_db::Db;
use netsky_lake::Lake;

/// How long something may take that usually takes a second.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with the test.
pub struct Process(pub Child);

impl Process {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netsky-cluster"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        if std::env::var_os("RUST_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        Self(command.spawn().unwrap())
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// The processor time that it has taken.
    pub fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
        // In hundredths of a second.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A scheduler, and executors of one core each unless they are given more.
pub struct Processes {
    pub port: u16,
    pub scheduler: Process,
    pub executors: Vec<Process>,
    /// The cores of executors beyond one each.
    more_cores: usize,
}

impl Processes {
    pub fn start(executors: usize) -> Self {
        let port = free_port();
        let mut started =
            Self { port, scheduler: scheduler(port), executors: Vec::new(), more_cores: 0 };
        for _ in 0..executors {
            started.add_executor();
        }
        started
    }

    pub fn add_executor(&mut self) {
        self.add_executor_with_cores(1);
    }

    pub fn add_executor_with_cores(&mut self, cores: usize) {
        let (scheduler, number) = (format!("127.0.0.1:{}", self.port), cores.to_string());
        let args = ["executor", "--scheduler", &scheduler, "--cores", &number];
        self.executors.push(Process::start(&args));
        self.more_cores += cores - 1;
    }

    pub fn restart_scheduler(&mut self) {
        self.scheduler.kill();
        self.scheduler = scheduler(self.port);
    }

    pub fn url(&self) -> String {
        format!("df://127.0.0.1:{}", self.port)
    }

    /// Queries of the lake on the cluster.
    pub fn db(&self, lake: &str) -> Db {
        Cluster::new(&self.url()).unwrap().db(Lake::open(lake).unwrap()).unwrap()
    }

    /// As [`db`](Self::db), when all executors are there.
    pub fn ready(&self, lake: &str) -> Db {
        let db = self.db(lake);
        let sql = "EXPLAIN SELECT source, count(*) FROM ticks GROUP BY source";
        let cores = self.executors.len() + self.more_cores;
        let partitions = format!("], {cores})");
        until("the executors are there", || match db.query(sql) {
            Ok(plan) => cores == 1 || plan.contains(&partitions),
            Err(_) => false,
        });
        db
    }
}

fn scheduler(port: u16) -> Process {
    let scheduler = Process::start(&["scheduler", "--listen", &format!("127.0.0.1:{port}")]);
    until("the scheduler listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    scheduler
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "it never was so that {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
