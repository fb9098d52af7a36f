//! Sightings: a row as one source has seen it.

use std::sync::Arc;

use netsky_db::internal::Key;

use crate::row::Row;
use crate::via::Via;

/// A row as one source has seen it, and what identifies it. Sightings of one row from any sources, in any
/// order and any number, give one row.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The row. `session_num` is filled in when it is stored, and so is the cost of a model call.
    pub row: Row,
    /// The row's keys: any of them identifies it. A sighting without a key is always a new row.
    pub keys: Vec<Key>,
    /// What identifies a model call whose sources do not share an id.
    pub content: Option<Content>,
    /// Where it was seen.
    pub via: Via,
    /// The session that it belongs to.
    pub session: Option<Arc<SessionRef>>,
}

impl Sighting {
    /// Creates a sighting without a session.
    pub fn new(via: Via, mut row: Row, keys: impl IntoIterator<Item = Key>) -> Self {
        row.detail.set("via", Some(via.name()));
        Self { row, keys: keys.into_iter().collect(), content: None, via, session: None }
    }

    /// Sets the session.
    #[must_use]
    pub fn in_session(self, session: &Arc<SessionRef>) -> Self {
        Self { session: Some(Arc::clone(session)), ..self }
    }

    /// Sets what identifies it beside its keys.
    #[must_use]
    pub fn with_content(self, content: Content) -> Self {
        Self { content: Some(content), ..self }
    }
}

/// What two sightings of a model call have in common if their sources do not share an id: session, model and
/// token counts. One source may see several such calls, so they are counted: the third of one source is the
/// third of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The hash of what they have in common.
    pub key: Key,
    /// Whether the source gives each call an id that other sources may know, too. Such a sighting is another
    /// call than one with another id.
    pub has_shared_id: bool,
}

/// A session, as far as a sighting knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// The session's id.
    pub id: String,
    /// The agent whose session it is.
    pub agent: String,
}
