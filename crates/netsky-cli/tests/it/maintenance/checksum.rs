//! What the command line says about changed rows.

use netsky_db::Db;
use netsky_testing::{change_row, record_messages};

use crate::cli::Home;

#[test]
fn the_command_says_what_to_do_about_changed_rows() {
    let home = Home::new();
    let path = home.path(".netsky/meta.db");
    let db = Db::open_path(&path).unwrap();
    record_messages(&db, 0..10);
    drop(db);
    change_row(&path, 5);
    let error = home.fails(3, &["query", "SELECT body FROM messages"]);
    assert!(error.contains("ids 0 to 10 differ from what") && error.contains("check"), "{error}");
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("from the rows as they are now"), "{}", ran.err);
    assert!(home.ok(&["check", "--repair"]).starts_with("1 fault repaired"));
    home.ok(&["query", "SELECT body FROM messages"]);
}
