//! The same examples in sqlite3 and duckdb.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use netsky_db::FUNCTIONS;
use netsky_testing::has_program;

/// Returns batches as CSV without a header.
pub fn csv(batches: &[RecordBatch]) -> String {
    let options = FormatOptions::default().with_null("");
    let mut lines = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter();
        let columns: Vec<_> =
            columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| quoted(column.value(row).to_string()));
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
    }
    lines.join("\n")
}

fn quoted(cell: String) -> String {
    match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

/// Answers of which an engine means something else by the name, with the reason.
const DIFFERENT: [(&str, &str, &str); 9] = [
    ("duckdb", "json_extract", "DuckDB returns JSON, with quotes around strings"),
    ("duckdb", "json_type", "DuckDB names its own types, such as UBIGINT"),
    ("duckdb", "json_value", "DuckDB returns JSON"),
    ("duckdb", "histogram", "DuckDB prints maps with ="),
    ("duckdb", "format", "checked below"),
    ("sqlite3", "format", "SQLite has C's formats only"),
    ("sqlite3", "typeof", "SQLite has its own types, such as text"),
    ("sqlite3", "char", "SQLite's command line cuts texts"),
    ("duckdb", "age", "DuckDB's epoch of an interval"),
];

/// Examples that neither engine can run, because the function or the literal is of another one.
const OTHERS: [&str; 10] = [
    "gen_random_uuid",
    "localtimestamp",
    "timestampdiff",
    "dateadd",
    "width_bucket",
    "every",
    "to_char",
    "date_format",
    "get_json_object",
    "json_entries",
];

/// Returns the answers of an engine to the queries that it can run, by their names.
pub fn ask(program: &str, queries: &[(String, String)]) -> BTreeMap<String, String> {
    let ask = |(name, sql): &(String, String)| format!(".print @{name}\n{sql};\n");
    let script: String = queries.iter().map(ask).collect();
    let mut command = Command::new(program);
    let command = command.args([":memory:", "-csv", "-noheader"]).stdin(Stdio::piped());
    let mut engine = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = engine.stdin.take().unwrap();
    // It may answer while it reads.
    let writer = thread::spawn(move || stdin.write_all(script.as_bytes()).unwrap());
    let answers = String::from_utf8(engine.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap();
    let answers = answers.split('@').filter_map(|answer| answer.trim().split_once('\n'));
    answers.map(|(name, answer)| (name.trim().to_owned(), answer.trim().to_owned())).collect()
}

/// Writes times, booleans and numbers in one way.
pub fn normal(cell: &str) -> String {
    let cell = cell.trim().trim_matches('"').replace("\"\"", "\"");
    let cell = cell.trim();
    if let Ok(number) = cell.parse::<f64>() {
        return number.to_string();
    }
    let is_time = cell.len() > 10 && cell.as_bytes()[4] == b'-' && cell.as_bytes()[7] == b'-';
    match cell {
        "true" => "1".to_owned(),
        "false" => "0".to_owned(),
        _ if is_time => {
            let time = cell.replacen('T', " ", 1);
            let time = time.trim_end_matches('Z').trim_end_matches("+00");
            match time.split_once('.') {
                Some((_, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
                    time.trim_end_matches('0').trim_end_matches('.').to_owned()
                }
                _ => time.to_owned(),
            }
        }
        _ => cell.to_owned(),
    }
}

#[test]
fn sqlite_and_duckdb_agree_with_the_examples() {
    let programs = ["sqlite3", "duckdb"].into_iter().filter(|program| has_program(program));
    let programs: Vec<&str> = programs.collect();
    let examples = FUNCTIONS.iter().filter(|function| function.is_available());
    let examples: Vec<_> = examples
        .map(|function| (function.name().to_owned(), function.example().to_owned()))
        .collect();
    let answers: BTreeMap<_, _> =
        programs.iter().map(|program| (*program, ask(program, &examples))).collect();
    let mut wrong = Vec::new();
    for function in FUNCTIONS.iter().filter(|function| function.is_available()) {
        let name = function.name();
        let mut answered = false;
        for program in &programs {
            if DIFFERENT.iter().any(|(other, of, _)| other == program && *of == name) {
                answered = true;
                continue;
            }
            let Some(answer) = answers[program].get(name) else { continue };
            answered = true;
            if normal(answer) != normal(function.answer()) {
                wrong.push(format!(
                    "{program}: {}\n  {answer}\n  {}",
                    function.example(),
                    function.answer()
                ));
            }
        }
        if programs.len() == 2 && answered == OTHERS.contains(&name) {
            wrong.push(format!("{name}: answered by another engine: {answered}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
