//! What an agent tells a hook: a JSON object on its standard input.

use std::fmt;
use std::io::{self, Read};

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

/// The largest payload that is read, in bytes. One with the answer of a tool has a few megabytes at most.
pub const MAX_PAYLOAD_BYTES: u64 = 16 << 20;

/// What an agent tells a hook about an event.
///
/// Agents add fields and events with each version, so unknown fields are ignored, and a known field of
/// another type counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookPayload {
    /// The event, such as `Stop`.
    pub event: String,
    /// The session.
    pub session_id: Option<String>,
    /// The transcript of the session.
    pub transcript_path: Option<String>,
    /// The directory that the agent works in.
    pub cwd: Option<String>,
    /// The subagent that the event is about.
    pub agent_id: Option<String>,
    /// The transcript of that subagent.
    pub agent_transcript_path: Option<String>,
    /// Why a session started, such as `startup` or `resume`.
    pub source: Option<String>,
    /// Why a session ended.
    pub reason: Option<String>,
}

/// Why there is no payload.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Standard input cannot be read.
    #[error("cannot read the event: {0}")]
    Io(#[from] io::Error),
    /// It has more than [`MAX_PAYLOAD_BYTES`].
    #[error("the event has more than 16 MiB")]
    TooLarge,
    /// It is not a JSON object.
    #[error("the event is not a JSON object: {0}")]
    InvalidJson(#[from] serde_json::Error),
    /// It does not say which event it is.
    #[error("the event has no hook_event_name")]
    NoEvent,
}

impl HookPayload {
    /// Reads a payload to the end of the input.
    ///
    /// # Errors
    ///
    /// The input cannot be read, is larger than [`MAX_PAYLOAD_BYTES`], or is not a payload.
    pub fn read(input: impl Read) -> Result<Self, PayloadError> {
        let mut bytes = Vec::new();
        input.take(MAX_PAYLOAD_BYTES + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > MAX_PAYLOAD_BYTES {
            true => Err(PayloadError::TooLarge),
            false => Self::parse(&bytes),
        }
    }

    /// Parses a payload.
    ///
    /// ```
    /// use netsky_ingest::hooks::HookPayload;
    ///
    /// let payload = HookPayload::parse(br#"{"hook_event_name": "Stop", "session_id": "4d1f"}"#)?;
    /// assert_eq!((payload.event.as_str(), payload.session_id.as_deref()), ("Stop", Some("4d1f")));
    /// # Ok::<(), netsky_ingest::hooks::PayloadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The bytes are not a JSON object with `hook_event_name`.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let payload: Self = serde_json::from_slice(bytes)?;
        match payload.event.is_empty() {
            true => Err(PayloadError::NoEvent),
            false => Ok(payload),
        }
    }
}

impl<'de> Deserialize<'de> for HookPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PayloadVisitor)
    }
}

/// Not derived, because a derived one fails for a key that stands twice.
struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = HookPayload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HookPayload, A::Error> {
        let mut payload = HookPayload::default();
        while let Some(key) = map.next_key::<String>()? {
            let field = match key.as_str() {
                "hook_event_name" => {
                    payload.event = map.next_value::<Text>()?.0.unwrap_or_default();
                    continue;
                }
                "session_id" => &mut payload.session_id,
                "transcript_path" => &mut payload.transcript_path,
                "cwd" => &mut payload.cwd,
                "agent_id" => &mut payload.agent_id,
                "agent_transcript_path" => &mut payload.agent_transcript_path,
                "source" => &mut payload.source,
                "reason" => &mut payload.reason,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *field = map.next_value::<Text>()?.0;
        }
        Ok(payload)
    }
}

/// A text that is not empty; `None` for anything else.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text).filter(|text| !text.is_empty()).map(str::to_owned)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}
