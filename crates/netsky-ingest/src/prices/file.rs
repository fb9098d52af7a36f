//! Files of prices in TOML: the user's, and the supplement that is built in.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::data::read;
use super::error::PricesError;
use super::money::{MAX_USD_PER_MILLION, Rate, Rates};
use super::tariff::{LongPrompt, Tariff};

/// The prices of one model, or of all models whose names begin alike.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// In lower case, without the `*`.
    name: String,
    is_prefix: bool,
    /// The line in the file, from 1.
    pub line: usize,
    /// `None` if the entry has only rates of the fast mode.
    pub tariff: Option<Tariff>,
    pub fast: Option<Tariff>,
}

impl Entry {
    /// Whether the entry is for all models whose names begin with its own.
    pub const fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// The name as the file has it.
    pub fn pattern(&self) -> String {
        format!("{}{}", self.name, if self.is_prefix { "*" } else { "" })
    }
}

/// A file of prices.
#[derive(Debug, Default)]
pub(super) struct PriceFile {
    pub path: PathBuf,
    pub entries: Vec<Entry>,
}

impl PriceFile {
    /// Reads a file. A missing file has no prices.
    pub fn load(path: &Path) -> Result<Self, PricesError> {
        let Some(bytes) = read(path)? else { return Ok(Self::default()) };
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(path, &text),
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(PricesError::Entry {
                    path: path.to_owned(),
                    line,
                    reason: "this is not UTF-8".to_owned(),
                })
            }
        }
    }

    /// Parses the text of a file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, PricesError> {
        // Some editors begin a file with it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reader = Reader { path, text };
        let table = DeTable::parse(text).map_err(|error| {
            reader.error(
                error.span().map_or(0, |span| span.start),
                error.message().replace('\n', ", "),
            )
        })?;
        let entries = table
            .get_ref()
            .iter()
            .map(|(name, value)| reader.entry(name.get_ref(), name.span().start, value.get_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// The entry for `model`, which is in lower case, of those that `with` accepts: that of its exact name, else
    /// that of the longest beginning.
    pub fn find(&self, model: &str, with: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let fits = |entry: &&Entry| {
            with(entry)
                && if entry.is_prefix {
                    model.starts_with(&entry.name)
                } else {
                    model == entry.name
                }
        };
        self.entries.iter().filter(fits).max_by_key(|entry| (!entry.is_prefix, entry.name.len()))
    }
}

/// What errors need.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

/// Rates that a table has.
#[derive(Default)]
struct Given {
    input: Option<Rate>,
    output: Option<Rate>,
    cache_read: Option<Rate>,
    cache_write_5m: Option<Rate>,
    cache_write_1h: Option<Rate>,
}

impl Given {
    fn set(&mut self, key: &str, rate: Rate) {
        *match key {
            "input" => &mut self.input,
            "output" => &mut self.output,
            "cache_read" => &mut self.cache_read,
            "cache_write_5m" => &mut self.cache_write_5m,
            _ => &mut self.cache_write_1h,
        } = Some(rate);
    }

    /// What is not given costs what its more general kind costs, as in genai-prices: reading from a cache and
    /// writing to it are input, and an hour is a write.
    fn complete(&self) -> Option<Rates> {
        let input = self.input?;
        let write = self.cache_write_5m.unwrap_or(input);
        Some(Rates {
            input,
            output: self.output?,
            cache_read: self.cache_read.unwrap_or(input),
            cache_write_5m: write,
            cache_write_1h: self.cache_write_1h.unwrap_or(write),
        })
    }

    /// What is not given stays as it is for shorter prompts.
    fn over(&self, rates: Rates) -> Rates {
        Rates {
            input: self.input.unwrap_or(rates.input),
            output: self.output.unwrap_or(rates.output),
            cache_read: self.cache_read.unwrap_or(rates.cache_read),
            cache_write_5m: self.cache_write_5m.unwrap_or(rates.cache_write_5m),
            cache_write_1h: self.cache_write_1h.unwrap_or(rates.cache_write_1h),
        }
    }
}

const RATES: [&str; 5] = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"];

impl Reader<'_> {
    fn error(&self, at: usize, reason: impl Into<String>) -> PricesError {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        PricesError::Entry {
            path: self.path.to_owned(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            reason: reason.into(),
        }
    }

    fn entry(&self, name: &str, at: usize, value: &DeValue<'_>) -> Result<Entry, PricesError> {
        let DeValue::Table(table) = value else {
            return Err(
                self.error(at, format!("`{name}` must be a model's table, such as [\"{name}\"]"))
            );
        };
        let (name, is_prefix) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        if name.contains('*') {
            return Err(self.error(at, "a model's name can have a * only at its end"));
        }
        let (mut given, mut long, mut fast) = (Given::default(), None, None);
        for (key, value) in table {
            let (key, at, value) = (key.get_ref().as_ref(), key.span().start, value.get_ref());
            match (key, value) {
                ("long", DeValue::Table(table)) => long = Some((self.long(table, at)?, at)),
                ("fast", DeValue::Table(table)) => fast = Some(self.rates(table, at, "fast")?),
                ("long" | "fast", _) => {
                    return Err(self.error(
                        at,
                        format!("`{key}` must be a table, such as {{ input = 6, output = 30 }}"),
                    ));
                }
                _ if RATES.contains(&key) => given.set(key, self.rate(key, at, value)?),
                _ => return Err(self.unknown(key, at, "long, fast")),
            }
        }
        let tariff = match (given.complete(), long) {
            (Some(rates), None) => Some(Tariff::flat(rates)),
            (Some(rates), Some(((above, given), _))) => {
                let long = vec![LongPrompt { above, rates: given.over(rates) }];
                Some(Tariff { long, ..Tariff::flat(rates) })
            }
            // Only a fast mode, whose model has its other prices elsewhere.
            (None, None) if fast.is_some() && table.len() == 1 => None,
            (None, _) => {
                return Err(
                    self.error(at, format!("the model `{name}` needs `input` and `output`"))
                );
            }
        };
        let line = self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        Ok(Entry {
            name: name.to_lowercase(),
            is_prefix,
            line,
            tariff,
            fast: fast.map(Tariff::flat),
        })
    }

    fn rates(&self, table: &DeTable<'_>, at: usize, what: &str) -> Result<Rates, PricesError> {
        let mut given = Given::default();
        for (key, value) in table {
            let (key, at) = (key.get_ref().as_ref(), key.span().start);
            if !RATES.contains(&key) {
                return Err(self.unknown(key, at, ""));
            }
            given.set(key, self.rate(key, at, value.get_ref())?);
        }
        given
            .complete()
            .ok_or_else(|| self.error(at, format!("`{what}` needs `input` and `output`")))
    }

    fn long(&self, table: &DeTable<'_>, at: usize) -> Result<(u64, Given), PricesError> {
        let (mut above, mut given) = (None, Given::default());
        for (key, value) in table {
            let (key, at, value) = (key.get_ref().as_ref(), key.span().start, value.get_ref());
            match (key, value) {
                ("above", DeValue::Integer(number)) => {
                    let tokens = u64::from_str_radix(number.as_str(), number.radix());
                    above = Some(
                        tokens.map_err(|_| self.error(at, "`above` must be a number of tokens"))?,
                    );
                }
                ("above", _) => {
                    return Err(
                        self.error(at, "`above` must be a whole number of tokens, such as 200000")
                    );
                }
                _ if RATES.contains(&key) => given.set(key, self.rate(key, at, value)?),
                _ => return Err(self.unknown(key, at, "above")),
            }
        }
        let above = above.ok_or_else(|| {
            self.error(at, "`long` needs `above`, the tokens of the longest ordinary prompt")
        })?;
        Ok((above, given))
    }

    fn rate(&self, key: &str, at: usize, value: &DeValue<'_>) -> Result<Rate, PricesError> {
        let number = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number.and_then(Rate::from_usd_per_million).ok_or_else(|| {
            self.error(
                at,
                format!("`{key}` must be US dollars per million tokens, a number from 0 to {MAX_USD_PER_MILLION}"),
            )
        })
    }

    fn unknown(&self, key: &str, at: usize, others: &str) -> PricesError {
        let known = if others.is_empty() {
            RATES.join(", ")
        } else {
            format!("{}, {others}", RATES.join(", "))
        };
        self.error(at, format!("`{key}` is not known here; known are {known}"))
    }
}
