//! `netsky timeline`

use serde_json::Value;

use crate::cli::Home;

#[test]
fn a_timeline_ends_with_the_newest_of_all_tables() {
    let home = Home::new();
    for (table, row) in [
        (
            "crashes",
            r#"{"ts_utc":"2026-04-15T23:02:00Z","kind":"oom","agent":"dev1","detail_json":"{}"}"#,
        ),
        (
            "sessions",
            r#"{"ts_utc":"2026-04-15T23:00:00Z","agent":"dev1","session_num":4,"event":"up"}"#,
        ),
        (
            "sessions",
            r#"{"ts_utc":"2026-04-15T23:00:00Z","agent":"dev2","session_num":4,"event":"up"}"#,
        ),
        (
            "messages",
            r#"{"ts_utc":"2026-04-15T23:01:00Z","source":"chat","direction":"inbound","from_agent":"dev2","to_agent":"dev1","body":"do\n\u001b[31mit"}"#,
        ),
    ] {
        home.ok(&["record", table, row]);
    }
    let events = |args: &[&str]| -> Vec<(String, String)> {
        let out = home.ok(&[&["timeline"], args, &["--format", "json"]].concat());
        let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(&row["kind"]), text(&row["what"]))).collect()
    };
    let event = |kind: &str, what: &str| (kind.to_owned(), what.to_owned());
    let received = event("received", "from dev2 (chat): do [31mit");
    assert_eq!(
        events(&["dev1"]),
        [event("session", "up, session 4"), received.clone(), event("crash", "oom")]
    );
    let table = home.ok(&["timeline", "dev1"]);
    assert!(table.contains("| 2026-04-15 23:02:00 | crash    | 1  | oom "), "{table}");
    assert_eq!(events(&["dev1", "--limit", "2"]), [received, event("crash", "oom")]);
    assert_eq!(events(&["dev1", "--since", "2026-04-15T23:02:00Z"]), [event("crash", "oom")]);
    assert_eq!(events(&["dev1", "--since", "1m"]), []);

    assert_eq!(
        home.fails(1, &["timeline", "dve1"]),
        "netsky: no agent named 'dve1'; did you mean 'dev1'?\n"
    );
    // A name is a value, not SQL.
    assert!(home.fails(1, &["timeline", "' OR true --"]).contains("there are: dev1, dev2"));
}
