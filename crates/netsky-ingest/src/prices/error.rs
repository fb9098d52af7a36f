//! What can be wrong with files of prices.

use std::io;
use std::path::PathBuf;

use genai_prices::REMOTE_DATA_URL;

/// An error of a file of prices. Its text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PricesError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large to be a price list.
    #[error("{} is larger than {limit} bytes, so it cannot be a price list", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The user's file has a mistake.
    #[error(
        "{}:{line}: {reason}. Correct this line, or move the file away to use the built-in prices",
        path.display()
    )]
    Entry {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong in it.
        reason: String,
    },
    /// A file is not the data of genai-prices.
    #[error(
        "{} is not price data of genai-prices: {reason}. Download {url} again, then run: netsky prices --update FILE",
        path.display(),
        url = REMOTE_DATA_URL
    )]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
