//! The memory use of a process.

use std::process::{Command, Stdio};

/// Runs a command, discards its output, and returns its peak memory use in bytes. `kind` is a line
/// of `/proc/PID/status`, such as `VmHWM:`.
pub fn peak_memory(mut command: Command, kind: &str) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(kind));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success(), "{command:?}");
    peak
}
