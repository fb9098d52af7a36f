//! What the project promises of itself: its layers, and a README that is true.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use netsky_db::{ColumnType, TABLES};

/// The library's modules from the bottom up. A file imports only from those above it in this list.
const LAYERS: [&str; 10] =
    ["error", "nearest", "table", "schema", "row", "store", "providers", "query", "import", "db"];

fn sources(dir: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root().join("src")).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

fn library() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    sources(&root().join("src"), &mut found);
    found.retain(|name, _| !name.starts_with("bin") && name != "lib.rs");
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
    for (name, text) in library() {
        let module = name.split(['/', '.']).next().unwrap();
        if module == "demo" {
            continue; // It sits on top of all, as a program of a user's would.
        }
        for line in text.lines().filter(|line| line.starts_with("use crate::")) {
            let imported = line["use crate::".len()..].split([':', ';', '{']).next().unwrap();
            assert!(layer_of(imported) <= layer_of(module), "{name}: {line}");
        }
    }
}

#[test]
fn a_word_that_belongs_to_one_layer_stands_in_no_other() {
    for (name, text) in library() {
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        let only = |word: &str, home: &str| {
            assert!(!code.contains(word) || name.starts_with(home), "{name} names {word}");
        };
        only("redb::", "store/");
        only("impl TableProvider", "providers/");
        only("impl DataSource", "providers/");
        only("clap", "bin/");
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

/// With `UPDATE_README=1` the README is brought up to date instead.
#[test]
fn the_readme_lists_the_tables_as_the_catalogue_has_them() {
    const BEGIN: &str = "<!-- tables: begin -->\n";
    const END: &str = "<!-- tables: end -->";
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let begin = readme.find(BEGIN).unwrap() + BEGIN.len();
    let end = readme.find(END).unwrap();
    let expected = tables_as_markdown();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{}{expected}{}", &readme[..begin], &readme[end..])).unwrap();
    } else {
        assert_eq!(&readme[begin..end], expected, "run the tests once with UPDATE_README=1");
    }
}

#[test]
fn the_readme_names_every_command_and_only_files_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["query", "record", "import", "tables", "schema", "demo"] {
        assert!(readme.contains(&format!("netsky {command}")), "{command}");
    }
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
        assert!(root().join(link).exists(), "{link}");
    }
}
