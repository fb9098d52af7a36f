//! `netsky check`.

use netsky_testing::store_past_the_crate;

use crate::cli::Home;

#[test]
fn the_check_command_prints_a_line_for_each_fault_and_exits_with_3() {
    let home = Home::new();
    let path = home.path(".netsky/meta.db");
    assert!(home.fails(3, &["check"]).contains("no store at"));
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", tick]);
    assert_eq!(home.ok(&["check"]), "1 row and 1 zone in 14 tables: 0 faults\n");
    store_past_the_crate(&path, "ticks", 2, b"nonsense");
    store_past_the_crate(&path, "crashes", 7, b"{}");
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, 3);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("corrupt row 7 in crashes: "), "{}", ran.out);
    assert!(lines[1].starts_with("wrong id counter of crashes"), "{}", ran.out);
    assert!(lines[2].starts_with("corrupt row 2 in ticks: invalid JSON at byte 0"), "{}", ran.out);
    assert_eq!(lines[4], "3 rows and 1 zone in 14 tables: 4 faults");
    assert!(ran.err.contains("has faults") && ran.err.contains("check --repair"), "{}", ran.err);
    let ran = home.run(&["check", "--repair"]);
    assert_eq!(ran.code, 3, "corrupt rows stay");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("2 faults repaired", 4), "{}", ran.out);
    assert!(lines[1].starts_with("corrupt row 7 in crashes: "), "{}", ran.out);
    assert!(ran.err.contains("--skip-corrupt"), "{}", ran.err);
    let again = home.run(&["check", "--repair"]);
    assert!(again.out.starts_with("corrupt row 7 in crashes: "), "{}", again.out);
    assert!(home.ok(&["check", "--help"]).contains("Examples:"));
}
