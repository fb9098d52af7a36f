//! Newer data of genai-prices.

use std::fs;

use super::*;

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
