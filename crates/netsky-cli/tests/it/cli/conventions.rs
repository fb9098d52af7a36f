//! What people expect of any command line: completions, pages, help, and quiet where nobody reads.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use netsky_testing::has_program;
use serde_json::json;

use super::{Home, ran};

#[test]
fn completions_are_scripts_that_their_shells_take() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completions", shell]);
        assert!(script.contains("NETSKY_COMPLETE"), "{shell}: {script}");
        let file = home.file(shell, &script);
        if matches!(shell, "bash" | "zsh" | "fish") && has_program(shell) {
            let checked = Command::new(shell).args(["-n", &file]).output().unwrap();
            assert!(checked.status.success(), "{shell}: {checked:?}");
        }
    }
    home.fails(2, &["completions", "cmd"]);
    // What zsh calls at the first TAB is what the script defines.
    let zsh = home.ok(&["completions", "zsh"]);
    assert!(zsh.starts_with("#compdef netsky\n"), "{zsh}");
    assert!(zsh.contains("function _clap_dynamic_completer_netsky()"), "{zsh}");
    assert!(zsh.contains("\n    _clap_dynamic_completer_netsky \"$@\"\n"), "{zsh}");
}

/// What bash offers at the end of a line, in its order.
fn offered(home: &Home, line: &str) -> String {
    let file = home.file("netsky.bash", home.ok(&["completions", "bash"]));
    let words: Vec<&str> = line.split(' ').collect();
    let (last, word) = (words.len() - 1, words[words.len() - 1]);
    let netsky = Path::new(env!("CARGO_BIN_EXE_netsky")).parent().unwrap().display();
    let script = format!(
        "PATH={netsky}:$PATH; source {file}; COMP_WORDS=({} '{word}'); COMP_CWORD={last}; \
         _clap_complete_netsky netsky '{word}' ''; echo \"${{COMPREPLY[@]}}\"",
        words[..last].join(" ")
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("HOME", home.path("")).env_remove("NETSKY_DB");
    let completed = ran(bash.output().unwrap());
    assert_eq!(completed.err, "", "{line}");
    completed.out.trim_end().to_owned()
}

#[test]
fn bash_completes_commands_options_and_names() {
    if !has_program("bash") {
        return;
    }
    let home = Home::new();
    assert_eq!(offered(&home, "netsky timel"), "timeline");
    assert_eq!(offered(&home, "netsky query --form"), "--format");
    assert_eq!(offered(&home, "netsky query --format mark"), "markdown");
    assert_eq!(offered(&home, "netsky schema to"), "token_usage");
    assert_eq!(offered(&home, "netsky schema v_co"), "v_cost_daily");
    assert_eq!(offered(&home, "netsky import tick"), "ticks");
    assert_eq!(offered(&home, "netsky cost --tz Europe/Ber"), "Europe/Berlin");
    // Without a store, there are no agents, and no error in the line.
    assert_eq!(offered(&home, "netsky timeline ag"), "");
    fs::create_dir_all(home.path(".netsky/queries")).unwrap();
    home.file(".netsky/queries/slow.sql", "SELECT 1");
    assert_eq!(offered(&home, "netsky q s"), "slow");

    let db = home.path("other.db").display().to_string();
    for agent in ["agent1", "agent2", "other"] {
        let row = json!({"agent": agent, "session_num": 1, "event": "up"}).to_string();
        home.ok(&["--db", &db, "record", "sessions", &row]);
    }
    assert_eq!(offered(&home, &format!("netsky {}", &db[..db.len() - 4])), db);
    assert_eq!(offered(&home, &format!("netsky --db {db} timeline ag")), "agent1 agent2");
    assert_eq!(offered(&home, &format!("netsky cost --db={db} --agent oth")), "other");
}

#[test]
fn the_manual_has_a_page_for_netsky_and_for_each_command() {
    let home = Home::new();
    let page = home.ok(&["man"]);
    assert!(page.contains(".TH netsky 1") && page.contains("netsky\\-doctor(1)"), "{page}");
    let page = home.ok(&["man", "query"]);
    assert!(page.contains(".TH netsky-query 1") && page.contains("Examples:"), "{page}");
    assert!(
        home.fails(2, &["man", "qurey"])
            .contains("no command named 'qurey'; `netsky --help` lists")
    );
    if has_program("man") && has_program("groff") {
        let file = home.file("netsky.1", &page);
        let shown =
            Command::new("man").args(["-l", &file]).env("MANPAGER", "cat").output().unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("netsky query"), "{shown}");
    }
}

#[test]
fn the_help_is_one_list_in_groups_and_errors_know_what_was_meant() {
    let home = Home::new();
    for args in [["-h"], ["--help"], ["help"]] {
        let help = home.ok(&args);
        for line in ["Query   shell", "Record  ingest", "Store   stats", "Other   demo"] {
            assert!(help.contains(line), "{help}");
        }
    }
    assert!(home.ok(&["--help"]).contains("130  interrupted by Ctrl-C"));
    assert!(home.fails(2, &["exprot"]).contains("a similar subcommand exists: 'export'"));
}

#[test]
fn whatever_prints_much_is_quiet_when_nobody_reads_it() {
    let home = Home::new();
    for args in [&["completions", "bash"][..], &["man"], &["schema"], &["doctor"]] {
        let mut command = home.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_duration_is_said_in_one_way() {
    let home = Home::new();
    home.ok(&["record", "ticks", super::TICK]);
    for time in ["90s", "15m", "6h", "7d", "4w", "1h 30m"] {
        home.ok(&["query", "--timeout", time, "SELECT 1"]);
        home.ok(&["--busy-timeout", time, "tables"]);
        home.ok(&["prune", "--dry-run", "--before", time]);
    }
    for time in ["7", "soon", "-1d"] {
        home.fails(2, &["query", "--timeout", time, "SELECT 1"]);
        home.fails(2, &["prune", "--dry-run", "--before", time]);
    }
}
