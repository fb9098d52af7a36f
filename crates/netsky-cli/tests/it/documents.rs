//! The documents show what the commands really print.
//!
//! A block of text in a document that begins with `$ netsky` is a screen of 80 columns on the demo's
//! store. The tests run its commands in a terminal and compare. `UPDATE_DOCS=1` updates the blocks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use netsky_db::Db;
use netsky_db::demo::Fleet;
use netsky_testing::has_program;

use crate::cli::Home;
use crate::terminal::Terminal;

const BEGIN: &str = "```text\n$ netsky";
const END: &str = "\n```\n";
const SIZE: (u16, u16) = (80, 60);
const ENVIRONMENT: [(&str, &str); 2] = [("NETSKY_PAGER", "cat"), ("NO_COLOR", "1")];

/// README.md and the pages in `docs/`.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|suffix| suffix == "md"));
    [root.join("README.md")].into_iter().chain(pages).collect()
}

/// A home whose `meta.db` is the demo's fleet, with a history that ended at this time.
fn fleet(end: DateTime<Utc>) -> Home {
    let home = Home::new();
    fs::create_dir(home.path(".netsky")).unwrap();
    let mut fleet = Fleet::new(100_000);
    fleet.end = end;
    let db = Db::open_path(home.path(".netsky/meta.db")).unwrap();
    fleet.record(&db).unwrap();
    // Completes the columnar copies, so that a query always reads the same bytes.
    db.compact().unwrap();
    home
}

/// Splits the text of a block into its commands, each with the lines that follow it.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        let line = format!("{line}\n");
        match commands.last_mut() {
            // A quotation mark is still open.
            Some((command, _)) if shlex::split(command).is_none() => *command += &line,
            _ if line.starts_with("$ ") => commands.push((line, String::new())),
            Some((_, printed)) => *printed += &line,
            None => unreachable!("a block begins with a command"),
        }
    }
    commands
}

/// Runs a command in a terminal and returns what it prints, without how long it took.
fn run(home: &Home, command: &str) -> String {
    let words = shlex::split(command.strip_prefix("$ netsky").unwrap()).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut terminal = home.terminal_with(&ENVIRONMENT, SIZE, &words);
    assert_eq!(terminal.end(), 0, "{command}\n{}", terminal.screen());
    let printed = terminal.printed().replace("\r\n", "\n");
    let is_summary = |line: &&str| line.contains(" in ") && line.contains(" s; read ");
    let lines = printed.lines().filter(|line| !is_summary(line));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The demo's history ends at this time, so that its answers are always the same.
const END_OF_HISTORY: &str = "2026-04-30T18:00:00Z";
const TIME_TAKEN: &str = " in 0.05 s";

/// Types the statement that follows the prompt in `shown` into a shell, and returns its screen. A
/// time that was measured is always the same, and so is the directory of the store.
fn run_shell(home: &Home, shown: &str) -> String {
    let mut terminal = home.terminal_with(&ENVIRONMENT, SIZE, &[]);
    let statement = shown.split_once("netsky> ").unwrap().1.split_inclusive('\n');
    for line in statement {
        // A prompt of a line that continues a statement.
        let line = line.trim_end().trim_start_matches([' ', '-', '>']);
        // What is typed before the prompt is shown twice.
        terminal.until(|screen| screen.trim_end().ends_with('>'));
        terminal.press(line);
        terminal.until_shown(line);
        terminal.press(Terminal::ENTER);
        if line.ends_with(';') {
            break;
        }
    }
    terminal.until_shown(" rows in ");
    let screen = terminal.until(|screen| screen.trim_end().ends_with("\nnetsky>"));
    let lines = screen.trim_end().lines().map(|line| match line.split_once(" rows in ") {
        Some((rows, read)) => {
            let (_, read) = read.split_once(" s").unwrap();
            format!("{rows} rows{TIME_TAKEN}{read}\n")
        }
        None => line.replace(&home.path("").display().to_string(), "/home/ada/") + "\n",
    });
    lines.collect()
}

/// The labels of the lines above the table of `netsky top`, and the names of its columns.
fn labels(screen: &str) -> Vec<&str> {
    let (summary, table) = screen.split_once("\n\n").unwrap();
    let labels = summary.lines().filter_map(|line| line.split("  ").next());
    labels.chain(table.lines().next().unwrap().split_whitespace()).collect()
}

/// The first column of the table of `netsky top`.
fn states(screen: &str) -> BTreeSet<&str> {
    let (_, table) = screen.split_once("\n\n").unwrap();
    table.lines().skip(2).filter_map(|line| line.split("  ").next()).collect()
}

/// Checks the screen of `netsky top`, which is relative to the current time: it has the same labels
/// and columns as the one that the program prints for a history that ends now, and a state of it.
fn check_top(shown: &str, printed: &str) {
    assert_eq!(labels(shown), labels(printed));
    assert!(!states(shown).is_disjoint(&states(printed)), "{printed}");
}

#[test]
fn screens_in_the_docs_are_what_commands_print() {
    let home = fleet(END_OF_HISTORY.parse().unwrap());
    let current = fleet(Utc::now());
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut checked = 0;
    for path in documents() {
        let mut text = fs::read_to_string(&path).unwrap();
        let mut from = 0;
        while let Some(found) = text[from..].find(BEGIN) {
            let begin = from + found + "```text\n".len();
            let end = begin + text[begin..].find(END).unwrap() + 1;
            let mut screen = String::new();
            for (command, shown) in commands(&text[begin..end]) {
                let is_top = command.starts_with("$ netsky top");
                let printed = match command.as_str() {
                    "$ netsky\n" => run_shell(&home, &shown),
                    _ if is_top => run(&current, &command),
                    _ => run(&home, &command),
                };
                if is_top && !is_update {
                    check_top(&shown, &printed);
                }
                // Its rows are others at each time.
                let printed = if is_top && !is_update { shown } else { printed };
                screen += &format!("{command}{printed}");
                checked += 1;
            }
            if is_update {
                text.replace_range(begin..end, &screen);
                fs::write(&path, &text).unwrap();
            } else {
                let shown = &text[begin..end];
                let name = path.display();
                assert_eq!(shown, screen, "{name}: run this test once with UPDATE_DOCS=1");
            }
            from = begin + screen.len();
        }
    }
    assert!(checked >= 6, "{checked}");
}

/// Returns the blocks of shell commands of a document.
fn shell_blocks(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split(END).next());
    blocks.map(str::to_owned).collect()
}

/// Returns the words of each `netsky` in a block of shell commands, without what it is piped to.
fn calls(block: &str) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    let mut statement = String::new();
    for line in block.lines() {
        statement += &format!("{line}\n");
        // Without a result, a quotation mark is still open.
        let Some(words) = shlex::split(&statement) else { continue };
        let commands = words.split(|word| ["|", "&&", ">", "<"].contains(&word.as_str()));
        calls.extend(commands.map(<[String]>::to_vec));
        statement.clear();
    }
    calls.retain(|words| words.first().is_some_and(|word| word == "netsky"));
    calls
}

#[test]
fn every_command_in_the_docs_can_be_typed() {
    let home = Home::new();
    let mut fleet = Fleet::new(2_000);
    fleet.end = Utc::now();
    fleet.record(&Db::open_path(home.path("fleet.db")).unwrap()).unwrap();
    let (store, lake) = (home.path("fleet.db"), home.path("lake").display().to_string());
    let pushed = home.run(&["lake", "push", &lake, "--db", &store.display().to_string()]);
    assert_eq!(pushed.code, 0, "{}", pushed.err);
    let mut checked = 0;
    for (path, block) in documents()
        .iter()
        .flat_map(|path| shell_blocks(path).into_iter().map(move |block| (path.display(), block)))
    {
        for words in calls(&block) {
            let words = words[1..].iter().map(String::as_str);
            // The bucket is a directory here.
            let words: Vec<&str> =
                words.map(|word| if word == "s3://bucket/fleet" { &lake } else { word }).collect();
            // Queries run. Other commands would need files, so only their arguments are checked.
            let is_query = words.first() == Some(&"query")
                && !["--file", "--cluster"].iter().any(|needs| words.contains(needs));
            let mut command = home.command(&words);
            command.current_dir(home.path("")).stdin(Stdio::null());
            if is_query {
                command.env("NETSKY_DB", home.path("fleet.db"));
            } else {
                command.arg("--help");
            }
            let ran = command.output().unwrap();
            let error = String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success(), "{path}: netsky {words:?}\n{error}");
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked}");
}

#[test]
fn the_hooks_in_readme_record_rows() {
    if !has_program("jq") {
        return;
    }
    let home = Home::new();
    let netsky = Path::new(env!("CARGO_BIN_EXE_netsky")).parent().unwrap();
    let path = format!("{}:{}", netsky.display(), std::env::var("PATH").unwrap());
    let passed = home.file("hook.json", r#"{"tool_name":"Bash","tool_input":{"command":"ls"}}"#);
    for table in ["mcp_tool_calls", "token_usage"] {
        let mut shell = Command::new("sh");
        let recording = format!("netsky record {table} -");
        let blocks = shell_blocks(&documents()[0]);
        shell.arg("-c").arg(blocks.iter().find(|block| block.contains(&recording)).unwrap());
        shell.env("HOME", home.path("")).env("PATH", &path).env_remove("NETSKY_DB");
        let input = fs::File::open(&passed).unwrap();
        let ran = shell.stdin(Stdio::from(input)).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "1\n", "{ran:?}");
    }
    let sql = "SELECT tool, request_json->>'command' AS command, usd, \
               (SELECT count(*) FROM v_open_calls) AS open FROM mcp_tool_calls, v_cost_daily";
    let row = home.ok(&["query", "--format", "csv", sql]);
    assert_eq!(row, "tool,command,usd,open\nBash,ls,0.07725,0\n");
}

#[test]
fn every_query_of_the_skill_file_finds_rows() {
    let home = fleet(Utc::now());
    let skill = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SKILL.md");
    let text = fs::read_to_string(skill).unwrap();
    assert!(text.lines().count() <= 66, "{} lines", text.lines().count());
    let block = text.split("```sql\n").nth(1).unwrap().split(END).next().unwrap();
    let queries: Vec<&str> = block.trim_end_matches(';').split(";\n").collect();
    assert!(queries.len() >= 12, "{}", queries.len());
    for sql in queries {
        let rows = home.ok(&["query", "--format", "ndjson", sql]);
        assert!(rows.lines().count() > 0, "{sql}");
    }
}
