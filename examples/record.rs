//! Records a few events and reads them back. `cargo run --example record`

use chrono::Utc;
use netsky_db::{Db, Direction, MessageRecord, TickRecord};

fn main() -> netsky_db::Result<()> {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    // A program of yours calls `Db::open()`, which opens ~/.netsky/meta.db.
    let db = Db::open_path(dir.path().join("meta.db"))?;

    // Each call returns the row's id when the row is on the disk.
    let id = db.record_message(MessageRecord {
        ts_utc: Utc::now(),
        source: "agent",
        direction: Direction::Outbound,
        chat_id: None,
        from_agent: Some("agent3"),
        to_agent: Some("agent0"),
        body: Some("tests pass"),
        raw_json: None,
    })?;
    println!("recorded message {id}");

    // Many rows in one commit are 300 times as fast as one by one.
    let ticks = (0..1_000).map(|_| TickRecord {
        ts_utc: Utc::now(),
        source: "watchdog",
        detail_json: "{}",
    });
    let ids = db.record_all(ticks)?;
    println!("recorded ticks {ids:?}");
    Ok(())
}
