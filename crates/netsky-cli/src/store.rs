//! The store that a command uses, and opening it.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use netsky_db::{Db, OpenOptions};

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Clone, clap::Args)]
pub struct StoreArgs {
    /// The store's file [default: $NETSKY_DB, else ~/.netsky/meta.db]
    #[arg(long, global = true, value_name = "PATH")]
    pub db: Option<PathBuf>,
    /// How long to wait while another process writes, such as 500ms or 1m
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", hide_short_help = true,
        value_parser = humantime::parse_duration)]
    pub busy_timeout: Duration,
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
        self.path().is_none()
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
        Ok(options.open_read_only(self.path_or_default()?)?)
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
