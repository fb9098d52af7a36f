//! The versions of the protocol, which are dates.

use serde_json::{Value, json};

/// The versions that begin with `initialize`, which selects one, oldest first. For this server they differ in
/// nothing: what later ones added is left out by clients that do not know it.
pub(super) const WITH_INITIALIZE: [&str; 4] =
    ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// The version without `initialize`: each request names it.
pub(super) const STATELESS: &str = "2026-07-28";

/// All versions.
pub(super) fn all() -> Vec<&'static str> {
    WITH_INITIALIZE.into_iter().chain([STATELESS]).collect()
}

/// The version for a client that asks for one: that, or else the newest.
pub(super) fn negotiated(asked: Option<&str>) -> &'static str {
    let [.., newest] = WITH_INITIALIZE;
    WITH_INITIALIZE.into_iter().find(|version| Some(*version) == asked).unwrap_or(newest)
}

/// The version that a request names, which all requests do in those without `initialize`.
pub(super) fn named(params: &Value) -> Option<&str> {
    params.get("_meta")?.get("io.modelcontextprotocol/protocolVersion")?.as_str()
}

/// Which versions there are, for a client that asks for another.
pub(super) fn unsupported(asked: &str) -> Value {
    json!({"supported": all(), "requested": asked})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_version_is_kept_and_others_get_the_newest() {
        for version in WITH_INITIALIZE {
            assert_eq!(negotiated(Some(version)), version);
        }
        for asked in [None, Some("2023-01-01"), Some(STATELESS), Some("")] {
            assert_eq!(negotiated(asked), "2025-11-25");
        }
    }
}
