//! Answers to queries, as JSON.

use arrow::array::RecordBatch;
use datafusion::prelude::{SessionConfig, SessionContext};
use netsky_db::{Db, times_as_text};
use serde_json::{Map, Value};

/// A row by the names of its columns.
pub type Row = Map<String, Value>;

/// Returns the rows of an answer, with times in their stored form.
pub fn rows(db: &Db, sql: &str) -> Vec<Row> {
    to_rows(&db.query_batches(sql).unwrap_or_else(|error| panic!("{sql}\n{error}")))
}

fn to_rows(batches: &[RecordBatch]) -> Vec<Row> {
    let mut writer = arrow::json::writer::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    for batch in batches {
        writer.write(&times_as_text(batch).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    serde_json::from_slice(&writer.into_inner()).unwrap()
}

/// Returns a session created by DataFusion, with the tables of the store and this number of
/// partitions.
pub fn foreign_session(db: &Db, partitions: usize) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(256);
    let session = SessionContext::new_with_config(config);
    for table in db.tables() {
        session.register_table(table.name(), db.table(table.name()).unwrap()).unwrap();
    }
    session
}

/// Returns the rows of an answer in a session that netsky-db did not create.
pub fn foreign_rows(session: &SessionContext, sql: &str) -> Vec<Row> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async { session.sql(sql).await?.collect().await });
    to_rows(&answer.unwrap_or_else(|error| panic!("{sql}\n{error}")))
}

/// Returns the only value of an answer.
pub fn value(db: &Db, sql: &str) -> Value {
    only_value(&rows(db, sql), sql)
}

/// Returns the only value of an answer in a session that netsky-db did not create.
pub fn foreign_value(session: &SessionContext, sql: &str) -> Value {
    only_value(&foreign_rows(session, sql), sql)
}

fn only_value(rows: &[Row], sql: &str) -> Value {
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    rows[0].values().next().unwrap().clone()
}
