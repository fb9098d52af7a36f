//! What is asked about: a store, or a lake.

use std::ffi::OsString;
use std::path::PathBuf;

/// The rows that child processes read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum History {
    /// A store's file. It need not exist.
    Store(PathBuf),
    /// A lake.
    Lake {
        /// Where it is.
        url: String,
        /// Only these machines, or all if there are none.
        machines: Vec<String>,
        /// The scheduler of the cluster that runs its queries.
        cluster: Option<String>,
    },
}

impl History {
    /// The arguments by which `netsky` finds it.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Store(path) => vec!["--db".into(), path.into()],
            Self::Lake { url, machines, cluster } => {
                let machines = machines.iter().flat_map(|name| ["--machine", name]);
                let cluster = cluster.iter().flat_map(|url| ["--cluster", url]);
                let arguments = ["--lake", url].into_iter().chain(machines).chain(cluster);
                arguments.map(OsString::from).collect()
            }
        }
    }
}

impl From<PathBuf> for History {
    fn from(store: PathBuf) -> Self {
        Self::Store(store)
    }
}

impl From<&str> for History {
    fn from(store: &str) -> Self {
        Self::Store(store.into())
    }
}
