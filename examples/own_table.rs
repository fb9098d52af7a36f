//! Declares a table of one's own beside the fourteen, records into it and asks it.
//! `cargo run --example own_table`

use chrono::{DateTime, Utc};
use netsky_db::Db;

netsky_db::tables! {
    /// The tables of this program.
    static BUILD_TABLES;

    /// Finished builds.
    #[table = "builds"]
    pub struct BuildRecord<'a> {
        /// When the build ended.
        pub ts_utc: DateTime<Utc>,
        /// What was built.
        pub target: &'a str,
        /// Whether it passed.
        pub passed: bool,
        /// How long it took, in milliseconds.
        pub duration_ms: Option<i64>,
    }
}

fn main() -> netsky_db::Result<()> {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let db = Db::open_path(dir.path().join("meta.db"))?.with_tables(BUILD_TABLES)?;
    for (target, passed) in [("lib", true), ("docs", false)] {
        db.record(&BuildRecord { ts_utc: Utc::now(), target, passed, duration_ms: Some(61_000) })?;
    }
    println!("{}", db.query("SELECT target, passed FROM builds WHERE duration_ms > 60000")?);
    Ok(())
}
