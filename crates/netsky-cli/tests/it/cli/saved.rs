//! `netsky q`: queries of one's own, with parameters.

use std::fs;

use serde_json::json;

use crate::cli::Home;

fn home() -> Home {
    let home = Home::new();
    for (source, minute) in [("cron", 0), ("it's", 5), ("x' OR 'x' = 'x", 9)] {
        let row = format!(
            r#"{{"ts_utc":"2026-04-15T23:0{minute}:00Z","source":"{source}","detail_json":"{{}}"}}"#
        );
        home.ok(&["record", "ticks", &row]);
    }
    fs::create_dir(home.path(".netsky/queries")).unwrap();
    home
}

fn save(home: &Home, name: &str, sql: &str) {
    home.file(&format!(".netsky/queries/{name}.sql"), sql);
}

#[test]
fn parameters_are_values_and_take_the_type_of_their_place() {
    let home = home();
    save(&home, "by-source", "SELECT id FROM ticks WHERE source = $1");
    for (source, id) in [("cron", "1"), ("it's", "2"), ("x' OR 'x' = 'x", "3")] {
        let args = ["q", "by-source", source, "--format", "csv"];
        assert_eq!(home.ok(&args), format!("id\n{id}\n"), "{source}");
    }
    save(
        &home,
        "all_kinds",
        "SELECT id, $1 AS text FROM ticks
         WHERE ts_utc > $2 AND id BETWEEN $3 AND $4 AND source LIKE $5 AND ts_utc LIKE $7
         ORDER BY id LIMIT $6",
    );
    let args = ["q", "all_kinds", "a", "2026-04-15T23:04:00Z", "-5", "3", "%'%", "1", "2026-04%"];
    let args = [&args[..], &["--format", "csv"]].concat();
    assert_eq!(home.ok(&args), "id,text\n2,a\n");
    save(&home, "since", "SELECT count(*) AS n FROM ticks WHERE ts_utc > now() - $1::interval");
    assert_eq!(home.ok(&["q", "since", "1 minute", "--format", "csv"]), "n\n0\n");
    assert!(home.ok(&["q", "since", "1 minute", "--json"]).contains("\"row_count\":1"));
}

#[test]
fn an_age_stands_for_a_time_and_for_nothing_else() {
    let home = home();
    let day = |days| (chrono::Utc::now() - chrono::TimeDelta::days(days)).to_rfc3339();
    for days in [10, 30] {
        let row = json!({"ts_utc": day(days), "source": "7d", "detail_json": "{}"});
        home.ok(&["record", "ticks", &row.to_string()]);
    }
    save(&home, "new", "SELECT count(*) AS n FROM ticks WHERE ts_utc > $1 AND source = $2");
    for (age, rows) in [("1h", 0), ("2w", 1), ("100d", 2)] {
        let args = ["q", "new", age, "7d", "--format", "csv"];
        assert_eq!(home.ok(&args), format!("n\n{rows}\n"), "{age}");
    }
    save(&home, "id", "SELECT id FROM ticks WHERE id = $1");
    assert!(home.fails(1, &["q", "id", "7d"]).contains("'7d' is not an integer"));
}

#[test]
fn parameters_that_do_not_fit_are_named() {
    let home = home();
    save(&home, "two", "SELECT id FROM ticks WHERE ts_utc >= $1 AND id = $2");
    for (parameters, message) in [
        (
            &["2026-04-15"][..],
            "two: the query takes 2 parameters, but 1 was given\n  pass one value per parameter: netsky q NAME VALUE",
        ),
        (&["2026-04-15", "1", "2"], "two: the query takes 2 parameters, but 3 were given\n"),
        (&["soon", "1"], "two: parameter $1: 'soon' is not a time such as 2026-04-15 or 2026-"),
        (&["2026-04-15", "one"], "two: parameter $2: 'one' is not an integer\n"),
    ] {
        let error = home.fails(1, &[&["q", "two"], parameters].concat());
        assert!(error.starts_with(&format!("netsky: {message}")), "{error}");
    }
    save(&home, "named", "SELECT id FROM ticks WHERE source = $who");
    let error = home.fails(1, &["q", "named", "cron"]);
    let missing =
        "netsky: named: no value for the parameter $who\n  pass one with --param who=VALUE\n";
    assert_eq!(error, missing);
    let answer = home.ok(&["q", "named", "--param", "who=cron", "--format", "csv"]);
    assert_eq!(answer, "id\n1\n");
    let error = home.fails(1, &["query", "SELECT id FROM ticks WHERE id = $1"]);
    assert!(
        error
            .starts_with("netsky: the query takes 1 parameter, but 0 were given\n  pass one value")
    );
    save(&home, "drop", "DROP TABLE ticks");
    assert!(home.fails(1, &["q", "drop"]).contains("drop: read-only: DROP is not allowed"));
}

#[test]
fn queries_are_listed_with_what_their_first_line_says_and_unknown_ones_resemble_some() {
    let home = home();
    let none = home.run(&["q"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.starts_with("netsky: no saved queries; write one to "), "{}", none.err);
    assert_eq!(home.ok(&["q", "--format", "json"]), "[]\n");

    save(&home, "slow-tools", "-- Calls that took long\nSELECT 1");
    save(&home, "burn", "SELECT 1");
    save(&home, "not.a.name", "SELECT 1");
    home.file(".netsky/queries/notes.txt", "no query");
    assert_eq!(
        home.ok(&["q", "--format", "json"]),
        "[{\"query\":\"burn\",\"what\":null},\
         {\"query\":\"slow-tools\",\"what\":\"Calls that took long\"}]\n"
    );
    assert!(home.fails(1, &["q", "slowtools"]).contains("did you mean 'slow-tools'?"));
    assert!(home.fails(1, &["q", "xyz"]).contains("; there are: burn, slow-tools"));
}

#[test]
fn a_name_does_not_lead_out_of_the_directory() {
    let home = home();
    home.file(".netsky/secret.sql", "SELECT 1");
    for name in ["../secret", "..", "/etc/passwd", "a/b", "a\\b", ".hidden", "", "a\u{0}"] {
        if name.contains('\0') {
            continue; // The operating system takes no such argument.
        }
        assert!(home.fails(1, &["q", name]).contains("invalid query name"), "{name}");
    }
}
