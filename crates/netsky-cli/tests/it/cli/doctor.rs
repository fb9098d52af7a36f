//! `netsky doctor`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Home, TICK};

/// The verdict on something, and what is said of it. Each stands once.
#[track_caller]
fn finding<'a>(report: &'a str, about: &str) -> (&'a str, &'a str) {
    let mut found = report.lines().filter_map(|line| {
        let (verdict, rest) = line.split_at_checked(6)?;
        Some((verdict.trim(), rest.strip_prefix(&format!("{about:<11}  "))?))
    });
    found.next().unwrap_or_else(|| panic!("nothing about {about} in\n{report}"))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_store_as_it_should_be_gets_ok_alone() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let report = home.ok(&["doctor"]);
    assert!(report.lines().all(|line| line.starts_with("ok    ")), "{report}");
    let (_, path) = finding(&report, "path");
    assert!(path.ends_with(".netsky/meta.db, the default"), "{path}");
    assert!(finding(&report, "store").1.contains("schema version 2"));
    assert!(!report.contains('\x1b'));
}

#[test]
fn where_there_is_nothing_that_is_said_and_nothing_is_made() {
    let home = Home::new();
    let report = home.ok(&["doctor"]);
    let (verdict, said) = finding(&report, "store");
    assert!(verdict == "warn" && said.contains("record, import and demo"), "{report}");
    assert!(!home.path(".netsky").exists());
}

#[test]
fn what_others_can_read_is_told_with_the_command_that_mends_it() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let store = home.path(".netsky/meta.db");
    set_mode(&store, 0o644);
    set_mode(&home.path(".netsky"), 0o755);
    let report = home.ok(&["doctor"]);
    for mend in [
        format!("chmod 600 {}", store.display()),
        format!("chmod 700 {}", home.path(".netsky").display()),
    ] {
        assert!(report.contains(&mend), "{mend}: {report}");
        let status = std::process::Command::new("sh").args(["-c", &mend]).status().unwrap();
        assert!(status.success());
    }
    assert!(!home.ok(&["doctor"]).contains("warn"));
}

#[test]
fn what_is_no_store_fails_and_stays_as_it_is() {
    let home = Home::new();
    let other = home.file("other.db", "something else");
    let ran = home.run(&["doctor", "--db", &other]);
    assert_eq!((ran.code, ran.err.as_str()), (3, "netsky: 1 problem found\n"));
    let (verdict, said) = finding(&ran.out, "store");
    assert!(verdict == "fail" && said.contains("is not a netsky store"), "{said}");
    assert_eq!(finding(&ran.out, "path").1, format!("{other}, from --db"));
    assert_eq!(fs::read(&other).unwrap(), b"something else");
}

#[test]
fn a_link_in_place_of_the_default_store_fails() {
    let home = Home::new();
    let other = home.path("other.db").display().to_string();
    home.ok(&["--db", &other, "record", "ticks", TICK]);
    fs::create_dir(home.path(".netsky")).unwrap();
    symlink(&other, home.path(".netsky/meta.db")).unwrap();
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert_eq!(finding(&ran.out, "link").0, "fail");
}

#[test]
fn what_was_left_behind_is_told_with_the_command_that_removes_it() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    home.file(".netsky/meta.before-restore-20260415230000.bak", [0; 2_048]);
    home.file(".netsky/.netsky-aB c'd", "");
    home.file(".netsky/notes.bak", "somebody's own");
    let report = home.ok(&["doctor"]);
    let (kept, unfinished) = (finding(&report, "kept"), finding(&report, "unfinished"));
    assert!(kept.0 == "warn" && kept.1.starts_with("1 file of older stores, 2.00 KiB"), "{kept:?}");
    assert_eq!(unfinished.0, "warn");
    for said in [kept.1, unfinished.1] {
        let remove = &said[said.find("rm ").unwrap()..];
        let status = std::process::Command::new("sh").args(["-c", remove]).status().unwrap();
        assert!(status.success(), "{remove}");
    }
    assert!(!home.ok(&["doctor"]).contains("warn"));
    assert!(home.path(".netsky/notes.bak").exists());
}

#[test]
fn the_store_itself_is_never_to_be_removed() {
    let home = Home::new();
    for name in ["meta.before-restore-20260415230000.bak", "meta.tmp", ".netsky-aBc", "meta.bak"] {
        let store = home.path(name).display().to_string();
        home.ok(&["--db", &store, "record", "ticks", TICK]);
        let report = home.ok(&["--db", &store, "doctor"]);
        let removes = |line: &str| line.contains("rm ") && line.contains(&store);
        assert!(!report.lines().any(removes), "{report}");
        fs::remove_file(&store).unwrap();
    }
}
