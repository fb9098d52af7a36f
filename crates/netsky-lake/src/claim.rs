//! What a lake knows of a machine: whose store it is, and which ids it has pushed.
//!
//! Each claim is a new file with the next number, which only one process can create. So no two pushes go on from the
//! same claim, on every kind of place: buckets can replace a file under a condition, directories cannot.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layout::{MACHINES, Machine, json};
use crate::place::Place;

/// How many older claims are kept, to look at.
const KEPT: usize = 2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// The number of the store that pushes.
    pub(crate) store: String,
    /// By table, the highest id that a push has begun to write.
    pub(crate) ids: BTreeMap<String, i64>,
    /// The number of rows pushed.
    #[serde(default)]
    pub(crate) rows: u64,
    /// The time of the newest row of all tables, once the push has ended.
    #[serde(default)]
    pub(crate) newest_row: Option<DateTime<Utc>>,
    /// When a push ended for the last time.
    #[serde(default)]
    pub(crate) pushed_at: Option<DateTime<Utc>>,
    pub(crate) netsky: String,
    /// A random number, which tells two claims of the same content apart.
    nonce: String,
}

/// The newest claim of a machine.
#[derive(Debug)]
pub(crate) struct Latest {
    number: u64,
    pub(crate) claim: Option<Claim>,
    older: Vec<object_store::path::Path>,
}

impl Claim {
    pub(crate) fn new(store: &str) -> Self {
        Self {
            store: store.to_owned(),
            ids: BTreeMap::new(),
            rows: 0,
            newest_row: None,
            pushed_at: None,
            netsky: env!("CARGO_PKG_VERSION").to_owned(),
            nonce: String::new(),
        }
    }
}

fn directory(machine: &str) -> String {
    format!("{MACHINES}/{machine}")
}

fn number_of(path: &object_store::path::Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}

impl Latest {
    pub(crate) async fn of(place: &Place, machine: &Machine) -> Result<Self> {
        let files = place.files(&directory(machine.name())).await?;
        let mut paths: Vec<_> = files.into_iter().map(|file| file.location).collect();
        paths.retain(|path| number_of(path).is_some());
        paths.sort_by_key(number_of);
        let Some(newest) = paths.last() else {
            return Ok(Self { number: 0, claim: None, older: Vec::new() });
        };
        let number = number_of(newest).unwrap_or_default();
        let file = file(machine, number);
        let foreign = || Error::ForeignFile { file: newest.to_string(), what: "what a push notes" };
        let found = place.get(&file).await?.ok_or_else(foreign)?;
        let claim = serde_json::from_slice(&found).map_err(|_| foreign())?;
        Ok(Self { number, claim: Some(claim), older: paths })
    }

    /// Writes the next claim. Fails with [`Error::Busy`] if another process has written it.
    pub(crate) async fn replace(
        &mut self,
        place: &Place,
        machine: &Machine,
        mut claim: Claim,
    ) -> Result<()> {
        claim.nonce = format!("{:016x}", fastrand::u64(..));
        claim.netsky = env!("CARGO_PKG_VERSION").to_owned();
        let file = file(machine, self.number + 1);
        let content = Bytes::from(json(&claim));
        let is_ours = place.create(&file, content.clone()).await?
            // If the answer to a request is lost, the request is repeated and finds its own file.
            || place.get(&file).await?.is_some_and(|found| found == content);
        if !is_ours {
            return Err(Error::Busy {
                url: place.url().to_owned(),
                machine: machine.name().to_owned(),
            });
        }
        self.number += 1;
        self.claim = Some(claim);
        self.older.push(place.path(&file));
        Ok(())
    }

    /// Deletes all claims but the last ones.
    pub(crate) async fn tidy(&mut self, place: &Place) -> Result<()> {
        let kept = self.older.split_off(self.older.len().saturating_sub(KEPT));
        let older = std::mem::replace(&mut self.older, kept);
        place.delete(older).await
    }

    /// All claims of a machine, for deletion.
    pub(crate) fn into_files(self) -> Vec<object_store::path::Path> {
        self.older
    }
}

fn file(machine: &Machine, number: u64) -> String {
    format!("{}/{number:012}.json", directory(machine.name()))
}

/// The names of the machines that have pushed.
pub(crate) async fn machines(place: &Place) -> Result<Vec<Machine>> {
    let mut names = place.directories(MACHINES).await?;
    names.sort();
    Ok(names.iter().filter_map(|name| Machine::new(name).ok()).collect())
}
