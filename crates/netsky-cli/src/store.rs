//! The store that a command uses, and opening it.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use netsky_db::{Db, OpenOptions, TABLES, Table, VIEWS, View};
use netsky_lake::{Lake, Machine};
use netsky_server::History;

use crate::failure::Failure;
use crate::output;
use crate::process;

#[derive(Debug, Clone, clap::Args)]
pub struct StoreArgs {
    /// The store's file [default: $NETSKY_DB, else ~/.netsky/meta.db]
    #[arg(long, global = true, value_name = "PATH")]
    pub db: Option<PathBuf>,
    /// How long to wait while another process writes, such as 500ms or 1m
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", hide_short_help = true,
        value_parser = humantime::parse_duration)]
    pub busy_timeout: Duration,
    /// Query a lake instead: a directory, or a URL such as s3://bucket/fleet
    #[arg(long, global = true, value_name = "URL", hide_short_help = true, conflicts_with = "db")]
    pub lake: Option<String>,
    /// Only this machine of the lake; can be repeated. For lake push, the name of this machine
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub machine: Vec<String>,
    /// Run the queries of the lake on a cluster, by its scheduler such as df://host:50050
    #[arg(long, global = true, value_name = "URL", hide_short_help = true,
        hide = !cfg!(feature = "cluster"))]
    pub cluster: Option<String>,
}

impl StoreArgs {
    /// The store's path, whether or not the store exists.
    pub fn path_or_default(&self) -> Result<PathBuf, Failure> {
        Ok(self.path().map_or_else(Db::default_path, Ok)?)
    }

    /// The given path; `None` for the default store.
    fn path(&self) -> Option<PathBuf> {
        let from_environment = || env::var_os("NETSKY_DB").filter(|path| !path.is_empty());
        self.db.clone().or_else(|| from_environment().map(PathBuf::from))
    }

    pub fn is_default(&self) -> bool {
        self.lake.is_none() && self.path().is_none()
    }

    /// Where the path comes from.
    pub fn source(&self) -> &'static str {
        match (&self.db, self.path()) {
            (Some(_), _) => "from --db",
            (None, Some(_)) => "from $NETSKY_DB",
            (None, None) => "the default",
        }
    }

    /// The options for opening the store that all commands share.
    pub fn options(&self) -> OpenOptions {
        OpenOptions::new().busy_timeout(self.busy_timeout).on_repair(|progress| {
            output::warn(format_args!(
                "recovering the store after a program was killed: {:.0} %",
                100.0 * progress
            ));
        })
    }

    /// Opens the store for reading. It must exist.
    pub fn open_read_only(&self) -> Result<Db, Failure> {
        self.open_read_only_with(&self.options())
    }

    pub fn open_read_only_with(&self, options: &OpenOptions) -> Result<Db, Failure> {
        if let Some(lake) = self.open_lake()? {
            return self.db_of(lake);
        }
        Ok(options.open_read_only(self.path_or_default()?)?)
    }

    /// The lake, for child processes.
    pub fn lake_history(&self) -> Result<Option<History>, Failure> {
        let Some(lake) = self.open_lake()? else { return Ok(None) };
        let (url, machines) = (lake.url().to_owned(), self.machine.clone());
        Ok(Some(History::Lake { url, machines, cluster: self.cluster.clone() }))
    }

    /// Returns a handle for queries of the lake, on the cluster if there is one.
    pub fn db_of(&self, lake: Lake) -> Result<Db, Failure> {
        match &self.cluster {
            #[cfg(feature = "cluster")]
            Some(url) => Ok(netsky_cluster::Cluster::new(url)?.db(lake)?),
            #[cfg(not(feature = "cluster"))]
            Some(_) => Err(Failure::usage(
                "this netsky was built without clusters; build it with --features cluster",
            )),
            None => Ok(lake.db()),
        }
    }

    /// The tables of the store or lake.
    pub fn tables(&self) -> &'static [&'static Table] {
        match self.lake {
            Some(_) => netsky_lake::tables(),
            None => TABLES,
        }
    }

    /// The views of the store or lake.
    pub fn views(&self) -> Vec<&'static View> {
        match self.lake {
            Some(_) => netsky_lake::views().to_vec(),
            None => VIEWS.iter().collect(),
        }
    }

    /// Finds one of the [`views`](Self::views).
    pub fn find_view(&self, name: &str) -> Result<&'static View, Failure> {
        // An unknown name is the same error for both.
        View::find(name)?;
        let found = self.views().into_iter().find(|view| view.name() == name);
        Ok(found.map_or_else(|| View::find(name), Ok)?)
    }

    /// The name of this machine in a lake.
    pub fn this_machine(&self) -> Result<Machine, Failure> {
        match &self.machine[..] {
            [] => Ok(Machine::new(&process::host_name())?),
            [name] => Ok(Machine::new(name)?),
            _ => Err(Failure::usage("a store is that of one machine; name one with --machine")),
        }
    }

    /// Opens the lake, if one is to be queried instead of the store.
    pub fn open_lake(&self) -> Result<Option<Lake>, Failure> {
        match &self.lake {
            Some(url) => {
                let machines = self.machine.iter().map(String::as_str);
                Ok(Some(Lake::open(url)?.of_machines(machines)?))
            }
            None if self.cluster.is_some() => {
                Err(Failure::usage("a cluster reads a lake; name it with --lake"))
            }
            None => Ok(None),
        }
    }

    /// Opens the store for writing, and creates it if it does not exist.
    pub fn open(&self) -> Result<Db, Failure> {
        self.open_with(&self.options())
    }

    /// Opens the store for writing. It must exist, possibly in an older format.
    pub fn open_existing(&self) -> Result<Db, Failure> {
        self.open_with(&self.options().create(false))
    }

    fn open_with(&self, options: &OpenOptions) -> Result<Db, Failure> {
        if let Some(url) = &self.lake {
            return Err(Failure::usage(format!(
                "{url} is a lake, which can only be queried; leave out --lake"
            )));
        }
        Ok(warn_about_conversion(self.open_silently(options)?))
    }

    /// As [`open`](Self::open), with other options and without messages of its own.
    pub fn open_silently(&self, options: &OpenOptions) -> netsky_db::Result<Db> {
        match self.path() {
            Some(path) => options.open(path),
            None => options.open_default(),
        }
    }
}

/// Opens the store at the path for writing, and creates it if it does not exist.
pub fn open_path(options: &OpenOptions, path: &Path) -> Result<Db, Failure> {
    Ok(warn_about_conversion(options.open(path)?))
}

/// Warns if an older file was moved or upgraded, or if the file system cannot lock parts of a file.
fn warn_about_conversion(db: Db) -> Db {
    let path = db.path().display();
    if let Some(archive) = db.archived() {
        output::warn(format_args!("moved the SQLite file at {path} to {}", archive.display()));
    }
    if let Some(backup) = db.upgraded_from() {
        let backup = backup.display();
        output::warn(format_args!(
            "upgraded the store of netsky-db 0.1.6 at {path}, and kept the old file as {backup}"
        ));
    }
    if matches!(db.is_exclusive(), Ok(true)) {
        output::warn(format_args!(
            "the file system of {path} cannot lock parts of a file, so other processes must wait while this \
             one has the store open; on a local file system they can share it"
        ));
    }
    db
}
