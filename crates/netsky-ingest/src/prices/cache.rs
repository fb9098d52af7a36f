//! A cache of tariffs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::data::Place;
use super::sources::Sources;
use super::tariff::Tariff;

/// Limits of the cache. A hostile file with more models or times costs time, not memory.
const MAX_MODELS: usize = 1_024;
const MAX_TIMES: usize = 4_096;

/// The tariffs of each model, by the span of time in which they cannot change.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    place: Option<Place>,
    /// By the number of the span, and whether it is of the fast mode.
    tariffs: HashMap<(i64, bool), Option<Arc<Tariff>>>,
}

impl Cache {
    pub fn tariff(
        &self,
        sources: &Sources,
        provider: Option<&str>,
        model: &str,
        seconds: i64,
        fast: bool,
    ) -> Option<Arc<Tariff>> {
        let key = format!("{}\0{model}", provider.unwrap_or_default());
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MAX_MODELS && !models.contains_key(&key) {
            models.clear();
        }
        let known = models.entry(key).or_insert_with(|| Known {
            place: sources.place(provider, model),
            tariffs: HashMap::new(),
        });
        let span = known.place.as_ref().map_or(i64::MAX, Place::constant_seconds);
        let number = seconds.div_euclid(span);
        if let Some(tariff) = known.tariffs.get(&(number, fast)) {
            return tariff.clone();
        }
        let start = number.saturating_mul(span);
        let tariff =
            sources.tariff(known.place.as_ref(), model, start, fast).map(|(tariff, _)| tariff);
        if known.tariffs.len() >= MAX_TIMES {
            known.tariffs.clear();
        }
        known.tariffs.insert((number, fast), tariff.clone());
        tariff
    }
}
