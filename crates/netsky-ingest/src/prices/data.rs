//! The data of genai-prices. Only this file uses more of that crate than an address.
//!
//! The crate prices single calls and does not expose rates. This file prices a few calls that use one kind of
//! token each, and derives the model's [`Tariff`] from them. The command that shows rates needs it, and it is
//! faster: the crate takes 3 to 5 µs for each call.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};

use super::error::PricesError;
use super::money::{Rate, Rates};
use super::tariff::{LongPrompt, Tariff, WEB_SEARCH_FEMTOS};

/// The limit for a file of prices. The current data has 0.8 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The providers of the models that coding agents use. Their prices change at midnight UTC.
const PROVIDERS: [&str; 3] = ["anthropic", "openai", "google"];

/// Longer than any prompt, to find the last of the rates for long prompts.
const LONGEST_PROMPT: u64 = 1 << 30;
/// Usual limits of ordinary prompts. Trying them first saves a binary search.
const USUAL_LIMITS: [u64; 5] = [200_000, 272_000, 100_000, 128_000, 256_000];
/// No model has more than two.
const MAX_LIMITS: usize = 8;

/// Prices of genai-prices: those in the crate, or of a file.
#[derive(Debug)]
pub(super) struct Data {
    calculator: Source,
    /// Why the file is not used.
    pub problem: Option<PricesError>,
}

#[derive(Debug)]
enum Source {
    Bundled(&'static Calculator),
    File(Box<Calculator>, PathBuf),
}

/// A model in the data.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub provider: String,
    /// The data's name of the model, which differs for dated versions and aliases.
    pub model: String,
}

impl Place {
    /// The length in seconds of the spans, counted from midnight UTC, in which the price is constant. A few
    /// providers have cheaper hours, which begin on a quarter of an hour.
    pub fn constant_seconds(&self) -> i64 {
        if PROVIDERS.contains(&self.provider.as_str()) { 86_400 } else { 900 }
    }
}

/// A listed model: provider, id, and name.
pub(super) type Listed<'a> = (&'a str, &'a str, Option<&'a str>);

impl Data {
    /// Decodes the data, which takes about 80 ms. If the file is broken, `problem` says so, and the data in the
    /// crate is used.
    pub fn load(file: Option<&Path>) -> Self {
        let Some(path) = file else {
            return Self { calculator: Source::Bundled(Calculator::bundled()), problem: None };
        };
        match read(path).and_then(|bytes| match bytes {
            Some(bytes) => decode(path, &bytes).map(Some),
            None => Ok(None),
        }) {
            Ok(Some(calculator)) => Self {
                calculator: Source::File(Box::new(calculator), path.to_owned()),
                problem: None,
            },
            Ok(None) => Self { calculator: Source::Bundled(Calculator::bundled()), problem: None },
            Err(problem) => {
                Self { calculator: Source::Bundled(Calculator::bundled()), problem: Some(problem) }
            }
        }
    }

    fn calculator(&self) -> &Calculator {
        match &self.calculator {
            Source::Bundled(calculator) => calculator,
            Source::File(calculator, _) => calculator,
        }
    }

    /// The file that the prices come from. `None` if they come from the crate.
    pub fn file(&self) -> Option<&Path> {
        match &self.calculator {
            Source::Bundled(_) => None,
            Source::File(_, path) => Some(path),
        }
    }

    /// Finds a model: at the given provider, else at the one that its name suggests, else at any.
    pub fn find(&self, provider: Option<&str>, model: &str) -> Option<Place> {
        let bedrock = model.contains("anthropic.").then_some("aws");
        let router = model.contains('/').then_some("openrouter");
        let candidates = [provider, family(model), bedrock, router];
        candidates
            .into_iter()
            .flatten()
            .map(Some)
            // Without a provider, the crate picks one by the model's name.
            .chain([None])
            .find_map(|provider| {
                let usage = Usage::new();
                let mut request = PriceRequest::new(model, &usage).with_timestamp(UNIX_EPOCH);
                request.provider_id = provider;
                let found = self.calculator().calculate(&request).ok()?;
                Some(Place { provider: found.provider_id, model: found.model_id })
            })
    }

    /// What calls to a model cost at a time. With `fast`, `None` if the data has no rates of a fast mode.
    pub fn tariff(&self, place: &Place, model: &str, seconds: i64, fast: bool) -> Option<Tariff> {
        let time = system_time(seconds);
        let question = Question {
            calculator: self.calculator(),
            provider: &place.provider,
            model,
            time,
            fast,
        };
        let tariff = question.tariff()?;
        // If a model has no such rates, the crate uses the ordinary ones.
        if fast && (Question { fast: false, ..question }).tariff()? == tariff {
            return None;
        }
        Some(tariff)
    }

    /// The models of the providers of coding agents.
    pub fn models(&self) -> impl Iterator<Item = Listed<'_>> {
        self.calculator()
            .providers()
            .filter(|provider| PROVIDERS.contains(&provider.id()))
            .flat_map(|provider| {
                provider.models().map(move |model| (provider.id(), model.id(), model.name()))
            })
    }
}

/// A file's content. `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, PricesError> {
    let failed = |source| PricesError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(PricesError::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    Ok(Some(bytes))
}

/// Checks that `bytes` are usable price data, and counts its providers and models.
pub(super) fn check(path: &Path, bytes: &[u8]) -> Result<(usize, usize), PricesError> {
    let calculator = decode(path, bytes)?;
    Ok((
        calculator.providers().count(),
        calculator.providers().map(|provider| provider.models().count()).sum(),
    ))
}

fn decode(path: &Path, bytes: &[u8]) -> Result<Calculator, PricesError> {
    let broken = |reason: String| PricesError::Data { path: path.to_owned(), reason };
    let calculator = Calculator::from_json(bytes).map_err(|error| broken(error.to_string()))?;
    // An empty list is valid, too, and would silently leave everything without a price.
    for id in PROVIDERS {
        let models = calculator.providers().find(|provider| provider.id() == id);
        if models.is_none_or(|provider| provider.models().next().is_none()) {
            return Err(broken(format!("it has no models of {id}")));
        }
    }
    Ok(calculator)
}

/// The provider that a model's name belongs to.
fn family(model: &str) -> Option<&'static str> {
    const FAMILIES: [(&str, &str); 7] = [
        ("claude", "anthropic"),
        ("gpt-", "openai"),
        ("codex", "openai"),
        ("o1", "openai"),
        ("o3", "openai"),
        ("o4", "openai"),
        ("gemini", "google"),
    ];
    FAMILIES.iter().find(|(start, _)| model.starts_with(start)).map(|(_, provider)| *provider)
}

fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// A model at one time, to be priced with various usages.
#[derive(Clone, Copy)]
struct Question<'a> {
    calculator: &'a Calculator,
    provider: &'a str,
    model: &'a str,
    time: SystemTime,
    fast: bool,
}

impl Question<'_> {
    fn tariff(&self) -> Option<Tariff> {
        let rates = self.rates(1)?;
        let request = self.ask(&[])?.2;
        let with_search = self.ask(&[(UsageKey::WEB_SEARCHES, 1.0)])?.2;
        let search = femtos(with_search - request)?;
        Some(Tariff {
            rates,
            long: self.long(rates)?,
            request_femtos: femtos(request)?,
            web_search_femtos: if search == 0 { WEB_SEARCH_FEMTOS } else { search },
        })
    }

    /// The price of input, of output, and the total, in US dollars.
    fn ask(&self, usage: &[(UsageKey, f64)]) -> Option<(f64, f64, f64)> {
        let usage: Usage = usage.iter().cloned().collect();
        let mut request = PriceRequest::new(self.model, &usage)
            .with_provider_id(self.provider)
            .with_timestamp(self.time);
        if self.fast {
            request = request.with_price_context("service_tier", "fast");
        }
        let price = self.calculator.calculate(&request).ok()?;
        Some((price.input_price, price.output_price, price.total_price))
    }

    fn rates(&self, prompt: u64) -> Option<Rates> {
        let (_, output, _) =
            self.ask(&[(UsageKey::INPUT_TOKENS, prompt as f64), (UsageKey::OUTPUT_TOKENS, 1e6)])?;
        Some(Rates {
            input: self.input(prompt, &[])?,
            output: Rate::from_usd_per_million(output)?,
            cache_read: self.input(prompt, &[UsageKey::CACHE_READ_TOKENS])?,
            cache_write_5m: self
                .input(prompt, &[UsageKey::CACHE_WRITE_TOKENS, UsageKey::CACHE_WRITE_5M_TOKENS])?,
            cache_write_1h: self
                .input(prompt, &[UsageKey::CACHE_WRITE_TOKENS, UsageKey::CACHE_WRITE_1H_TOKENS])?,
        })
    }

    /// The rate of one kind of input in a prompt of `prompt` tokens. The whole prompt is of that kind, because the
    /// crate counts all kinds as part of the input.
    fn input(&self, prompt: u64, kinds: &[UsageKey]) -> Option<Rate> {
        let tokens = prompt as f64;
        let mut usage = vec![(UsageKey::INPUT_TOKENS, tokens)];
        usage.extend(kinds.iter().map(|kind| (kind.clone(), tokens)));
        let (price, _, _) = self.ask(&usage)?;
        Rate::from_usd_per_million(price * 1e6 / tokens)
    }

    fn long(&self, mut rates: Rates) -> Option<Vec<LongPrompt>> {
        let last = self.rates(LONGEST_PROMPT)?;
        let mut long = Vec::new();
        let mut from = 1;
        while rates != last && long.len() < MAX_LIMITS {
            let (above, next) = self.limit(from, rates)?;
            (from, rates) = (above + 1, next);
            long.push(LongPrompt { above, rates });
        }
        Some(long)
    }

    /// The longest prompt with the rates of a prompt of `from` tokens, and the rates of longer ones.
    fn limit(&self, from: u64, rates: Rates) -> Option<(u64, Rates)> {
        for limit in USUAL_LIMITS.into_iter().filter(|limit| *limit >= from) {
            // One question instead of ten, nearly always.
            if self.input(limit + 1, &[])? == rates.input {
                continue;
            }
            let next = self.rates(limit + 1)?;
            if self.rates(limit)? == rates && next != rates {
                return Some((limit, next));
            }
        }
        let (mut low, mut high) = (from, LONGEST_PROMPT);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.rates(middle)? == rates { low = middle } else { high = middle }
        }
        Some((low, self.rates(high)?))
    }
}

/// US dollars as femto-dollars, up to a thousand dollars.
fn femtos(usd: f64) -> Option<u64> {
    // A difference of two prices can be a hair below 0.
    (-1e-9..=1e3).contains(&usd).then(|| (usd.max(0.0) * 1e15).round() as u64)
}
