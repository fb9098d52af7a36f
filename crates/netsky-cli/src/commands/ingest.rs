//! `netsky ingest`

mod args;
mod follow;
mod sources;
mod summary;
mod watcher;

use std::sync::Arc;
use std::time::Instant;

use netsky_db::{Db, internal};
use netsky_ingest::{Committer, Ingest, ReadOptions};

use crate::commands::prices;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::store::{self, StoreArgs};
use crate::{interrupt, process};

pub use args::IngestArgs;
use sources::Sources;
use watcher::Watcher;

pub fn run(store: &StoreArgs, args: &IngestArgs) -> Result<(), Failure> {
    let sources = Sources::of(args)?;
    let found = sources.find();
    // With --follow, the first may be about to be written. With --since, all may be older.
    if !args.follow && args.since.is_none() {
        sources.refuse_none(&found)?;
    }
    // The copy is deleted when it is dropped.
    let (db, _copy) = if args.dry_run {
        let (db, copy) = copy_of(store)?;
        (db, Some(copy))
    } else {
        (store.open()?, None)
    };
    let ingest = ingest(db, args)?;
    // After Ctrl-C, what was read is stored.
    let captured = interrupt::capture();
    let began = Instant::now();
    let total = found.transcripts.iter().map(|found| found.size).sum();
    let bar = Progress::of_bytes("transcripts", Some(total));
    let watcher = Watcher { bar: Some(&bar) };
    let mut summary = ingest.run(&found.transcripts, internal::now(), &watcher)?;
    drop(bar);
    summary.files += found.problems.len() as u64;
    summary.problems.splice(0..0, found.problems);
    let took = began.elapsed();
    let failure = summary::fail(args, &summary).err();
    if let Some(failure) = failure.filter(|_| args.output.json && !args.follow) {
        // One object has both.
        return Err(failure.with_report(&summary::object(args, &summary, took)));
    }
    summary::print(args, &summary, took)?;
    if args.follow && !interrupt::pressed() {
        follow::run(&ingest, &sources, args)?;
    }
    let was_pressed = interrupt::pressed();
    drop(captured);
    if was_pressed {
        return Err(Failure::interrupted());
    }
    summary::fail(args, &summary)
}

/// Returns an ingest into a store.
fn ingest(db: Db, args: &IngestArgs) -> Result<Ingest, Failure> {
    let host = args.host.clone().unwrap_or_else(process::host_name);
    let options = ReadOptions {
        without_content: args.no_content,
        agent: args.agent.clone(),
        host,
        since: args.since,
    };
    Ok(Ingest::new(Committer::new(db, Arc::new(prices::load()?)), options))
}

/// Returns a copy of the store in a temporary directory, which need not exist.
fn copy_of(store: &StoreArgs) -> Result<(Db, tempfile::TempDir), Failure> {
    let dir = tempfile::Builder::new().prefix("netsky-").tempdir();
    let dir = dir.map_err(|error| Failure::from(error).about("--dry-run"))?;
    let path = dir.path().join("meta.db");
    if store.path_or_default()?.exists() {
        store.open_read_only()?.backup(&path)?;
    }
    Ok((store::open_path(&store.options(), &path)?, dir))
}
