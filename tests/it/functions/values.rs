//! No value makes a function panic, and NULLs stay NULL.

use netsky_testing::{Dice, TestStore, rows, store};
use serde_json::Value;

use netsky_db::{Error, ErrorKind, FUNCTIONS};

/// Values of all types, with the extremes of each.
const VALUES: [&str; 42] = [
    "NULL",
    "0",
    "-1",
    "3",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "-1.5",
    "0.5",
    "1e300",
    "-1e300",
    "'NaN'::double",
    "'inf'::double",
    "true",
    "false",
    "''",
    "'a'",
    "'é😀'",
    "'now'",
    "'day'",
    "'month'",
    "'+1 month'",
    "'-99999999999 years'",
    "'weekday 3'",
    "'%Y-%m-%d %H:%M:%f %j %W %%'",
    "'%'",
    "'%99999999999d %*d %s'",
    "'{:>5} {1} {}'",
    "'YYYY-MM-DD HH24:MI:SS.MS Day'",
    "'{\"a\":[1,2,{\"b\":null}]}'",
    "'$.a[0]'",
    "'$.a[#-99999999999999999999]'",
    "'[[[['",
    "'(a|b)*'",
    "DATE '2026-04-15'",
    "DATE '0001-01-01'",
    "TIMESTAMP '2026-04-15T10:11:12.345678901Z'",
    "arrow_cast(9223372036854775807, 'Timestamp(Nanosecond, Some(\"UTC\"))')",
    "arrow_cast(-9223372036854775808, 'Timestamp(Second, None)')",
    "arrow_cast(9223372036854775807, 'Timestamp(Millisecond, Some(\"Europe/Berlin\"))')",
    "INTERVAL '1 month -3 days 5 seconds'",
    "[1, NULL, 3]",
];

/// Whether the error is one of a call that does not make sense.
fn is_refusal(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidInput && !error.to_string().contains("panic")
}

fn check(store: &TestStore, sql: &str) {
    if let Err(error) = store.db.query(sql) {
        assert!(is_refusal(&error), "{sql}\n{error:?}");
    }
}

#[test]
fn no_value_makes_a_function_panic() {
    let store = store();
    let mut dice = Dice(5);
    for function in FUNCTIONS.iter().filter(|function| function.is_available()) {
        let name = function.name();
        for round in 0..60 {
            let count = dice.below(4) as usize + usize::from(round % 8 != 0);
            let values = (0..count).map(|_| VALUES[dice.below(VALUES.len() as u64) as usize]);
            let values: Vec<_> = values.collect();
            let call = format!("{name}({})", values.join(", "));
            if name.starts_with("json_each") || name.starts_with("json_tree") {
                check(&store, &format!("SELECT * FROM {call}"));
                continue;
            }
            check(&store, &format!("SELECT {call}"));
            // The same values as columns.
            let columns: Vec<_> = (0..count).map(|nth| format!("c{nth}")).collect();
            let call = format!("{name}({})", columns.join(", "));
            if count > 0 {
                let values = values.join(", ");
                check(
                    &store,
                    &format!("SELECT {call} FROM (VALUES ({values})) AS t({})", columns.join(", ")),
                );
            }
        }
    }
}

#[test]
fn calls_with_null_are_null() {
    let store = store();
    for call in [
        "date(NULL)",
        "datetime(NULL, '+1 day')",
        "datetime('2026-04-15', NULL)",
        "strftime('%Y', NULL)",
        "strftime(NULL, '2026-04-15')",
        "julianday(NULL)",
        "unixepoch(NULL)",
        "year(NULL::timestamp)",
        "epoch(NULL::timestamp)",
        "date_diff('day', NULL, now())",
        "date_diff(NULL, now(), now())",
        "age(now(), NULL)",
        "time_bucket('1 hour', NULL::timestamp)",
        "to_char(NULL::timestamp, 'YYYY')",
        "json_extract(NULL, '$.a')",
        "json_extract('{}', NULL)",
        "json_extract('{\"a\":null}', '$.a')",
        "json_array_length(NULL)",
        "json_valid(NULL)",
        "md5(NULL)",
        "glob(NULL, 'a')",
        "printf(NULL, 1)",
        "len(NULL)",
        "regexp_extract(NULL, 'a')",
        "regexp_matches(NULL, 'a')",
        "mod(NULL, 3)",
        "width_bucket(NULL, 0, 1, 3)",
        "if(NULL, 1, NULL)",
        "mode(NULL::int)",
        "group_concat(NULL::text)",
        "quantile(NULL::int, 0.5)",
        "histogram(NULL::int)",
    ] {
        let found = rows(&store.db, &format!("SELECT {call} AS x"));
        assert_eq!(found[0]["x"], Value::Null, "{call}");
    }
}
