//! Promises of the project about itself: its layers, its packages, and its documents.

mod documents;
mod imports;
mod recipes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use self::imports::Files;

/// The library's modules from the bottom up. A file uses only those above it in this list.
const LAYERS: [&str; 36] = [
    "clock",
    "directory",
    "nearest",
    "position",
    "row_location",
    "datafusion_message",
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
    "duplicates",
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
    "upsert",
];

const FORMATS: &str = "crates/netsky-formats/src";
const COMMAND_LINE: &str = "crates/netsky-cli/src";
const INGEST: &str = "crates/netsky-ingest/src";
const LAKE: &str = "crates/netsky-lake/src";
const SERVER: &str = "crates/netsky-server/src";
const POSTGRES: &str = "crates/netsky-postgres/src";

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
    for (src, package) in [
        ("src", "lib.rs"),
        (FORMATS, "lib.rs"),
        (INGEST, "lib.rs"),
        (LAKE, "lib.rs"),
        (SERVER, "lib.rs"),
        (POSTGRES, "lib.rs"),
        (COMMAND_LINE, "main.rs"),
    ] {
        let circles = Files::read(&root().join(src), package).circles();
        assert!(circles.is_empty(), "in {src}:\n{}", circles.join("\n\n"));
    }
}

#[test]
fn a_word_that_belongs_to_one_layer_stands_in_no_other() {
    for (name, text) in ["src", FORMATS, INGEST, LAKE, SERVER, POSTGRES, COMMAND_LINE]
        .into_iter()
        .flat_map(sources_in)
    {
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        let only_in = |word: &str, homes: &[&str]| {
            let is_at_home = homes.iter().any(|home| name.starts_with(home));
            assert!(!code.contains(word) || is_at_home, "{name} names {word}");
        };
        let only = |word: &str, home: &str| only_in(word, &[home]);
        only("redb::", "src/store/");
        only("redb2::", "src/store/");
        only_in("impl TableProvider", &["src/providers/", LAKE]);
        only("impl DataSource", "src/providers/");
        only("object_store::", LAKE);
        only("clap", COMMAND_LINE);
        only_in(
            "parquet::",
            &[
                FORMATS,
                "crates/netsky-lake/src/checked_file.rs",
                "crates/netsky-lake/src/read_ahead.rs",
            ],
        );
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
    let figures = format!("{} crates instead of {}", crates.len(), crate_names(&library).len());
    for name in ["docs/rust.md", "src/lib.rs"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        assert!(text.contains(&figures), "{name} does not say: {figures}");
    }
}

/// Cargo builds a crate again if it is asked for other features, and DataFusion takes minutes.
#[test]
fn every_build_has_the_same_features_of_datafusion() {
    let version = |line: &str| line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
    // DataFusion and what it depends on, and not what only macros use.
    let lake = dependencies(&["normal", "--package", "netsky-lake"]);
    let mut shared: BTreeSet<String> = lake.iter().map(|line| version(line)).collect();
    shared.retain(|line| !["netsky-", "proc-macro2 "].iter().any(|name| line.starts_with(name)));
    let tests = dependencies(&["normal,dev", "--package", "netsky-db"]);
    let tests: BTreeSet<_> =
        tests.into_iter().filter(|line| shared.contains(&version(line))).collect();
    assert!(tests.iter().any(|line| line.starts_with("datafusion v")), "{tests:?}");
    for build in [
        &["normal", "--package", "netsky-cli"][..],
        &["normal,dev", "--package", "netsky-cli"],
        &["normal,dev", "--package", "netsky-formats"],
        &["normal,dev", "--package", "netsky-lake"],
        &["normal,dev", "--package", "netsky-postgres"],
        &["normal"],
        &["normal,dev"],
    ] {
        let other: Vec<String> = tests.difference(&dependencies(build)).cloned().collect();
        assert_eq!(other, Vec::<String>::new(), "{build:?}");
    }
}
