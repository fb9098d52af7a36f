//! What calls to models cost.
//!
//! Prices come from three places: the user's file, which wins; the data of the crate genai-prices, or of a newer
//! file of that project that [`update`] stored; and a small supplement of what that data lacks. A model that is in none
//! of them has no price. Prices are never derived from those of another model.
//!
//! ```
//! use chrono::{TimeZone, Utc};
//! use netsky_ingest::prices::{Prices, Usage};
//!
//! let prices = Prices::load(None)?;
//! let time = Utc.with_ymd_and_hms(2026, 1, 5, 12, 0, 0).unwrap();
//! let usage = Usage { input: 1_000, output: 100, ..Usage::new("claude-opus-4-5-20251101", time) };
//! assert_eq!(prices.cost(&usage).map(|cost| cost.micros()), Some(7_500));
//! assert!(prices.cost(&Usage::new("a-model-of-tomorrow", time)).is_none());
//! # Ok::<(), netsky_ingest::prices::PricesError>(())
//! ```

mod cache;
mod data;
mod error;
mod file;
mod listing;
mod money;
mod row;
mod tariff;
#[cfg(test)]
mod tests;
mod update;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cache::Cache;
use data::{Data, Place};
use file::PriceFile;

pub use error::PricesError;
pub use listing::{ListedModel, ModelPrice, Origin};
pub use money::{Cost, MAX_USD_PER_MILLION, Rate, Rates};
pub use tariff::{LongPrompt, Tariff};
pub use update::{Update, update};
pub use usage::Usage;

/// The address of the newest data of genai-prices. netsky never downloads it; the user can.
pub use genai_prices::REMOTE_DATA_URL as DATA_URL;

/// The model of messages that Claude Code makes up itself. They are no calls.
const NO_MODEL: &str = "<synthetic>";

/// No provider's names are longer. It bounds what a hostile file makes the cache keep.
const MAX_NAME_BYTES: usize = 256;

/// The prices of models. It can be shared by threads.
///
/// The data of genai-prices is decoded when it is first needed, which takes some 80 ms; [`prepare`](Self::prepare)
/// can do that beforehand in another thread. After that, pricing a call takes about a microsecond.
#[derive(Debug)]
pub struct Prices {
    user: PriceFile,
    supplement: PriceFile,
    /// The data file beside the user's.
    data_file: Option<PathBuf>,
    data: OnceLock<Data>,
    cache: Cache,
}

impl Prices {
    /// Loads the built-in prices and those of the user's file, usually `~/.netsky/prices.toml`. The file need not
    /// exist. If the file `prices.json` beside it exists, it replaces the data of genai-prices in the program.
    ///
    /// # Errors
    ///
    /// The user's file cannot be read, or has a mistake. A broken `prices.json` is no error here, because it is
    /// read only when needed: see [`data_problem`](Self::data_problem).
    pub fn load(user_file: Option<&Path>) -> Result<Self, PricesError> {
        let user = user_file.map_or_else(|| Ok(PriceFile::default()), PriceFile::load)?;
        let supplement =
            PriceFile::parse(Path::new("supplement.toml"), include_str!("supplement.toml"))?;
        Ok(Self {
            user,
            supplement,
            data_file: user_file.map(data_file),
            data: OnceLock::new(),
            cache: Cache::default(),
        })
    }

    /// Decodes the data of genai-prices now rather than with the first price.
    pub fn prepare(&self) {
        self.data();
    }

    /// Why the file `prices.json` could not be used, so that the data in the program was. `None` also before the
    /// first price.
    #[must_use]
    pub fn data_problem(&self) -> Option<&PricesError> {
        self.data.get().and_then(|data| data.problem.as_ref())
    }

    /// What a call cost. `None` if the model has no known price, or none for the fast mode that the call used.
    #[must_use]
    pub fn cost(&self, usage: &Usage<'_>) -> Option<Cost> {
        let model = plain(usage.model)?;
        let tariff =
            self.cache.tariff(self, usage.provider, model, usage.time.timestamp(), usage.fast)?;
        Some(tariff.cost(usage))
    }

    fn data(&self) -> &Data {
        self.data.get_or_init(|| Data::load(self.data_file.as_deref()))
    }

    /// Where the data has a model. Not asked where the user's file has its rates.
    fn place(&self, provider: Option<&str>, model: &str) -> Option<Place> {
        let model = model.to_lowercase();
        if self.user.find(&model, |entry| entry.tariff.is_some()).is_some() {
            return None;
        }
        self.data().find(provider, &model)
    }

    /// What calls cost at a time, in seconds since 1970, and where that comes from.
    fn tariff(
        &self,
        place: Option<&Place>,
        model: &str,
        seconds: i64,
        fast: bool,
    ) -> Option<(Arc<Tariff>, Origin)> {
        let model = model.to_lowercase();
        let of_user =
            |entry: &file::Entry| Origin::User { path: self.user.path.clone(), line: entry.line };
        let found = |tariff: Option<&Tariff>, origin| Some((Arc::new(tariff?.clone()), origin));

        // An entry with rates decides about the fast mode, too: the user's model may be another one of that name.
        if let Some(entry) = self.user.find(&model, |entry| entry.tariff.is_some()) {
            let tariff = if fast { entry.fast.as_ref() } else { entry.tariff.as_ref() };
            return found(tariff, of_user(entry));
        }
        if let Some(entry) = self.user.find(&model, |entry| fast && entry.fast.is_some()) {
            return found(entry.fast.as_ref(), of_user(entry));
        }
        if let Some(place) = place {
            if let Some(tariff) = self.data().tariff(place, &model, seconds, fast) {
                let origin = self
                    .data()
                    .file()
                    .map_or(Origin::Data, |path| Origin::DataFile { path: path.to_owned() });
                return Some((Arc::new(tariff), origin));
            }
            let entry = self.supplement.find(&model, |entry| fast && entry.fast.is_some())?;
            return found(entry.fast.as_ref(), Origin::Supplement);
        }
        let entry = self.supplement.find(&model, |entry| entry.tariff.is_some())?;
        found(if fast { entry.fast.as_ref() } else { entry.tariff.as_ref() }, Origin::Supplement)
    }
}

/// The data file that belongs to a user's file.
fn data_file(user_file: &Path) -> PathBuf {
    user_file.with_file_name("prices.json")
}

/// A model's name as price lists have it. `None` if it cannot be one.
fn plain(model: &str) -> Option<&str> {
    let model = model.trim();
    // Claude Code's mark of a model with a window of a million tokens.
    let model = model.strip_suffix("[1m]").unwrap_or(model);
    (!model.is_empty() && model.len() <= MAX_NAME_BYTES && model != NO_MODEL).then_some(model)
}
