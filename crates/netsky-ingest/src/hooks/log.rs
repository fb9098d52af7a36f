//! The log of hooks that failed. A hook prints nothing, because agents show or obey what it prints.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use netsky_db::internal;

const FILE: &str = "hook.log";

/// The previous log. Together they have at most 2 MiB.
const OLD_FILE: &str = "hook.log.old";

const MAX_BYTES: u64 = 1 << 20;

/// A longer line is cut.
const MAX_LINE_CHARS: usize = 1_000;

/// How much of a log is read for its last lines.
const TAIL_BYTES: u64 = 64 << 10;

/// The file `hook.log` beside a store, with a line for each hook that failed. Once it has 1 MiB it becomes
/// `hook.log.old`. Only its owner can read it.
#[derive(Debug, Clone)]
pub struct HookLog {
    path: PathBuf,
}

impl HookLog {
    /// The log of the hooks that record into a store.
    #[must_use]
    pub fn beside(store: &Path) -> Self {
        Self { path: store.with_file_name(FILE) }
    }

    /// The file, whether or not it exists.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line with the time. Control characters of the message are escaped.
    ///
    /// # Errors
    ///
    /// The file or its directory cannot be created or written.
    pub fn append(&self, message: &str) -> io::Result<()> {
        if let Some(dir) = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            internal::create_private_dir(dir)?;
        }
        // Opening a pipe would wait for a reader.
        if fs::metadata(&self.path).is_ok_and(|file| !file.is_file()) {
            return Err(io::Error::other("it is not a file"));
        }
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        // Of several hooks, only one may rename the file: the next would rename the new, almost empty one
        // over the old one. Without locks, as on some network file systems, that would lose old lines.
        if file.metadata()?.len() >= MAX_BYTES && file.try_lock().is_ok() {
            if fs::metadata(&self.path).is_ok_and(|now| now.len() >= MAX_BYTES) {
                fs::rename(&self.path, self.path.with_file_name(OLD_FILE))?;
            }
            file = options.open(&self.path)?;
        }
        let time = internal::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut line = format!("{time} ");
        for c in message.chars().take(MAX_LINE_CHARS) {
            match c.is_control() {
                true => line.extend(c.escape_default()),
                false => line.push(c),
            }
        }
        line.push('\n');
        // In one call, so that lines of several hooks do not mix.
        file.write_all(line.as_bytes())
    }

    /// Returns the last lines, the newest last. Empty if no hook has failed.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn last_lines(&self, number: usize) -> io::Result<Vec<String>> {
        let mut lines = tail(&self.path.with_file_name(OLD_FILE))?;
        lines.extend(tail(&self.path)?);
        Ok(lines.split_off(lines.len().saturating_sub(number)))
    }
}

/// The last complete lines of a file. None if it does not exist or is not a file.
fn tail(path: &Path) -> io::Result<Vec<String>> {
    match fs::metadata(path) {
        Ok(file) if file.is_file() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => return Ok(Vec::new()),
    }
    let mut file = File::open(path)?;
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if skipped > 0 && !lines.is_empty() {
        // It may have begun before.
        lines.remove(0);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_private_line() {
        let dir = tempfile::tempdir().unwrap();
        let log = HookLog::beside(&dir.path().join("new/meta.db"));
        assert_eq!(log.last_lines(5).unwrap(), Vec::<String>::new());
        log.append("first\nline \u{1b}[2J").unwrap();
        log.append(&"é".repeat(5_000)).unwrap();
        let lines = log.last_lines(5).unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("Z first\\nline \\u{1b}[2J"), "{}", lines[0]);
        assert_eq!(lines[1].chars().filter(|c| *c == 'é').count(), 1_000);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(log.path()), 0o600);
            assert_eq!(mode(log.path().parent().unwrap()), 0o700);
        }
    }

    #[test]
    fn a_full_log_becomes_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let log = HookLog::beside(&dir.path().join("meta.db"));
        fs::write(log.path(), "x\n".repeat(600_000)).unwrap();
        log.append("newest").unwrap();
        let old = dir.path().join("hook.log.old");
        assert_eq!(fs::metadata(&old).unwrap().len(), 1_200_000);
        assert!(fs::metadata(log.path()).unwrap().len() < 100);
        let lines = log.last_lines(3).unwrap();
        assert_eq!((lines[0].as_str(), lines.len()), ("x", 3));
        assert!(lines[2].ends_with("newest"));
    }

    #[test]
    fn no_line_is_lost_when_hooks_fail_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = HookLog::beside(&dir.path().join("meta.db"));
        fs::write(log.path(), "x\n".repeat(524_200)).unwrap();
        std::thread::scope(|scope| {
            for hook in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..50 {
                        log.append(&format!("failure {hook} {number}")).unwrap();
                    }
                });
            }
        });
        let read = |name| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        let all = read("hook.log.old") + &read("hook.log");
        assert_eq!(all.matches(" failure ").count(), 400);
        assert!(all.matches("x\n").count() == 524_200);
    }
}
