//! What a backend answers to requests.

use chrono::{TimeZone, Utc};
use netsky_db::{Db, OpenOptions, TickRecord};
use netsky_postgres::Backend;

/// A store with two ticks.
struct Fixture {
    directory: tempfile::TempDir,
}

/// A message of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    tag: char,
    body: Vec<u8>,
}

impl Message {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The values of a row. `None` is NULL.
    fn values(&self) -> Vec<Option<Vec<u8>>> {
        let (count, mut rest) = self.body.split_at(2);
        let count = u16::from_be_bytes(count.try_into().unwrap());
        (0..count)
            .map(|_| {
                let (length, after) = rest.split_at(4);
                let length = i32::from_be_bytes(length.try_into().unwrap());
                let (value, after) = after.split_at(length.max(0).try_into().unwrap());
                rest = after;
                (length >= 0).then(|| value.to_vec())
            })
            .collect()
    }

    fn texts(&self) -> Vec<String> {
        let text = |value: Option<Vec<u8>>| match value {
            Some(value) => String::from_utf8(value).unwrap(),
            None => "NULL".to_owned(),
        };
        self.values().into_iter().map(text).collect()
    }
}

/// A request: its messages, one after the other.
#[derive(Default)]
struct Request(Vec<u8>);

impl Request {
    fn message(mut self, tag: u8, body: &[u8]) -> Self {
        self.0.push(tag);
        self.0.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        self.0.extend_from_slice(body);
        self
    }

    fn parse(self, sql: &str, oids: &[u32]) -> Self {
        let mut body = [&[0], sql.as_bytes(), &[0]].concat();
        body.extend_from_slice(&u16::try_from(oids.len()).unwrap().to_be_bytes());
        oids.iter().for_each(|oid| body.extend_from_slice(&oid.to_be_bytes()));
        self.message(b'P', &body)
    }

    fn bind(self, formats: &[i16], values: &[Option<&[u8]>], result_formats: &[i16]) -> Self {
        let mut body = vec![0, 0];
        let codes = |codes: &[i16], body: &mut Vec<u8>| {
            body.extend_from_slice(&u16::try_from(codes.len()).unwrap().to_be_bytes());
            codes.iter().for_each(|code| body.extend_from_slice(&code.to_be_bytes()));
        };
        codes(formats, &mut body);
        body.extend_from_slice(&u16::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(value.unwrap_or_default());
        }
        codes(result_formats, &mut body);
        self.message(b'B', &body)
    }

    fn run(self) -> Self {
        self.message(b'D', b"P\0").message(b'E', &[0; 5]).message(b'S', &[])
    }
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open_path(directory.path().join("meta.db")).unwrap();
        let time = |second| Utc.with_ymd_and_hms(2026, 4, 15, 10, 0, second).unwrap();
        let tick =
            |second, source| TickRecord { ts_utc: time(second), source, detail_json: "{\"a\":1}" };
        db.record_all([tick(1, "cron"), tick(2, "watch, \"dog\"")]).unwrap();
        Self { directory }
    }

    fn ask(&self, request: Request) -> Vec<Message> {
        let path = self.directory.path().join("meta.db");
        let backend = Backend::new(|| OpenOptions::new().open_read_only(&path));
        let mut answer = Vec::new();
        backend.serve(request.0.as_slice(), &mut answer).unwrap();
        let mut messages = Vec::new();
        let mut rest = answer.as_slice();
        while let [tag, length @ ..] = rest {
            let (length, after) = length.split_at(4);
            let length = usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap();
            let (body, after) = after.split_at(length - 4);
            messages.push(Message { tag: char::from(*tag), body: body.to_vec() });
            rest = after;
        }
        messages
    }

    /// The answer to a query without parameters, its values as text.
    fn query(&self, sql: &str) -> Vec<Message> {
        self.ask(Request::default().parse(sql, &[]).bind(&[], &[], &[]).run())
    }

    /// The rows of an answer, which must be one.
    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let messages = self.query(sql);
        assert!(tags(&messages).ends_with("CZ"), "{sql}: {messages:?}");
        let rows = messages.iter().filter(|message| message.tag == 'D');
        rows.map(Message::texts).collect()
    }

    /// The code and the message of a failure.
    fn failure(&self, sql: &str) -> (String, String) {
        let messages = self.query(sql);
        let error = messages.iter().find(|message| message.tag == 'E').unwrap_or_else(|| {
            panic!("{sql} did not fail: {messages:?}");
        });
        let text = error.text();
        let field = |tag| {
            let field = text.split('\0').find(|field| field.starts_with(tag));
            field.map_or_else(String::new, |field| field[1..].to_owned())
        };
        (field('C'), field('M'))
    }
}

fn tags(messages: &[Message]) -> String {
    messages.iter().map(|message| message.tag).collect()
}

#[test]
fn an_answer_has_the_messages_of_the_protocol() {
    let fixture = Fixture::new();
    let messages = fixture.query("SELECT id, source FROM ticks ORDER BY id");
    assert_eq!(tags(&messages), "12TDDCZ");
    assert_eq!(messages[3].texts(), ["1", "cron"]);
    assert_eq!(messages[5].text(), "SELECT 2\0");
    let describe = Request::default().parse("SELECT id FROM ticks WHERE id = $1", &[]);
    let messages = fixture.ask(describe.message(b'D', b"S\0").message(b'S', &[]));
    assert_eq!(tags(&messages), "1tTZ");
    assert_eq!(messages[1].body, [0, 1, 0, 0, 0, 20]);
    // The next request is answered after a failure.
    let both = Request::default().parse("SELECT x", &[]).bind(&[], &[], &[]).run();
    let both = both.parse("SELECT 1", &[]).bind(&[], &[], &[]).run();
    assert_eq!(tags(&fixture.ask(both)), "EZ12TDCZ");
}

#[test]
fn values_have_the_text_of_postgresql() {
    let fixture = Fixture::new();
    for (sql, text) in [
        ("ts_utc FROM ticks WHERE id = 1", "2026-04-15 10:00:01+00"),
        ("ts_utc::date FROM ticks WHERE id = 1", "2026-04-15"),
        ("id = 1 FROM ticks WHERE id = 1", "t"),
        ("NULL", "NULL"),
        ("1.5::double", "1.5"),
        ("1e20::double", "1e+20"),
        (
            "'12345678901234567890123456789012345678'::decimal(38,0)",
            "12345678901234567890123456789012345678",
        ),
        ("-0.50::decimal(10,2)", "-0.50"),
        ("[1, 2, NULL]", "{1,2,NULL}"),
        ("['a', 'b c', '', 'NULL', 'x\"y']", r#"{a,"b c","","NULL","x\"y"}"#),
        ("[[1, 2], [3]]", "[[1,2],[3]]"),
        ("struct(1, 'x')", r#"{"c0":1,"c1":"x"}"#),
        ("x'00ff'", "\\x00ff"),
        ("INTERVAL '1 month 2 days 3 seconds'", "1 mon 2 days 00:00:03"),
        ("ts_utc - TIMESTAMP '2026-04-15 09:00:00' FROM ticks WHERE id = 1", "01:00:01"),
        ("source FROM ticks WHERE id = 2", "watch, \"dog\""),
        ("row_number() OVER () FROM ticks LIMIT 1", "1"),
        ("TIME '10:00:01.5'", "10:00:01.5"),
        ("arrow_cast('a', 'Dictionary(Int32, Utf8)')", "a"),
        ("arrow_cast(200, 'UInt8')", "200"),
    ] {
        assert_eq!(fixture.rows(&format!("SELECT {sql}")), [[text]], "{sql}");
    }
}

#[test]
fn values_have_the_bytes_of_postgresql() {
    let fixture = Fixture::new();
    for (sql, bytes) in [
        ("id = 1 FROM ticks WHERE id = 1", vec![1]),
        ("id FROM ticks WHERE id = 1", 1_i64.to_be_bytes().to_vec()),
        ("1.5::double", 1.5_f64.to_be_bytes().to_vec()),
        ("TIMESTAMP '2000-01-01 00:00:01'", 1_000_000_i64.to_be_bytes().to_vec()),
        ("DATE '2000-01-02'", 1_i32.to_be_bytes().to_vec()),
        ("12345.678::decimal(10,3)", vec![0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c]),
        ("x'00ff'", vec![0, 255]),
        (
            "[7::bigint]",
            [
                &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8][..],
                &7_i64.to_be_bytes(),
            ]
            .concat(),
        ),
        (
            "INTERVAL '1 month 2 days 3 seconds'",
            [&3_000_000_i64.to_be_bytes()[..], &[0, 0, 0, 2, 0, 0, 0, 1]].concat(),
        ),
    ] {
        let request = Request::default().parse(&format!("SELECT {sql}"), &[]);
        let messages = fixture.ask(request.bind(&[], &[], &[1]).run());
        assert_eq!(tags(&messages), "12TDCZ", "{sql}: {messages:?}");
        assert_eq!(messages[3].values(), [Some(bytes)], "{sql}");
    }
}

#[test]
fn parameters_are_text_or_binary() {
    let fixture = Fixture::new();
    let sources = |sql: &str, oids: &[u32], formats: &[i16], values: &[Option<&[u8]>]| {
        let request = Request::default().parse(sql, oids).bind(formats, values, &[]);
        let messages = fixture.ask(request.run());
        assert!(tags(&messages).ends_with("CZ"), "{sql}: {messages:?}");
        let rows = messages.iter().filter(|message| message.tag == 'D');
        rows.map(|row| row.texts().join("|")).collect::<Vec<_>>()
    };
    let by_id = "SELECT id FROM ticks WHERE id = $1";
    assert_eq!(sources(by_id, &[], &[], &[Some(b"1")]), ["1"]);
    assert_eq!(sources(by_id, &[23], &[1], &[Some(&2_i32.to_be_bytes())]), ["2"]);
    assert_eq!(sources(by_id, &[21], &[1], &[Some(&2_i16.to_be_bytes())]), ["2"]);
    assert!(sources(by_id, &[20], &[1], &[None]).is_empty());
    let by_time = "SELECT id FROM ticks WHERE ts_utc > $1";
    assert_eq!(sources(by_time, &[1184], &[], &[Some(b"2026-04-15 12:00:01+02")]), ["2"]);
    let micros = (Utc.with_ymd_and_hms(2026, 4, 15, 10, 0, 1).unwrap().timestamp_micros()
        - 946_684_800_000_000)
        .to_be_bytes();
    assert_eq!(sources(by_time, &[1184], &[1], &[Some(&micros)]), ["2"]);
    assert!(sources(by_time, &[1184], &[], &[Some(b"infinity")]).is_empty());
    assert_eq!(sources("SELECT $1", &[], &[], &[Some(b"x")]), ["x"]);
    assert_eq!(sources("SELECT $1::int + $2", &[], &[], &[Some(b"1"), Some(b"2")]), ["3"]);
}

#[test]
fn copies_have_the_formats_of_postgresql() {
    let fixture = Fixture::new();
    let copied = |sql: &str| {
        let messages = fixture.query(sql);
        assert!(tags(&messages).starts_with("12nHd"), "{sql}: {messages:?}");
        assert!(tags(&messages).ends_with("dcCZ"), "{sql}: {messages:?}");
        let data = messages.iter().filter(|message| message.tag == 'd');
        data.flat_map(|message| message.body.clone()).collect::<Vec<u8>>()
    };
    let query = "(SELECT id, source, NULL AS n FROM ticks ORDER BY id)";
    let text = copied(&format!("COPY {query} TO STDOUT"));
    assert_eq!(String::from_utf8(text).unwrap(), "1\tcron\t\\N\n2\twatch, \"dog\"\t\\N\n");
    let csv = copied(&format!("COPY {query} TO STDOUT (FORMAT csv, HEADER)"));
    assert_eq!(
        String::from_utf8(csv).unwrap(),
        "id,source,n\n1,cron,\n2,\"watch, \"\"dog\"\"\",\n"
    );
    let quoted = copied(&format!("COPY {query} TO STDOUT (FORMAT csv, FORCE_QUOTE *, NULL '-')"));
    assert!(String::from_utf8(quoted).unwrap().starts_with("\"1\",\"cron\",-\n"));
    let binary = copied("COPY (SELECT 7::int) TO STDOUT (FORMAT binary)");
    assert_eq!(binary, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\0\0\0\x07\xff\xff");
    let empty = copied("COPY (SELECT id FROM ticks WHERE id > 9) TO STDOUT (FORMAT binary)");
    assert_eq!(empty, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff");
}

#[test]
fn failures_have_codes_and_places() {
    let fixture = Fixture::new();
    for (sql, code) in [
        ("SELECT nosuch FROM ticks", "42703"),
        ("SELECT 1 FROM nosuch", "42P01"),
        ("SELECT nosuch(1)", "42883"),
        ("SELEC 1", "42601"),
        ("DROP TABLE ticks", "25006"),
        ("INSERT INTO ticks VALUES (1)", "25006"),
        ("COPY ticks FROM STDIN", "25006"),
        ("SELECT 1 INTO x", "25006"),
        ("WITH gone AS (DELETE FROM ticks) SELECT 1", "25006"),
        ("SELECT (id + 100000)::smallint FROM ticks", "22003"),
        ("SELECT id FROM ticks a, ticks b", "42702"),
        ("SELECT id, count(*) FROM ticks GROUP BY source", "42803"),
        ("SELECT 1/(id - id) FROM ticks", "22012"),
        ("SELECT 'x'::int", "22P02"),
        ("SELECT 18446744073709551615::bigint unsigned", "22003"),
    ] {
        assert_eq!(fixture.failure(sql).0, code, "{sql}: {}", fixture.failure(sql).1);
    }
    let error = &fixture.query("SELECT\n é, nosuch FROM ticks")[0];
    assert!(error.text().contains("\0P9\0"), "{}", error.text());
    let error = &fixture.query("COPY (SELECT 1) TO STDOUT (FORMAT csv, DELIMITER '::')")[0];
    assert!(error.text().contains("\0P50\0"), "{}", error.text());
    let without_store = Fixture::new();
    std::fs::remove_file(without_store.directory.path().join("meta.db")).unwrap();
    assert_eq!(without_store.failure("SELECT 1").0, "58P01");
    assert!(without_store.query("SELECT 1")[0].text().contains("\0H`netsky ingest`"));
}
