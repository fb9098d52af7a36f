//! Reads all transcripts below some directories into a store, and says what was recorded:
//! `cargo run --release -p netsky-ingest --example ingest -- STORE DIRECTORY...`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use netsky_db::Db;
use netsky_ingest::prices::Prices;
use netsky_ingest::{Committer, Found, Ingest, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let store = args.next().ok_or("usage: ingest STORE DIRECTORY...")?;
    let mut found = Found::default();
    for directory in args {
        found.add_path(Path::new(&directory));
    }
    found.finish();
    let began = Instant::now();
    let committer = Committer::new(Db::open_path(store)?, Arc::new(Prices::load(None)?));
    let ingest = Ingest::new(committer, ReadOptions::default());
    let summary = ingest.run(&found.transcripts, Utc::now(), &())?;
    for problem in &summary.problems {
        eprintln!("{problem}");
    }
    let (rows, usd) = (summary.committed.rows(), summary.committed.cost_usd_micros as f64 / 1e6);
    println!("{} files, {rows} new rows, ${usd:.2}, {:?}", summary.files, began.elapsed());
    Ok(())
}
