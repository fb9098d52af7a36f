//! Answers as pictures.

use std::fs;

use netsky_testing::message;
use serde_json::json;

use crate::cli::Home;

const BARS: &str = "SELECT * FROM (VALUES ('api', 8), ('worker', 4), ('none', 0)) AS t (name, n)";
const LINE: &str = "SELECT * FROM (VALUES (to_timestamp('2026-04-15T00:00:00Z'), 1), \
                    (to_timestamp('2026-04-20T00:00:00Z'), 9)) AS t (day, n)";
const LINES: &str = "SELECT * FROM (VALUES (1, 1, 'up'), (2, 5, 'up'), (1, 5, 'down'), (2, 1, 'down')) \
                     AS t (x, y, way)";
const HEAT: &str =
    "SELECT * FROM (VALUES (9, 'Mon', 0), (10, 'Mon', 4), (10, 'Tue', 2)) AS t (hour, day, n)";

fn home() -> Home {
    let home = Home::new();
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    home
}

#[test]
fn an_answer_is_drawn_as_bars_lines_sparks_and_shades() {
    let home = home();
    let draw = |kind: &str, sql: &str| home.ok(&["query", "--chart", kind, sql]);
    let bars = draw("bar", BARS);
    let (api, worker) = ("█".repeat(71), "█".repeat(35));
    assert_eq!(bars, format!("name   n\napi    {api} 8\nworker {worker}▌ 4\nnone   0\n"));

    let line = draw("line", LINE);
    assert!(line.starts_with("n over day\n10┤"), "{line}");
    assert!(line.contains("\n 0┤") && line.contains("└┬─"), "{line}");
    assert!(line.contains("2026-04-15") && line.contains("2026-04-19"), "{line}");
    assert!(line.contains('⠁') || line.contains('⡇') || line.contains('⢀'), "{line}");

    let lines = draw("line", LINES);
    assert!(lines.ends_with("a up\nb down\n"), "{lines}");

    assert_eq!(draw("spark", "SELECT value FROM generate_series(1, 8)"), "▁▂▃▄▅▆▇█ 1 to 8\n");
    assert_eq!(draw("spark", LINES), "up   ▁█ 1 to 5\ndown █▁ 1 to 5\n");

    let heat = draw("heat", HEAT);
    assert_eq!(heat, "day hour\n    9   10\nMon ····████\nTue     ▒▒▒▒\n    n: ···· 0 ████ 4\n");
    for picture in [bars, line, lines, heat] {
        assert!(!picture.contains('\u{1b}'), "no colour where there is no terminal: {picture}");
        assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
    }
}

#[test]
fn odd_numbers_and_labels_make_sensible_pictures() {
    let home = home();
    let ran = home.run(&[
        "query",
        "--chart",
        "bar",
        "SELECT * FROM (VALUES ('a', 1.5), ('b', NULL), (NULL, -3), ('c', 'NaN'::double), \
         (chr(27) || '[2J' || chr(10) || '漢字', 2)) AS t (name, n)",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err, "netsky: skipped 2 rows without a number\n");
    assert!(ran.out.contains("\nNULL") && ran.out.contains("\\u{1b}[2J\\n漢字"), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 4, "{}", ran.out);

    let many =
        home.ok(&["query", "--chart", "bar", "SELECT value, 1 FROM generate_series(1, 10000)"]);
    assert!(many.ends_with("and 9800 more rows; ORDER BY and LIMIT select which are shown\n"));
    for kind in ["bar", "line", "spark", "heat"] {
        let one = match kind {
            "heat" => "SELECT 1 AS x, 1 AS y, 0 AS n",
            _ => "SELECT 1, 0",
        };
        assert!(!home.ok(&["query", "--chart", kind, one]).is_empty());
    }
}

#[test]
fn an_answer_that_makes_no_picture_is_refused_with_what_would() {
    let home = home();
    for (kind, sql, said) in [
        ("bar", "SELECT 'a', 'b'", "a bar chart takes a label and a number; the answer has"),
        ("bar", "SELECT 'a' AS x, 1 AS n, 2 AS m", "x (text), n (number), m (number)"),
        ("line", "SELECT 'a', 1", "a line chart takes a time or number, a number"),
        ("heat", "SELECT 1, 2", "a heat map takes a horizontal axis"),
        ("spark", "SELECT source FROM ticks", "a spark chart takes a number"),
        ("line", "SELECT value, value AS y FROM generate_series(1, 100001)", "at most 100000 rows"),
        (
            "line",
            "SELECT 1, 2, value::text FROM generate_series(1, 13) t",
            "at most 12 lines, not 13",
        ),
        ("heat", "SELECT value, 1, 2 FROM generate_series(1, 99) t", "the terminal fits only"),
        (
            "heat",
            "SELECT 1 AS x, 2 AS y, 3 AS n UNION ALL SELECT 1, 2, 4",
            "has more than one number",
        ),
    ] {
        let error = home.fails(1, &["query", "--chart", kind, sql]);
        assert!(error.contains(said), "{kind} {sql}: {error}");
    }
    assert!(home.fails(2, &["query", "--chart", "pie", BARS]).contains("bar, line, spark, heat"));
    let error = home.fails(2, &["query", "--chart", "bar", "--output", "x.csv", BARS]);
    assert!(error.contains(".svg or .png"), "{error}");
    let path = home.path("x.png").display().to_string();
    let error = home.fails(2, &["query", "--chart", "spark", "--output", &path, LINE]);
    assert!(error.contains("sparks are drawn on a terminal only"), "{error}");
    assert!(!home.path("x.png").exists());
}

#[test]
fn an_answer_without_rows_is_an_empty_picture() {
    let home = home();
    let none = |columns: &str| format!("SELECT {columns} FROM ticks WHERE id > 9");
    for (kind, columns, heading) in [
        ("bar", "source, id", "source id\n"),
        ("line", "ts_utc, id", "id over ts_utc\n"),
        ("spark", "ts_utc, id", "id over ts_utc\n"),
        ("heat", "source, ts_utc, id", "ts_utc source\n"),
    ] {
        let drawn = home.ok(&["query", "--chart", kind, &none(columns)]);
        assert!(drawn.starts_with(heading) && drawn.contains("no rows"), "{kind}: {drawn}");
        if kind == "spark" {
            continue;
        }
        for name in ["empty.svg", "empty.png"] {
            let path = home.path(name).display().to_string();
            assert_eq!(home.ok(&["query", "--chart", kind, "-o", &path, &none(columns)]), "");
            let file = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&file);
            assert!(name.ends_with("png") || text.contains("no rows"), "{kind}: {text}");
            fs::remove_file(&path).unwrap();
        }
    }
    let line = home.ok(&["query", "--chart", "line", &none("ts_utc, id")]);
    assert!(line.contains('│') && line.contains('└'), "{line}");
    let ran = home.run(&["query", "--chart", "bar", "SELECT 'a', NULL::int"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "netsky: skipped 1 row without a number\n"));
    assert!(ran.out.contains("no numbers"), "{}", ran.out);
    // Columns that make no chart are refused also without rows.
    home.fails(1, &["query", "--chart", "bar", &none("id, source")]);
}

#[test]
fn missing_days_are_gaps() {
    let home = home();
    let days = |ends: &str| {
        format!(
            "SELECT * FROM (VALUES (timestamp '2026-04-01', 1, 'a'), (timestamp '2026-04-02', 2, 'a'),
             (timestamp '2026-04-05', 3, 'a'), (timestamp '2026-04-04', 4, 'b'),
             (timestamp '2026-04-05', 5, 'b')) AS t (day, n, name){ends}"
        )
    };
    let spark = home.ok(&["query", "--chart", "spark", &days("")]);
    assert_eq!(spark, "a ▁▅  █ 1 to 3\nb    ▁█ 4 to 5\n  2026-04-01   2026-04-05\n");
    let line = home.ok(&["query", "--chart", "line", &days(" WHERE name = 'a'")]);
    let columns: std::collections::BTreeSet<usize> = line
        .lines()
        .flat_map(|line| line.chars().enumerate())
        .filter(|(_, char)| ('\u{2801}'..='\u{28ff}').contains(char))
        .map(|(column, _)| column)
        .collect();
    assert!(columns.range(30..70).next().is_none(), "{line}");
    // The plot has a line for two days, and a point for the third.
    let path = home.path("gap.svg").display().to_string();
    home.ok(&[
        "query",
        "-o",
        &path,
        &days(" WHERE name = 'a'").replace("SELECT *", "SELECT day, n"),
    ]);
    let svg = fs::read_to_string(&path).unwrap();
    assert_eq!(svg.matches("<circle").count(), 1, "{svg}");
}

#[test]
fn a_legend_has_whole_names_beside_the_plot() {
    let home = home();
    let names = [
        "claude-sonnet-4-5-20250929",
        "claude-opus-4-5-20251101 with a rather long name of many words",
    ];
    let rows = names.map(|name| format!("(1, 1, '{name}'), (2, 2, '{name}')")).join(", ");
    let sql = format!("SELECT * FROM (VALUES {rows}) AS t (x, y, name)");
    let path = home.path("legend.svg").display().to_string();
    home.ok(&["query", "-o", &path, &sql]);
    let svg = fs::read_to_string(&path).unwrap();
    let texts: String = svg
        .lines()
        .filter(|line| !line.trim_start().starts_with('<'))
        .map(|line| line.to_owned())
        .collect();
    assert!(texts.contains(names[0]), "{texts}");
    assert!(texts.contains(names[1]), "{texts}");
    assert!(!svg.contains('…'), "{svg}");
}

#[test]
fn a_png_says_which_signs_its_font_lacks() {
    let home = home();
    let write = |name: &str, label: &str| {
        let path = home.path(name).display().to_string();
        let sql = format!("SELECT * FROM (VALUES ('{label}', 1), ('é', 2)) AS t (label, n)");
        let ran = home.run(&["query", "--chart", "bar", "-o", &path, &sql]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.err
    };
    assert!(write("cjk.png", "漢字").contains("no '漢'"));
    assert_eq!(write("cjk.svg", "漢字"), "");
    assert_eq!(write("latin.png", "naïve Ω Ж"), "");
}

#[test]
fn a_plot_is_written_as_svg_and_png_with_names_on_its_axes() {
    let home = home();
    let plot = |name: &str, args: &[&str]| {
        let path = home.path(name).display().to_string();
        assert_eq!(home.ok(&[&["query", "--output", &path], args].concat()), "");
        fs::read(path).unwrap()
    };
    // Which chart it is to be, the columns say.
    for (sql, said) in [
        (BARS, ["worker", "n by name"]),
        (LINE, ["n over day", "2026-04-1"]),
        (LINES, ["down", "y over x"]),
        (HEAT, ["Tue", "n, from 0 to 4"]),
        ("SELECT '<&\"' AS name, 1 AS n", ["&lt;&amp;", "n by name"]),
        ("SELECT value FROM generate_series(1, 8)", ["value over row", "\n2\n"]),
    ] {
        let svg = String::from_utf8(plot("plot.svg", &[sql])).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for said in said {
            assert!(svg.contains(said), "{sql}: {said}: {svg}");
        }
        let png = plot("plot.PNG", &[sql]);
        assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 5_000, "{sql}: {}", png.len());
    }
    let lines = plot("forced.svg", &["--chart", "line", "SELECT 1 AS x, 2 AS y, 3 AS z"]);
    assert!(String::from_utf8(lines).unwrap().contains("y over x"));
    let path = home.path("no.svg").display().to_string();
    let error = home.fails(1, &["query", "--output", &path, "SELECT 'a', 'b'"]);
    assert!(error.contains("no chart fits the columns"), "{error}");
    assert!(!home.path("no.svg").exists());
    let bars = "SELECT value::text, 1 FROM generate_series(1, 41) t";
    assert!(
        home.fails(1, &["query", "--output", &path, bars])
            .contains("a plot can show at most 40 bars")
    );
}

#[test]
fn a_picture_fits_the_terminal_and_has_colours_there() {
    let home = home();
    let db = netsky_db::Db::open_path(home.path(".netsky/meta.db")).unwrap();
    let time = chrono::DateTime::UNIX_EPOCH;
    db.record_all((0..50).map(|n| message(time + chrono::Duration::hours(n * n), "x"))).unwrap();
    let sql = "SELECT ts_utc, id FROM messages";
    for width in [40, 80, 200] {
        let mut terminal = home.terminal((width, 30), &["query", "--chart", "line", sql]);
        assert_eq!(terminal.end(), 0);
        let screen = terminal.screen();
        assert!(screen.contains("1970-0") && screen.contains("id over ts_utc"), "{screen}");
        let longest = screen.lines().map(|line| line.chars().count()).max().unwrap();
        let width = usize::from(width);
        assert!(longest <= width && longest > width * 3 / 4, "{width}: {screen}");
        assert!(terminal.printed().contains("\u{1b}[36m"));
    }
    let mut plain =
        home.terminal_with(&[("NO_COLOR", "1")], (80, 30), &["query", "--chart", "bar", BARS]);
    assert_eq!(plain.end(), 0);
    assert!(!plain.printed().contains("\u{1b}[36m"), "{}", plain.printed());
    let json = json!(home.ok(&["query", "--format", "json", BARS]));
    assert!(json.is_string(), "other outputs stay as they are");
}
