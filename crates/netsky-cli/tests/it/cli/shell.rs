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

pub fn store() -> Home {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    home
}

/// A shell with its prompt, and without colours.
pub fn shell(home: &Home, args: &[&str]) -> Terminal {
    let terminal = home.terminal_with(&[("NO_COLOR", "1")], (80, 24), args);
    terminal.until_ready();
    terminal
}

impl Terminal {
    pub fn until_ready(&self) -> String {
        self.until(|screen| screen.trim_end().ends_with("\nnetsky>"))
    }

    /// Types a line, and waits for what comes of it.
    pub fn enter(&mut self, line: &str) -> String {
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
fn a_prompt_says_what_an_unfinished_statement_lacks() {
    let home = store();
    let mut terminal = shell(&home, &["shell"]);
    for (line, prompt) in [
        ("SELECT 'a;", "     '>"),
        ("b' AS two -- ;", "     ->"),
        (", (40", "     (>"),
        ("+ 2) AS answer /* and", "    /*>"),
        ("*/", "     ->"),
    ] {
        terminal.press(line);
        terminal.press(Terminal::ENTER);
        terminal.until(|screen| screen.trim_end().ends_with(&format!("\n{prompt}")));
    }
    let screen = terminal.enter("; SELECT 'second' || '!';");
    assert!(screen.contains("42") && screen.contains("second!"), "{screen}");
    assert!(screen.contains("\n     -> , (40\n     (> + 2) AS answer"), "{screen}");
    assert_eq!(screen.matches("netsky>").count(), 2, "the answers come at once: {screen}");
}

#[test]
fn a_command_inside_a_statement_does_what_is_meant() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT count(*) AS n\r");
    terminal.until_shown("\n     ->");
    for (command, shown) in [
        ("help", "\\gx  "),
        (".tables", "watchdog_events"),
        ("\\d ticks", "detail_json"),
        ("\\nonsense", "no command named '\\nonsense'"),
    ] {
        terminal.press("\x0c");
        terminal.press(command);
        terminal.press(Terminal::ENTER);
        let screen =
            terminal.until(|screen| screen.contains(shown) && screen.trim_end().ends_with("->"));
        let is_known = !command.contains("nonsense");
        assert_eq!(screen.contains("the statement above is unfinished"), is_known, "{screen}");
    }
    assert!(terminal.enter("FROM ticks;").contains("\nn\n─\n1\n"));

    // In a string it is text, and somebody who did not mean that is told.
    terminal.press("SELECT 'a\r");
    terminal.until_shown("'>");
    terminal.press("\\q\r");
    terminal.until_shown("this line is inside a string; end it with ' or press Ctrl-C");
    let screen = terminal.enter("' AS text;");
    assert!(screen.contains("a\\n\\q\\n"), "{screen}");

    terminal.press("SELECT 1\r");
    terminal.until_shown("\n     ->");
    terminal.press("quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_line_that_begins_no_statement_is_not_waited_for() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    let screen = terminal.enter("tables");
    assert!(screen.contains("no query begins with 'tables'; did you mean '.tables'?"), "{screen}");
    assert!(terminal.enter("netsky demo").contains("leave this shell with Ctrl-D first"));
    assert!(terminal.enter("selec 1;").contains("found: selec"));
}

#[test]
fn up_edits_the_lines_of_an_unfinished_statement() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT 'ab' ||\r");
    terminal.until_shown("\n     ->");
    terminal.press("'cd'\r");
    terminal.until(|screen| screen.trim_end().ends_with("->"));
    terminal.press(Terminal::UP);
    terminal.until(|screen| screen.trim_end().ends_with("netsky> SELECT 'ab' ||\n'cd'"));
    terminal.press(" || 'ef';\r");
    terminal.until_shown("abcdef");
    terminal.until_ready();
    // It is one entry of the history.
    terminal.press(Terminal::UP);
    terminal.until(|screen| screen.trim_end().ends_with("netsky> SELECT 'ab' ||\n'cd' || 'ef';"));
}

#[test]
fn ctrl_c_clears_an_unfinished_statement() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT wrong (\r");
    terminal.until_shown("(>");
    terminal.take_back();
    assert!(terminal.enter("SELECT 'cl' || 'ear';").contains("clear"));
}

#[test]
fn alt_dot_inserts_the_last_words_before() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.enter("SELECT 1 AS first;");
    terminal.enter("SELECT 2 AS sécond;");
    terminal.press("SELECT 3 AS \x1b.");
    terminal.until_shown("SELECT 3 AS sécond");
    terminal.press("\x1b.");
    terminal.until(|screen| screen.trim_end().ends_with("SELECT 3 AS first"));
    assert!(terminal.enter("_again;").contains("\nfirst_again\n"));
    // In another place, it begins with the newest word.
    terminal.press("SELECT 4 AS \x1b.");
    terminal.until(|screen| screen.trim_end().ends_with("SELECT 4 AS first_again"));
}

#[test]
fn vi_keys_are_those_of_readline_or_chosen() {
    let home = store();
    home.file(".inputrc", "set editing-mode vi\n");
    let mut terminal = shell(&home, &[]);
    // 0 goes to the beginning, and x deletes there.
    terminal.press("xSELECT 'vi' || '!';");
    terminal.until_shown("'!';");
    terminal.press("\x1b");
    thread::sleep(Duration::from_millis(600));
    terminal.press("0x");
    terminal.press(Terminal::ENTER);
    assert!(terminal.until_ready().contains("vi!"));
    assert!(terminal.enter(".keys emacs").contains("Keys are those of emacs."));
    terminal.press("SELECT 'em' || 'acs';x\x7f");
    assert!(terminal.enter("").contains("emacs\n"));
}

#[test]
fn toggles_tell_their_state() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    for (command, state) in [
        (".timer", "Timer is off."),
        ("\\timing on", "Timer is on."),
        (".all", "Every row is shown."),
        (".all", "The first 40 rows are shown."),
        ("\\x", "Expanded display is on."),
        ("\\x off", "Expanded display is off."),
        (".mode line", "Mode is vertical."),
        (".mode box", "Mode is table."),
        (".mode jsonlines", "Mode is ndjson."),
        (".mode", "Mode is ndjson."),
        (".chart bar", "Answers are bar charts."),
        (".chart off", "Charts are off."),
        (".tz berlin", "did you mean 'Europe/Berlin'?"),
        (".tz Europe/Berlin", "Times are in Europe/Berlin."),
        (".headers on", "there is no .headers here: names of columns are always shown"),
        ("\\c other", "run `netsky FILE.db`"),
    ] {
        let screen = terminal.enter(command);
        let (_, after) = screen.rsplit_once(&format!("netsky> {command}\n")).unwrap();
        assert!(after.contains(state), "{command}: {screen}");
    }
    terminal.enter(".mode csv");
    assert!(terminal.enter("SELECT ts_utc FROM ticks;").contains("+02:00"));
    // A script prints nothing but answers.
    let ran = home
        .run_with_input(&["shell"], ".timer off\n.mode csv\n\\x off\n.mode csv\nSELECT 1 AS a;");
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("a\n1\n", ""));
}

#[test]
fn answers_go_to_a_file_once_or_until_the_end() {
    let home = store();
    let (once, all) = (home.path("once.csv"), home.path("all.csv"));
    let mut terminal = shell(&home, &[]);
    terminal.enter(".once ~/once.csv");
    assert!(terminal.enter("SELECT nothing;").contains("no column named"));
    terminal.enter("SELECT 1 AS one;");
    assert_eq!(fs::read_to_string(&once).unwrap(), "one\n1\n");
    terminal.enter("\\o ~/all.csv");
    terminal.enter("SELECT 2 AS two;");
    terminal.enter("SELECT 3 AS three;");
    assert_eq!(fs::read_to_string(&all).unwrap(), "two\n2\nthree\n3\n");
    terminal.enter(".output");
    assert!(terminal.enter("SELECT 'scr' || 'een';").contains("screen"));
    assert_eq!(fs::read_to_string(&all).unwrap(), "two\n2\nthree\n3\n");
    assert!(terminal.enter(".output ~/x.parquet").contains("write it with .once"));
    assert!(terminal.enter(".output ~/.netsky/meta.db").contains("meta.db is a store"));
    terminal.enter("SELECT 4 AS four \\g ~/once.csv");
    assert_eq!(fs::read_to_string(&once).unwrap(), "four\n4\n");
    assert!(terminal.enter("SELECT 'ag' || 'ain';").contains("again"));
    terminal.enter(".once ~/ticks.svg");
    terminal.enter("SELECT source, count(*) FROM ticks GROUP BY source;");
    assert!(fs::read_to_string(home.path("ticks.svg")).unwrap().contains("<svg"));
}

#[test]
fn a_statement_is_edited_in_the_editor_and_then_runs() {
    let home = store();
    let editor = home.file("editor", "sed -i s/first/second/ \"$1\"");
    let editor = format!("sh {editor}");
    let with = [("NO_COLOR", "1"), ("EDITOR", editor.as_str())];
    let mut terminal = home.terminal_with(&with, (80, 24), &[]);
    terminal.until_ready();
    assert!(terminal.enter("SELECT 'first' || '!';").contains("first!"));
    let screen = terminal.enter("\\e");
    assert!(screen.contains("SELECT 'second' || '!';") && screen.contains("second!"), "{screen}");
    // Without its end, the statement waits for the rest.
    terminal.press("SELECT 'first'\r");
    terminal.until_shown("\n     ->");
    terminal.press("\\e\r");
    terminal.until(|screen| screen.trim_end().ends_with("netsky> SELECT 'second'"));
    assert!(terminal.enter(" || '?';").contains("second?"));
    assert!(!home.path(".netsky").join("netsky-").exists());

    let with = [("NO_COLOR", "1"), ("EDITOR", "false")];
    let mut terminal = home.terminal_with(&with, (80, 24), &[]);
    terminal.until_ready();
    terminal.enter("SELECT 1;");
    assert!(terminal.enter("\\e").contains("the editor 'false' failed"));
}

#[test]
fn a_statement_is_watched_until_ctrl_c() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT 'tick' || count(*) AS n FROM ticks \\watch 0.1\r");
    terminal.until(|screen| screen.matches("tick1").count() > 1);
    home.ok(&["record", "ticks", TICK]);
    terminal.until_shown("tick2");
    terminal.press(Terminal::CTRL_C);
    terminal.until_ready();
    let screen = terminal.enter("\\gx");
    assert!(screen.contains("n  tick2"), "{screen}");
    assert!(terminal.enter("\\watch soon").contains("expected seconds"));
    assert!(terminal.enter("SELECT 1 \\gx").contains("─── row 1"));
}

#[test]
fn relations_are_listed_and_described_as_in_psql() {
    let home = store();
    let mut terminal = home.terminal_with(&[("NO_COLOR", "1")], (80, 50), &[]);
    terminal.until_ready();
    let screen = terminal.enter("\\d v_cost*");
    assert!(screen.contains("v_cost_daily  view"), "{screen}");
    terminal.press("\x0c");
    let screen = terminal.enter("\\d");
    assert!(screen.contains("ticks") && !screen.contains("detail_json"), "{screen}");
    terminal.press("\x0c");
    assert!(terminal.enter("\\d+ tick*").contains("2026-04-15T23:00:00.000Z"));
    terminal.press("\x0c");
    let screen = terminal.enter("\\df date_t*");
    assert!(screen.contains("date_trunc"), "{screen}");
    assert!(
        terminal.enter(".tables tick").contains("no table is named 'tick'; did you mean 'ticks'?")
    );
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

#[test]
fn a_long_statement_can_be_pasted() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    let columns: String = (0..300).map(|n| format!("{n} AS c{n},\r")).collect();
    terminal.press(&format!("SELECT 'the f' || 'irst' AS first,\r{columns}1 AS last \\gx\r"));
    terminal.until_shown("the first");
}

#[test]
fn nothing_that_is_sent_after_ctrl_c_is_lost() {
    let home = store();
    let mut terminal = shell(&home, &[]);
    terminal.press("SELECT (\rwrong\x03SELECT 'ri' || 'ght';\r");
    terminal.until_shown("right");
    let screen = terminal.until_ready();
    assert!(!screen.contains("cannot parse"), "{screen}");
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
    terminal.press(".mod\t csv");
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
    terminal.press("\x0c");
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
fn a_script_can_end_a_statement_with_a_command() {
    let home = store();
    let ran =
        home.run_with_input(&["-csv"], "SELECT 1\n AS a \\g\nSELECT 2 AS b \\gx\nSELECT 3 AS c;");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("a\n1\n─── row 1"), "{}", ran.out);
    assert!(ran.out.ends_with("b  2\nc\n3\n"), "{}", ran.out);
    let ran = home.run_with_input(&[], "SELECT 1 AS a \\x\n");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("line 1: \\x is behind a statement that has no end"), "{}", ran.err);
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
