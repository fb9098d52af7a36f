//! Prices of many calls, compared with those of genai-prices itself.

use chrono::DateTime;
use genai_prices::{Calculator, PriceRequest, UsageKey};
use proptest::prelude::*;

use super::*;

/// Models of all kinds of prices: flat, dated, with one limit and two, and with cheaper hours.
const MODELS: [(&str, &str); 12] = [
    ("anthropic", "claude-opus-4-6"),
    ("anthropic", "claude-haiku-5-5"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-opus-5-5"),
    ("openai", "gpt-6-sol"),
    ("openai", "gpt-5.4"),
    ("openai", "gpt-5-codex"),
    ("google", "gemini-2.5-pro"),
    ("google", "claude-opus-4-6"),
    ("deepseek", "deepseek-chat"),
    ("deepseek", "deepseek-v4-flash"),
    ("openrouter", "qwen/qwen3-coder-flash"),
];

fn tokens() -> impl Strategy<Value = u64> {
    // Around the limits of long prompts, too.
    prop_oneof![
        0_u64..5_000,
        0_u64..400_000,
        Just(100_000),
        Just(200_000),
        Just(272_000),
        Just(32_000),
        Just(0)
    ]
}

proptest! {
    /// A cached tariff gives what the crate gives for the call itself, rounded once.
    #[test]
    fn cached_prices_equal_direct_ones(
        calls in prop::collection::vec((0..MODELS.len(), 1_735_689_600_i64..1_800_000_000, any::<bool>(), [tokens(), tokens(), tokens(), tokens(), tokens()]), 1..40)
    ) {
        let prices = built_in();
        for (model, seconds, fast, [input, cached_read, cache_write_5m, cache_write_1h, output]) in calls {
            let (provider, model) = MODELS[model];
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let usage = Usage { provider: Some(provider), input, cached_read, cache_write_5m, cache_write_1h, output, ..Usage::new(model, time) };
            let keys = genai_prices::Usage::from([
                (UsageKey::INPUT_TOKENS, usage.prompt() as f64),
                (UsageKey::OUTPUT_TOKENS, output as f64),
                (UsageKey::CACHE_READ_TOKENS, cached_read as f64),
                (UsageKey::CACHE_WRITE_TOKENS, (cache_write_5m + cache_write_1h) as f64),
                (UsageKey::CACHE_WRITE_1H_TOKENS, cache_write_1h as f64),
            ]);
            let fast = fast && provider == "openai" && seconds > 1_791_763_200;
            let mut request = PriceRequest::new(model, &keys).with_provider_id(provider).with_timestamp(std::time::SystemTime::from(time));
            if fast {
                request = request.with_price_context("service_tier", "fast");
            }
            let direct = Calculator::bundled().calculate(&request).unwrap().total_price;
            let cost = prices.cost(&Usage { fast, ..usage }).unwrap();
            let nanos = (direct * 1e9).round() as i64;
            prop_assert!((cost.nanos() - nanos).abs() <= 1, "{usage:?}: {} or {nanos} nano-dollars", cost.nanos());
            if provider == "anthropic" {
                // Whole nano-dollars a token: the same to the last digit, and so is what it rounds to.
                prop_assert_eq!(cost.nanos(), nanos);
                let micros = (nanos / 1_000) + i64::from(nanos % 1_000 > 500 || (nanos % 1_000 == 500 && nanos / 1_000 % 2 == 1));
                prop_assert_eq!(cost.micros(), micros);
            }
        }
    }
}

/// Prints what pricing costs in time. Run it with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn time_of_ten_thousand_calls() {
    let prices = built_in();
    let start = std::time::Instant::now();
    prices.prepare();
    println!("decoding: {:?}", start.elapsed());
    for (provider, model) in MODELS {
        let start = std::time::Instant::now();
        for call in 0..10_000 {
            let time = DateTime::from_timestamp(1_767_225_600 + call * 360, 0).unwrap();
            assert!(
                prices
                    .cost(&Usage { provider: Some(provider), input: 9, ..Usage::new(model, time) })
                    .is_some()
            );
        }
        println!("{model}: {:?}", start.elapsed());
    }
}
