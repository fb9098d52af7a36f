//! What the project promises about itself: its layers, its packages, and a README that is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use netsky_db::demo::Fleet;
use netsky_db::{ColumnType, TABLES, VIEWS, ViewType};
use netsky_testing::store;

/// The library's modules from the bottom up. A file imports only from those above it in this list.
const LAYERS: [&str; 21] = [
    "clock",
    "nearest",
    "error",
    "table",
    "schema",
    "view",
    "views",
    "row",
    "internal",
    "maintenance_progress",
    "machine",
    "options",
    "temp_files",
    "store",
    "thread_pool",
    "providers",
    "query",
    "import",
    "db",
    "maintenance",
    "recorder",
];

const COMMAND_LINE: &str = "crates/netsky-cli/src";

fn sources(dir: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// The sources in a directory of the project, by their paths.
fn sources_in(dir: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    sources(&root().join(dir), &mut found);
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn layer_of(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| *layer == module)
        .unwrap_or_else(|| panic!("{module} has no layer"))
}

#[test]
fn a_file_imports_only_from_the_layers_above_it() {
    for (name, text) in sources_in("src") {
        let module = name["src/".len()..].split(['/', '.']).next().unwrap();
        // The demo is on top of everything, as a program of a user is.
        if module == "demo" || module == "lib" {
            continue;
        }
        for line in text.lines().filter(|line| line.starts_with("use crate::")) {
            let imported = line["use crate::".len()..].split([':', ';', '{']).next().unwrap();
            assert!(layer_of(imported) <= layer_of(module), "{name}: {line}");
        }
    }
}

#[test]
fn a_word_that_belongs_to_one_layer_stands_in_no_other() {
    for (name, text) in sources_in("src").into_iter().chain(sources_in(COMMAND_LINE)) {
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        let only = |word: &str, home: &str| {
            assert!(!code.contains(word) || name.starts_with(home), "{name} names {word}");
        };
        only("redb::", "src/store/");
        only("redb2::", "src/store/");
        only("impl TableProvider", "src/providers/");
        only("impl DataSource", "src/providers/");
        only("clap", COMMAND_LINE);
        // All of the commands are in it, so none of them can use it without a circle.
        only("crate::args", "crates/netsky-cli/src/main.rs");
    }
}

/// What a package is built with, one line for each dependency and each set of its features.
fn dependencies(arguments: &[&str]) -> BTreeSet<String> {
    let format = ["--prefix", "none", "--format", "{p} {f}"];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--offline", "--locked", "--edges"]);
    let tree = cargo.args(arguments).args(format).output().unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).unwrap();
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn the_library_depends_on_no_command_line_crate() {
    let library = dependencies(&["normal", "--package", "netsky-db", "--all-features"]);
    let names = |lines: &BTreeSet<String>| -> BTreeSet<String> {
        lines.iter().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
    };
    let (library, command_line) =
        (names(&library), names(&dependencies(&["normal", "--package", "netsky-cli"])));
    for name in ["clap", "console", "indicatif", "parquet", "plotters", "rustyline"] {
        assert!(command_line.contains(name) && !library.contains(name), "{name}");
    }
}

/// Cargo builds a crate again if it is asked for other features, and DataFusion takes minutes.
#[test]
fn every_build_has_the_same_features_of_datafusion() {
    let library = dependencies(&["normal", "--package", "netsky-db"]);
    assert!(library.iter().any(|line| line.starts_with("datafusion v")), "{library:?}");
    for build in [
        &["normal,dev", "--package", "netsky-db"][..],
        &["normal", "--package", "netsky-cli"],
        &["normal,dev", "--package", "netsky-cli"],
        &["normal"],
        &["normal,dev"],
    ] {
        let other: Vec<String> = library.difference(&dependencies(build)).cloned().collect();
        let other = other.iter().filter(|line| !line.starts_with("netsky-db v"));
        assert_eq!(other.collect::<Vec<_>>(), Vec::<&String>::new(), "{build:?}");
    }
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

/// Checks a part of the README that is made from the program. With `UPDATE_README=1` the part is
/// brought up to date instead.
fn check_readme(part: &str, expected: &str) {
    static README: Mutex<()> = Mutex::new(());
    let _alone = README.lock().unwrap();
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {part}: begin -->\n"), format!("<!-- {part}: end -->"));
    let begin = readme.find(&begin).unwrap() + begin.len();
    let end = readme.find(&end).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{}{expected}{}", &readme[..begin], &readme[end..])).unwrap();
    } else {
        assert_eq!(&readme[begin..end], expected, "run the tests once with UPDATE_README=1");
    }
}

#[test]
fn the_readme_lists_the_tables_as_the_catalogue_has_them() {
    check_readme("tables", &tables_as_markdown());
}

#[test]
fn the_readme_lists_the_views_as_they_are_declared() {
    check_readme("views", &views_as_markdown());
}

/// One query of each kind that reads less than all, or all.
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

/// Of a plan's leaf, what does not differ from run to run.
fn scan_of(plan: &str) -> String {
    let Some((_, scan)) = plan.split_once("DataSourceExec: table=") else {
        return "no scan".to_owned();
    };
    let scan = scan.split(" |").next().unwrap().trim_end().trim_end_matches(']');
    let (what, metrics) = scan.split_once(", metrics=[").unwrap();
    let stable = ["output_rows", "blocks_", "rows_read", "bytes_scanned"];
    let metrics: Vec<&str> = metrics
        .split(", ")
        .filter(|metric| stable.iter().any(|name| metric.starts_with(name)))
        .collect();
    format!("DataSourceExec: table={what}\n  metrics=[{}]", metrics.join(", "))
}

#[test]
fn the_readme_shows_what_each_kind_of_query_reads() {
    let store = store();
    Fleet::new(100_000).record(&store.db).unwrap();
    let mut text = "```text\n".to_owned();
    for (kind, sql) in KINDS {
        let plan = store.db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
        writeln!(text, "-- {kind}\n{sql}\n{}\n", scan_of(&plan)).unwrap();
    }
    check_readme("explain", &format!("{}\n```\n", text.trim_end()));
}

#[test]
fn the_readme_links_only_to_files_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
        assert!(root().join(link).exists(), "{link}");
    }
}
