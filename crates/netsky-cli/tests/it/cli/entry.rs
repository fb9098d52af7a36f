//! `netsky` without a command: the shell, a file, or SQL.

use super::Home;
use super::shell::{shell, store};
use crate::terminal::Terminal;

#[test]
fn somebody_without_a_store_is_told_how_to_begin() {
    let home = Home::new();
    let mut terminal = home.terminal((80, 24), &[]);
    let screen = terminal.until_shown("[Y/n]");
    for command in ["netsky demo", "netsky record", "netsky import", "netsky schema"] {
        assert!(screen.contains(command), "{screen}");
    }
    terminal.press("n\r");
    assert_eq!(terminal.end(), 3);
    assert!(!home.path(".netsky").exists());

    let with = [("NO_COLOR", "1"), ("NETSKY_PAGER", "cat")];
    let mut terminal = home.terminal_with(&with, (80, 24), &[]);
    terminal.until_shown("[Y/n]");
    terminal.press(Terminal::ENTER);
    terminal.until_ready();
    assert!(terminal.enter("SELECT count(*) > 0 AS has_rows FROM ticks;").contains("true"));

    // Nobody is asked off a terminal.
    let empty = Home::new();
    let ran = empty.run_with_input(&[], "SELECT 1;");
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("record, import and demo create a store"), "{}", ran.err);
}

#[test]
fn sql_is_taken_as_an_argument_and_on_a_pipe() {
    let home = store();
    let csv = "a\n1\nb\n2\n";
    let sql = "SELECT 1 AS a; SELECT 2 AS b";
    assert_eq!(home.ok(&["--format", "csv", sql]), csv);
    assert_eq!(home.ok(&["-csv", sql]), csv);
    assert_eq!(home.ok(&["--csv", "-c", sql]), csv);
    assert_eq!(home.ok(&["-header", "-csv", sql]), csv);
    let said = home.fails(2, &["query", "--csv", sql]);
    assert!(said.contains("'--format csv'") && !said.contains("as a value"), "{said}");
    assert_eq!(home.ok(&["--format", "csv", "-c", "SELECT 1 AS a", "-c", "SELECT 2 AS b;"]), csv);
    assert_eq!(home.ok(&["shell", "-c", sql, "--format", "csv"]), csv);
    assert_eq!(home.run_with_input(&["--format", "csv"], sql).out, csv);
    let table = "+---+\n| a |\n+---+\n| 1 |\n+---+\n";
    assert_eq!(home.run_with_input(&[], "SELECT 1 AS a;").out, table);
    let db = home.path(".netsky/meta.db").display().to_string();
    assert_eq!(home.ok(&[&db, "--format", "csv", sql]), csv);
    assert_eq!(home.run_with_input(&[&db, "-csv"], sql).out, csv);
    let file = home.file("script.sql", ".mode csv\nSELECT 1 AS a; SELECT 2 AS b");
    assert_eq!(home.ok(&["-f", &file]), csv);
    assert!(home.ok(&[".tables"]).contains("watchdog_events"));
    assert!(home.ok(&["--json", "\\d ticks"]).contains(r#"{"column":"ts_utc","#));
    assert!(home.ok(&["--", "-- a comment\nSELECT 1 AS a"]).contains("| a |"));

    // The first failure ends it, and is the exit code.
    for ran in [
        home.run(&["-csv", "SELECT 1 AS a; SELECT sorce FROM ticks; SELECT 2"]),
        home.run_with_input(&["-csv"], "SELECT 1 AS a; SELECT sorce FROM ticks; SELECT 2"),
    ] {
        assert_eq!((ran.code, ran.out.as_str()), (1, "a\n1\n"));
        assert!(ran.err.contains("did you mean 'source'?"), "{}", ran.err);
    }
    assert!(home.fails(1, &["DELETE FROM ticks"]).contains("read-only"));
}

#[test]
fn a_query_without_quotes_is_told_about_them() {
    let home = store();
    for args in
        [&["select", "1"][..], &["SELECT", "id", "FROM", "ticks"], &["query", "select", "1"]]
    {
        let told = home.fails(2, args);
        assert!(told.contains("a query is one argument, in quotes: netsky "), "{told}");
    }
    let db = home.path(".netsky/meta.db").display().to_string();
    assert!(home.fails(2, &[&db, "tables"]).contains(&format!("netsky --db {db} tables")));
    let told = home.fails(1, &["selec 1"]);
    assert!(told.contains("found: selec"), "{told}");
    assert!(home.fails(1, &[".tabels"]).contains("did you mean '.tables'?"));
    let script = home.file("script.sql", "SELECT 1");
    assert!(home.fails(2, &[&script]).contains(&format!("to run it: netsky -f {script}")));
    let rows = home.file("rows.ndjson", "{}");
    assert!(home.fails(2, &[&rows]).contains("to import it: netsky import TABLE "));
    assert!(home.fails(2, &["-c"]).contains("a value is required for '--command <SQL>'"));
    // What is neither SQL nor a file is a command with a typo.
    assert!(home.fails(2, &["exprot"]).contains("a similar subcommand exists: 'export'"));
    assert!(home.fails(2, &["--fromat", "csv"]).contains("--fromat"));
}

#[test]
fn a_dash_is_standard_input_or_output() {
    let home = store();
    assert_eq!(home.ok(&["query", "--format", "csv", "-o", "-", "SELECT 1 AS a"]), "a\n1\n");
    assert!(home.ok(&["query", "-o", "-", "SELECT 1 AS a"]).contains("| a |"));
    for args in [&["query", "--format", "csv", "--file", "-"][..], &["-csv", "-f", "-"]] {
        assert_eq!(home.run_with_input(args, "SELECT 1 AS a").out, "a\n1\n");
    }
    assert!(!std::path::Path::new("-").exists());
}

#[test]
fn a_store_that_is_not_there_is_told_before_anything_is_typed() {
    let home = Home::new();
    let other = home.path("other.db").display().to_string();
    for args in [&["shell", "--db", &other][..], &[&other]] {
        let mut terminal = home.terminal((80, 24), args);
        assert_eq!(terminal.end(), 3);
        assert!(terminal.screen().contains("no store at"), "{}", terminal.screen());
    }
}

#[test]
fn netsky_alone_on_a_terminal_is_the_shell_and_off_it_the_help() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    assert!(terminal.screen().contains("meta.db") && terminal.screen().contains(".help"));
    let screen = terminal.enter("SELECT source FROM ticks;");
    assert!(screen.contains("cron") && screen.contains("1 row in"), "{screen}");
    terminal.press(Terminal::CTRL_D);
    assert_eq!(terminal.end(), 0);

    let help = home.fails(2, &[]);
    assert!(help.contains("Usage: netsky"), "{help}");
}
