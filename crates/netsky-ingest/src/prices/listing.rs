//! Prices to look at: those of one model, and the list of models.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::tariff::Tariff;
use super::{Prices, plain};

/// The source of a price. `Display` gives it in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The data of genai-prices in the program.
    Data,
    /// A newer file of that data, which the user stored.
    DataFile {
        /// The file.
        path: PathBuf,
    },
    /// The supplement to that data in the program.
    Supplement,
    /// The user's file.
    User {
        /// The file.
        path: PathBuf,
        /// The line of the model's entry, from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str("built in, from genai-prices"),
            Self::DataFile { path } => write!(f, "{}", path.display()),
            Self::Supplement => f.write_str("built in, from netsky's supplement"),
            Self::User { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// What applies to a model at one time.
#[derive(Clone, Debug)]
pub struct ModelPrice {
    /// The model as it was asked for.
    pub model: String,
    /// The provider, if the data of genai-prices has the model.
    pub provider: Option<String>,
    /// The name under which that data has it, which covers dated versions.
    pub listed_as: Option<String>,
    /// The rates, and where they come from.
    pub standard: (Arc<Tariff>, Origin),
    /// Those of the fast mode. `None` if there are none: a call in fast mode then has no price.
    pub fast: Option<(Arc<Tariff>, Origin)>,
}

/// A model in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// Its name in the price list, with a trailing `*` if the entry is for all that begin so.
    pub model: String,
    /// The provider, if the list says it.
    pub provider: Option<String>,
    /// Its name for people, if the list has one.
    pub name: Option<String>,
    /// The list.
    pub origin: Origin,
}

impl Prices {
    /// What applies to a model at a time. `None` if it has no known price.
    #[must_use]
    pub fn describe(&self, model: &str, time: DateTime<Utc>) -> Option<ModelPrice> {
        let name = plain(model)?;
        let place = self.place(None, name);
        let tariff = |fast| self.tariff(place.as_ref(), name, time.timestamp(), fast);
        Some(ModelPrice {
            model: model.to_owned(),
            standard: tariff(false)?,
            fast: tariff(true),
            provider: place.as_ref().map(|place| place.provider.clone()),
            listed_as: place.map(|place| place.model),
        })
    }

    /// The models with a price: first those of the user's file, then those of Anthropic, OpenAI and Google.
    /// Models of other providers can have prices, too; [`describe`](Self::describe) finds them.
    #[must_use]
    pub fn models(&self) -> Vec<ListedModel> {
        let user = self.user.entries.iter().map(|entry| ListedModel {
            model: entry.pattern(),
            provider: None,
            name: None,
            origin: Origin::User { path: self.user.path.clone(), line: entry.line },
        });
        let data = self.data();
        let origin =
            data.file().map_or(Origin::Data, |path| Origin::DataFile { path: path.to_owned() });
        let listed = data.models().map(|(provider, model, name)| ListedModel {
            model: model.to_owned(),
            provider: Some(provider.to_owned()),
            name: name.map(str::to_owned),
            origin: origin.clone(),
        });
        let supplement = self
            .supplement
            .entries
            .iter()
            .filter(|entry| entry.tariff.is_some() && !entry.is_prefix());
        let supplement = supplement
            .filter(|entry| data.find(None, &entry.pattern()).is_none())
            .map(|entry| ListedModel {
                model: entry.pattern(),
                provider: None,
                name: None,
                origin: Origin::Supplement,
            });
        user.chain(listed).chain(supplement).collect()
    }
}
