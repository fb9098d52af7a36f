//! Tables in the store that the command line does not know: a program that uses the library made them.

use std::fs;

use netsky_db::Db;
use netsky_testing::store_past_the_crate;
use serde_json::{Value, json};

use super::Home;

netsky_db::tables! {
    static DEPLOY_TABLES;

    /// A deployment.
    #[table = "deploys"]
    pub struct DeployRecord<'a> {
        /// What was deployed.
        pub what: &'a str,
    }
}

/// A store with two rows in a table of its own.
fn home() -> Home {
    let home = Home::new();
    let db = Db::open_path(home.path("own.db")).unwrap().with_tables(DEPLOY_TABLES).unwrap();
    for what in ["first", "second\n"] {
        db.record(&DeployRecord { what }).unwrap();
    }
    home
}

fn ok(home: &Home, args: &[&str]) -> String {
    let db = home.path("own.db").display().to_string();
    home.ok(&[&["--db", &db], args].concat())
}

fn fails(home: &Home, code: i32, args: &[&str]) -> String {
    let db = home.path("own.db").display().to_string();
    home.fails(code, &[&["--db", &db], args].concat())
}

#[test]
fn unknown_tables_are_listed_with_their_rows() {
    let home = home();
    let list = |args: &[&str]| -> Vec<Value> { serde_json::from_str(&ok(&home, args)).unwrap() };
    let tables = list(&["tables", "--format", "json"]);
    assert_eq!(tables.len(), netsky_db::TABLES.len() + 1);
    let last = json!({"table": "deploys", "rows": 2, "first": null, "last": null});
    assert_eq!(tables.last(), Some(&last));
    let stats = list(&["stats", "--format", "json"]);
    let of = |name: &str| stats.iter().find(|line| line["table"] == name).unwrap();
    assert_eq!((&of("deploys")["rows"], &of("(file)")["rows"]), (&json!(2), &json!(2)));
    assert!(of("deploys")["row_bytes"].as_u64() > Some(0));
}

#[test]
fn a_check_says_what_it_did_not_check() {
    let home = home();
    let said = ok(&home, &["check"]);
    assert!(said.contains("not checked: deploys, 2 rows, because its columns"), "{said}");
    assert!(said.ends_with(": 0 faults; 1 table not checked\n"), "{said}");
}

#[test]
fn an_unknown_table_is_exported_as_it_is_stored() {
    let home = home();
    let rows = "{\"id\":1,\"what\":\"first\"}\n{\"id\":2,\"what\":\"second\\n\"}\n";
    assert_eq!(ok(&home, &["export", "deploys", "-"]), rows);
    let file = home.path("deploys.ndjson").display().to_string();
    assert!(ok(&home, &["export", "deploys", &file]).starts_with("deploys: 2 rows to "));
    assert_eq!(fs::read_to_string(&file).unwrap(), rows);
    assert!(fails(&home, 1, &["export", "deploys", &file]).contains("--force"));
    let gzipped = home.path("deploys.ndjson.gz").display().to_string();
    ok(&home, &["export", "deploys", &gzipped]);
    let mut text = String::new();
    let reader = flate2::read::GzDecoder::new(fs::File::open(gzipped).unwrap());
    std::io::Read::read_to_string(&mut { reader }, &mut text).unwrap();
    assert_eq!(text, rows);

    let parquet = home.path("deploys.parquet").display().to_string();
    for args in [
        &["export", "deploys", &parquet][..],
        &["export", "deploys", &file, "--force", "--since", "1d"],
        &["export", "deploys", "-", "--format", "csv"],
    ] {
        assert!(fails(&home, 1, args).contains("columns of deploys are unknown"), "{args:?}");
    }
    assert!(fails(&home, 1, &["export", "deploys"]).contains("no file for table"));
    assert!(fails(&home, 1, &["export", "deploy", "-"]).contains("deploy"));
}

#[test]
fn an_export_of_all_names_what_it_leaves_out() {
    let home = home();
    let dir = home.path("all").display().to_string();
    let db = home.path("own.db").display().to_string();
    let ran = home.run(&["--db", &db, "export", &dir]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("skipped deploys, 2 rows"), "{}", ran.err);
}

#[test]
fn a_row_that_is_no_json_object_is_not_exported() {
    let home = home();
    store_past_the_crate(&home.path("own.db"), "deploys", 3, b"{\"what\":");
    let file = home.path("deploys.ndjson");
    let error = fails(&home, 3, &["export", "deploys", file.to_str().unwrap()]);
    assert!(error.contains("row 3 of deploys is not a JSON object"), "{error}");
    assert!(!file.exists());
    // It may have been written in lines.
    store_past_the_crate(&home.path("own.db"), "deploys", 3, b" {\n\"what\": 1 }\n");
    assert!(ok(&home, &["export", "deploys", "-"]).ends_with("{\"id\":3,\"what\": 1 }\n"));
}

#[test]
fn a_backup_has_unknown_tables() {
    let home = home();
    let copy = home.path("copy.db").display().to_string();
    ok(&home, &["backup", &copy]);
    assert!(home.ok(&["--db", &copy, "export", "deploys", "-"]).contains("first"));
}
