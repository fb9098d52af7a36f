//! `netsky backup` and `netsky restore`.

use std::fs;

use netsky_db::Db;
use netsky_testing::damage;

use crate::cli::Home;

#[test]
fn the_backup_and_restore_commands_say_what_went_where() {
    let home = Home::new();
    let (file, absent) = (home.path("monday.db"), home.path("absent.db"));
    let (file, absent) = (file.to_str().unwrap(), absent.to_str().unwrap());
    assert!(home.fails(3, &["backup", file]).contains("no store at"));
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", tick]);
    let out = home.ok(&["backup", file]);
    assert!(out.starts_with(&format!("1 row in {file}, ")) && out.ends_with("iB\n"), "{out}");
    let error = home.fails(1, &["backup", file]);
    assert!(error.contains("already exists") && error.contains("--force"), "{error}");
    home.ok(&["record", "ticks", tick]);
    assert!(home.ok(&["backup", file, "--force"]).starts_with("2 rows"));
    home.ok(&["check", "--db", file]);

    home.ok(&["record", "ticks", tick]);
    assert!(home.fails(1, &["restore", absent]).contains("cannot read"));
    assert!(home.fails(1, &["restore", file]).contains("--force"));
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    let error = home.fails(3, &["restore", file, "--force"]);
    assert!(error.contains("in use") && error.contains("try again"), "{error}");
    drop(db);
    let ran = home.run(&["restore", file, "--force"]);
    assert_eq!((ran.code, ran.out.starts_with("2 rows in ")), (0, true), "{}", ran.err);
    assert!(ran.err.contains("meta.before-restore-"), "{}", ran.err);
    assert_eq!(home.ok(&["record", "ticks", tick]), "3\n");
    for command in ["backup", "restore"] {
        assert!(home.ok(&[command, "--help"]).contains("Examples:"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_restore_syncs_each_name_before_the_next_step() {
    let home = Home::new();
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    let (path, backup) = (home.path("meta.db"), home.path("backup.db"));
    let (db, file) = (path.to_str().unwrap(), backup.to_str().unwrap());
    home.ok(&["--db", db, "record", "ticks", tick]);
    home.ok(&["--db", db, "backup", file]);
    let calls = home.path("calls");
    let traced = std::process::Command::new("strace")
        .args(["-f", "-y", "-o"])
        .arg(&calls)
        .args(["-e", "trace=link,linkat,rename,renameat,renameat2,fsync"])
        .arg(env!("CARGO_BIN_EXE_netsky"))
        .args(["--db", db, "restore", file, "--force"])
        .output();
    match traced {
        Ok(traced) if traced.status.success() => {}
        other => return println!("not run: strace cannot trace here: {other:?}"),
    }
    let calls = fs::read_to_string(calls).unwrap();
    let dir = fs::canonicalize(path.parent().unwrap()).unwrap();
    let synced_dir = format!("<{}>", dir.display());
    let steps: Vec<&str> = calls
        .lines()
        .filter_map(|call| match call {
            call if call.contains("fsync(") && call.contains(&synced_dir) => Some("sync the names"),
            call if call.contains("fsync(") && call.contains("/.netsky-") => Some("sync the copy"),
            call if call.contains("link") && call.contains("before-restore") => Some("keep"),
            call if call.contains("rename") && call.contains("meta.db") => Some("replace"),
            _ => None,
        })
        .collect();
    let kept = ["keep", "sync the names", "replace", "sync the names"];
    let copied = steps.iter().position(|step| *step == "sync the copy");
    assert!(copied.is_some_and(|at| steps.get(at + 1..) == Some(&kept)), "{steps:?}\n{calls}");
}

#[test]
fn a_name_too_long_to_keep_fails_before_the_copy() {
    let home = Home::new();
    let tick = r#"{"source":"unmistakable","detail_json":"{}"}"#;
    let long = home.path(&format!("{}.db", "m".repeat(240))).display().to_string();
    let backup = home.path("backup.db");
    home.ok(&["--db", &long, "record", "ticks", tick]);
    home.ok(&["--db", &long, "backup", &backup.display().to_string()]);
    let restore = ["--db", &long, "restore", &backup.display().to_string(), "--force"];
    // The pages of a backup are verified before they are copied.
    damage(&backup, b"unmistakable");
    let error = home.fails(3, &restore);
    assert!(error.contains("cannot keep the old store as"), "{error}");
    assert_eq!(
        home.ok(&["--db", &long, "query", "--format", "csv", "SELECT id FROM ticks"]),
        "id\n1\n"
    );
}
