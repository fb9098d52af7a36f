//! Batches: what is stored in one transaction.

use std::path::PathBuf;

use crate::file_state::FileState;
use crate::session::SessionUpdate;
use crate::sighting::Sighting;

/// What is stored in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// What was read of files, in order.
    pub chunks: Vec<Chunk>,
}

/// What one source has told: a part of a file, or a request.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The rows.
    pub sightings: Vec<Sighting>,
    /// What was seen of sessions.
    pub sessions: Vec<SessionUpdate>,
    /// How far the file was read before and after the chunk. `None` for a request.
    pub progress: Option<Progress>,
}

/// How far a file was read before and after a chunk.
#[derive(Debug)]
pub struct Progress {
    /// The file.
    pub path: PathBuf,
    /// The state that the chunk began with. If it is not the stored one, somebody else has read the file in the
    /// meantime, and nothing of the chunk is stored.
    pub before: Option<FileState>,
    /// The state after the chunk.
    pub after: FileState,
}
