//! Prices to look at: those of one model, and the list of models.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::model_name::plain;
use super::origin::Origin;
use super::price_list::Prices;
use super::tariff::Tariff;

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
        let place = self.sources.place(None, name);
        let tariff = |fast| self.sources.tariff(place.as_ref(), name, time.timestamp(), fast);
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
        let user = self.sources.user.entries.iter().map(|entry| ListedModel {
            model: entry.pattern(),
            provider: None,
            name: None,
            origin: Origin::User { path: self.sources.user.path.clone(), line: entry.line },
        });
        let data = self.sources.data();
        let origin =
            data.file().map_or(Origin::Data, |path| Origin::DataFile { path: path.to_owned() });
        let listed = data.models().map(|(provider, model, name)| ListedModel {
            model: model.to_owned(),
            provider: Some(provider.to_owned()),
            name: name.map(str::to_owned),
            origin: origin.clone(),
        });
        let supplement = self
            .sources
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
