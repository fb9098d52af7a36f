//! `netsky prices`

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use netsky_db::{Db, internal};
use netsky_ingest::prices::{self, ModelPrice, Prices, PricesError, Rates};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, ReportOutput, counted};
use crate::time_or_age::parse_time_or_age;

/// Show what model calls cost
///
/// Without a model, lists those with a price. A price comes from your file ~/.netsky/prices.toml, from the data of
/// genai-prices, or from a small supplement; the answer says which. Prices are in US dollars per million
/// tokens.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky prices claude-opus-4-5-20251101
  netsky prices | grep sonnet
  netsky prices --update data.json   # newer data of genai-prices that you have downloaded"
)]
pub struct PricesArgs {
    /// The model
    pub model: Option<String>,
    /// The price at another time than now
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    pub at: Option<DateTime<Utc>>,
    /// Use the data of genai-prices in this file from now on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "at"])]
    pub update: Option<PathBuf>,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(args: &PricesArgs) -> Result<(), Failure> {
    if let Some(file) = &args.update {
        return update(file, args.output);
    }
    let prices = load()?;
    let time = args.at.unwrap_or_else(internal::now);
    match &args.model {
        Some(model) => match prices.describe(model, time) {
            Some(price) if args.output.json => output::print_json(&object(&price)),
            Some(price) => output::print_line(&text(&price)),
            None => Err(Failure::found(format!("there is no price of '{model}'")).with_hint(
                "add it to ~/.netsky/prices.toml; `netsky prices` lists the models with a price",
            )),
        },
        None => list(&prices, args.output),
    }
}

/// Loads the prices, and says if newer data that was given cannot be used.
pub fn load() -> Result<Prices, Failure> {
    let prices = Prices::load(Some(&user_file()?)).map_err(|error| failure(&error))?;
    Ok(prices)
}

/// Says if downloaded data cannot be used, after prices were needed.
pub fn warn_of_data(prices: &Prices) {
    if let Some(problem) = prices.data_problem() {
        output::warn(problem);
    }
}

fn user_file() -> Result<PathBuf, Failure> {
    let store = Db::default_path()?;
    Ok(store.parent().unwrap_or(Path::new(".")).join("prices.toml"))
}

fn failure(error: &PricesError) -> Failure {
    Failure::input(error.to_string())
}

fn update(file: &Path, output: ReportOutput) -> Result<(), Failure> {
    let updated = prices::update(file, &user_file()?).map_err(|error| failure(&error))?;
    let (path, providers, models) =
        (updated.path.display().to_string(), updated.providers, updated.models);
    if output.json {
        let object = json!({"path": path, "providers": providers, "models": models});
        return output::print_json(&object);
    }
    let models = counted(models as u64, "model");
    output::print_line(&format!("{path}: prices of {models}"))
}

fn list(prices: &Prices, output: ReportOutput) -> Result<(), Failure> {
    let models = prices.models();
    warn_of_data(prices);
    if output.json {
        let models: Vec<_> = models
            .iter()
            .map(|model| {
                json!({"model": model.model, "provider": model.provider, "origin": model.origin.to_string()})
            })
            .collect();
        return output::print_json(&json!({"models": models}));
    }
    let lines: Vec<_> = models.iter().map(|model| format!("{}\n", model.model)).collect();
    output::print(&output::visible_lines(&lines.concat()))
}

fn text(price: &ModelPrice) -> String {
    let mut text = price.model.clone();
    if let Some(name) = &price.listed_as {
        text += &format!(" (listed as {name})");
    }
    let modes = [("", Some(&price.standard)), (" in fast mode", price.fast.as_ref())];
    for (mode, found) in modes {
        let Some((tariff, origin)) = found else { continue };
        text += &format!(
            "\n{origin}{mode}, US dollars per million tokens:\n  {}",
            rates(&tariff.rates)
        );
        for long in &tariff.long {
            text += &format!("\n  above {} tokens of input: {}", long.above, rates(&long.rates));
        }
    }
    text
}

fn rates(rates: &Rates) -> String {
    format!(
        "input {}, output {}, cache read {}, cache write {} (5 minutes), {} (1 hour)",
        rates.input, rates.output, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h
    )
}

fn object(price: &ModelPrice) -> Value {
    let rates = |rates: &Rates| {
        json!({
            "input": rates.input.to_string(), "output": rates.output.to_string(),
            "cache_read": rates.cache_read.to_string(),
            "cache_write_5m": rates.cache_write_5m.to_string(),
            "cache_write_1h": rates.cache_write_1h.to_string(),
        })
    };
    let mut tariffs = Vec::new();
    for (mode, found) in [("standard", Some(&price.standard)), ("fast", price.fast.as_ref())] {
        let Some((tariff, origin)) = found else { continue };
        let long: Vec<_> = tariff
            .long
            .iter()
            .map(|long| json!({"above_tokens": long.above, "usd_per_million": rates(&long.rates)}))
            .collect();
        tariffs.push(json!({
            "mode": mode, "origin": origin.to_string(), "usd_per_million": rates(&tariff.rates), "long": long,
        }));
    }
    json!({"model": price.model, "listed_as": price.listed_as, "provider": price.provider, "prices": tariffs})
}
