//! Calls as people write them, over stored rows.

use chrono::DateTime;
use netsky_db::TickRecord;
use netsky_testing::{TestStore, rows, store, value};
use serde_json::{Value, json};

fn ticks() -> TestStore {
    let store = store();
    for (time, source, detail) in [
        (
            "2026-04-15T10:11:12.209Z",
            "cron",
            r#"{"n":2,"ok":true,"tags":["a","b"],"who":{"name":"x y"}}"#,
        ),
        ("2026-04-15T23:59:59.999Z", "hook", r#"{"n":3,"ok":false,"tags":[],"who":{"name":"z"}}"#),
        ("2026-04-17T00:00:00.000Z", "cron", r#"{"n":"5"}"#),
    ] {
        let ts_utc = DateTime::parse_from_rfc3339(time).unwrap().to_utc();
        store.db.record(&TickRecord { ts_utc, source, detail_json: detail }).unwrap();
    }
    store
}

#[test]
fn expressions_of_stored_rows_have_their_values() {
    let store = ticks();
    for (expression, expected) in [
        ("extract(epoch FROM ts_utc)", json!(1_776_247_872.209)),
        ("date_part('epoch', ts_utc)", json!(1_776_247_872.209)),
        // DataFusion's date_part returns .2089999.
        ("extract(epoch FROM TIMESTAMP '2026-01-05T12:17:36.209Z')", json!(1_767_615_456.209)),
        ("strftime('%s', ts_utc) - strftime('%s', '2026-04-15')", json!(36_672)),
        ("(julianday(ts_utc) - julianday('2026-04-15 10:11:12')) < 0.001", json!(true)),
        ("date(ts_utc)", json!("2026-04-15")),
        ("date(ts_utc) LIKE '2026-04%'", json!(true)),
        ("substr(date(ts_utc), 1, 7)", json!("2026-04")),
        ("date(ts_utc) || ' ' || time(ts_utc)", json!("2026-04-15 10:11:12")),
        ("date(ts_utc, '-7 days')", json!("2026-04-08")),
        ("date(ts_utc, 'weekday 0')", json!("2026-04-19")),
        ("datetime(ts_utc, '+1 hour')", json!("2026-04-15 11:11:12")),
        ("datetime(1776247872, 'unixepoch')", json!("2026-04-15 10:11:12")),
        ("strftime('%f', ts_utc)", json!("12.209")),
        ("strftime(ts_utc, '%d/%m/%y %I:%M %p')", json!("15/04/26 10:11 AM")),
        (
            "to_char(ts_utc, 'FMDay, DD Mon YYYY HH12:MI:SS.MS AM')",
            json!("Wednesday, 15 Apr 2026 10:11:12.209 AM"),
        ),
        ("to_char(ts_utc, 'IYYY-\"W\"IW-ID Q DDD')", json!("2026-W16-3 2 105")),
        ("to_char(ts_utc AT TIME ZONE 'Europe/Berlin', 'HH24:MI')", json!("12:11")),
        ("hour(ts_utc AT TIME ZONE 'Europe/Berlin')", json!(12)),
        ("year(ts_utc) * 100 + month(ts_utc)", json!(202_604)),
        ("dayname(ts_utc)", json!("Wednesday")),
        ("date_diff('minute', '2026-04-15', ts_utc)", json!(611)),
        ("datediff('2026-04-20', ts_utc)", json!(5)),
        ("epoch(ts_utc - TIMESTAMP '2026-04-15T10:11:10Z')", json!(2.209)),
        ("time_bucket('15 minutes', ts_utc)", json!("2026-04-15T10:00:00.000Z")),
        ("time_bucket(INTERVAL '1 month', ts_utc)", json!("2026-04-01T00:00:00.000Z")),
        ("time_bucket('1 day', ts_utc, '2026-01-01T06:00:00Z')", json!("2026-04-15T06:00:00.000Z")),
        ("date_add(ts_utc, INTERVAL '1 day')", json!("2026-04-16T10:11:12.209Z")),
        ("dateadd('month', -1, ts_utc)", json!("2026-03-15T10:11:12.209Z")),
        ("last_day(ts_utc)", json!("2026-04-30")),
        ("age(ts_utc, ts_utc) = INTERVAL '0 days'", json!(true)),
        ("date('now') = current_date AND datetime('now') <= datetime(now())", json!(true)),
        ("unixepoch() - unixepoch('now')", json!(0)),
        ("json_extract(detail_json, '$.who.name')", json!("x y")),
        ("json_extract(detail_json, '$.n') + 1", json!(3.0)),
        ("json_extract(detail_json, '$.n') > 1", json!(true)),
        ("json_extract(detail_json, '$.tags')", json!("[\"a\",\"b\"]")),
        (
            "json_extract(detail_json, '$.n', '$.none', '$.who')",
            json!("[2,null,{\"name\":\"x y\"}]"),
        ),
        ("json_extract(detail_json, '$.' || 'n')", json!("2")),
        ("json_array_length(detail_json, '$.tags')", json!(2)),
        ("json_type(detail_json, '$.ok')", json!("true")),
        (
            "json_object('id', id, 'source', source, 'who', json(detail_json->'who'))",
            json!("{\"id\":1,\"source\":\"cron\",\"who\":{\"name\":\"x y\"}}"),
        ),
        ("len(detail_json->'who'->'name')", json!(3)),
        ("json_array_length(detail_json->'tags')", json!(2)),
        ("json_object('t', detail_json->'tags')", json!("{\"t\":[\"a\",\"b\"]}")),
        ("list_to_string(json_keys(detail_json), ',')", json!("n,ok,tags,who")),
        ("regexp_extract(ts_utc, '\\.(\\d+)Z', 1)", json!("209")),
        ("regexp_matches(source, '^c')", json!(true)),
        ("printf('%s: %05.1f', source, 2.25)", json!("cron: 002.2")),
        ("md5(ts_utc) = md5('2026-04-15T10:11:12.209Z')", json!(true)),
        ("if(source = 'cron', 1, 0)", json!(1)),
        ("if(id <> 0, 10 / id, 0)", json!(10)),
        ("typeof(ts_utc)", json!("TIMESTAMP WITH TIME ZONE")),
        ("localtimestamp <= now()", json!(true)),
    ] {
        let sql = format!("SELECT {expression} FROM ticks WHERE id = 1");
        assert_eq!(value(&store.db, &sql), expected, "{expression}");
    }
}

#[test]
fn times_of_all_units_have_the_same_values() {
    let store = ticks();
    let calls = [
        "{}",
        "date({}, 'start of month')",
        "strftime('%Y-%m-%d %H:%M:%S', {})",
        "to_char({}, 'YYYY-MM-DD HH24')",
        "time_bucket('15 minutes', {})",
        "time_bucket(INTERVAL '1 month', {})",
        "time_bucket(INTERVAL '5 months', {})",
        "time_bucket('1 day', {}, '2026-01-01T06:00:00Z')",
        "date_bin(INTERVAL '7 hours', {})",
        "date_trunc('hour', {})",
        "date_trunc('week', {})",
        "date_add({}, INTERVAL '1 month')",
        "date_sub({}, INTERVAL '1 second')",
        "dateadd('month', -1, {})",
        "date_diff('hour', {}, '2026-05-01')",
        "{} - INTERVAL '1 day'",
        "{} - TIMESTAMP '2026-04-01T00:00:00Z'",
        "age({}, '2026-01-01')",
        "last_day({})",
        "dayname({})",
        "epoch({})",
        "epoch_ms({})",
        "unixepoch({})",
        "julianday({})",
        "extract(quarter FROM {})",
    ];
    for call in calls {
        let of_time = |time: &str| {
            let sql = format!("SELECT {} AS x FROM ticks WHERE id = 3", call.replace("{}", time));
            value(&store.db, &sql)
        };
        let expected = of_time("ts_utc");
        for unit in ["Second", "Millisecond", "Microsecond"] {
            let time = format!("arrow_cast(ts_utc, 'Timestamp({unit}, Some(\"UTC\"))')");
            assert_eq!(of_time(&time), expected, "{call} of {unit}s");
        }
    }
}

#[test]
fn aggregates_of_stored_rows_have_their_values() {
    let store = ticks();
    for (expression, expected) in [
        ("group_concat(source)", json!("cron,hook,cron")),
        ("group_concat(DISTINCT source ORDER BY source DESC)", json!("hook,cron")),
        ("string_agg(source, ' | ' ORDER BY id DESC)", json!("cron | hook | cron")),
        ("sum(source = 'cron')", json!(2)),
        ("round(avg(source = 'cron'), 2)", json!(0.67)),
        ("sum(detail_json->>'n')", json!(10.0)),
        ("sum(json_extract(detail_json, '$.n'))", json!(10.0)),
        ("sum(detail_json->'n')", json!(10.0)),
        ("count_if(source = 'cron')", json!(2)),
        ("count_if(source = 'cron') FILTER (WHERE id > 1)", json!(1)),
        ("first(source ORDER BY id DESC)", json!("cron")),
        ("arg_max(source, ts_utc)", json!("cron")),
        ("max_by(id, detail_json->>'who')", json!(2)),
        ("mode(source)", json!("cron")),
        ("mode() WITHIN GROUP (ORDER BY source)", json!("cron")),
        ("quantile(id, 0.5)", json!(2)),
        ("percentile_disc(0.9) WITHIN GROUP (ORDER BY ts_utc)", json!("2026-04-17T00:00:00.000Z")),
        ("histogram(source)", json!({"cron": 2, "hook": 1})),
        ("json_group_array(source)", json!("[\"cron\",\"hook\",\"cron\"]")),
        (
            "json_group_array(json_object('id', id)) FILTER (WHERE id < 3)",
            json!("[{\"id\":1},{\"id\":2}]"),
        ),
        ("json_group_array(detail_json->'n')", json!("[2,3,\"5\"]")),
        ("json_group_object(id, source)", json!("{\"1\":\"cron\",\"2\":\"hook\",\"3\":\"cron\"}")),
        ("100.0 * count_if(source = 'hook') / count(*)", json!(100.0 / 3.0)),
    ] {
        let found = value(&store.db, &format!("SELECT {expression} FROM ticks"));
        match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => {
                assert!((found - expected).abs() < 1e-9, "{expression}: {found}");
            }
            _ => assert_eq!(found, expected, "{expression}"),
        }
    }
}

#[test]
fn aggregates_of_no_rows_are_as_in_their_engine() {
    let store = ticks();
    for (expression, expected) in [
        ("group_concat(source)", Value::Null),
        ("count_if(id > 0)", json!(0)),
        ("total(id)", json!(0.0)),
        ("sum(id > 0)", Value::Null),
        ("mode(source)", Value::Null),
        ("quantile(id, 0.5)", Value::Null),
        ("product(id)", Value::Null),
        ("arg_max(id, id)", Value::Null),
        ("json_group_array(id)", json!("[]")),
        ("json_group_object(id, id)", json!("{}")),
        ("histogram(source)", Value::Null),
    ] {
        let sql = format!("SELECT {expression} FROM ticks WHERE id < 0");
        assert_eq!(value(&store.db, &sql), expected, "{expression}");
    }
}

#[test]
fn aggregates_work_with_groups_havings_and_orders() {
    let store = ticks();
    let sql = "SELECT source, group_concat(id) AS ids, arg_max(id, ts_utc) AS newest, mode(id) AS m, \
               quantile(id, 1) AS q FROM ticks GROUP BY source HAVING count_if(id > 0) > 0 \
               ORDER BY count_if(id > 0) DESC";
    let found = rows(&store.db, sql);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["source"], "cron");
    assert_eq!((&found[0]["ids"], &found[0]["newest"]), (&json!("1,3"), &json!(3)));
    assert_eq!((&found[0]["m"], &found[0]["q"]), (&json!(1), &json!(3)));
    let window = "SELECT sum(source = 'cron') OVER (ORDER BY id) AS x, first(id) OVER (ORDER BY id) AS f \
                  FROM ticks ORDER BY id DESC LIMIT 1";
    assert_eq!(rows(&store.db, window)[0]["x"], 2);
}

#[test]
fn json_entries_of_a_column_become_rows() {
    let store = ticks();
    let sql = "SELECT id, e['key'] AS key, e['value'] AS value, e['type'] AS type FROM \
               (SELECT id, unnest(json_entries(detail_json)) AS e FROM ticks) ORDER BY id, key";
    let found = rows(&store.db, sql);
    assert_eq!(found.len(), 9);
    assert_eq!((&found[0]["key"], &found[0]["value"]), (&json!("n"), &json!("2")));
    assert_eq!((&found[8]["value"], &found[8]["type"]), (&json!("5"), &json!("text")));
    let tree = "SELECT key, value, type, fullkey, path, parent FROM \
                json_tree('{\"a\":[1,{\"b.c\":\"x\"}],\"d\":null}', '$.a') WHERE type <> 'array'";
    let found = rows(&store.db, tree);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[2]["fullkey"], "$.a[1].\"b.c\"");
    assert_eq!(found[1]["path"], "$.a");
}
