//! The names of models.

/// The model of messages that Claude Code makes up itself. They are no calls.
const NO_MODEL: &str = "<synthetic>";

/// No provider's names are longer. It bounds what a hostile file makes the cache keep.
const MAX_NAME_BYTES: usize = 256;

/// A model's name as price lists have it. `None` if it cannot be one.
pub(super) fn plain(model: &str) -> Option<&str> {
    let model = model.trim();
    // Claude Code's mark of a model with a window of a million tokens.
    let model = model.strip_suffix("[1m]").unwrap_or(model);
    (!model.is_empty() && model.len() <= MAX_NAME_BYTES && model != NO_MODEL).then_some(model)
}
