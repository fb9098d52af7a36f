//! Commands that are given a file that is not a store, or a store that they cannot open.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::Utc;
use netsky_db::{Db, Error};
use netsky_testing::{OWN_TABLES, assert_archived, names_in, sqlite_with_journal, store, value};

use crate::cli::Home;

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_by_name() {
    use std::os::unix::net::UnixListener;
    let home = Home::new();
    let (pipe, dir, socket) = (home.path("pipe"), home.path("dir"), home.path("socket"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::create_dir(&dir).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions();
    let store = store();
    let backup = store.path.with_file_name("backup.db");
    store.db.backup(&backup).unwrap();
    let kinds = [
        (Path::new("/dev/null"), "a device"),
        (&pipe, "a named pipe"),
        (&dir, "a directory"),
        (&socket, "a socket"),
    ];
    for (path, kind) in kinds {
        let before = mode(path);
        let name = path.to_str().unwrap();
        let refused = |args: &[&str]| {
            let error = home.fails(3, &[&["--db", name], args].concat());
            assert!(error.contains(kind), "{args:?}: {error}");
        };
        refused(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
        refused(&["query", "SELECT 1"]);
        refused(&["migrate"]);
        refused(&["restore", backup.to_str().unwrap(), "--force"]);
        for copied in [store.db.backup_replacing(path), Db::restore_replacing(path, &backup)] {
            match copied {
                Err(Error::NotAStore { reason, .. }) => assert!(reason.contains(kind), "{reason}"),
                other => panic!("{kind}: {other:?}"),
            }
        }
        assert_eq!(mode(path), before, "{kind}");
    }
    assert_eq!(names_in(&home.path(".")), ["dir", "pipe", "socket"]);
}

#[cfg(unix)]
#[test]
fn an_archive_that_is_killed_at_any_moment_loses_nothing() {
    let home = Home::new();
    for moment in 0..24 {
        let dir = tempfile::tempdir().unwrap();
        let path = sqlite_with_journal(dir.path(), &OWN_TABLES);
        let mut command = home.command(&["--db", path.to_str().unwrap(), "record", "ticks", "{}"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while names_in(dir.path()).len() == 3 && child.try_wait().unwrap().is_none() {}
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(60 * moment) {}
        let _ = child.kill();
        child.wait().unwrap();
        assert_archived(dir.path());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_without_rights_learns_why_it_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(dir.path(), 0o755);
    let store = store();
    store.db.record_tick(Utc::now(), "a", "{}").unwrap();
    let left = dir.path().join("left.db");
    fs::copy(&store.path, &left).unwrap();
    allow(&left, 0o444);
    let binary = dir.path().join("netsky");
    fs::copy(env!("CARGO_BIN_EXE_netsky"), &binary).unwrap();
    allow(&binary, 0o755);
    // Rights do not bind the superuser.
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
    let query = ["--db", left.to_str().unwrap(), "query", "SELECT count(*) FROM ticks"];
    let Ok(output) = command.args(query).output() else {
        return println!("not run: there is no setpriv");
    };
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if error.contains("setpriv:") {
        return println!("not run: {error}");
    }
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("its last writer was killed"), "{error}");
    // One look by its owner cures it.
    allow(&left, 0o644);
    assert_eq!(value(&Db::open_read_only(&left).unwrap(), "SELECT count(*) FROM ticks"), 1);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}
