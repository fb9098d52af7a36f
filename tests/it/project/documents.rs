//! The documents for users: their generated parts are up to date, their links lead somewhere, and their
//! Rust code is compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use netsky_db::demo::Fleet;
use netsky_db::{Category, ColumnType, FUNCTIONS, Function, TABLES, VIEWS, ViewType};
use netsky_testing::store;

use super::root;

/// Where documents are. Those of other folders are not searched.
const FOLDERS: [&str; 4] = ["", "docs", "benches", "fuzz"];

/// Returns the text of every document, by its path in the project.
fn documents() -> BTreeMap<PathBuf, String> {
    let files = FOLDERS.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|suffix| suffix == "md"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().to_owned(), text)
    };
    documents.map(read).collect()
}

fn tables_as_markdown() -> String {
    let mut text = "| table | rows are | columns |\n| --- | --- | --- |\n".to_owned();
    for table in TABLES {
        let columns = table.columns().iter().map(|column| {
            let ty = match column.ty {
                ColumnType::Text => "",
                other => &format!(" {}", other.name()),
            };
            format!("{}{ty}{}", column.name, if column.nullable { "?" } else { "" })
        });
        let columns: Vec<String> = columns.collect();
        writeln!(text, "| {} | {} | {} |", table.name(), table.doc(), columns.join(", ")).unwrap();
    }
    text
}

fn views_as_markdown() -> String {
    let mut text = "| view | rows are | columns |\n| --- | --- | --- |\n".to_owned();
    for view in VIEWS {
        let columns = view.columns().iter().map(|column| {
            let ty = match column.ty {
                ViewType::Text => "",
                other => &format!(" {}", other.name()),
            };
            format!("{}{ty}{}", column.name, if column.nullable { "?" } else { "" })
        });
        let columns: Vec<String> = columns.collect();
        let what = format!("{} {}", view.doc(), view.note());
        writeln!(text, "| {} | {} | {} |", view.name(), what.trim(), columns.join(", ")).unwrap();
    }
    text
}

/// Checks a part of a document that is generated from the program. With `UPDATE_DOCS=1`, updates the
/// part instead.
fn check_part(document: &str, part: &str, expected: &str) {
    static DOCUMENTS: Mutex<()> = Mutex::new(());
    let _alone = DOCUMENTS.lock().unwrap();
    let path = root().join(document);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {part}: begin -->\n"), format!("<!-- {part}: end -->"));
    let begin = text.find(&begin).unwrap() + begin.len();
    let end = text.find(&end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{}{expected}{}", &text[..begin], &text[end..])).unwrap();
    } else {
        assert_eq!(&text[begin..end], expected, "run this test once with UPDATE_DOCS=1");
    }
}

#[test]
fn the_docs_list_every_table() {
    check_part("docs/tables.md", "tables", &tables_as_markdown());
}

#[test]
fn the_docs_list_every_view() {
    check_part("docs/tables.md", "views", &views_as_markdown());
}

fn functions_as_markdown() -> String {
    let mut text = String::new();
    let mut categories: Vec<Category> = FUNCTIONS.iter().map(Function::category).collect();
    categories.dedup();
    for category in categories {
        let listed = FUNCTIONS.iter().filter(|function| function.category() == category);
        let listed: Vec<_> = listed.filter(|function| function.is_available()).collect();
        if listed.is_empty() || text.contains(&heading(category)) {
            continue;
        }
        writeln!(text, "{}\n", heading(category)).unwrap();
        writeln!(text, "| function | what it returns | example |\n| --- | --- | --- |").unwrap();
        for function in listed {
            let cell = |text: &str| text.replace('|', "\\|");
            let (signature, example) = (cell(function.signature()), cell(function.example()));
            let answer = cell(function.answer());
            writeln!(text, "| `{signature}` | {} | `{example}` is `{answer}` |", function.doc())
                .unwrap();
        }
        text.push('\n');
    }
    text + &missing_as_markdown()
}

fn heading(category: Category) -> String {
    let name = match category {
        Category::Time => "Times and dates",
        Category::Json => "JSON",
        Category::Aggregate => "Aggregates",
        Category::Text => "Text",
        _ => "Numbers, conditions and types",
    };
    format!("## {name}")
}

fn missing_as_markdown() -> String {
    let mut text = "## What to write instead\n\n| not here | write |\n| --- | --- |\n".to_owned();
    for function in FUNCTIONS.iter().filter(|function| !function.is_available()) {
        writeln!(text, "| `{}` | `{}` |", function.name(), function.signature()).unwrap();
    }
    text
}

#[test]
fn the_docs_list_every_function() {
    check_part("docs/functions.md", "functions", &functions_as_markdown());
}

/// One query of each kind: those that read only a part of a table, and one that reads all of it.
const KINDS: [(&str, &str); 10] = [
    (
        "one hour",
        "SELECT source, body FROM messages WHERE ts_utc >= '2026-04-29T09:00:00Z' AND ts_utc < '2026-04-29T10:00:00Z'",
    ),
    (
        "one hour and a filter on rows",
        "SELECT source, body FROM messages WHERE date_trunc('hour', ts_utc) = '2026-04-29T09:00:00Z' AND direction = 'inbound'",
    ),
    ("two ids", "SELECT body FROM messages WHERE id IN (17, 4321)"),
    (
        "count and time range",
        "SELECT count(*), min(ts_utc), max(ts_utc) FROM messages WHERE ts_utc < '2026-04-29'",
    ),
    ("newest rows by time", "SELECT id, body FROM messages ORDER BY ts_utc DESC LIMIT 5"),
    ("rows recorded last", "SELECT id, body FROM messages ORDER BY id DESC LIMIT 5"),
    (
        "ids from a join",
        "SELECT body FROM messages JOIN (VALUES (17), (4321)) AS v (id) USING (id)",
    ),
    ("row counts only", "SELECT n, count(*) FROM messages, (VALUES (1), (2)) AS v (n) GROUP BY n"),
    ("one column of all rows", "SELECT source, count(*) FROM messages GROUP BY source"),
    (
        "contradictory filters",
        "SELECT body FROM messages WHERE ts_utc > '2026-04-29' AND ts_utc < '2026-04-28'",
    ),
];

/// Returns the parts of a plan's leaf that are the same in every run.
fn scan_of(plan: &str) -> String {
    let Some((_, scan)) = plan.split_once("DataSourceExec: table=") else {
        return "no scan".to_owned();
    };
    let scan = scan.split(" |").next().unwrap().trim_end().trim_end_matches(']');
    let (what, metrics) = scan.split_once(", metrics=[").unwrap();
    let stable = ["output_rows", "blocks_", "rows_read", "bytes_scanned", "segments_read"];
    let metrics: Vec<&str> = metrics
        .split(", ")
        .filter(|metric| stable.iter().any(|name| metric.starts_with(name)))
        .collect();
    format!("DataSourceExec: table={what}\n  metrics=[{}]", metrics.join(", "))
}

#[test]
fn the_docs_show_what_each_kind_of_query_reads() {
    let store = store();
    Fleet::new(100_000).record(&store.db).unwrap();
    // Waits until all columnar copies are made.
    store.db.compact().unwrap();
    let mut text = "```text\n".to_owned();
    for (kind, sql) in KINDS {
        let plan = store.db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
        writeln!(text, "-- {kind}\n{sql}\n{}\n", scan_of(&plan)).unwrap();
    }
    check_part("docs/sql.md", "explain", &format!("{}\n```\n", text.trim_end()));
}

/// Returns the lines of a document that are not in a block of code, without inline code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if !is_code && !is_fence {
            let outside_code = line.split('`').step_by(2);
            prose.extend(outside_code);
            prose.push('\n');
        }
    }
    prose
}

/// Returns the anchors that a site such as GitHub gives to the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if is_code || heading == line || !heading.starts_with(' ') {
            continue;
        }
        let is_kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
        let anchor: String = heading.trim().to_lowercase().chars().filter(is_kept).collect();
        anchors.insert(anchor.replace(' ', "-"));
    }
    anchors
}

/// Returns a path without `..` and `.`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{} leads out", path.display()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// A link to a file of the project.
#[derive(Debug)]
struct Link {
    target: PathBuf,
    anchor: Option<String>,
}

/// Returns the links of a document to other files of the project and to its own headings.
fn links(name: &Path, text: &str) -> Vec<Link> {
    let text = prose(text);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://")).map(|link| {
        let (file, anchor) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
        let target = match file {
            "" => name.to_owned(),
            file => normal(&name.parent().unwrap().join(file)),
        };
        Link { target, anchor: anchor.map(str::to_owned) }
    });
    links.collect()
}

#[test]
fn every_link_in_the_docs_leads_somewhere() {
    let documents = documents();
    let mut checked = 0;
    for (name, text) in &documents {
        for link in links(name, text) {
            let name = name.display();
            assert!(root().join(&link.target).exists(), "{name} has a link to no file: {link:?}");
            if let Some(anchor) = &link.anchor {
                let headings = documents.get(&link.target).map(|text| anchors(text));
                let headings = headings.unwrap_or_default();
                assert!(headings.contains(anchor), "{name}: {link:?} is not one of {headings:?}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 10, "only {checked} links were found");
}

#[test]
fn every_page_of_docs_is_linked() {
    let documents = documents();
    let links = documents.iter().flat_map(|(name, text)| links(name, text));
    let linked: BTreeSet<PathBuf> = links.map(|link| link.target).collect();
    for page in documents.keys().filter(|name| name.starts_with("docs")) {
        assert!(linked.contains(page), "no document has a link to {}", page.display());
    }
}

#[test]
fn all_rust_code_in_the_docs_is_a_doctest() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let has_rust = |text: &str| text.lines().any(|line| line.starts_with("```rust"));
    for (name, _) in documents().iter().filter(|(_, text)| has_rust(text)) {
        let included = format!("include_str!(\"../{}\")", name.display());
        assert!(library.contains(&included), "src/lib.rs does not test {}", name.display());
    }
}
