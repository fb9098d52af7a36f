//! tokio-postgres: PROGRAM URL

use std::fmt::Debug;
use std::iter::empty;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::future::{LocalBoxFuture, join_all, try_join_all};
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::{sleep, timeout};
use tokio_postgres::binary_copy::BinaryCopyOutStream;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use tokio_postgres::{Client, Config, Error, IsolationLevel, NoTls, SimpleQueryMessage};

/// More rows than any machine counts during a test.
const ENDLESS: &str = "SELECT count(*) FROM messages a, messages b, messages c, messages d \
    WHERE a.id + b.id + c.id + d.id < 0";

/// The text of the first message.
const ODD: &str = "naïve 🦀 \"quoted\" \\ back\ttab\nline";

async fn connected(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn fails<T>(code: &str, answer: impl Future<Output = Result<T, Error>>) -> DbError {
    let error = answer.await.err().unwrap_or_else(|| panic!("no error {code}"));
    assert_eq!(error.code().map(|found| found.code()), Some(code), "{error:?}");
    error.as_db_error().unwrap().clone()
}

/// Checks that the session goes on, and answers what it is asked now.
async fn works(client: &Client) {
    let found: String = client.query_one_scalar("SELECT $1::text || 'b'", &[&"a"]).await.unwrap();
    assert_eq!(found, "ab");
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

async fn login(url: &str) {
    let mut config: Config = url.parse().unwrap();
    config.application_name("check").options("-c statement_timeout=50000");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    assert_eq!(connection.parameter("TimeZone"), Some("UTC"));
    assert_eq!(connection.parameter("application_name"), Some("check"));
    tokio::spawn(connection);
    let shown: String = client.query_one_scalar("SHOW statement_timeout", &[]).await.unwrap();
    assert_eq!(shown, "50s");
    client.check_connection().await.unwrap();
    works(&connected(&format!("{url}?target_session_attrs=read-only")).await).await;
    fails("28P01", config.password("wrong").connect(NoTls)).await;
}

async fn simple_queries(url: &str) {
    let client = connected(url).await;
    let sql = "SELECT body, chat_id FROM messages WHERE id <= 2 ORDER BY id; SELECT true AS größe";
    let found = client.simple_query(sql).await.unwrap();
    let found = found.iter().map(|message| match message {
        SimpleQueryMessage::RowDescription(columns) => {
            columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ")
        }
        SimpleQueryMessage::Row(row) => format!("{:?}", (row.get(0), row.try_get(1).ok())),
        SimpleQueryMessage::CommandComplete(count) => count.to_string(),
        other => panic!("{other:?}"),
    });
    let odd = format!("{:?}", (Some(ODD), Some(None::<&str>)));
    let (empty, t) = (r#"(Some(""), Some(None))"#, r#"(Some("t"), None)"#);
    let expected = ["body, chat_id", &odd, empty, "2", "größe", t, "1"];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    client.batch_execute("").await.unwrap();
    client.batch_execute("BEGIN; SELECT 1; COMMIT").await.unwrap();
}

async fn rows(url: &str) {
    let client = connected(url).await;
    let sql = "SELECT *, id > 5 AS big, CAST(id AS double precision) / 4 AS quarter, \
        CAST(ts_utc AS date) AS day FROM messages WHERE id = $1";
    let row = client.query_one(sql, &[&3_i64]).await.unwrap();
    assert_eq!((row.get("id"), row.get("body")), (3_i64, "message 3"));
    assert_eq!((row.get("chat_id"), row.get("big")), (None::<&str>, false));
    let time = at("2026-04-15T00:03:00Z");
    assert_eq!((row.get("ts_utc"), row.get("day")), (time, time.date_naive()));
    assert_eq!((row.get("ts_utc"), row.get("quarter")), (SystemTime::from(time), 0.75));
    let row = client.query_one(sql, &[&1_i64]).await.unwrap();
    assert_eq!(row.get::<_, &str>("body"), ODD);
    assert!(client.query_opt(sql, &[&5_000_i64]).await.unwrap().is_none());
    assert_eq!(client.execute("SELECT id FROM messages WHERE id < 4", &[]).await.unwrap(), 3);
    // As a stream, and one that is given up after its first row.
    let ids = client.query_raw("SELECT id FROM messages", empty::<&str>()).await.unwrap();
    let sum = ids.try_fold(0, async |sum, row| Ok(sum + row.get::<_, i64>(0))).await.unwrap();
    assert_eq!(sum, 500_500);
    let many = "SELECT a.id FROM messages a, messages b WHERE a.id <= 100";
    let many = client.query_raw(many, empty::<&str>()).await.unwrap();
    Box::pin(many).next().await.unwrap().unwrap();
    works(&client).await;
}

async fn is_returned<T>(client: &Client, ty: &str, value: T)
where
    T: ToSql + FromSqlOwned + PartialEq + Debug + Sync,
{
    let sql = format!("SELECT $1::{ty}, $2::{ty}, NULL::{ty}");
    let row = client.query_one(&sql, &[&value, &None::<T>]).await;
    let row = row.unwrap_or_else(|error| panic!("{ty} {value:?}: {error:?}"));
    let found = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found, (Some(value), None::<T>, None::<T>), "{ty}");
}

async fn parameters(url: &str) {
    let client = connected(url).await;
    let time = at("1969-12-31T23:59:59.999999Z");
    is_returned(&client, "bigint", i64::MIN).await;
    is_returned(&client, "int", i32::MAX).await;
    is_returned(&client, "smallint", -5_i16).await;
    is_returned(&client, "double precision", 0.1_f64).await;
    is_returned(&client, "real", 0.1_f32).await;
    is_returned(&client, "boolean", true).await;
    is_returned(&client, "text", ODD.to_owned()).await;
    is_returned(&client, "varchar", String::new()).await;
    is_returned(&client, "bytea", vec![0_u8, 255]).await;
    is_returned(&client, "date", NaiveDate::from_ymd_opt(1, 1, 1).unwrap()).await;
    is_returned(&client, "time", time.time()).await;
    is_returned(&client, "timestamp", time.naive_utc()).await;
    is_returned(&client, "timestamptz", time).await;
    is_returned(&client, "timestamptz", SystemTime::from(time)).await;
    is_returned(&client, "bigint[]", vec![Some(1_i64), None]).await;
    is_returned(&client, "text[]", vec!["b,c".to_owned(), String::new()]).await;

    // Without a cast, a parameter has the type of its place.
    let hour = at("2026-04-15T01:00:00Z");
    let cases: [(&str, &[&(dyn ToSql + Sync)], i64); 12] = [
        ("id = $1", &[&7_i64], 1),
        ("id = ANY($1)", &[&vec![1_i64, 2, 5_000]], 2),
        ("source = ANY($1)", &[&["agent", "email"].as_slice()], 667),
        ("source = $1 AND id > $2 AND source = $1", &[&"agent", &500_i64], 167),
        ("ts_utc >= $1", &[&hour], 941),
        ("ts_utc >= $1", &[&SystemTime::from(hour)], 941),
        ("CAST(ts_utc AS date) = $1", &[&hour.date_naive()], 1_000),
        ("(id > $1) = $2", &[&500_i64, &true], 500),
        ("$1::text IS NULL OR source = $1", &[&None::<&str>], 1_000),
        ("coalesce(chat_id, $1) = 'none'", &[&"none"], 750),
        ("CAST(id AS double precision) / 2 > $1", &[&499.9_f64], 1),
        ("body LIKE $1", &[&"%🦀%"], 1),
    ];
    for (condition, values, expected) in cases {
        let sql = format!("SELECT count(*) FROM messages WHERE {condition}");
        let found = client.query_one_scalar::<i64, _>(&sql, values).await;
        let found = found.unwrap_or_else(|error| panic!("{condition}: {error:?}"));
        assert_eq!(found, expected, "{condition}");
    }
    // In one round trip, because the types are told.
    let typed: [(&(dyn ToSql + Sync), Type); 2] = [(&1_i64, Type::INT8), (&"x", Type::TEXT)];
    let row = client.query_typed_one("SELECT $1 + 1, upper($2)", &typed).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (2_i64, "X"));
    // The client sees this, because the server tells it the type of the place.
    assert!(client.query("SELECT 1 FROM messages WHERE id = $1", &[&"seven"]).await.is_err());
    works(&client).await;
}

async fn prepared_statements(url: &str) {
    let client = connected(url).await;
    let sql = "SELECT id, body, ts_utc, id > 5 AS big, CAST(id AS double precision) AS double, \
        CAST(ts_utc AS date) AS day, CAST(1.5 AS decimal(10, 2)) AS d, ARRAY[body] AS texts \
        FROM messages WHERE id = $1 AND source = $2 LIMIT $3";
    let statement = client.prepare(sql).await.unwrap();
    assert_eq!(statement.params(), [Type::INT8, Type::TEXT, Type::INT8]);
    let columns = statement.columns().iter().map(|it| format!("{} {}", it.name(), it.type_()));
    let expected = "id int8, body text, ts_utc timestamptz, big bool, double float8, day date, \
        d numeric, texts _text";
    assert_eq!(columns.collect::<Vec<_>>().join(", "), expected);
    for id in [3_i64, 6, 9] {
        let row = client.query_one(&statement, &[&id, &"agent", &1_i64]).await.unwrap();
        assert_eq!(row.get::<_, Vec<String>>("texts"), [format!("message {id}")]);
    }
    assert!(client.query(&statement, &[&3_i64, &"email", &1_i64]).await.unwrap().is_empty());
    // More than a session may have at a time: the client closes those that are dropped.
    for number in 0..1_100 {
        drop(client.prepare(&format!("SELECT {number}")).await.unwrap());
    }
    works(&client).await;
}

async fn transactions_and_portals(url: &str) {
    let mut client = connected(url).await;
    let options = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let mut transaction = options.read_only(true).deferrable(true).start().await.unwrap();
    let ids = "SELECT id FROM messages WHERE id > $1 ORDER BY id";
    let portal = transaction.bind(ids, &[&10_i64]).await.unwrap();
    let other = transaction.bind(ids, &[&500_i64]).await.unwrap();
    let mut sums = Vec::new();
    for step in 0..16 {
        let rows = transaction.query_portal(&portal, 70).await.unwrap();
        sums.push((rows.len(), rows.iter().map(|row| row.get::<_, i64>(0)).sum::<i64>()));
        // Other rows between the parts.
        let rows = transaction.query_portal(&other, 1).await.unwrap();
        assert_eq!(rows[0].get::<_, i64>(0), 501 + step);
        works(transaction.client()).await;
    }
    let part = |step: i64| (70, (11 + 70 * step..81 + 70 * step).sum());
    let parts = (0..14).map(part).chain([(10, (991..=1_000).sum()), (0, 0)]);
    assert_eq!(sums, parts.collect::<Vec<_>>());
    let declare = format!("DECLARE c CURSOR FOR {}", ids.replace("$1", "10"));
    transaction.batch_execute(&declare).await.unwrap();
    let fetched = transaction.query("FETCH 3 FROM c", &[]).await.unwrap();
    assert_eq!(fetched.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [11, 12, 13]);
    let nested = transaction.savepoint("nested").await.unwrap();
    fails("42P01", nested.query("SELECT * FROM absent", &[])).await;
    fails("25P02", nested.query("SELECT 1", &[])).await;
    nested.rollback().await.unwrap();
    works(transaction.client()).await;
    transaction.commit().await.unwrap();
    // The client rolls a transaction back that is dropped.
    let dropped = client.transaction().await.unwrap();
    let portal = dropped.bind("SELECT a.id FROM messages a, messages b", &[]).await.unwrap();
    assert_eq!(dropped.query_portal(&portal, 5).await.unwrap().len(), 5);
    fails("42703", dropped.query("SELECT absent FROM messages", &[])).await;
    drop(dropped);
    works(&client).await;
}

async fn copies(url: &str) {
    let client = connected(url).await;
    let copy = "COPY (SELECT id, body, chat_id FROM messages WHERE id IN (1, 4) ORDER BY id) \
        TO STDOUT WITH";
    let csv = client.copy_out(&format!("{copy} (FORMAT csv, HEADER)")).await.unwrap();
    let csv = csv.try_collect::<Vec<_>>().await.unwrap().concat();
    let quoted = ODD.replace('"', "\"\"");
    let expected = format!("id,body,chat_id\n1,\"{quoted}\",\n4,message 4,c4\n");
    assert_eq!(String::from_utf8(csv).unwrap(), expected);
    let binary = client.copy_out(&format!("{copy} (FORMAT binary)")).await.unwrap();
    let rows = BinaryCopyOutStream::new(binary, &[Type::INT8, Type::TEXT, Type::TEXT]);
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    let rows = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
    let expected: [(i64, &str, Option<&str>); 2] = [(1, ODD, None), (4, "message 4", Some("c4"))];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    let divided = "COPY (SELECT 1 / (id - 900) FROM messages) TO STDOUT";
    let divided = client.copy_out(divided).await.unwrap();
    fails("22012", divided.try_collect::<Vec<_>>()).await;
    fails("42P01", client.copy_out("COPY absent TO STDOUT")).await;
    works(&client).await;
    // The last question of this session: if PostgreSQL refuses it, the client sends one Sync too many.
    fails("25006", client.copy_in::<_, &[u8]>("COPY messages FROM STDIN")).await;
}

async fn pipelines(url: &str) {
    let client = connected(url).await;
    let sum = "SELECT sum(id)::bigint FROM messages WHERE id <= $1";
    let sum = client.prepare(sum).await.unwrap();
    let sums = (1..=50_i64).map(async |id| client.query_one_scalar::<i64, _>(&sum, &[&id]).await);
    let sums = try_join_all(sums).await.unwrap();
    assert_eq!(sums, (1..=50).map(|id| id * (id + 1) / 2).collect::<Vec<_>>());
    // An error is the answer to its own question only.
    let asked = ["SELECT 1", "SELEC 1", "SELECT * FROM absent", "SELECT 1 / (3 - 3)", "SELECT 2"];
    let codes = asked.map(async |sql| client.query(sql, &[]).await.err()?.code().cloned());
    let codes = join_all(codes).await.into_iter().map(|code| Some(code?.code().to_owned()));
    let expected = [None, Some("42601"), Some("42P01"), Some("22012"), None];
    assert_eq!(codes.collect::<Vec<_>>(), expected.map(|code| code.map(str::to_owned)));
    works(&client).await;
}

async fn errors_and_writes(url: &str) {
    let client = connected(url).await;
    for (sql, code) in [
        ("SELEC 1", "42601"),
        ("SELECT * FROM absent", "42P01"),
        ("SELECT absent FROM messages", "42703"),
        ("SELECT absent(1)", "42883"),
        ("SELECT 1 / (id - id) FROM messages", "22012"),
        ("SELECT CAST(body AS bigint) FROM messages WHERE id = 3", "22P02"),
        ("INSERT INTO ticks (source) VALUES ('x')", "25006"),
        ("UPDATE messages SET body = ''", "25006"),
        ("DELETE FROM messages", "25006"),
        ("DROP TABLE messages", "25006"),
        ("CREATE TABLE more (a bigint)", "25006"),
    ] {
        fails(code, client.query(sql, &[])).await;
        fails(code, client.simple_query(sql)).await;
    }
    let insert = "INSERT INTO ticks (source) VALUES ($1)";
    fails("25006", client.execute(insert, &[&"x"])).await;
    let error = fails("42703", client.query("SELECT 1,\n absent FROM messages", &[])).await;
    assert_eq!(error.position(), Some(&ErrorPosition::Original(12)));
    let count = client.query_one_scalar::<i64, _>("SELECT count(*) FROM messages", &[]).await;
    assert_eq!(count.unwrap(), 1_000);
}

async fn cancel(url: &str) {
    let client = connected(url).await;
    let (token, soon) = (client.cancel_token(), Duration::from_millis(300));
    let endless = client.prepare(ENDLESS).await.unwrap();
    let cancel = async {
        sleep(soon).await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (error, ()) = tokio::join!(fails("57014", client.query(&endless, &[])), cancel);
    assert!(error.message().contains("user request"), "{error:?}");
    works(&client).await;
    // The server does not see that a future is dropped, so programs cancel, too. Its own limit is 30 seconds.
    assert!(timeout(soon, client.query(&endless, &[])).await.is_err());
    token.cancel_query(NoTls).await.unwrap();
    timeout(Duration::from_secs(20), works(&client)).await.expect("it is cancelled");
    client.batch_execute("SET statement_timeout = 300").await.unwrap();
    let error = fails("57014", client.query(&endless, &[])).await;
    assert!(error.message().contains("statement timeout"), "{error:?}");
    works(&client).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = &std::env::args().nth(1).expect("PROGRAM URL");
    // The tests ask so whether the program is made from the source that they have.
    if url == include_str!("main.rs") {
        return;
    }
    let checks: [(&str, LocalBoxFuture<'_, ()>); 10] = [
        ("login", Box::pin(login(url))),
        ("simple_queries", Box::pin(simple_queries(url))),
        ("rows", Box::pin(rows(url))),
        ("parameters", Box::pin(parameters(url))),
        ("prepared_statements", Box::pin(prepared_statements(url))),
        ("transactions_and_portals", Box::pin(transactions_and_portals(url))),
        ("copies", Box::pin(copies(url))),
        ("pipelines", Box::pin(pipelines(url))),
        ("errors_and_writes", Box::pin(errors_and_writes(url))),
        ("cancel", Box::pin(cancel(url))),
    ];
    for (name, check) in checks {
        println!("{name}");
        timeout(Duration::from_secs(100), check).await.expect("it ends");
    }
}
