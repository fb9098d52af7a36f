//! Asks a store in SQL: as a table of text, as Arrow batches, and as a stream with parameters.
//! `cargo run --features demo --example query`

use futures::TryStreamExt;
use netsky_db::demo::Fleet;
use netsky_db::{Db, Value};

#[tokio::main(flavor = "current_thread")]
async fn main() -> netsky_db::Result<()> {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let db = Db::open_path(dir.path().join("meta.db"))?;
    Fleet::new(10_000).record(&db)?;

    println!(
        "{}",
        db.query("SELECT source, count(*) FROM messages GROUP BY source ORDER BY 2 DESC")?
    );

    let batches = db.query_batches("SELECT id, ts_utc FROM ticks ORDER BY ts_utc DESC LIMIT 3")?;
    for batch in batches {
        println!("{} rows of {:?}", batch.num_rows(), batch.schema().field(1));
    }

    // Batches arrive while the query runs, so an answer of any size needs little memory.
    let sql = "SELECT tool, duration_ms FROM mcp_tool_calls WHERE duration_ms > $1";
    let mut answer = db.query_stream_with(sql, &[Value::Int(1_000)]).await?;
    let mut rows = 0;
    while let Some(batch) = answer.try_next().await? {
        rows += batch.num_rows();
    }
    println!("{rows} calls took more than a second");
    Ok(())
}
