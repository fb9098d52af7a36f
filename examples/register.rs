//! Registers tables of a store in a DataFusion session of one's own and joins them with other data.
//! `cargo run --features demo --example register`

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use netsky_db::Db;
use netsky_db::demo::Fleet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::open_path(dir.path().join("meta.db"))?;
    Fleet::new(10_000).record(&db)?;

    let ctx = SessionContext::new();
    // A provider streams rows out of the store; each scan sees what is committed when it begins.
    ctx.register_table("token_usage", db.table("token_usage")?)?;
    let agents: ArrayRef = Arc::new(StringArray::from(vec!["agent0", "agent3"]));
    let budgets: ArrayRef = Arc::new(Float64Array::from(vec![100.0, 25.0]));
    ctx.register_batch(
        "budgets",
        RecordBatch::try_from_iter([("agent", agents), ("usd", budgets)])?,
    )?;

    let sql = "SELECT b.agent, b.usd, sum(t.cost_usd_micros) / 1e6 AS spent
               FROM budgets b JOIN token_usage t ON t.agent = b.agent
               GROUP BY b.agent, b.usd ORDER BY b.agent";
    ctx.sql(sql).await?.show().await?;
    Ok(())
}
