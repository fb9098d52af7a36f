//! Questions in the SQL of other databases, from `tests/dialects/`, run as typed and answer as there.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use netsky_db::{ColumnType, Db, TABLES, demo::Fleet};
use netsky_testing::has_program;
use serde_json::Value;

use crate::cli::{Home, ran};

/// A question, and the SQL that gives its answer in the other database.
struct Question {
    title: String,
    sql: String,
    reference: String,
}

fn questions(file: &str) -> Vec<Question> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects").join(file);
    let text = fs::read_to_string(path).unwrap();
    let questions: Vec<_> = text
        .split("\n\n")
        .filter(|block| block.contains(';'))
        .map(|block| {
            let comment = |line: &str| line.strip_prefix("-- ").map(str::to_owned);
            let sql = block.lines().filter(|line| comment(line).is_none());
            let sql = sql.collect::<Vec<_>>().join("\n");
            let mut comments = block.lines().filter_map(comment);
            let title = comments.next().unwrap();
            let reference =
                comments.find_map(|line| line.strip_prefix("duckdb: ").map(str::to_owned));
            let reference = reference.unwrap_or_else(|| sql.clone());
            Question { title, sql, reference }
        })
        .collect();
    assert!(questions.len() >= 5, "{file}");
    questions
}

/// A store, and the directory that it is in.
fn fleet() -> Home {
    let home = Home::new();
    let db = Db::open_path(home.path("fleet.db")).unwrap();
    Fleet::new(20_000).record(&db).unwrap();
    home
}

/// The rows of an answer as CSV.
fn csv_rows(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}

/// Whether two databases print the same value: numbers within rounding, and booleans also as 1 and 0.
fn same(one: &str, other: &str) -> bool {
    let number = |text: &str| match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => text.parse::<f64>().ok(),
    };
    match (number(one), number(other)) {
        // DataFusion rounds between two values when it interpolates a percentile.
        (Some(one), Some(other)) => (one - other).abs() <= 1e-7 * one.abs().max(other.abs()),
        _ => one == other,
    }
}

fn assert_answers(home: &Home, file: &str, reference: impl Fn(&str) -> String) {
    let mut failures = String::new();
    for Question { title, sql, reference: sql_there } in questions(file) {
        let found = home.run(&[
            "--db",
            &home.path("fleet.db").display().to_string(),
            "query",
            "--format",
            "csv",
            &sql,
        ]);
        if found.code != 0 {
            writeln!(failures, "\n{file}, {title}: {}", found.err).unwrap();
            continue;
        }
        let (ours, theirs) = (csv_rows(&found.out), csv_rows(&reference(&sql_there)));
        let same_rows = |(ours, theirs): (&Vec<String>, &Vec<String>)| {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(one, other)| same(one, other))
        };
        assert!(!theirs.is_empty(), "{title} has an empty answer");
        if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(same_rows) {
            writeln!(failures, "\n{file}, {title}:\n{ours:?}\n{theirs:?}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Runs SQL in DuckDB, on the tables of the store.
fn in_duckdb(dir: &Path, sql: &str) -> String {
    let mut all = String::new();
    for table in TABLES {
        let name = table.name();
        writeln!(all, "CREATE VIEW {name} AS FROM '{name}.parquet';").unwrap();
    }
    let mut duckdb = Command::new("duckdb");
    duckdb.current_dir(dir).env("TZ", "UTC").args(["-csv", "-nullvalue", "", "-c"]);
    let ran = ran(duckdb.arg(format!("{all}{sql}")).output().unwrap());
    assert_eq!(ran.code, 0, "{sql}: {}", ran.err);
    ran.out
}

#[test]
fn questions_of_other_dialects_run_as_typed() {
    if !has_program("duckdb") {
        return;
    }
    let home = fleet();
    let exported = home.path("all").display().to_string();
    let db = home.path("fleet.db").display().to_string();
    assert_eq!(home.run(&["--db", &db, "export", &exported]).code, 0);
    for file in ["duckdb.sql", "postgres.sql", "mysql.sql"] {
        assert_answers(&home, file, |sql| in_duckdb(&home.path("all"), sql));
    }
}

/// The statements that make the tables of the store in SQLite, which has no type for times and booleans.
fn dump(db: &Db) -> String {
    let mut dump = String::from("BEGIN;\n");
    for table in TABLES {
        let types = table.columns().iter().map(|column| match column.ty {
            ColumnType::Int | ColumnType::Bool => format!("{} INTEGER", column.name),
            _ => format!("{} TEXT", column.name),
        });
        let types = types.collect::<Vec<_>>().join(", ");
        writeln!(dump, "CREATE TABLE {} (id INTEGER PRIMARY KEY, {types});", table.name()).unwrap();
        for row in netsky_testing::rows(db, &format!("SELECT * FROM {}", table.name())) {
            let names = table.columns().iter().map(|column| column.name);
            let values = std::iter::once("id").chain(names).map(|name| match &row[name] {
                Value::String(text) => format!("'{}'", text.replace('\'', "''")),
                Value::Bool(value) => i32::from(*value).to_string(),
                other => other.to_string(),
            });
            let values = values.collect::<Vec<_>>().join(", ");
            writeln!(dump, "INSERT INTO {} VALUES ({values});", table.name()).unwrap();
        }
    }
    dump + "COMMIT;\n"
}

#[test]
fn questions_of_sqlite_run_as_typed() {
    if !has_program("sqlite3") {
        return;
    }
    let home = fleet();
    let file = home.path("fleet.sqlite");
    let sqlite = |args: &[&str], input: &str| {
        let mut sqlite = Command::new("sqlite3");
        sqlite.args(args).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = sqlite.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        let ran = ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out
    };
    sqlite(&[], &dump(&Db::open_read_only(home.path("fleet.db")).unwrap()));
    assert_answers(&home, "sqlite.sql", |sql| sqlite(&["-csv", "-header"], sql));
}
