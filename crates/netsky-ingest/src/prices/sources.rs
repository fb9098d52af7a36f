//! The places that prices come from: the user's file, the data of genai-prices, and the supplement.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::data::{Data, Place};
use super::error::PricesError;
use super::file::{Entry, PriceFile};
use super::origin::Origin;
use super::tariff::Tariff;

/// Where prices come from, and which place wins.
#[derive(Debug)]
pub(super) struct Sources {
    pub user: PriceFile,
    pub supplement: PriceFile,
    /// The data file beside the user's.
    data_file: Option<PathBuf>,
    data: OnceLock<Data>,
}

impl Sources {
    pub fn load(user_file: Option<&Path>) -> Result<Self, PricesError> {
        let user = user_file.map_or_else(|| Ok(PriceFile::default()), PriceFile::load)?;
        let supplement =
            PriceFile::parse(Path::new("supplement.toml"), include_str!("supplement.toml"))?;
        Ok(Self { user, supplement, data_file: user_file.map(data_file), data: OnceLock::new() })
    }

    /// Why the data file is not used. `None` also before the data was decoded.
    pub fn data_problem(&self) -> Option<&PricesError> {
        self.data.get().and_then(|data| data.problem.as_ref())
    }

    /// The data of genai-prices, which is decoded now if it was not before.
    pub fn data(&self) -> &Data {
        self.data.get_or_init(|| Data::load(self.data_file.as_deref()))
    }

    /// Where the data has a model. Not asked where the user's file has its rates.
    pub fn place(&self, provider: Option<&str>, model: &str) -> Option<Place> {
        let model = model.to_lowercase();
        if self.user.find(&model, |entry| entry.tariff.is_some()).is_some() {
            return None;
        }
        self.data().find(provider, &model)
    }

    /// What calls cost at a time, in seconds since 1970, and where that comes from.
    pub fn tariff(
        &self,
        place: Option<&Place>,
        model: &str,
        seconds: i64,
        fast: bool,
    ) -> Option<(Arc<Tariff>, Origin)> {
        let model = model.to_lowercase();
        let of_user =
            |entry: &Entry| Origin::User { path: self.user.path.clone(), line: entry.line };
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
pub(super) fn data_file(user_file: &Path) -> PathBuf {
    user_file.with_file_name("prices.json")
}
