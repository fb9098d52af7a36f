//! `netsky functions`, and errors that name a function.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Home, TICK};

fn listed(home: &Home, args: &[&str]) -> Vec<Value> {
    let args = [&["functions"], args, &["--format", "json"]].concat();
    serde_json::from_str::<Vec<Value>>(&home.ok(&args)).unwrap()
}

#[test]
fn every_function_has_one_line() {
    let home = Home::new();
    let all = listed(&home, &[]);
    assert!(all.len() > 300, "{}", all.len());
    let names = all.iter().map(|row| row["function"].as_str().unwrap().to_owned());
    let names: BTreeSet<String> =
        names.map(|signature| signature.split('(').next().unwrap().to_owned()).collect();
    assert_eq!(names.len(), all.len());
    for name in ["strftime", "json_get_str", "json_each", "count", "row_number", "upper", "first"] {
        assert!(names.contains(name), "{name}");
    }
    let csv = home.ok(&["functions", "--format", "csv"]);
    assert_eq!(csv.lines().count(), all.len() + 1);
    assert!(csv.len() < 60_000, "{} bytes", csv.len());
}

#[test]
fn patterns_select_functions() {
    let home = Home::new();
    let of = |pattern: &str| {
        let rows = listed(&home, &[pattern]);
        let name =
            |row: &Value| row["function"].as_str().unwrap().split('(').next().unwrap().to_owned();
        rows.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(of("unixep"), ["unixepoch"]);
    assert_eq!(
        of("JSON_E%"),
        ["json_each", "json_entries", "json_exists", "json_extract", "json_extract_string"]
    );
    assert_eq!(of("noon"), ["julianday"], "a word of the description");
    let error = home.fails(1, &["functions", "xyzzy"]);
    assert!(error.contains("no function matches 'xyzzy'"), "{error}");
}

#[test]
fn unknown_functions_get_the_same_hint_each_time() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    for (sql, said) in [
        (
            "SELECT getdate()",
            "no function named 'getdate'\n  SELECT getdate()\n         ^\n  write now()",
        ),
        ("SELECT strtime('%Y', ts_utc) FROM ticks", "did you mean 'strftime'"),
        ("SELECT jsonb_agg(id) FROM ticks", "write json_group_array(x)"),
        (
            "SELECT qqq(1)",
            "no function named 'qqq'\n  SELECT qqq(1)\n         ^\n  `netsky functions PATTERN` lists",
        ),
        ("SELECT sum(DISTINCT ts_utc) FROM ticks", "sum() takes numbers"),
        (
            "SELECT json_each(detail_json) FROM ticks",
            "call it in FROM: FROM ticks, json_each(detail_json)",
        ),
        ("SELECT count_if(id) OVER () FROM ticks", "does not work over a window"),
        (
            "SELECT timestampdiff(DAY, ts_utc) FROM ticks",
            "timestampdiff() takes 3 arguments, found 2\n",
        ),
        (
            "SELECT date_diff('fortnight', ts_utc, ts_utc) FROM ticks",
            "'fortnight' is no part of a time",
        ),
        ("SELECT to_char(ts_utc, 'YYYY-MM-DDTHH24') FROM ticks", "write text in double quotes"),
    ] {
        let error = home.fails(1, &["query", sql]);
        assert!(error.contains(said), "{sql}:\n{error}");
        assert!(!error.contains("bug") && !error.contains("Candidate"), "{error}");
        for _ in 0..3 {
            assert_eq!(home.fails(1, &["query", sql]), error);
        }
    }
}
