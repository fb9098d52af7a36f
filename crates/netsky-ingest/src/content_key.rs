//! What identifies a model call, or a prompt, if its sources do not share an id.
//!
//! Every source must compute it from the same values, so each kind has one function here.

use crate::key::key;
use crate::sighting::Content;

/// Returns what identifies a model call of Codex. Its rollouts have the id of the response and its OpenTelemetry
/// has not, so neither counts as shared.
///
/// The counts are those of the row: `input` is without what was read from the cache or written to it, and
/// `output` includes reasoning.
pub fn codex_content(
    session: &str,
    model: &str,
    input: i64,
    cached: i64,
    cache_write: i64,
    output: i64,
) -> Content {
    let counts = [input, cached, cache_write, output].map(|count| count.to_string());
    let [input, cached, cache_write, output] = &counts;
    let parts = [session, model, input, cached, cache_write, output];
    Content { key: key("content.codex", &parts), has_shared_id: false }
}

/// Returns what identifies a model call of Claude Code. `has_request_id` says whether the source gives the id of
/// the request.
///
/// The output is not part of it: transcripts of old versions have less than OpenTelemetry. `cache_write` is all
/// that was written to the cache, for 5 minutes or an hour.
pub fn claude_content(
    session: &str,
    model: &str,
    input: i64,
    cached: i64,
    cache_write: i64,
    has_request_id: bool,
) -> Content {
    let counts = [input, cached, cache_write].map(|count| count.to_string());
    let [input, cached, cache_write] = &counts;
    let parts = [session, model, input, cached, cache_write];
    Content { key: key("content.claude", &parts), has_shared_id: has_request_id }
}

/// Returns what identifies a prompt to Codex. `chars` is its length in characters, which OpenTelemetry tells
/// even if the text is left out.
pub fn codex_prompt(session: &str, chars: i64) -> Content {
    Content {
        key: key("content.codex.prompt", &[session, &chars.to_string()]),
        has_shared_id: false,
    }
}
