//! What can go wrong with a lake.

use object_store::path::Path;

/// An error of a lake. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not the URL of a place for files.
    #[error(
        "{url} is not the place of a lake: {reason}; use a directory, or a URL such as s3://bucket/fleet, gs://.. or az://.."
    )]
    InvalidUrl {
        /// The text.
        url: String,
        /// What is wrong with it.
        reason: String,
    },

    /// There is no lake at the place. Push to it first, or use another place.
    #[error("there is no lake at {url}; `netsky lake push` makes one")]
    NotFound {
        /// The place.
        url: String,
    },

    /// A newer netsky has written the lake. Use that version, or a later one.
    #[error(
        "the lake at {url} has {what} {found}, but this version supports at most {supported}; use a newer netsky"
    )]
    NewerFormat {
        /// The lake.
        url: String,
        /// Its format, or the version of its schema.
        what: &'static str,
        /// The number that was found.
        found: i64,
        /// The newest that this version reads and writes.
        supported: i64,
    },

    /// A file of the lake is not what it should be.
    #[error("{file} is not {what}; move it out of the lake")]
    ForeignFile {
        /// The file.
        file: String,
        /// What it should be.
        what: &'static str,
    },

    /// A file of the lake is not what was written.
    #[error(
        "{file} is damaged: {reason}; restore it, or move it out of the lake to query the rest"
    )]
    Damaged {
        /// Its path from the lake's directory.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The name cannot be that of a machine.
    #[error(
        "'{name}' cannot be the name of a machine: use 1 to 100 of the characters A-Z, a-z, 0-9, _, - and ., and no . at the start"
    )]
    InvalidMachine {
        /// The name.
        name: String,
    },

    /// Another store has pushed rows under the name, so the ids of the two would be confused.
    #[error(
        "another store has pushed to {url} as {machine}; push this one under another name. If this is the \
         store of that machine, restored from a backup, delete the machine's rows from the lake first, with \
         `netsky lake prune {url} --machine {machine}`"
    )]
    OtherStore {
        /// The lake.
        url: String,
        /// The name.
        machine: String,
    },

    /// The store has pushed under another name before.
    #[error(
        "this store has pushed to {url} as {before}, not as {machine}; go on with that name, or first delete its rows \
         with `netsky lake prune {url} --machine {before}`"
    )]
    OtherName {
        /// The lake.
        url: String,
        /// The earlier name.
        before: String,
        /// The name now.
        machine: String,
    },

    /// The lake has rows of the machine that this store does not know of: the store was put back to an
    /// earlier state, or a copy of it has pushed.
    #[error(
        "{url} has rows of {table} from {machine} up to id {found}, but this store has pushed up to {pushed}: it \
         is an older copy. Push from the newer one, or as another machine"
    )]
    OlderCopy {
        /// The lake.
        url: String,
        /// The machine.
        machine: String,
        /// The table.
        table: &'static str,
        /// The highest id in the lake.
        found: i64,
        /// The highest id that this store has pushed.
        pushed: i64,
    },

    /// The lake lacks rows that the store has pushed: it was put back to an earlier state.
    #[error(
        "{url} has rows of {table} from {machine} up to id {found}, but this store has pushed up to {pushed}; to push \
         all rows again, delete those with `netsky lake prune {url} --machine {machine}`"
    )]
    OlderLake {
        /// The lake.
        url: String,
        /// The machine.
        machine: String,
        /// The table.
        table: &'static str,
        /// The highest id in the lake.
        found: i64,
        /// The highest id that this store has pushed.
        pushed: i64,
    },

    /// The lake has rows of the machine and no note of how far it has pushed: they were exported, or the note was
    /// deleted.
    #[error(
        "{url} has rows of {machine}, and no note of how far it has pushed; to push all rows, delete those with \
         `netsky lake prune {url} --machine {machine}`, or push as another machine"
    )]
    Forgotten {
        /// The lake.
        url: String,
        /// The machine.
        machine: String,
    },

    /// A machine pushes to the lake, so an export must not write rows under its name.
    #[error(
        "{machine} pushes to {url}, so its rows would be there twice; export to another directory, or under another \
         name with --machine"
    )]
    Pushes {
        /// The lake.
        url: String,
        /// The machine.
        machine: String,
    },

    /// Another process is pushing this store, or has pushed as the same machine meanwhile.
    #[error("another push of {machine} to {url} is running; wait until it ends")]
    Busy {
        /// The lake.
        url: String,
        /// The machine.
        machine: String,
    },

    /// The place refused a request or could not be reached.
    #[error("cannot {action} {file}: {}", root_cause(source))]
    Storage {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        file: String,
        /// What the place says.
        #[source]
        source: object_store::Error,
    },

    /// The store failed.
    #[error(transparent)]
    Store(#[from] netsky_db::Error),

    /// A file could not be written or read.
    #[error("cannot {action} {file}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },

    /// Rows could not be encoded.
    #[error(transparent)]
    Format(#[from] netsky_formats::FormatError),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn storage(
        action: &'static str,
        file: &Path,
    ) -> impl FnOnce(object_store::Error) -> Self {
        let file = file.to_string();
        move |source| Self::Storage { action, file, source }
    }
}

/// The message of the innermost error: those around it repeat it and the request.
fn root_cause(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
