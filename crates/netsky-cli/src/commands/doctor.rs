//! `netsky doctor`

mod agents;
mod findings;

use std::borrow::Cow;
use std::env;
use std::fmt::Write;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use console::{Term, style};
use netsky_db::{Db, Error, ErrorKind, QueryOptions, SCHEMA_VERSION};
use netsky_server::{FoundServer, ServeFile};
use serde_json::json;

use crate::commands::shell::{HISTORY_FILE, RC_FILE};
use crate::failure::Failure;
use crate::human;
use crate::output::{ReportOutput, counted, print, print_json, visible};
use crate::store::StoreArgs;

use findings::{Findings, Verdict};

/// Check netsky's environment, and say how to fix what is wrong
///
/// The command checks the store's path, permissions, versions and disk, leftover files, and the terminal. If
/// Claude Code or Codex has been used, it also checks their hooks and settings of telemetry, and whether
/// transcripts are unread.
/// It creates and changes nothing. Each line starts with ok, warn or fail, and says how to fix a problem.
/// The exit code is 3 if a check fails. The command does not check the store's contents; `netsky check` does.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky doctor
  netsky doctor --db copy.db"
)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub output: ReportOutput,
}

/// With less free space, recording soon fails.
const MIN_FREE_BYTES: u64 = 64 << 20;

pub fn run(store: &StoreArgs, args: &DoctorArgs) -> Result<(), Failure> {
    let path = store.path_or_default()?;
    let mut found = Findings::default();
    found.ok("version", format!("netsky {}", env!("CARGO_PKG_VERSION")));
    found.ok("path", format!("{}, {}", path.display(), store.source()));
    let db = check_store(store, &path, &mut found);
    agents::check(&path, db.as_ref(), &mut found);
    check_server(&path, &mut found);
    check_dir(&path, &mut found);
    check_home(&mut found);
    check_memory(&mut found);
    check_terminal(&mut found);

    for finding in &mut found.all {
        // An error can have a second line.
        finding.what = finding.what.replace("\n  ", "; ");
    }
    let failed = found.all.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    let failure =
        || Failure::store(ErrorKind::Io, format!("{} found", counted(failed as u64, "problem")));
    if args.output.json {
        let report = json!({"path": path.display().to_string(), "findings": found.all});
        return match failed {
            0 => print_json(&report),
            _ => Err(failure().with_report(&report)),
        };
    }
    for finding in &found.all {
        let verdict = match finding.verdict {
            Verdict::Ok => style("ok  ").green(),
            Verdict::Warn => style("warn").yellow(),
            Verdict::Fail => style("fail").red(),
        };
        print(&format!("{verdict}  {:<11}  {}\n", finding.about, visible(&finding.what)))?;
    }
    if failed > 0 { Err(failure()) } else { Ok(()) }
}

/// Returns the store if it can be opened.
fn check_store(store: &StoreArgs, path: &Path, found: &mut Findings) -> Option<Db> {
    let link = fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink());
    if link && store.is_default() {
        found.fail(
            "link",
            format!(
                "the store's path is a symbolic link; name its target with --db, or rm {}",
                quoted(path)
            ),
        );
        return None;
    }
    let file = match fs::metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.warn("store", "not created yet; record, import and demo create it");
            return None;
        }
        Err(error) => {
            found.fail("store", format!("cannot be accessed: {error}; ls -ld {}", quoted(path)));
            return None;
        }
    };
    // Before the store is opened: closing a file can release the locks that this process holds on it.
    check_permissions(path, &file, found);
    let db = match store.options().open_read_only(path) {
        Ok(db) => {
            look_inside(&db, found);
            Some(db)
        }
        Err(error @ Error::UpgradeRequired { .. }) => {
            found.warn("store", Failure::from(error).to_string());
            None
        }
        Err(error) => {
            found.fail("store", Failure::from(error).to_string());
            None
        }
    };
    check_disk(path, file.len(), found);
    db
}

fn look_inside(db: &Db, found: &mut Findings) {
    match db.schema_version() {
        Ok(version) if version < SCHEMA_VERSION => {
            found.warn(
                "store",
                format!("schema version {version}; netsky migrate upgrades it to {SCHEMA_VERSION}"),
            );
        }
        Ok(version) => {
            found.ok(
                "store",
                format!("opens, schema version {version}; netsky check verifies its contents"),
            );
        }
        Err(error) => found.fail("store", Failure::from(error).to_string()),
    }
    if matches!(db.is_exclusive(), Ok(true)) {
        found.warn(
            "sharing",
            "its file system cannot lock parts of a file, so one process at a time can open it; \
             move it to a local file system",
        );
    }
}

fn check_permissions(path: &Path, file: &Metadata, found: &mut Findings) {
    match File::options().read(true).write(true).open(path) {
        Ok(_) => found.ok("access", "can be read and written"),
        Err(error) => match File::open(path) {
            Ok(_) => found.warn(
                "access",
                format!("can be read but not written: {error}; chmod u+w {}", quoted(path)),
            ),
            Err(error) => {
                found.fail(
                    "access",
                    format!("cannot be read: {error}; chmod u+rw {}", quoted(path)),
                );
            }
        },
    }
    check_mode(path, file, "600", found);
}

/// Warns if other users can access a private file.
#[cfg(unix)]
fn check_mode(path: &Path, file: &Metadata, private: &str, found: &mut Findings) {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => found.ok("private", format!("{} has mode {mode:03o}", path.display())),
        _ => found.warn(
            "private",
            format!("mode {mode:03o} gives other users access: chmod {private} {}", quoted(path)),
        ),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &Metadata, _: &str, _: &mut Findings) {}

/// Says where the store's server is.
fn check_server(path: &Path, found: &mut Findings) {
    let file = ServeFile::path(path);
    match ServeFile::find(path) {
        Ok(FoundServer::None) => {}
        Ok(FoundServer::Running(server)) => found.ok(
            "server",
            match server {
                Some(server) => format!(
                    "runs at http://{}, process {}; netsky serve --open opens it",
                    server.address, server.pid
                ),
                None => "is about to run".to_owned(),
            },
        ),
        Ok(FoundServer::Killed) => found.warn(
            "server",
            format!(
                "was killed and has left {}; the next netsky serve replaces it",
                file.display()
            ),
        ),
        Err(error) => found.warn("server", format!("cannot read {}: {error}", file.display())),
    }
}

fn check_memory(found: &mut Findings) {
    let limit = match QueryOptions::default_memory_limit() {
        Some(bytes) => format!("queries use at most {}", human::bytes(bytes as u64)),
        None => "queries have no limit".to_owned(),
    };
    found.ok("memory", format!("{limit}, unless --memory-limit is given"));
}

fn check_disk(path: &Path, size: u64, found: &mut Findings) {
    let Some(free) = free_bytes(path) else { return };
    let (has, takes) = (human::bytes(free), human::bytes(size));
    if free < MIN_FREE_BYTES {
        found.fail("disk", format!("{has} free; free more, or recording will fail soon"));
    } else if free < size {
        found.warn(
            "disk",
            format!("{has} free, and the store takes {takes}: not enough for a backup"),
        );
    } else {
        found.ok("disk", format!("{has} free, and the store takes {takes}"));
    }
}

/// The free bytes on the disk that this user can write. The standard library has no call for it.
#[cfg(unix)]
#[allow(clippy::useless_conversion, reason = "macOS has 32 bits for the number of blocks")]
fn free_bytes(path: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(path).ok()?;
    u64::from(disk.blocks_available()).checked_mul(disk.fragment_size())
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Looks for files beside the store that are no longer needed.
fn check_dir(path: &Path, found: &mut Findings) {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem =
        path.file_stem().map(|stem| format!("{}.", stem.to_string_lossy())).unwrap_or_default();
    let (mut old_files, mut unfinished) = (Vec::new(), Vec::new());
    // The store can have any name, including one that looks like a leftover.
    let store = fs::canonicalize(path).ok();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && store.is_some() && fs::canonicalize(entry.path()).ok() == store {
            continue;
        }
        if is_file && name.starts_with(&stem) && name.ends_with(".bak") {
            old_files.push(entry.path());
        } else if is_file
            && (name.starts_with(".netsky-") || name.starts_with(&stem) && name.ends_with(".tmp"))
        {
            unfinished.push(entry.path());
        }
    }
    if !old_files.is_empty() {
        let bytes = old_files
            .iter()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|file| file.len())
            .sum();
        found.warn(
            "kept",
            format!(
                "{} of older stores, {}; if you no longer need them: rm{}",
                counted(old_files.len() as u64, "file"),
                human::bytes(bytes),
                listed(&mut old_files)
            ),
        );
    }
    if !unfinished.is_empty() {
        found.warn(
            "unfinished",
            format!(
                "{} of interrupted or running commands; if no command is running: rm{}",
                counted(unfinished.len() as u64, "file"),
                listed(&mut unfinished)
            ),
        );
    }
}

fn listed(paths: &mut [PathBuf]) -> String {
    paths.sort();
    paths.iter().fold(String::new(), |mut list, path| {
        let _ = write!(list, " {}", quoted(path));
        list
    })
}

/// The directory of the default store, and the files that users keep there and in their home directory.
fn check_home(found: &mut Findings) {
    let Ok(store) = Db::default_path() else { return };
    let Some(dir) = store.parent() else { return };
    if let Ok(metadata) = fs::metadata(dir) {
        check_mode(dir, &metadata, "700", found);
    }
    let history = dir.join(HISTORY_FILE);
    if let Ok(metadata) = fs::metadata(&history) {
        check_mode(&history, &metadata, "600", found);
    }
    let queries = dir.join("queries");
    match fs::read_dir(&queries) {
        Ok(entries) => {
            let is_query = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "sql");
            let number = entries.flatten().map(|entry| entry.path()).filter(is_query).count();
            found.ok("queries", format!("{number} in {}; netsky q lists them", queries.display()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let (shown, path) = (queries.display(), quoted(&queries));
            found.fail("queries", format!("cannot read {shown}: {error}; chmod u+rx {path}"));
        }
    }
    let rc = dir.with_file_name(RC_FILE);
    match fs::read_to_string(&rc) {
        Ok(_) => found.ok("shell", format!("{} runs at startup", rc.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            found.fail("shell", format!("{}: {error}; chmod u+r {}", rc.display(), quoted(&rc)))
        }
    }
}

fn check_terminal(found: &mut Findings) {
    let terminal = Term::stdout();
    let Some((lines, columns)) = terminal.size_checked().filter(|_| terminal.is_term()) else {
        found.ok("terminal", "none; output is plain and complete");
        return;
    };
    let colours = if console::colors_enabled() { "colours" } else { "no colours" };
    let pager = ["NETSKY_PAGER", "PAGER"].into_iter().find_map(|name| {
        let value = env::var(name).ok()?;
        Some(format!("pager {value:?} from ${name}"))
    });
    let pager = pager.unwrap_or_else(|| "pager less".to_owned());
    found.ok("terminal", format!("{columns} columns and {lines} lines, {colours}, {pager}"));
}

/// The path as an argument of a shell command.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    // Quoting fails only for a NUL byte, which no path has.
    shlex::try_quote(&text).map_or_else(|_| text.clone(), Cow::into_owned)
}
