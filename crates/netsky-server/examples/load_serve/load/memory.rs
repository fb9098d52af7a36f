//! The memory and the processor time of a process and its children, as `/proc` has them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

/// Memory is said to grow after this time only: at first, caches are filled.
const MEASURED: Duration = Duration::from_secs(20);

/// What the server may gain from the second quarter to the last one.
const MAX_GROWTH: u64 = 16 << 20;

/// What was seen at a moment, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    pub server: u64,
    pub children: u64,
    pub largest_child: u64,
    pub count: usize,
}

/// A thread that watches a process.
#[derive(Debug)]
pub struct Memory {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Sample>>,
    id: u32,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    pub samples: Vec<Sample>,
    /// In seconds: of the server, and of its children.
    pub processor: (f64, f64),
}

impl Memory {
    pub fn watch(id: u32) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                samples.push(sample(id));
                thread::sleep(PAUSE);
            }
            samples
        });
        Self { stop, thread, id }
    }

    pub fn end(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        let processor = processor(self.id).unwrap_or_default();
        Seen { samples: self.thread.join().unwrap_or_default(), processor }
    }
}

impl Seen {
    /// The median of the server in a quarter of the time, from 0.
    pub fn quarter(&self, number: usize) -> u64 {
        let length = self.samples.len() / 4;
        let mut quarter: Vec<u64> =
            self.samples.iter().skip(number * length).take(length).map(|it| it.server).collect();
        quarter.sort_unstable();
        quarter.get(quarter.len() / 2).copied().unwrap_or(0)
    }

    pub fn most(&self, what: impl Fn(&Sample) -> u64) -> u64 {
        self.samples.iter().map(what).max().unwrap_or(0)
    }

    pub fn broken(&self, time: Duration) -> Option<String> {
        let (before, after) = (self.quarter(1), self.quarter(3));
        (time > MEASURED && after > before + MAX_GROWTH)
            .then(|| format!("the server's memory has grown from {before} to {after} bytes"))
    }
}

/// The children of all threads of a process.
pub fn children(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|ids| ids.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn sample(id: u32) -> Sample {
    let sizes: Vec<u64> = children(id).into_iter().map(resident).collect();
    Sample {
        server: resident(id),
        children: sizes.iter().sum(),
        largest_child: sizes.iter().copied().max().unwrap_or(0),
        count: sizes.len(),
    }
}

fn resident(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn processor(id: u32) -> Option<(f64, f64)> {
    /// What Linux has everywhere.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<f64> =
        stat.rsplit(") ").next()?.split(' ').map(|it| it.parse().unwrap_or(0.0)).collect();
    let sum = |at: usize| Some((fields.get(at)? + fields.get(at + 1)?) / TICKS_A_SECOND);
    Some((sum(11)?, sum(13)?))
}
