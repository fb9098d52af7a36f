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
mod model_name;
mod money;
mod origin;
mod price_list;
mod row;
mod sources;
mod tariff;
#[cfg(test)]
mod tests;
mod update;
mod usage;

pub use error::PricesError;
pub use listing::{ListedModel, ModelPrice};
pub use money::{Cost, MAX_USD_PER_MILLION, Rate, Rates};
pub use origin::Origin;
pub use price_list::Prices;
pub use tariff::{LongPrompt, Tariff};
pub use update::{Update, update};
pub use usage::Usage;

/// The address of the newest data of genai-prices. netsky never downloads it; the user can.
pub use genai_prices::REMOTE_DATA_URL as DATA_URL;
