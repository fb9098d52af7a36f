//! The prices of all models.

use std::path::Path;

use super::cache::Cache;
use super::error::PricesError;
use super::model_name::plain;
use super::money::Cost;
use super::sources::Sources;
use super::usage::Usage;

/// The prices of models. It can be shared by threads.
///
/// The data of genai-prices is decoded when it is first needed, which takes some 80 ms; [`prepare`](Self::prepare)
/// can do that beforehand in another thread. After that, pricing a call takes about a microsecond.
#[derive(Debug)]
pub struct Prices {
    pub(super) sources: Sources,
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
        Ok(Self { sources: Sources::load(user_file)?, cache: Cache::default() })
    }

    /// Decodes the data of genai-prices now rather than with the first price.
    pub fn prepare(&self) {
        self.sources.data();
    }

    /// Why the file `prices.json` could not be used, so that the data in the program was. `None` also before the
    /// first price.
    #[must_use]
    pub fn data_problem(&self) -> Option<&PricesError> {
        self.sources.data_problem()
    }

    /// What a call cost. `None` if the model has no known price, or none for the fast mode that the call used.
    #[must_use]
    pub fn cost(&self, usage: &Usage<'_>) -> Option<Cost> {
        let model = plain(usage.model)?;
        let tariff = self.cache.tariff(
            &self.sources,
            usage.provider,
            model,
            usage.time.timestamp(),
            usage.fast,
        )?;
        Some(tariff.cost(usage))
    }
}
