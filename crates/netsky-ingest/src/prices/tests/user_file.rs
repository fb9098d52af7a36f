//! The user's file.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::prices::file::PriceFile;

/// Prices with a user's file of this text.
fn with_file(text: &str) -> (TempDir, PathBuf, Result<Prices, PricesError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.toml");
    fs::write(&path, text).unwrap();
    let prices = Prices::load(Some(&path));
    (folder, path, prices)
}

#[test]
fn users_file_wins_over_everything() {
    let (_folder, path, prices) = with_file(
        r#"
["claude-opus-5-5"]
input = 1
output = 2.5

["My-*"]
input = 0.5
output = 1
cache_read = 0.05
cache_write_5m = 0.75
long = { above = 1000, input = 5, cache_read = 0.5 }
fast = { input = 3, output = 4 }

["my-other"]
input = 7
output = 8

["claude-sonnet-5"]
fast = { input = 9, output = 9 }
"#,
    );
    let prices = prices.unwrap();
    let price = |model| prices.describe(model, today()).unwrap();
    assert_eq!(rates(&price("claude-opus-5-5").standard.0).join(" "), "1 2.5 1 1 1");
    assert_eq!(price("claude-opus-5-5").standard.1, Origin::User { path: path.clone(), line: 2 });
    assert!(price("claude-opus-5-5").fast.is_none());
    assert_eq!(rates(&price("my-own").standard.0).join(" "), "0.5 1 0.05 0.75 0.75");
    assert_eq!(rates(&price("my-own").fast.unwrap().0).join(" "), "3 4 3 3 3");
    assert_eq!(rates(&price("my-other").standard.0).join(" "), "7 8 7 7 7");
    // Only its fast mode is the user's.
    assert_eq!(rates(&price("claude-sonnet-5").standard.0).join(" "), "2 10 0.2 2.5 4");
    assert_eq!(rates(&price("claude-sonnet-5").fast.unwrap().0).join(" "), "9 9 9 9 9");
    let long =
        |input| micros(&prices, Usage { input, output: 10, ..Usage::new("my-own", today()) });
    assert_eq!((long(1_000), long(1_001)), (Some(510), Some(5_015)));
    let listed = prices.models();
    assert_eq!(
        listed.iter().filter(|model| matches!(model.origin, Origin::User { .. })).count(),
        4
    );
    assert!(
        listed.iter().any(|model| model.model == "claude-opus-4-5"
            && model.provider.as_deref() == Some("anthropic"))
    );
    assert!(
        listed
            .iter()
            .any(|model| model.model == "claude-mythos-5-2" && model.origin == Origin::Supplement)
    );
}

#[test]
fn the_documented_file_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prices.md");
    let text = fs::read_to_string(path).unwrap();
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let (_folder, _path, prices) = with_file(example);
    let price = prices.unwrap().describe("my-model", today()).unwrap();
    assert_eq!(rates(&price.standard.0).join(" "), "2 10 0.2 2.5 4");
    assert!(price.fast.is_some() && price.standard.0.long.len() == 1);
}

#[test]
fn missing_users_file_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let prices = Prices::load(Some(&folder.path().join("prices.toml"))).unwrap();
    assert_eq!(
        micros(&prices, Usage { input: 10, ..Usage::new("claude-opus-5", today()) }),
        Some(50)
    );
    assert!(prices.data_problem().is_none());
}

#[test]
fn broken_users_file_names_line_and_remedy() {
    for (text, line, reason) in [
        (
            "[\"a\"]\ninput = 1\noutput = 1\nimput = 3\n",
            4,
            "`imput` is not known here; known are input, output",
        ),
        ("[\"a\"]\ninput = 1\n", 1, "the model `a` needs `input` and `output`"),
        (
            "\n\n[\"a\"]\ninput = -1\noutput = 1\n",
            4,
            "`input` must be US dollars per million tokens",
        ),
        ("[\"a\"]\ninput = nan\noutput = 1\n", 2, "`input` must be"),
        ("[\"a\"]\ninput = 1\noutput = inf\n", 3, "`output` must be"),
        ("[\"a\"]\ninput = 1\noutput = \"1\"\n", 3, "`output` must be"),
        ("[\"a\"]\ninput = 99999999999999999999\noutput = 1\n", 2, "`input` must be"),
        ("[\"a\"]\ninput = 1\noutput = 1\nlong = { input = 2 }\n", 4, "`long` needs `above`"),
        (
            "[\"a\"]\ninput = 1\noutput = 1\nlong = { above = 1.5 }\n",
            4,
            "`above` must be a whole number",
        ),
        ("[\"a\"]\ninput = 1\noutput = 1\nfast = 3\n", 4, "`fast` must be a table"),
        (
            "[\"a\"]\ninput = 1\noutput = 1\nfast = { input = 3 }\n",
            4,
            "`fast` needs `input` and `output`",
        ),
        ("[\"a*b\"]\ninput = 1\noutput = 1\n", 1, "a * only at its end"),
        ("a = 1\n", 1, "`a` must be a model's table"),
        ("[\"a\"]\ninput = 1\n[\"a\"]\n", 3, "duplicate"),
        ("[\"a\"]\ninput = \n", 2, ""),
    ] {
        let (_folder, path, prices) = with_file(text);
        let message = prices.unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}:{line}: ", path.display())), "{message}");
        assert!(message.contains(reason), "{message}");
        assert!(message.contains("Correct this line, or move the file away"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.toml");
    fs::write(&path, b"\n[\"\xff\"]").unwrap();
    assert!(Prices::load(Some(&path)).unwrap_err().to_string().contains(":2: this is not UTF-8"));
    assert!(matches!(Prices::load(Some(folder.path())), Err(PricesError::Read { .. })));
}

proptest! {
    /// No text of a user's file makes it panic.
    #[test]
    fn any_users_file_is_read_or_refused(text in "[\\[\\]\"a*=.{},\n 0-9einputlgfasov-]{0,80}") {
        let _ = PriceFile::parse(Path::new("prices.toml"), &text);
    }
}
