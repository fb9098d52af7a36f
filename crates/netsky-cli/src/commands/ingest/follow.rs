//! Reads on as the agents write.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use netsky_db::internal;
use netsky_ingest::{Ingest, Transcript};

use crate::commands::ingest::args::IngestArgs;
use crate::commands::ingest::sources::Sources;
use crate::commands::ingest::summary;
use crate::commands::ingest::watcher::Watcher;
use crate::failure::Failure;
use crate::interrupt;

/// How often the known transcripts are looked at. Polling works on network file systems, too, which
/// do not tell of changes.
const LOOK: Duration = Duration::from_millis(500);
/// How often new transcripts are looked for, and those of long ago are looked at.
const SEARCH: Duration = Duration::from_secs(2);
/// A transcript that has not changed for this long is looked at less often.
const RECENT: Duration = Duration::from_secs(600);
/// Until then, something unfinished in an unchanged transcript may become finished by itself.
const UNFINISHED: Duration = Duration::from_secs(25 * 3_600);

/// Reads what is new until Ctrl-C.
pub fn run(ingest: &Ingest, sources: &Sources, args: &IngestArgs) -> Result<(), Failure> {
    let mut known: BTreeMap<PathBuf, (u64, SystemTime)> = BTreeMap::new();
    let mut transcripts: Vec<Transcript> = Vec::new();
    let mut searched: Option<Instant> = None;
    while !interrupt::pressed() {
        let searches = searched.is_none_or(|at| at.elapsed() >= SEARCH);
        if searches {
            searched = Some(Instant::now());
            transcripts = sources.find().transcripts;
        }
        let mut changed = Vec::new();
        for transcript in &mut transcripts {
            let age = transcript.modified.elapsed().unwrap_or_default();
            if age >= RECENT && !searches {
                continue;
            }
            if let Ok(metadata) = transcript.path.metadata() {
                transcript.size = metadata.len();
                transcript.modified = metadata.modified().unwrap_or(transcript.modified);
            }
            let now = (transcript.size, transcript.modified);
            let has_changed = known.insert(transcript.path.clone(), now) != Some(now);
            if has_changed || (searches && age < UNFINISHED) {
                changed.push(transcript.clone());
            }
        }
        if !changed.is_empty() || searches {
            let began = Instant::now();
            let read = ingest.run(&changed, internal::now(), &Watcher::default())?;
            if summary::is_news(&read) {
                summary::print(args, &read, began.elapsed())?;
            }
        }
        if interrupt::pressed() {
            break;
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
