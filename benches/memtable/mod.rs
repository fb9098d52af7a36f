//! The baseline: for every query, all rows are parsed by serde_json into structs, copied to arrays,
//! and the arrays put into a `MemTable`. All of that is part of a query's time, as in 0.1.6.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use chrono::DateTime;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use redb::{Builder, ConcurrencyMode, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Deserialize;

const MESSAGES: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("messages");

#[derive(Deserialize)]
struct Message {
    id: i64,
    ts_utc: String,
    source: String,
    direction: String,
    chat_id: Option<String>,
    from_agent: Option<String>,
    to_agent: Option<String>,
    body: Option<String>,
    raw_json: Option<String>,
}

/// Runs a query on the store's messages and returns the number of rows in the answer.
pub fn query(path: &Path, sql: &str) -> usize {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let batch = batch(read(path));
        let session = SessionContext::new();
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("a table");
        session.register_table("messages", Arc::new(table)).expect("no such table yet");
        let answer = session.sql(sql).await.expect(sql).collect().await.expect("an answer");
        answer.iter().map(RecordBatch::num_rows).sum()
    })
}

fn read(path: &Path) -> Vec<Message> {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    let store = builder.open_read_only(path).expect("the store");
    let txn = store.begin_read().expect("a transaction");
    let rows = txn.open_table(MESSAGES).expect("the table");
    let rows = rows.iter().expect("its rows");
    rows.map(|row| serde_json::from_slice(row.expect("a row").1.value()).expect("JSON")).collect()
}

fn batch(messages: Vec<Message>) -> RecordBatch {
    let required = |text: fn(&Message) -> &str| -> ArrayRef {
        Arc::new(messages.iter().map(|message| Some(text(message))).collect::<StringArray>())
    };
    let optional = |text: fn(&Message) -> &Option<String>| -> ArrayRef {
        Arc::new(messages.iter().map(|message| text(message).as_deref()).collect::<StringArray>())
    };
    // 0.1.6 leaves times as text. Here they are timestamps on both sides, so that the same SQL
    // works.
    let nanos = |message: &Message| {
        DateTime::parse_from_rfc3339(&message.ts_utc)
            .ok()
            .and_then(|time| time.timestamp_nanos_opt())
    };
    let times: TimestampNanosecondArray = messages.iter().map(nanos).collect();
    let ids: Int64Array = messages.iter().map(|message| message.id).collect();
    RecordBatch::try_from_iter([
        ("id", Arc::new(ids) as ArrayRef),
        ("ts_utc", Arc::new(times.with_timezone("UTC"))),
        ("source", required(|message| &message.source)),
        ("direction", required(|message| &message.direction)),
        ("chat_id", optional(|message| &message.chat_id)),
        ("from_agent", optional(|message| &message.from_agent)),
        ("to_agent", optional(|message| &message.to_agent)),
        ("body", optional(|message| &message.body)),
        ("raw_json", optional(|message| &message.raw_json)),
    ])
    .expect("columns of one length")
}
