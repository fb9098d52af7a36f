//! Which store a command works on, and opening it.

use std::env;
use std::path::PathBuf;

use netsky_db::{Db, OpenOptions};

use crate::args::StoreArgs;
use crate::failure::Failure;

impl StoreArgs {
    /// The path that was named; `None` for the default store.
    fn path(&self) -> Option<PathBuf> {
        let from_environment = || env::var_os("NETSKY_DB").filter(|path| !path.is_empty());
        self.db.clone().or_else(|| from_environment().map(PathBuf::from))
    }

    /// How the store is opened, as far as every command has a say.
    pub fn options(&self) -> OpenOptions {
        OpenOptions::new().busy_timeout(self.busy_timeout)
    }

    /// Opens the store, which must be there.
    pub fn open_read_only(&self) -> Result<Db, Failure> {
        self.open_read_only_with(&self.options())
    }

    pub fn open_read_only_with(&self, options: &OpenOptions) -> Result<Db, Failure> {
        let path = self.path().map_or_else(Db::default_path, Ok)?;
        Ok(options.open_read_only(path)?)
    }

    /// Opens the store, and makes it if it is not there.
    pub fn open(&self) -> Result<Db, Failure> {
        let db = match self.path() {
            Some(path) => self.options().open(path)?,
            None => self.options().open_default()?,
        };
        if let Some(archive) = db.archived() {
            let (path, archive) = (db.path().display(), archive.display());
            eprintln!("netsky: moved the SQLite file at {path} to {archive}");
        }
        Ok(db)
    }
}
