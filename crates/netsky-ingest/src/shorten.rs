//! Shortens texts and JSON to what a column takes.

use serde_json::{Map, Value};

/// Returns the start of a text, at most `max` bytes long.
pub(crate) fn start_of(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Returns a value whose JSON is at most `max` bytes long. Long texts in it are shortened; if that is not
/// enough, so are its arrays and objects. A column cuts off what is too long, which would leave no JSON.
pub(crate) fn shortened(value: &Value, max: usize) -> Value {
    if value.to_string().len() <= max {
        return value.clone();
    }
    let mut limit = max;
    while limit > 0 {
        let short = cut(value, limit, 0);
        if short.to_string().len() <= max {
            return short;
        }
        limit /= 4;
    }
    Value::Null
}

/// Deeper values are left out, and so is what comes after this many elements of one.
const MAX_DEPTH: usize = 16;
const MAX_ELEMENTS: usize = 64;

fn cut(value: &Value, limit: usize, depth: usize) -> Value {
    let elements = limit.min(MAX_ELEMENTS);
    match value {
        Value::String(text) if text.len() > limit => format!("{}…", start_of(text, limit)).into(),
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => Value::Null,
        Value::Array(values) => {
            values.iter().take(elements).map(|value| cut(value, limit, depth + 1)).collect()
        }
        Value::Object(object) => {
            let members = object.iter().take(elements).map(|(key, value)| {
                (start_of(key, limit.max(32)).to_owned(), cut(value, limit, depth + 1))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{shortened, start_of};

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<Option<bool>>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|value| json!(value)),
            "\\PC{0,99}".prop_map(Value::from),
            "[\u{0}-\u{1f}\"\\\\]{0,999}".prop_map(Value::from),
        ];
        leaf.prop_recursive(8, 99, 9, |inner| {
            let array = prop::collection::vec(inner.clone(), 0..99).prop_map(Value::from);
            let members = prop::collection::btree_map("\\PC{0,99}", inner, 0..9);
            prop_oneof![array, members.prop_map(|members| json!(members))]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_json_fits_and_stays_json(value in any_json(), max in 0..5_000_usize) {
            let (long, short) = (value.to_string(), shortened(&value, max.max(4)));
            prop_assert!(short.to_string().len() <= max.max(4));
            // What fits is not touched.
            prop_assert!(short == value || long.len() > max);
        }
    }

    #[test]
    fn short_json_stays_as_it_is() {
        let value = json!({"cmd": "ls", "n": [1, 2.5, null, true]});
        assert_eq!(shortened(&value, 1_000), value);
    }

    #[test]
    fn long_json_fits_and_stays_json() {
        let long = "\u{1F98A}\"\n".repeat(5_000);
        let mut deep = json!("end");
        for _ in 0..100 {
            deep = json!([deep, "x".repeat(100)]);
        }
        let wide: Vec<_> = (0..10_000).map(|n| json!({"n": n})).collect();
        for value in [json!(long), json!({"a": long, "b": [long, 1]}), deep, json!(wide)] {
            for max in [10, 100, 4_096] {
                let short = shortened(&value, max);
                assert!(short.to_string().len() <= max, "{max}");
            }
        }
        assert!(shortened(&json!({"cmd": "ls", "text": long}), 500)["cmd"] == "ls");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(start_of("aé", 2), "a");
        assert_eq!(start_of("aé", 3), "aé");
        assert_eq!(start_of("aé", 9), "aé");
    }
}
