use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeZone, Utc};
use genai_prices::{Calculator, PriceRequest, UsageKey};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

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

/// Prices with a user's file of this text.
fn with_file(text: &str) -> (TempDir, PathBuf, Result<Prices, PricesError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.toml");
    fs::write(&path, text).unwrap();
    let prices = Prices::load(Some(&path));
    (folder, path, prices)
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

/// Price data in which one model of each provider costs `usd`.
fn data(usd: f64) -> String {
    let provider = |id: &str, model: &str| {
        serde_json::json!({
            "id": id, "name": id, "api_pattern": id, "model_match": {"starts_with": model},
            "models": [{"id": model, "match": {"equals": model}, "prices": {"input_mtok": usd, "output_mtok": usd}}],
        })
    };
    serde_json::json!([
        provider("anthropic", "claude-new"),
        provider("openai", "gpt-new"),
        provider("google", "gemini-new")
    ])
    .to_string()
}

#[test]
fn updated_data_replaces_the_built_in() {
    let folder = tempfile::tempdir().unwrap();
    let (user, downloaded) =
        (folder.path().join("new/prices.toml"), folder.path().join("data.json"));
    fs::write(&downloaded, data(3.0)).unwrap();
    let updated = update(&downloaded, &user).unwrap();
    assert_eq!(
        updated,
        Update { path: folder.path().join("new/prices.json"), providers: 3, models: 3 }
    );
    let prices = Prices::load(Some(&user)).unwrap();
    assert_eq!(micros(&prices, Usage { input: 10, ..Usage::new("claude-new", today()) }), Some(30));
    assert_eq!(prices.cost(&Usage::new("claude-opus-5", today())), None);
    let origin = prices.describe("claude-new", today()).unwrap().standard.1;
    assert_eq!(origin, Origin::DataFile { path: updated.path.clone() });
    assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
}

#[test]
fn update_refuses_what_is_no_price_data() {
    let folder = tempfile::tempdir().unwrap();
    let (user, downloaded) = (folder.path().join("prices.toml"), folder.path().join("data.json"));
    fs::write(&downloaded, data(3.0)).unwrap();
    update(&downloaded, &user).unwrap();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["", "[]", "{}", "<html>", "[{\"id\":\"anthropic\"}]", "404: Not Found", &nested] {
        fs::write(&downloaded, text).unwrap();
        let message = update(&downloaded, &user).unwrap_err().to_string();
        assert!(message.contains("data.json is not price data of genai-prices"), "{message}");
        assert!(message.contains(DATA_URL), "{message}");
    }
    assert!(matches!(update(&folder.path().join("absent"), &user), Err(PricesError::Read { .. })));
    assert_eq!(fs::read_to_string(folder.path().join("prices.json")).unwrap(), data(3.0));
}

#[test]
fn broken_stored_data_is_reported_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prices.json"), "[{").unwrap();
    let prices = Prices::load(Some(&folder.path().join("prices.toml"))).unwrap();
    assert_eq!(
        micros(&prices, Usage { input: 10, ..Usage::new("claude-opus-5", today()) }),
        Some(50)
    );
    assert!(prices.data_problem().unwrap().to_string().contains("prices.json is not price data"));
}

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

    /// No text of a user's file makes it panic.
    #[test]
    fn any_users_file_is_read_or_refused(text in "[\\[\\]\"a*=.{},\n 0-9einputlgfasov-]{0,80}") {
        let _ = PriceFile::parse(Path::new("prices.toml"), &text);
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
