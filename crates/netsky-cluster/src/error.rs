//! What can go wrong with a cluster.

/// An error of a cluster. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not the URL of a scheduler.
    #[error("{url} is not a cluster; use the URL of its scheduler, such as df://host:50050")]
    InvalidUrl {
        /// The text.
        url: String,
    },

    /// The query reads more files than a cluster can be told of.
    #[error(
        "the query reads {files} files of the lake, and a cluster takes at most {most}; ask about fewer days or \
         machines, run `netsky lake compact` first, or leave --cluster away"
    )]
    TooManyFiles {
        /// The number of files.
        files: usize,
        /// The most that a cluster takes.
        most: usize,
    },

    /// The scheduler does not answer.
    #[error(
        "the cluster {cluster} cannot be reached: {reason}; start its scheduler with `netsky-cluster scheduler`, or \
         leave --cluster away"
    )]
    Unreachable {
        /// The cluster.
        cluster: String,
        /// What the system says.
        reason: String,
    },

    /// A process of the cluster could not be started, or ended.
    #[error("{0}")]
    Process(String),

    /// The session could not be made.
    #[error(transparent)]
    Session(#[from] netsky_db::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
