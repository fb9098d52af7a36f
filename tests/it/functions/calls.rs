//! Calls that have the same value here and in sqlite3 or duckdb.

use netsky_testing::{has_program, store};

use super::engines::{ask, normal};

const SQLITE: [&str; 42] = [
    "date('2026-01-31', '+1 month')",
    "date('2024-02-29', '+1 year')",
    "date('2024-03-31', '-1 months')",
    "date('2026-04-15', 'weekday 3')",
    "date('2026-04-15', 'weekday 0', '-7 days')",
    "datetime('2026-04-15 10:11:12', '+1.5 days', 'start of day', '-1 second')",
    "datetime('2026-04-15T10:11:12+02:00')",
    "datetime('2026-04-15 10:11', '-00:11')",
    "datetime('2026-04-15 10:11:12.9')",
    "datetime(1767615456, 'unixepoch', 'start of year')",
    "datetime(1767615456, 'auto')",
    "datetime(2461145.75)",
    "time('10:11', '+25 hours')",
    "time('2026-04-15 10:11:12', '+90 seconds')",
    "date('2026-04-15', '-0.5 months')",
    "date('2026-04-15', '+0.5 years')",
    "date('garbage') IS NULL",
    "datetime('2026-04-15 25:00') IS NULL",
    "strftime('%d %f %H %j %m %M %s %S %w %W %Y %%', '2026-04-15 10:11:12.345')",
    "strftime('%f', '2026-04-15 10:11:59.9996') >= '59.999'",
    "strftime('%J', '2026-04-15 12:00:00')",
    "strftime('%W', '2026-01-04') || strftime('%W', '2026-01-05')",
    "julianday('2026-04-15 18:00:00')",
    "unixepoch('1969-12-31 23:59:59')",
    r#"json_extract('{"a":[1,2,{"b":"x"}]}', '$.a[2].b')"#,
    "json_extract('{\"a\":[1,2,3]}', '$.a[#-1]')",
    "json_extract('{\"a\":[1,2,3]}', '$.a[#-4]') IS NULL",
    r#"json_extract('{"a b":1.5}', '$."a b"')"#,
    r#"json_extract('{"a":{"b":null}}', '$.a')"#,
    r#"json_extract('{"a":1,"b":"x"}', '$.a', '$.b', '$.c')"#,
    "json_array_length('[1,[2,3],{}]') + json_array_length('{}') + json_array_length('[[1,2]]', '$[0]')",
    r#"json_type('[1]') || json_type('1') || json_type('1.0') || json_type('"x"') || json_type('true')"#,
    r#"CAST(json_valid('[1,]') AS INT) + CAST(json_valid('{"a":1} x') AS INT) + CAST(json_valid(' [1] ') AS INT)"#,
    r#"json(' { "a b" : [ 1 , "c \" d" ] } ')"#,
    "json_object('a', NULL, 'b', json('[1]'), 'c', json_array(1.5, 'x'))",
    "json_quote('a\"b')",
    "printf('%5d|%-5d|%05d|%+d|%x|%X|%o|%c|%%', 42, 42, 42, 42, 255, 255, 8, 'z')",
    "printf('%8.3f|%e|%g|%g|%.0f', 3.14159, 12345.678, 0.0001, 1000000.0, 2.4)",
    "printf('%10s|%-10s|%.2s|%*d|%,d', 'ab', 'ab', 'abc', 5, 7, 1234567)",
    "printf('%q %Q %Q', 'it''s', 'it''s', NULL)",
    "char(72, 228, 128512) || unicode('ä') || hex('aä')",
    "quote(1) || quote('x''y') || quote(NULL)",
];

const DUCKDB: [&str; 44] = [
    "date_diff('month', DATE '2026-01-31', DATE '2026-02-01')",
    "date_diff('week', DATE '2026-04-12', DATE '2026-04-13')",
    "date_diff('week', DATE '2026-04-13', DATE '2026-04-12')",
    "date_diff('year', DATE '2025-12-31', DATE '2026-01-01')",
    "date_diff('quarter', DATE '2026-03-31', DATE '2026-04-01')",
    "date_diff('decade', DATE '2019-12-31', DATE '2020-01-01')",
    "date_diff('hour', TIMESTAMP '2026-04-15 01:59:00', TIMESTAMP '2026-04-15 02:00:00')",
    "date_diff('hour', TIMESTAMP '2026-04-15 02:00:00', TIMESTAMP '1969-12-31 23:59:00')",
    "date_diff('millisecond', TIMESTAMP '2026-04-15 01:59:00.0009', TIMESTAMP '2026-04-15 01:59:00.001')",
    "datesub('month', DATE '2026-01-31', DATE '2026-02-28')",
    "datesub('month', DATE '2026-02-28', DATE '2026-01-31')",
    "datesub('month', TIMESTAMP '2026-01-31 12:00:00', TIMESTAMP '2026-02-28 11:00:00')",
    "datesub('year', DATE '2024-02-29', DATE '2025-02-28')",
    "datesub('quarter', DATE '2026-01-31', DATE '2026-07-30')",
    "datesub('week', DATE '2026-01-31', DATE '2026-07-31')",
    "datesub('second', TIMESTAMP '2026-04-15 00:00:00.9', TIMESTAMP '2026-04-15 00:00:02.1')",
    "epoch(age(TIMESTAMP '2026-04-15 01:00:00', TIMESTAMP '2026-04-10 02:00:00'))",
    "time_bucket(INTERVAL '7 hours', TIMESTAMP '2026-04-15 10:30:00')",
    "time_bucket(INTERVAL '5 months', TIMESTAMP '2026-04-15 10:30:00')",
    "time_bucket(INTERVAL '1 year', TIMESTAMP '2026-04-15 10:30:00')",
    "time_bucket(INTERVAL '3 months', TIMESTAMP '1999-04-15 10:30:00')",
    "time_bucket(INTERVAL '1 day', TIMESTAMP '2026-04-15 05:30:00', TIMESTAMP '2026-01-01 06:00:00')",
    "strftime(TIMESTAMP '2026-04-15 10:11:12.345678', '%Y-%m-%d %H:%M:%S %f %g %j %U %W %a %A %b %B')",
    "strftime(TIMESTAMP '2026-04-15 10:11:12.345678', '%p %I %y %-d %-m %u %w %% %c %x %X %G %V')",
    "strptime('2026', '%Y')",
    "strptime('Apr 5, 2026 3:07 PM', '%b %d, %Y %I:%M %p')",
    "try_strptime('x', '%Y') IS NULL",
    "last_day(TIMESTAMP '2026-12-31 10:00:00')",
    "make_timestamp(2026, 4, 15, 10, 11, 12.25)",
    "week(DATE '2027-01-01') * 100 + isodow(DATE '2026-04-20') * 10 + dayofweek(DATE '2026-04-20')",
    "epoch_us(TIMESTAMP '1969-12-31 23:59:59.5')",
    "epoch_ms(1776247872500)",
    r"regexp_extract('abc-123', '([a-z]+)-(\d+)')",
    "regexp_extract('abc', 'x') = ''",
    "regexp_extract('ABC', 'b', 0, 'i')",
    "regexp_full_match('abc', '[a-c]+')",
    "format('{1} {0} {{}}', 'a', 'b')",
    "format('{:5d}|{:<5}|{:^5}|{:05d}|{:x}|{:e}', 42, 'ab', 'ab', 7, 255, 1234.5)",
    "printf('%s %d', 'a', 1)",
    "mod(-7, 3) + mod(7, -3) * 10",
    "len('') + strlen('héé')",
    "md5('') || sha256('ä')",
    "json_array_length('[1,2,3]') + json_array_length('{\"a\":[1]}', '$.a')",
    "list_value(1, 2)[2]",
];

#[test]
fn calls_have_the_values_of_sqlite_and_duckdb() {
    let store = store();
    let mut wrong = Vec::new();
    for (program, calls) in [("sqlite3", &SQLITE[..]), ("duckdb", &DUCKDB[..])] {
        if !has_program(program) {
            continue;
        }
        let calls = calls.iter().enumerate();
        let queries: Vec<_> =
            calls.map(|(nth, call)| (nth.to_string(), format!("SELECT {call}"))).collect();
        let answers = ask(program, &queries);
        for (nth, sql) in &queries {
            let expected = answers.get(nth).unwrap_or_else(|| panic!("{program} refuses {sql}"));
            let found = super::csv(&store, sql).unwrap_or_else(|error| error.to_string());
            if normal(&found) != normal(expected) {
                wrong.push(format!("{sql}\n  {program}: {expected}\n  here: {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
