//! Answers on a terminal: tables that fit, the pager, the bar, and the line below.

use std::fs;

use serde_json::json;

use super::{Home, TICK};
use crate::terminal::Terminal;

const PLAIN: [(&str, &str); 2] = [("NETSKY_PAGER", "cat"), ("NO_COLOR", "1")];

/// What is printed by a command that ends well, but for the line below that says how long it took.
fn printed(home: &Home, size: (u16, u16), args: &[&str]) -> String {
    let mut terminal = home.terminal_with(&PLAIN, size, args);
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    let printed = terminal.printed().replace("\r\n", "\n");
    assert!(!printed.contains('\x1b'), "{printed}");
    let is_summary =
        |line: &str| line.contains(" in ") && (line.ends_with(" s") || line.contains(" s; read "));
    let lines = printed.lines().filter(|line| !is_summary(line));
    lines.map(|line| format!("{line}\n")).collect()
}

fn home() -> Home {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    home
}

const MIXED: &str = "SELECT 1 AS id, 'a text that is rather long, and is cut where the terminal is narrow' AS text, \
    0.5 AS share, NULL AS none UNION ALL SELECT 12345, '', 1234.56789, NULL ORDER BY id";

#[test]
fn a_table_is_as_wide_as_the_terminal_at_most_with_numbers_to_the_right() {
    let home = home();
    let wide = "   \
   id  text                                                                    share  none
─────  ───────────────────────────────────────────────────────────────────  ────────  ────
    1  a text that is rather long, and is cut where the terminal is narrow     0.5    NULL
12345                                                                       1234.568  NULL
";
    assert_eq!(printed(&home, (200, 24), &["query", MIXED]), wide);
    let narrow = "   \
   id  text                                     share  none
─────  ────────────────────────────────────  ────────  ────
    1  a text that is rather long, and is …     0.5    NULL
12345                                        1234.568  NULL
";
    assert_eq!(printed(&home, (59, 24), &["query", MIXED]), narrow);
}

#[test]
fn tables_of_other_commands_fit_as_well_and_lose_no_row() {
    let home = home();
    for columns in [80, 200] {
        let schema = printed(&home, (columns, 24), &["schema"]);
        assert!(schema.lines().all(|line| line.chars().count() <= usize::from(columns)));
        let rows: usize = netsky_db::TABLES.iter().map(|table| table.columns().len() + 1).sum();
        let of_views: usize = netsky_db::VIEWS.iter().map(|view| view.columns().len()).sum();
        assert_eq!(schema.lines().count(), rows + of_views + 2);
    }
}

#[test]
fn long_names_are_broken_before_anything_is_cut() {
    let sql = "SELECT 1 AS cached_input_tokens, 2 AS cost_usd_micros, 'text' AS what";
    let table = "cached_   cost_\n input_    usd_\n tokens  micros  what\n───────  ──────  ────\n      1       2  text\n";
    assert_eq!(printed(&home(), (21, 24), &["query", sql]), table);
}

#[test]
fn rows_that_do_not_fit_side_by_side_stand_below_each_other_and_are_not_cut() {
    let home = home();
    let sql = "SELECT id, ts_utc, 'first line\nand a second one that goes on for a while' AS text, \
               NULL AS none FROM ticks";
    let rows = "\
─── row 1 ────────────────────
id      1
ts_utc  2026-04-15T23:00:00.000Z
text    first line
        and a second one that
        goes on for a while
none    NULL
";
    let rows = rows.replace("one that\n", "one that \n");
    assert_eq!(printed(&home, (32, 24), &["query", sql]), rows.replace("───\nid", "─────\nid"));
    let asked = printed(&home, (80, 24), &["query", "--format", "vertical", sql]);
    assert!(asked.contains("\n        and a second one that goes on for a while\n"), "{asked}");
}

#[test]
fn at_most_forty_rows_are_shown_and_a_line_says_how_many_there_are() {
    let home = home();
    let sql = "SELECT value FROM generate_series(1, 12500)";
    let table = printed(&home, (80, 24), &["query", sql]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2 + 40 + 1);
    assert_eq!(
        lines[41..],
        ["   40", "40 of 12,500 rows; --all, or .all in the shell, shows every row"]
    );
    let all = printed(&home, (80, 24), &["query", "--all", sql]);
    assert_eq!((all.lines().count(), all.lines().last()), (12_502, Some("12500")));
    let forty = printed(&home, (80, 24), &["query", "SELECT value FROM generate_series(1, 40)"]);
    assert_eq!((forty.lines().count(), forty.lines().last()), (42, Some("   40")));
    let below = printed(&home, (80, 24), &["query", "--format", "vertical", sql]);
    assert_eq!(below.lines().count(), 2 * 40 + 1);
    // Programs get all.
    assert_eq!(home.ok(&["query", sql]).lines().count(), 12_504);
}

#[test]
fn a_terminal_gets_no_character_that_it_would_obey() {
    let home = home();
    let sql = "SELECT chr(27) || '[31m' || chr(7) || chr(155) || chr(10) || chr(9) || chr(8238) || 'x' AS text";
    let shown = "\\u{1b}[31m\\u{7}\\u{9b}\\n\\t\\u{202e}x";
    assert!(printed(&home, (80, 24), &["query", sql]).contains(shown));
    let vertical = printed(&home, (80, 24), &["query", "--format", "vertical", sql]);
    assert!(
        vertical.contains("text  \\u{1b}[31m\\u{7}\\u{9b}\n          \\u{202e}x\n"),
        "{vertical}"
    );
    for format in ["json", "ndjson", "csv", "tsv", "markdown"] {
        let printed = printed(&home, (80, 24), &["query", "--format", format, sql]);
        assert!(!printed.contains(['\x1b', '\x07', '\u{9b}', '\u{202e}']), "{format}: {printed}");
    }
    // Elsewhere a value is what it is.
    assert!(
        home.ok(&["query", "--format", "csv", sql]).contains("\x1b[31m\x07\u{9b}\n\t\u{202e}x")
    );
}

/// A title, a colour, a C1 sequence, a change of direction, DEL and BS.
const HOSTILE: &str = "\x1b]0;title\x07\x1b[31m\u{9b}31m\u{202e}\x7f\x08x";

#[test]
fn no_command_passes_an_escape_to_the_terminal() {
    let home = home();
    let row = json!({"source": HOSTILE, "detail_json": "{}"}).to_string();
    home.ok(&["record", "ticks", &row]);
    let message = json!({"source": "agent", "direction": "inbound", "from_agent": HOSTILE});
    home.ok(&["record", "messages", &message.to_string()]);
    let lines = home.file(
        "lines.ndjson",
        format!("{}\n", json!({HOSTILE: 1, "source": "x", "detail_json": "{}"})),
    );
    let csv = home.file("ticks.csv", format!("source,{HOSTILE}\na,b\n"));
    home.file(&format!(".netsky/.netsky-{HOSTILE}"), "");
    fs::create_dir_all(home.path("dir/ticks")).unwrap();
    home.file(&format!("dir/ticks/{HOSTILE}.ndjson"), "{}\n");
    let dir = home.path("dir").display().to_string();
    let unknown = format!("{HOSTILE}y");
    let cast = "SELECT source::int FROM ticks WHERE id = 2";
    let condition = "source::int = 1";
    let everything = "SELECT * FROM ticks";
    for (code, args) in [
        (1, &["query", cast][..]),
        (1, &["query", "SELECT to_timestamp(source) FROM ticks WHERE id = 2"]),
        (1, &["tail", "ticks", "--where", condition]),
        (1, &["import", "ticks", &lines]),
        (0, &["import", "ticks", "--skip-invalid", &lines]),
        (1, &["import", "ticks", &csv]),
        (1, &["import", &dir]),
        (1, &["query", "--file", HOSTILE]),
        (1, &["timeline", &unknown]),
        (1, &["timeline", "nobody"]),
        (2, &["query", "--format", HOSTILE]),
        (0, &["doctor"]),
        (0, &["query", "--json", everything]),
        (0, &["query", "--format", "json", everything]),
        (0, &["query", "--all", everything]),
        (0, &["tail", "ticks"]),
        (0, &["tail", "ticks", "--format", "ndjson"]),
        (0, &["tail", "ticks", "--format", "csv"]),
        (0, &["tail", "ticks", "--format", "table"]),
        (0, &["export", "ticks", "-"]),
        (0, &["export", "ticks", "-", "--format", "csv"]),
    ] {
        let mut terminal = home.terminal_with(&PLAIN, (200, 40), args);
        let ended = terminal.end();
        let printed = terminal.printed();
        assert_eq!(ended, code, "{args:?}: {printed}");
        let obeyed =
            |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t') || c == '\u{202e}';
        assert!(!printed.contains(obeyed), "{args:?}: {printed:?}");
        assert!(printed.contains("31m"), "{args:?} shows nothing of it: {printed}");
    }
    // Elsewhere a value is what it is.
    let csv = home.ok(&["export", "ticks", "-", "--format", "csv"]);
    assert!(csv.contains(HOSTILE), "{csv}");
}

#[test]
fn wide_characters_are_measured_as_a_terminal_shows_them() {
    let sql = "SELECT repeat('日本', 10) AS text, 1 AS one UNION ALL SELECT '🦀', 2 ORDER BY one";
    let home = home();
    let mut terminal = home.terminal_with(&PLAIN, (30, 24), &["query", sql]);
    assert_eq!(terminal.end(), 0);
    let screen = terminal.screen();
    let ends = |line: &str| {
        screen.lines().find(|shown| shown.contains(line)).map(console::measure_text_width)
    };
    assert_eq!((ends("…"), ends("🦀")), (Some(30), Some(30)), "{screen}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let home = home();
    let mut terminal = home.terminal((80, 24), &["query", MIXED]);
    assert_eq!(terminal.end(), 0);
    assert!(terminal.printed().contains("\x1b[1m"), "{}", terminal.printed());
    assert!(!home.ok(&["query", MIXED]).contains('\x1b'));
}

#[test]
fn binary_formats_are_not_for_a_terminal() {
    let home = home();
    for format in ["arrow", "parquet"] {
        let mut terminal = home.terminal((80, 24), &["query", "--format", format, MIXED]);
        assert_eq!(terminal.end(), 2);
        terminal.until_shown("--output");
    }
}

#[test]
fn what_is_longer_than_the_screen_goes_through_the_pager_and_nothing_else_does() {
    let home = home();
    let paged = home.path("paged");
    let pager = format!("cat > {}", paged.display());
    let with = [("NETSKY_PAGER", pager.as_str()), ("PAGER", "false")];
    let long = "SELECT value FROM generate_series(1, 30)";
    let mut terminal = home.terminal_with(&with, (80, 24), &["query", long]);
    assert_eq!(terminal.end(), 0);
    let found = fs::read_to_string(&paged).unwrap();
    assert!(found.lines().count() == 32 && found.ends_with("   30\n"), "{found}");
    assert!(!terminal.printed().contains("   29"), "{}", terminal.printed());

    fs::remove_file(&paged).unwrap();
    for (size, sql) in [((80, 24), "SELECT value FROM generate_series(1, 20)"), ((80, 40), long)] {
        let mut terminal = home.terminal_with(&with, size, &["query", sql]);
        assert_eq!(terminal.end(), 0);
        assert!(!paged.exists(), "{}", terminal.screen());
    }
    // A line may be longer than the screen.
    let sql = "SELECT repeat('x', 4000) AS text";
    let mut terminal = home.terminal_with(&with, (80, 24), &["query", "--format", "csv", sql]);
    assert_eq!(terminal.end(), 0);
    assert_eq!(fs::read_to_string(&paged).unwrap().len(), 4_006);
}

#[test]
fn no_pager_and_a_pager_that_is_left_early_are_no_errors() {
    let home = home();
    let long = "SELECT value FROM generate_series(1, 300000)";
    for pager in ["", "cat"] {
        let with = [("NETSKY_PAGER", pager)];
        let mut terminal = home.terminal_with(&with, (80, 24), &["query", long]);
        assert_eq!(terminal.end(), 0);
        terminal.until_shown("40 of 300,000 rows");
    }
    let with = [("PATH", "/no/such/directory")];
    let mut terminal = home.terminal_with(&with, (80, 24), &["query", long]);
    assert_eq!(terminal.end(), 0);
    terminal.until_shown("40 of 300,000 rows");
    let with = [("NETSKY_PAGER", "head -n 1 > /dev/null; echo left")];
    let mut terminal = home.terminal_with(&with, (80, 24), &["query", "--all", long]);
    assert_eq!(terminal.end(), 0);
    assert!(terminal.screen().contains("left") && !terminal.screen().contains("netsky:"));
}

#[test]
fn below_an_answer_stands_what_it_took() {
    let home = Home::new();
    let line = json!({"ts_utc": "2026-04-15T23:00:00Z", "source": "x", "detail_json": "{}"});
    home.run_with_input(&["import", "ticks", "-"], &format!("{line}\n").repeat(5_000));
    let sql = "SELECT id, source FROM ticks WHERE id > 4990";
    let mut terminal = home.terminal((80, 24), &["query", sql]);
    assert_eq!(terminal.end(), 0);
    let below = "; read 10 rows, 7";
    let line = terminal.screen().lines().find(|line| line.contains(below)).unwrap().to_owned();
    assert!(
        line.starts_with("10 rows in ") && line.ends_with("B, skipped 4 of 5 blocks"),
        "{line}"
    );
    // Nobody reads it where standard error is no terminal.
    home.ok(&["query", sql]);
}

#[test]
fn a_query_that_takes_long_tells_how_far_it_is_and_takes_that_back() {
    let home = Home::new();
    let line = json!({"ts_utc": "2026-04-15T23:00:00Z", "source": "x", "detail_json": "{}"});
    home.run_with_input(&["import", "ticks", "-"], &format!("{line}\n").repeat(5_000));
    // It needs no more of the store than one scan, and then has no end.
    let endless = "SELECT count(*) FROM ticks, generate_series(1, 1000000000000) WHERE length(source) + value < 0";
    let mut terminal = home.terminal((80, 24), &["query", endless]);
    terminal.until_shown("5,000 rows, ");
    // All is read, and the work goes on.
    terminal.until_shown("computing, 2s");
    terminal.press(Terminal::CTRL_C);
    assert_ne!(terminal.end(), 0);
    let printed = terminal.printed();
    assert!(!printed.contains(" 0s left") && !printed.contains(&"█".repeat(24)), "{printed}");

    let mut terminal = home.terminal((80, 24), &["query", "--timeout", "1s", endless]);
    assert_eq!(terminal.end(), 124);
    let screen = terminal.screen();
    assert!(screen.trim().starts_with("netsky: ") && !screen.contains("rows"), "{screen}");
    assert!(terminal.printed().contains("5,000 rows, "), "{}", terminal.printed());
}
