//! Promises of the project about itself: its layers, its packages, and a correct README.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use netsky_db::demo::Fleet;
use netsky_db::{ColumnType, TABLES, VIEWS, ViewType};
use netsky_testing::store;

use self::imports::Files;

/// The library's modules from the bottom up. A file uses only those above it in this list.
const LAYERS: [&str; 31] = [
    "clock",
    "nearest",
    "row_location",
    "error",
    "names",
    "datafusion_error",
    "error_kind",
    "table",
    "schema",
    "view",
    "views",
    "row",
    "hash",
    "columnar",
    "internal",
    "maintenance_progress",
    "machine",
    "options",
    "temp_files",
    "store",
    "thread_pool",
    "providers",
    "query",
    "appender",
    "append_batch",
    "db",
    "import",
    "async_recording",
    "querying",
    "maintenance",
    "recorder",
];

const FORMATS: &str = "crates/netsky-formats/src";
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

/// Returns the sources in a directory of the project, by path.
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
fn files_use_only_the_layers_below_them() {
    let module = |file: &Path| {
        let first = file.components().next().unwrap().as_os_str().to_str().unwrap();
        first.trim_end_matches(".rs").to_owned()
    };
    for (file, used) in Files::read(&root().join("src"), "lib.rs").uses() {
        let user = module(file);
        // The demo is on top of everything, as a program of a user is.
        if user == "demo" || user == "lib" {
            continue;
        }
        for (other, names) in used {
            let is_below = layer_of(&module(other)) <= layer_of(&user);
            assert!(is_below, "{} uses {names:?} of {}", file.display(), other.display());
        }
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    for (src, package) in [("src", "lib.rs"), (FORMATS, "lib.rs"), (COMMAND_LINE, "main.rs")] {
        let circles = Files::read(&root().join(src), package).circles();
        assert!(circles.is_empty(), "in {src}:\n{}", circles.join("\n\n"));
    }
}

#[test]
fn a_word_that_belongs_to_one_layer_stands_in_no_other() {
    for (name, text) in ["src", FORMATS, COMMAND_LINE].into_iter().flat_map(sources_in) {
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
        only("parquet::", FORMATS);
        // It contains all commands, so importing it from one of them would be circular.
        only("crate::args", "crates/netsky-cli/src/main.rs");
    }
}

/// Returns the crates that a package is built with, one line per dependency and set of features.
fn dependencies(arguments: &[&str]) -> BTreeSet<String> {
    let format = ["--prefix", "none", "--format", "{p} {f}"];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--offline", "--locked", "--edges"]);
    let tree = cargo.args(arguments).args(format).output().unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).unwrap();
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

fn crate_names(arguments: &[&str]) -> BTreeSet<String> {
    let lines = dependencies(arguments);
    lines.iter().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

#[test]
fn the_library_depends_on_no_command_line_crate() {
    let library = crate_names(&["normal", "--package", "netsky-db", "--all-features"]);
    let command_line = crate_names(&["normal", "--package", "netsky-cli"]);
    for name in ["clap", "console", "indicatif", "parquet", "plotters", "rustyline"] {
        assert!(command_line.contains(name) && !library.contains(name), "{name}");
    }
}

/// Every crate of it stands between a hook and its first row.
#[test]
fn recording_alone_needs_few_crates_and_no_datafusion() {
    let library = ["normal", "--package", "netsky-db"];
    let crates = crate_names(&[&library[..], &["--no-default-features"]].concat());
    let of_sql = ["arrow", "datafusion", "parquet", "sqlparser", "tokio"];
    let unwanted = crates.iter().find(|name| of_sql.iter().any(|sql| name.starts_with(sql)));
    assert_eq!(unwanted, None);
    assert!(crates.len() <= 45, "{} crates: {crates:?}", crates.len());
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let figures = format!("{} crates instead of {}", crates.len(), crate_names(&library).len());
    assert!(readme.contains(&figures), "the README does not say: {figures}");
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

/// Checks a part of the README that is generated from the program. With `UPDATE_README=1`, updates
/// the part instead.
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
fn the_readme_lists_every_table() {
    check_readme("tables", &tables_as_markdown());
}

#[test]
fn the_readme_lists_every_view() {
    check_readme("views", &views_as_markdown());
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
fn the_readme_shows_what_each_kind_of_query_reads() {
    let store = store();
    Fleet::new(100_000).record(&store.db).unwrap();
    // Waits until all columnar copies are made.
    store.db.compact().unwrap();
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
