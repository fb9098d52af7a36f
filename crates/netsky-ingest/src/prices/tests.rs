//! The built-in prices.

mod calls;
mod data_file;
mod user_file;

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeZone, Utc};
use serde_json::Value;

use super::*;

fn built_in() -> Prices {
    Prices::load(None).unwrap()
}

fn day(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 12, 0, 0).unwrap()
}

fn today() -> DateTime<Utc> {
    day(2026, 11, 26)
}

fn micros(prices: &Prices, usage: Usage<'_>) -> Option<i64> {
    prices.cost(&usage).map(Cost::micros)
}

/// In, out, read, 5m, 1h, as text.
fn rates(tariff: &Tariff) -> [String; 5] {
    let Rates { input, output, cache_read, cache_write_5m, cache_write_1h } = tariff.rates;
    [input, output, cache_read, cache_write_5m, cache_write_1h].map(|rate| rate.to_string())
}

/// Every pair of tokens and cost that the totals of real transcripts have by model and day, and the whole.
#[test]
fn totals_of_transcripts_are_exact() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/agents/expected-dev.json");
    let Ok(text) = fs::read_to_string(&path) else {
        return println!("skipped: {} is absent", path.display());
    };
    let expected: Value = serde_json::from_str(&text).unwrap();
    let prices = built_in();
    let mut nanos = 0;
    for (model, totals) in expected["usage_all_by_model"].as_object().unwrap() {
        let tokens = |key: &str| totals[key].as_u64().unwrap();
        // The totals are of many calls, none of which had a long prompt: one token, scaled.
        let one = Usage { provider: Some("anthropic"), ..Usage::new(model, day(2026, 2, 1)) };
        let cost = |usage: Usage<'_>| prices.cost(&usage).unwrap().nanos();
        let total = tokens("input") as i64 * cost(Usage { input: 1, ..one })
            + tokens("output") as i64 * cost(Usage { output: 1, ..one })
            + tokens("cache_read") as i64 * cost(Usage { cached_read: 1, ..one })
            + tokens("cache_write_5m") as i64 * cost(Usage { cache_write_5m: 1, ..one })
            + tokens("cache_write_1h") as i64 * cost(Usage { cache_write_1h: 1, ..one });
        assert_eq!(Some(total), totals["cost_nano"].as_i64(), "{model}");
        nanos += total;
    }
    assert_eq!(Some(nanos), expected["usage_all"]["cost_nano"].as_i64());
}

#[test]
fn known_models_have_their_published_rates() {
    let prices = built_in();
    let table = [
        ("claude-haiku-5-5", "0.1 0.5 0.01 0.125 0.2"),
        ("claude-haiku-4-5-20251001", "1 5 0.1 1.25 2"),
        ("claude-3-5-haiku-20241022", "0.8 4 0.08 1 1.6"),
        ("claude-sonnet-5-5", "2 10 0.1 2.5 4"),
        ("claude-sonnet-5", "2 10 0.2 2.5 4"),
        ("claude-sonnet-4-6", "3 15 0.3 3.75 6"),
        ("claude-sonnet-4-5-20250929", "3 15 0.3 3.75 6"),
        ("claude-sonnet-4-20250514", "3 15 0.3 3.75 6"),
        ("claude-3-7-sonnet-20250219", "3 15 0.3 3.75 6"),
        ("claude-3-5-sonnet-20241022", "3 15 0.3 3.75 6"),
        ("claude-opus-5-5", "4 20 0.2 5 8"),
        ("claude-opus-5", "5 25 0.5 6.25 10"),
        ("claude-opus-4-8", "5 25 0.5 6.25 10"),
        ("claude-opus-4-7", "5 25 0.5 6.25 10"),
        ("claude-opus-4-6", "5 25 0.5 6.25 10"),
        ("claude-opus-4-6[1m]", "5 25 0.5 6.25 10"),
        ("claude-opus-4-5-20251101", "5 25 0.5 6.25 10"),
        ("claude-opus-4-1-20250805", "15 75 1.5 18.75 30"),
        ("claude-opus-4-20250514", "15 75 1.5 18.75 30"),
        ("claude-fable-5", "10 50 1 12.5 20"),
        ("claude-fable-5-1", "10 50 0.25 12.5 20"),
        ("claude-fable-5-2", "8 40 0.2 10 16"),
        ("claude-mythos-5", "10 50 1 12.5 20"),
        ("claude-mythos-5-1", "10 50 0.25 12.5 20"),
        ("claude-mythos-5-2-20261015", "8 40 0.2 10 16"),
    ];
    for (model, expected) in table {
        let price =
            prices.describe(model, today()).unwrap_or_else(|| panic!("{model} has no price"));
        assert_eq!(rates(&price.standard.0).join(" "), expected, "{model}");
    }
    let others = [
        ("gpt-6.1-sol", "2 10 0.1 2.5"),
        ("gpt-6.1-terra", "1 5 0.05 1.25"),
        ("gpt-6-sol", "2 10 0.2 2.5"),
        ("gpt-6-luna", "0.1 0.5 0.01 0.125"),
        ("gpt-6-astra", "10 50 1 12.5"),
        ("gpt-5.6-sol", "4 20 0.4 5"),
        ("gpt-5.5", "5 30 0.5 5"),
        ("gpt-5.4", "2.5 15 0.25 2.5"),
        ("gpt-5.3-codex", "1.75 14 0.175 1.75"),
        ("gpt-5.2-codex", "1.75 14 0.175 1.75"),
        ("gpt-5.1-codex-max", "1.25 10 0.125 1.25"),
        ("gpt-5-codex", "1.25 10 0.125 1.25"),
        ("gemini-2.5-pro", "1.25 10 0.125 1.25"),
        ("gemini-3.1-pro-preview", "2 12 0.2 2"),
        ("gemini-3.8-flash", "0.75 3.75 0.075 0.75"),
    ];
    for (model, expected) in others {
        let price =
            prices.describe(model, today()).unwrap_or_else(|| panic!("{model} has no price"));
        assert_eq!(rates(&price.standard.0)[..4].join(" "), expected, "{model}");
    }
}

#[test]
fn fast_mode_has_its_own_rates() {
    let prices = built_in();
    for (model, expected) in [
        ("claude-opus-4-6", "30 150 3 37.5 60"),
        ("claude-opus-4-7", "30 150 3 37.5 60"),
        ("claude-opus-4-8", "10 50 1 12.5 20"),
        ("claude-opus-5", "10 50 1 12.5 20"),
        ("claude-opus-5-20260701", "10 50 1 12.5 20"),
        ("claude-opus-5-5", "8 40 0.4 10 16"),
        ("claude-fable-5-2", "16 80 0.4 20 32"),
        ("claude-mythos-5-2", "16 80 0.4 20 32"),
    ] {
        let (fast, origin) = prices.describe(model, today()).unwrap().fast.unwrap();
        assert_eq!(
            (rates(&fast).join(" ").as_str(), origin),
            (expected, Origin::Supplement),
            "{model}"
        );
    }
    let fast = Usage { input: 1_000_000, fast: true, ..Usage::new("claude-opus-5-5", today()) };
    assert_eq!(micros(&prices, fast), Some(8_000_000));
    // OpenAI's is in the data, from 12 October 2026 on.
    let gpt = Usage { input: 1_000, ..Usage { fast: true, ..Usage::new("gpt-6-sol", today()) } };
    assert_eq!(micros(&prices, gpt), Some(4_000));
}

#[test]
fn fast_mode_without_a_rate_costs_null() {
    let prices = built_in();
    for (model, time) in [("claude-sonnet-5", today()), ("gpt-6-sol", day(2026, 10, 1))] {
        assert!(prices.cost(&Usage { output: 9, ..Usage::new(model, time) }).is_some());
        assert_eq!(
            prices.cost(&Usage { output: 9, fast: true, ..Usage::new(model, time) }),
            None,
            "{model}"
        );
    }
}

#[test]
fn long_prompts_cost_more_as_a_whole() {
    let prices = built_in();
    let cost = |model, time, prompt: u64, output| {
        micros(
            &prices,
            Usage { cached_read: prompt - 10, input: 10, output, ..Usage::new(model, time) },
        )
    };
    assert_eq!(cost("claude-haiku-5-5", today(), 100_000, 1_000), Some(1 + 1_000 + 500));
    assert_eq!(cost("claude-haiku-5-5", today(), 100_001, 1_000), Some(5 + 5_000 + 2_500));
    assert_eq!(cost("gpt-6-sol", today(), 272_000, 1_000), Some(20 + 54_398 + 10_000));
    assert_eq!(cost("gpt-6-sol", today(), 272_001, 1_000), Some(40 + 108_796 + 15_000));
    let price = prices.describe("claude-haiku-5-5", today()).unwrap();
    assert_eq!(price.standard.0.long.iter().map(|long| long.above).collect::<Vec<_>>(), [100_000]);
}

#[test]
fn prices_are_those_of_the_day() {
    let prices = built_in();
    let long =
        |time| micros(&prices, Usage { input: 300_000, ..Usage::new("claude-opus-4-6", time) });
    let midnight = Utc.with_ymd_and_hms(2026, 3, 13, 0, 0, 0).unwrap();
    assert_eq!(long(midnight), Some(1_500_000));
    assert_eq!(long(midnight - chrono::TimeDelta::nanoseconds(1)), Some(3_000_000));
    for time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC, DateTime::UNIX_EPOCH] {
        assert!(long(time).is_some(), "{time}");
    }
}

#[test]
fn us_inference_costs_a_tenth_more_but_searches_do_not() {
    let prices = built_in();
    let call = Usage { input: 1_000, output: 1_000, ..Usage::new("claude-opus-5-5", today()) };
    assert_eq!(micros(&prices, call), Some(24_000));
    assert_eq!(micros(&prices, Usage { us_inference: true, ..call }), Some(26_400));
    assert_eq!(micros(&prices, Usage { web_searches: 3, ..call }), Some(54_000));
    assert_eq!(
        micros(&prices, Usage { web_searches: 3, us_inference: true, ..call }),
        Some(56_400)
    );
    let supplement = Usage { web_searches: 1, ..Usage::new("claude-fable-5-2", today()) };
    assert_eq!(micros(&prices, supplement), Some(10_000));
}

#[test]
fn unknown_models_have_no_price() {
    let prices = built_in();
    let long = "x".repeat(1 << 20);
    for model in
        ["<synthetic>", "", " ", "claude", "claude-opus-9", "a-model-of-tomorrow", "*", "\0", &long]
    {
        let usage = Usage { provider: Some("anthropic"), input: 1, ..Usage::new(model, today()) };
        assert_eq!(prices.cost(&usage), None, "{:?}", &model[..model.len().min(20)]);
        assert!(prices.describe(model, today()).is_none());
    }
}

#[test]
fn names_decide_where_the_provider_is_wrong() {
    let prices = built_in();
    let cost = |provider, model| {
        micros(&prices, Usage { provider, input: 1_000, ..Usage::new(model, today()) })
    };
    for provider in [None, Some("anthropic"), Some("openai"), Some("nobody"), Some("")] {
        assert_eq!(cost(provider, "claude-opus-5-5"), Some(4_000), "{provider:?}");
        assert_eq!(cost(provider, "gpt-5.4"), Some(2_500), "{provider:?}");
    }
    assert_eq!(cost(Some("anthropic"), "Claude-Opus-5-5"), Some(4_000));
    assert!(cost(Some("aws.bedrock"), "anthropic.claude-opus-4-5-20251101-v1:0").is_some());
    assert!(cost(None, "anthropic/claude-opus-4.5").is_some());
}

#[test]
fn huge_numbers_saturate() {
    let usage = Usage {
        input: u64::MAX,
        cached_read: u64::MAX,
        cache_write_1h: u64::MAX,
        output: u64::MAX,
        web_searches: u64::MAX,
        us_inference: true,
        ..Usage::new("claude-opus-4-1", today())
    };
    assert_eq!(micros(&built_in(), usage), Some(i64::MAX));
}
