//! `netsky shell`, on a terminal and off it.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use netsky_testing::has_program_with;

use super::{Home, TICK, ran};
use crate::terminal::Terminal;

/// It takes minutes, gives one row, and its joins go on for long between two looks around.
const ENDLESS: &str = "SELECT sum(a.value * b.value % c.value) FROM generate_series(1, 100000) a, \
    generate_series(1, 100000) b, generate_series(1, 100000) c;";

fn store() -> Home {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    home
}

/// A shell with its prompt, and without colours.
fn shell(home: &Home, args: &[&str]) -> Terminal {
    let terminal = home.terminal_with(&[("NO_COLOR", "1")], (80, 24), args);
    terminal.until_ready();
    terminal
}

impl Terminal {
    fn until_ready(&self) -> String {
        self.until(|screen| screen.trim_end().ends_with("\nnetsky>"))
    }

    /// Types a line, and waits for what comes of it.
    fn enter(&mut self, line: &str) -> String {
        self.press(line);
        self.until(|screen| !screen.trim_end().ends_with("\nnetsky>"));
        self.press(Terminal::ENTER);
        self.until_ready()
    }

    fn take_back(&mut self) {
        self.press(Terminal::CTRL_C);
        self.until_ready();
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

#[test]
fn a_statement_goes_on_until_its_semicolon() {
    let home = store();
    let mut terminal = shell(&home, &["shell"]);
    for line in ["SELECT 'a;", "b' AS two -- ;", ", 40 + 2 AS answer"] {
        terminal.press(line);
        terminal.press(Terminal::ENTER);
    }
    let screen = terminal.enter("; SELECT 'second' || '!';");
    assert!(screen.contains("42") && screen.contains("second!"), "{screen}");
    assert_eq!(screen.matches("netsky>").count(), 2, "the answers come at once: {screen}");
}

/// Four lines that print what they do not contain.
const LINES: &str = "SELECT 'fir' || 'st';\rSELECT 'seco' || 'nd';\rSELECT 'thi' || 'rd';\rSELECT 'fou' || 'rth';\r";

#[test]
fn pasted_lines_all_run() {
    let home = store();
    let mut terminal = home.terminal_with(&[("NO_COLOR", "1")], (80, 40), &[]);
    terminal.until_ready();
    terminal.press(LINES);
    for answer in ["first", "second", "third", "fourth"] {
        terminal.until_shown(answer);
    }
}

/// A server of tmux that runs `netsky`, and ends with the test.
struct Tmux<'a>(&'a Home);

impl Tmux<'_> {
    fn run(&self, args: &[&str]) -> String {
        let socket = self.0.path("tmux").display().to_string();
        let mut command = Command::new("tmux");
        command.args(["-S", &socket, "-f", "/dev/null"]).args(args);
        command.env("HOME", self.0.path("")).env_remove("NETSKY_DB").env_remove("TMUX");
        ran(command.output().unwrap()).out
    }

    #[track_caller]
    fn until(&self, wanted: impl Fn(&str) -> bool) {
        let began = Instant::now();
        loop {
            let screen = self.run(&["capture-pane", "-p"]);
            if wanted(&screen) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn lines_that_tmux_sends_all_run() {
    if !has_program_with("tmux", "-V") {
        return;
    }
    let home = store();
    let tmux = Tmux(&home);
    tmux.run(&["new-session", "-d", "-x", "80", "-y", "50", env!("CARGO_BIN_EXE_netsky")]);
    tmux.until(|screen| screen.contains("netsky>"));
    // tmux itself takes a semicolon at the end of an argument.
    let lines = LINES.trim_end().replace(';', "\\;");
    let lines = lines.split('\r');
    let keys: Vec<&str> = lines.flat_map(|line| [line, "Enter"]).collect();
    tmux.run(&[&["send-keys"], &keys[..]].concat());
    tmux.until(|screen| ["first", "second", "third", "fourth"].iter().all(|a| screen.contains(a)));
    let file = home.file("lines", LINES.replace('\r', "\n").replace("||", "|| '/' ||"));
    tmux.run(&["load-buffer", &file]);
    tmux.run(&["paste-buffer"]);
    tmux.until(|screen| screen.contains("fir/st") && screen.contains("fou/rth"));
}

#[test]
fn history_outlives_the_shell_and_is_its_owners_alone() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT 'first' ||\r");
    assert!(terminal.enter("'!';").contains("first!"));
    assert!(terminal.enter("  SELECT 'kept to' || ' myself';").contains("kept to myself"));
    terminal.press("exit\r");
    assert_eq!(terminal.end(), 0);
    let history = home.path(".netsky/history");
    assert!(!fs::read_to_string(&history).unwrap().contains("myself"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let mut terminal = shell(&home, &[]);
    terminal.press(Terminal::UP);
    terminal.until_shown("netsky> exit");
    terminal.press(Terminal::UP);
    terminal.until_shown("'!';");
    assert!(terminal.enter("").contains("first!"));
}

#[test]
fn tab_completes_what_there_is() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT detail_j\t FROM mcp_\t");
    terminal.until_shown("SELECT detail_json FROM mcp_tool_calls");
    terminal.take_back();
    terminal.press("sel\t 1 from ticks where sour\t");
    terminal.until_shown("select 1 from ticks where source");
    terminal.take_back();
    terminal.press(".mo\t csv");
    terminal.until_shown(".mode csv");
    terminal.take_back();
    terminal.press("SELECT ti");
    terminal.press(Terminal::TAB);
    let offered = terminal.until_shown("timestamp");
    assert!(offered.contains("ticks"), "{offered}");
}

#[test]
fn ctrl_c_takes_a_line_back_or_ends_a_query_and_never_the_shell() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT wrong");
    terminal.until_shown("SELECT wrong");
    terminal.take_back();
    terminal.press(ENDLESS);
    terminal.until(|screen| screen.trim_end().ends_with(" c;"));
    terminal.press(Terminal::ENTER);
    // The bar is there, and the joins are under way.
    terminal.until(|screen| screen.trim_end().ends_with('s'));
    terminal.press(Terminal::CTRL_C);
    assert!(terminal.until_ready().contains("netsky: interrupted"));
    assert!(terminal.enter("SELECT 'still ' || 'here';").contains("still here"));
    terminal.press(Terminal::CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn commands_describe_tables_and_change_how_answers_look() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.enter(".timer off");
    terminal.enter(".mode csv");
    let screen = terminal.enter("SELECT 1 AS one, 2 AS two;");
    assert!(screen.contains("one,two\n1,2\nnetsky>"), "{screen}");
    assert!(terminal.enter("\\d ticks").contains("detail_json,text,no"));
    assert!(terminal.enter(".tables").contains("ticks,1,2026-04-15"));
    assert!(terminal.enter(".help").contains(".schema [TABLE]"));
    let screen = terminal.enter(".tabels");
    assert!(screen.contains("no command named '.tabels'; did you mean '.tables'?"), "{screen}");
    terminal.press("\\q\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_failure_is_told_and_the_shell_goes_on() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    let screen = terminal.enter("SELECT sorce FROM ticks; SELECT 'not' || ' reached';");
    assert!(screen.contains("did you mean 'source'?"), "{screen}");
    let screen = terminal.enter("SELECT 'next' || '!';");
    assert!(screen.contains("next!") && !screen.contains("not reached"), "{screen}");
}

#[test]
fn the_rc_file_is_run_first_and_its_faults_are_told_by_name() {
    let home = store();
    home.file(".netskyrc", "-- as I like it\n.mode csv\nSELECT sorce FROM ticks;\n.timer off\n");
    let mut terminal = shell(&home, &[]);
    let rc = home.path(".netskyrc").display().to_string();
    let screen = terminal.screen();
    assert!(screen.contains(&format!("{rc}: line 3: no column named 'sorce'")), "{screen}");
    let screen = terminal.enter("SELECT 1 AS one, 2 AS two;");
    assert!(screen.contains("one,two\n1,2\nnetsky>"), "{screen}");
    // It is for people.
    assert_eq!(home.run_with_input(&["shell"], "SELECT 1 AS n;").out.lines().count(), 5);
}

#[test]
fn a_store_that_is_not_there_is_told_before_anything_is_typed() {
    let home = Home::new();
    let mut terminal = home.terminal((80, 24), &["shell"]);
    assert_eq!(terminal.end(), 3);
    assert!(terminal.screen().contains("no store at"), "{}", terminal.screen());
}

#[test]
fn off_a_terminal_statements_are_run_up_to_the_first_that_fails() {
    let home = store();
    let run = |input: &str| home.run_with_input(&["shell", "--format", "csv"], input);
    let ran = run("SELECT 1 AS a; SELECT ';' AS b;\n.mode ndjson\nSELECT 3 AS c");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out, "a\n1\nb\n;\n{\"c\":3}\n");

    let ran = run("SELECT 1 AS a;\n\nSELECT sorce\nFROM ticks;\nSELECT 2 AS b;\n");
    assert_eq!((ran.code, ran.out.as_str()), (1, "a\n1\n"));
    let told = "netsky: line 3: no column named 'sorce'; did you mean 'source'?\n";
    assert_eq!(ran.err, format!("{told}  SELECT sorce\n         ^\n"));
    // The line in the file, not in the statement.
    let ran = run("SELECT 1 AS a;\n\nSELECT id\nFROM ticks\nWHERE sorce = 1;\n");
    assert!(ran.err.starts_with("netsky: line 5: no column named"), "{}", ran.err);
    assert_eq!(run("SELECT 'open").code, 1);
    let ran = run("SELECT 1 AS a;\n.quit\nSELECT 2 AS b;\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "a\n1\n"));
}

#[test]
fn files_are_read_and_their_faults_told_by_name_and_line() {
    let home = store();
    let inner = home.file("inner.sql", "SELECT 1 AS a;\n\nSELECT sorce FROM ticks;\n");
    let outer = home.file("outer.sql", format!(".mode csv\n.read {inner}\nSELECT 2 AS b;\n"));
    let ran = home.run_with_input(&["shell"], &format!(".read {outer}\n"));
    assert_eq!((ran.code, ran.out.as_str()), (1, "a\n1\n"));
    let about =
        format!("netsky: line 1: {outer}: line 2: {inner}: line 3: no column named 'sorce'");
    assert!(ran.err.starts_with(&about), "{}", ran.err);

    let own = home.path("own.sql").display().to_string();
    home.file("own.sql", format!(".read {own}\n"));
    let ran = home.run_with_input(&["shell"], &format!(".read {own}\n"));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("look for a file that reads itself"), "{}", ran.err);
}
