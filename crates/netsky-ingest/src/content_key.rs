//! What identifies a model call whose sources do not share an id: its session, model and token counts.

use netsky_db::internal::Key;

use crate::key::key;

/// Returns what identifies a call of Claude Code. The output is left out: transcripts of older versions
/// have the count from the start of the answer, and never the final one.
pub fn claude_content(
    session: &str,
    model: &str,
    input: i64,
    cached: i64,
    cache_write: i64,
) -> Key {
    content("claude", session, model, &[input, cached, cache_write])
}

/// Returns what identifies a call of Codex. `input` does not include `cached` and `cache_write`.
pub fn codex_content(
    session: &str,
    model: &str,
    input: i64,
    cached: i64,
    cache_write: i64,
    output: i64,
) -> Key {
    content("codex", session, model, &[input, cached, cache_write, output])
}

fn content(runtime: &str, session: &str, model: &str, tokens: &[i64]) -> Key {
    let tokens: Vec<String> = tokens.iter().map(i64::to_string).collect();
    let mut parts = vec![runtime, session, model];
    parts.extend(tokens.iter().map(String::as_str));
    key("token_usage.content", &parts)
}
