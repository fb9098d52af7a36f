//! The price of a row of `token_usage`.

use netsky_db::Value;

use super::price_list::Prices;
use super::usage::Usage;
use crate::{Price, Row};

impl Price for Prices {
    /// Sets `cost_usd_micros` and, in the details, `cost_source`: `list` if the cost was calculated, `reported` if
    /// the model has no known price and the agent reported a cost. Otherwise both are empty.
    ///
    /// From the details it takes `runtime` or `provider`, `cache_write_5m_tokens` and `cache_write_1h_tokens`
    /// or their sum `cache_write_tokens`, `web_searches`, `speed`, `inference_geo`, and
    /// `reported_cost_usd_micros`.
    fn price(&self, row: &mut Row) {
        // The reported cost comes second: old versions of Claude Code reported wrong ones.
        let list = usage(row).and_then(|usage| self.cost(&usage)).map(|cost| cost.micros());
        let reported = row.detail.int("reported_cost_usd_micros").filter(|micros| *micros >= 0);
        let cost =
            list.map(|micros| (micros, "list")).or(reported.map(|micros| (micros, "reported")));
        row.detail.remove("cost_source");
        row.detail.set("cost_source", cost.map(|(_, source)| source));
        row.set("cost_usd_micros", cost.map_or(Value::Null, |(micros, _)| Value::Int(micros)));
    }
}

/// What a row says of its call. `None` if it does not name the model.
fn usage(row: &Row) -> Option<Usage<'_>> {
    let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
    let detail = &row.detail;
    let provider = match detail.text("runtime") {
        Some("claude") => Some("anthropic"),
        Some("codex") => Some("openai"),
        Some("gemini") => Some("google"),
        _ => detail.text("provider"),
    };
    // Without its parts, the sum counts as written for five minutes.
    let five_minutes = detail.int("cache_write_5m_tokens");
    let hour = detail.int("cache_write_1h_tokens");
    let sum = detail.int("cache_write_tokens").filter(|_| hour.is_none());
    Some(Usage {
        provider,
        input: count(row.int("input_tokens")),
        cached_read: count(row.int("cached_input_tokens")),
        cache_write_5m: count(five_minutes.or(sum)),
        cache_write_1h: count(hour),
        output: count(row.int("output_tokens")),
        fast: detail.text("speed") == Some("fast"),
        us_inference: detail.text("inference_geo") == Some("us"),
        web_searches: count(detail.int("web_searches")),
        ..Usage::new(row.text("model")?, row.time()?)
    })
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use netsky_db::TokenUsageRecord;
    use serde_json::json;

    use super::*;
    use crate::Detail;

    fn priced(model: Option<&str>, detail: serde_json::Value) -> (Option<i64>, Option<String>) {
        let record = TokenUsageRecord {
            ts_utc: Utc.with_ymd_and_hms(2026, 11, 26, 12, 0, 0).unwrap(),
            session_id: Some("s"),
            agent: Some("a"),
            model,
            input_tokens: Some(1_000),
            output_tokens: Some(100),
            cached_input_tokens: Some(10_000),
            cost_usd_micros: Some(1),
            detail_json: None,
        };
        let mut row = Row::new(&record, Detail::parse(&detail.to_string()));
        Prices::load(None).unwrap().price(&mut row);
        (row.int("cost_usd_micros"), row.detail.text("cost_source").map(str::to_owned))
    }

    #[test]
    fn rows_are_priced_with_their_details() {
        let list = |micros| (Some(micros), Some("list".to_owned()));
        let model = Some("claude-opus-5-5");
        assert_eq!(priced(model, json!({"runtime": "claude"})), list(4_000 + 2_000 + 2_000));
        let detail = json!({"cache_write_5m_tokens": 1_000, "cache_write_1h_tokens": 1_000, "web_searches": 2});
        assert_eq!(priced(model, detail), list(8_000 + 5_000 + 8_000 + 20_000));
        let sum = json!({"cache_write_tokens": 1_000});
        assert_eq!(priced(model, sum), list(8_000 + 5_000));
        let parts = json!({"cache_write_tokens": 2_000, "cache_write_1h_tokens": 1_000});
        assert_eq!(priced(model, parts), list(8_000 + 8_000));
        assert_eq!(priced(model, json!({"speed": "fast", "inference_geo": "us"})), list(17_600));
        assert_eq!(
            priced(model, json!({"speed": "standard", "inference_geo": "global"})),
            list(8_000)
        );
        // What a file can hold, but no call can have.
        assert_eq!(
            priced(model, json!({"cache_write_1h_tokens": -5, "web_searches": 1.5, "speed": 1})),
            list(8_000)
        );
        assert_eq!(
            priced(Some("gpt-5.4"), json!({"runtime": "codex"})),
            list(2_500 + 2_500 + 1_500)
        );
    }

    #[test]
    fn reported_costs_are_used_for_unknown_models_only() {
        let reported = json!({"reported_cost_usd_micros": 77, "cost_source": "old"});
        assert_eq!(priced(Some("claude-opus-5-5"), reported.clone()).0, Some(8_000));
        assert_eq!(
            priced(Some("unknown"), reported.clone()),
            (Some(77), Some("reported".to_owned()))
        );
        assert_eq!(priced(None, reported), (Some(77), Some("reported".to_owned())));
        assert_eq!(
            priced(Some("unknown"), json!({"reported_cost_usd_micros": -1, "cost_source": "old"})),
            (None, None)
        );
    }
}
