//! `scripts/package`: what a user installs, made of the binary under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use netsky_testing::{has_program, names_in, skip};
use tempfile::TempDir;

/// The files that `scripts/package` made, if the tools are here.
fn packages(dir: &Path) -> Option<Vec<PathBuf>> {
    if !cfg!(target_os = "linux") {
        skip("package", "packages are made on Linux only");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/package");
    let mut command = Command::new(script);
    // A debug build is large, and its size does not matter here.
    command.env("DPKG_DEB_COMPRESSOR_TYPE", "gzip").env("DPKG_DEB_COMPRESSOR_LEVEL", "1");
    let made = command.arg(env!("CARGO_BIN_EXE_netsky")).arg(dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let paths = String::from_utf8(made.stdout).unwrap();
    Some(paths.lines().map(PathBuf::from).collect())
}

/// Runs the program that was unpacked below `prefix`, in a home of its own.
fn run(prefix: &Path, args: &[&str]) -> String {
    let home = prefix.join("home");
    fs::create_dir_all(&home).unwrap();
    let mut netsky = Command::new(prefix.join("bin/netsky"));
    let ran = netsky.args(args).env("HOME", &home).env_remove("NETSKY_DB").output().unwrap();
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn assert_installed(prefix: &Path, zsh: &str) {
    run(prefix, &["demo"]);
    let demo = prefix.join("home/.netsky/demo.db");
    let count = "SELECT count(*) > 0 FROM messages";
    let found = run(prefix, &["--db", demo.to_str().unwrap(), "query", "--format", "csv", count]);
    assert!(found.ends_with("true\n"), "{found}");
    let pages = names_in(&prefix.join("share/man/man1"));
    for page in ["netsky.1.gz", "netsky-query.1.gz", "netsky-import.1.gz"] {
        assert!(pages.iter().any(|name| name == page), "{page}: {pages:?}");
    }
    for file in [
        "share/bash-completion/completions/netsky",
        "share/fish/vendor_completions.d/netsky.fish",
        zsh,
        "share/doc/netsky/README.md",
    ] {
        let text = fs::read_to_string(prefix.join(file));
        assert!(text.is_ok_and(|text| text.contains("netsky")), "{file}");
    }
}

#[test]
fn a_missing_or_foreign_program_is_not_packaged() {
    if cfg!(not(unix)) {
        return;
    }
    let dir = TempDir::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/package");
    let missing = dir.path().join("netsky");
    let foreign = dir.path().join("text");
    fs::write(&foreign, "text").unwrap();
    for (binary, said) in [
        (missing.as_path(), "; build it with: cargo build --release"),
        (foreign.as_path(), "is not the netsky program, or it does not run on this machine"),
        (Path::new("/bin/sh"), "is not the netsky program"),
    ] {
        let made = Command::new(&script).arg(binary).arg(dir.path().join("dist")).output().unwrap();
        let error = String::from_utf8(made.stderr).unwrap();
        assert_eq!(made.status.code(), Some(1), "{error}");
        assert!(error.lines().last().unwrap().contains(said), "{error}");
        assert!(error.contains(&binary.display().to_string()) && !dir.path().join("dist").exists());
    }
}

#[test]
fn packages_install_a_working_program() {
    let made = TempDir::new().unwrap();
    let Some(packages) = packages(made.path()) else { return };
    for package in &packages {
        let root = TempDir::new().unwrap();
        let is_deb = package.extension().is_some_and(|suffix| suffix == "deb");
        let unpacked = match is_deb {
            true => Command::new("dpkg-deb").arg("-x").arg(package).arg(root.path()).status(),
            false => Command::new("tar")
                .args(["--strip-components=1", "-xzf"])
                .arg(package)
                .arg("-C")
                .arg(root.path())
                .status(),
        };
        assert!(unpacked.unwrap().success(), "{}", package.display());
        match is_deb {
            true => {
                assert_installed(&root.path().join("usr"), "share/zsh/vendor-completions/_netsky")
            }
            false => assert_installed(root.path(), "share/zsh/site-functions/_netsky"),
        }
    }
    assert_eq!(packages.len(), 1 + usize::from(has_program("dpkg-deb")), "{packages:?}");
}
