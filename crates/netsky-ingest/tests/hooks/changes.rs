//! Showing and making a change: links, permissions, backups, and other programs.

use std::fs;
use std::path::PathBuf;

use netsky_ingest::hooks::{Agent, Change, HookError, InstallOptions, plan_install};

use crate::{Home, names};

fn planned(home: &Home) -> Change {
    let mut plan = plan_install(Agent::ClaudeCode, &home.options()).unwrap();
    plan.changes.pop().unwrap()
}

#[cfg(unix)]
fn mode(path: PathBuf) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[cfg(unix)]
fn set_mode(path: PathBuf, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn the_diff_shows_added_lines_only() {
    let home = Home::with_settings("{\n  \"model\": \"opus\"\n}\n");
    let change = planned(&home);
    let diff = change.diff();
    let path = change.path.display();
    assert!(diff.starts_with(&format!("--- {path}\n+++ {path}\n@@ -1,3 +1,")), "{diff}");
    let removed: Vec<&str> = diff.lines().skip(2).filter(|line| line.starts_with('-')).collect();
    assert_eq!(removed, ["-  \"model\": \"opus\""]);
    assert!(diff.contains("\n+  \"model\": \"opus\",\n"));
    let diff = planned(&Home::new()).diff();
    assert!(diff.starts_with("--- /dev/null\n"), "{diff}");
}

#[test]
fn planning_writes_nothing() {
    let home = Home::with_settings("{}");
    planned(&home);
    assert_eq!((home.settings().as_str(), names(&home.path(".claude")).len()), ("{}", 1));
}

#[test]
fn a_change_meanwhile_is_refused() {
    let home = Home::with_settings("{}");
    let change = planned(&home);
    home.write("{\"model\": \"opus\"}");
    assert!(matches!(change.apply(), Err(HookError::Changed { .. })));
    assert_eq!(home.settings(), "{\"model\": \"opus\"}");
    fs::remove_file(home.path(".claude/settings.json")).unwrap();
    assert!(matches!(change.apply(), Err(HookError::Changed { .. })));
    assert_eq!(names(&home.path(".claude")), Vec::<String>::new());

    let home = Home::new();
    let change = planned(&home);
    home.write("{}");
    assert!(matches!(change.apply(), Err(HookError::Changed { .. })));
    assert_eq!(home.settings(), "{}");
}

#[test]
fn of_changes_at_once_exactly_one_is_made() {
    for _ in 0..20 {
        let home = Home::with_settings("{}");
        let changes: Vec<Change> = (0..4)
            .map(|number| {
                let program = format!("/opt/{number}/netsky").into();
                let options = InstallOptions { program, ..home.options() };
                plan_install(Agent::ClaudeCode, &options).unwrap().changes.remove(0)
            })
            .collect();
        let made: Vec<_> = std::thread::scope(|scope| {
            let applied: Vec<_> =
                changes.iter().map(|change| scope.spawn(|| change.apply())).collect();
            applied.into_iter().map(|applied| applied.join().unwrap()).collect()
        });
        let winners: Vec<_> = changes.iter().zip(&made).filter(|(_, made)| made.is_ok()).collect();
        assert_eq!(winners.len(), 1, "{made:?}");
        assert_eq!(home.settings(), winners[0].0.after);
        for error in made.iter().filter_map(|made| made.as_ref().err()) {
            assert!(matches!(error, HookError::Changed { .. }), "{error}");
        }
        // Only the old text has a backup.
        assert_eq!(names(&home.path(".claude")).len(), 2);
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_stay() {
    let home = Home::new();
    fs::create_dir_all(home.path("dotfiles/claude")).unwrap();
    let link = home.path(".claude/settings.json");
    std::os::unix::fs::symlink("../dotfiles/claude/mine.json", &link).unwrap();
    for text in [None, Some("{}")] {
        let target = home.path("dotfiles/claude/mine.json");
        if let Some(text) = text {
            fs::write(&target, text).unwrap();
        }
        let plan = home.install().unwrap();
        assert!(plan.warnings.iter().any(|warning| warning.contains("is a link to")));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&target).unwrap().contains("hook claude-code"));
    }
    assert_eq!(names(&home.path(".claude")), ["settings.json"]);
    // The backup is beside the file, where the user keeps it.
    assert_eq!(names(&home.path("dotfiles/claude")).len(), 2);
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("settings.json", &link).unwrap();
    assert!(matches!(home.install(), Err(HookError::Unreadable { .. })));
}

#[cfg(unix)]
#[test]
fn permissions_are_kept_and_backups_are_private() {
    let home = Home::new();
    home.install().unwrap();
    assert_eq!(mode(home.path(".claude/settings.json")), 0o600);
    for expected in [0o644, 0o640, 0o600, 0o755] {
        home.write("{\"env\": {\"ANTHROPIC_API_KEY\": \"secret\"}}");
        set_mode(home.path(".claude/settings.json"), expected);
        let backup = planned(&home).apply().unwrap().unwrap();
        assert_eq!(mode(home.path(".claude/settings.json")), expected);
        assert_eq!(mode(backup.clone()), 0o600);
        assert!(fs::read_to_string(backup).unwrap().contains("secret"));
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_refused() {
    let home = Home::with_settings("{}");
    set_mode(home.path(".claude/settings.json"), 0o444);
    let error = home.install().unwrap_err();
    assert!(matches!(error, HookError::ReadOnly { .. }), "{error}");
    assert_eq!(names(&home.path(".claude")), ["settings.json"]);
}

#[test]
fn the_last_five_backups_are_kept() {
    let home = Home::with_settings("{}");
    fs::write(home.path(".claude/settings.json.netsky-backup-mine"), "kept").unwrap();
    let mut made = Vec::new();
    for number in 0..8 {
        home.write(&format!("{{\"number\": {number}}}"));
        made.push(planned(&home).apply().unwrap().unwrap());
    }
    let kept: Vec<String> = names(&home.path(".claude")).into_iter().skip(1).collect();
    assert_eq!(kept.len(), 6, "{kept:?}");
    for (number, backup) in made.iter().enumerate() {
        assert_eq!(backup.exists(), number >= 3, "{number}");
    }
    let last = fs::read_to_string(&made[7]).unwrap();
    assert_eq!(last, "{\"number\": 7}");
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let home = Home::with_settings("{}");
    set_mode(home.path(".claude"), 0o555);
    let probe = fs::write(home.path(".claude/probe"), "");
    let result = home.install();
    set_mode(home.path(".claude"), 0o755);
    if probe.is_ok() {
        eprintln!("skipped: this user can write into directories without permission");
        return;
    }
    let error = result.unwrap_err();
    assert!(matches!(error, HookError::Unwritable { .. }), "{error}");
    assert_eq!(home.settings(), "{}");
}
