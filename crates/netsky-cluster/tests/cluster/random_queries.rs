//! Queries that nobody chose answer as in one process.

use netsky_testing::{Dice, rows};

use super::processes::Processes;
use super::{Directory, lake_with_ticks, push, sorted};

/// A query with the columns `i`, an integer, and `s`, a text. Both can be NULL.
fn query(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return table(dice);
    }
    let condition = condition(dice);
    let inner = query(dice, depth - 1);
    match dice.below(14) {
        0 => format!("SELECT i, s FROM ({inner}) WHERE {condition}"),
        1 => format!("SELECT i + 1 AS i, upper(s) AS s FROM ({inner}) WHERE {condition}"),
        2 => format!("SELECT count(*) AS i, s FROM ({inner}) GROUP BY s"),
        3 => format!("SELECT sum(i) AS i, max(s) AS s FROM ({inner}) WHERE {condition}"),
        4 => format!("SELECT DISTINCT i % 5 AS i, s FROM ({inner})"),
        5 => format!("SELECT i, s FROM ({inner}) ORDER BY i, s LIMIT {}", dice.below(20)),
        6 => format!("SELECT i, s FROM ({inner}) ORDER BY s DESC, i OFFSET {}", dice.below(9)),
        7 => {
            let all = pick(dice, &["UNION ALL", "UNION", "EXCEPT", "INTERSECT"]);
            format!("{} {all} {}", parts(&inner), parts(&query(dice, depth - 1)))
        }
        8 => {
            let join = pick(dice, &["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
            let on = [
                "a.i = b.i",
                "a.i = b.i + 1 AND a.s = b.s",
                "a.i = b.i AND a.s <> b.s",
                "a.i > b.i + 90",
            ];
            let (on, other) = (pick(dice, &on), query(dice, depth - 1));
            format!("SELECT a.i, b.s FROM ({inner}) a {join} ({other}) b ON {on}")
        }
        9 => {
            let (not, other) = (pick(dice, &["", "NOT "]), query(dice, depth - 1));
            format!("SELECT i, s FROM ({inner}) a WHERE a.i {not}IN (SELECT b.i FROM ({other}) b)")
        }
        10 => {
            let (not, other) = (pick(dice, &["", "NOT "]), query(dice, depth - 1));
            format!(
                "SELECT i, s FROM ({inner}) a WHERE {not}EXISTS \
                 (SELECT 1 FROM ({other}) b WHERE b.i = a.i)"
            )
        }
        11 => format!(
            "SELECT row_number() OVER (PARTITION BY s ORDER BY i, s) AS i, s FROM ({inner})"
        ),
        12 => format!(
            "SELECT sum(i) OVER (PARTITION BY i % 3) AS i, max(s) OVER () AS s FROM ({inner})"
        ),
        _ => {
            let other = query(dice, depth - 1);
            format!(
                "SELECT (SELECT max(i) FROM ({other})) AS i, s FROM ({inner}) WHERE {condition}"
            )
        }
    }
}

/// Set operations take selects only.
fn parts(query: &str) -> String {
    format!("SELECT i, s FROM ({query})")
}

fn table(dice: &mut Dice) -> String {
    match dice.below(9) {
        0 => "SELECT 7 AS i, 'x' AS s".to_owned(),
        1 => "SELECT column1 AS i, column2 AS s FROM (VALUES (1, 'cron'), (2, NULL), (NULL, 'a'))"
            .to_owned(),
        2 => "SELECT id AS i, kind AS s FROM crashes".to_owned(),
        3 => "SELECT id AS i, source AS s FROM ticks WHERE ts_utc < '1970-01-02' AND machine = 'm'"
            .to_owned(),
        4 => "SELECT (detail_json->>'n')::bigint AS i, machine AS s FROM ticks".to_owned(),
        5 => "SELECT id AS i, source AS s FROM ticks WHERE false".to_owned(),
        6 => "SELECT nullif(id % 9, 4) AS i, nullif(source, 'agent') AS s FROM ticks".to_owned(),
        _ => "SELECT id AS i, source AS s FROM ticks".to_owned(),
    }
}

fn condition(dice: &mut Dice) -> &'static str {
    let conditions = [
        "i > 5",
        "i % 2 = 0",
        "s LIKE 'c%'",
        "s IS NULL",
        "i IN (1, 2, 3, NULL)",
        "i NOT IN (1, 2, 3, 4) OR s NOT IN ('a', 'b', 'c', 'd')",
        "s || 'x' < 'd'",
        "i BETWEEN 3 AND 40",
        "true",
    ];
    pick(dice, &conditions)
}

fn pick<'a>(dice: &mut Dice, of: &[&'a str]) -> &'a str {
    of[dice.below(of.len() as u64) as usize]
}

#[test]
fn random_queries_answer_as_in_one_process() {
    let directory: Directory = lake_with_ticks(120);
    let store = directory.store("b");
    store.record_tick(chrono::DateTime::UNIX_EPOCH, "cron", r#"{"n":5}"#).unwrap();
    push(&store, &directory.lake(), "n");
    let mut processes = Processes::start(1);
    // Its tasks could have several partitions.
    processes.add_executor_with_cores(3);
    let (local, cluster) = (directory.local(), processes.ready(&directory.lake()));
    let cases = if std::env::var_os("NETSKY_LONG_TESTS").is_some() { 1_000 } else { 60 };
    let mut dice = Dice(1);
    for _ in 0..cases {
        let depth = 1 + dice.below(3) as usize;
        let sql = query(&mut dice, depth);
        assert_eq!(sorted(&cluster, &sql), sorted(&local, &sql), "{sql}");
        let ordered = format!("SELECT i, s FROM ({sql}) ORDER BY s DESC, i LIMIT 50 OFFSET 1");
        assert_eq!(rows(&cluster, &ordered), rows(&local, &ordered), "{ordered}");
    }
}
