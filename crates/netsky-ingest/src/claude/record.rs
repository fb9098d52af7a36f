//! The records of a transcript: what of a line is read. Everything else in it is skipped without being kept.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};
use serde_json::Value;

use super::lenient::{Expected, Maybe, Object};

pub(super) type Text<'a> = Maybe<Cow<'a, str>>;

/// A record, or one that is nested in a record of a subagent's progress.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) subtype: Text<'a>,
    #[serde(borrow)]
    pub(super) uuid: Text<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Text<'a>,
    #[serde(borrow)]
    pub(super) session_id: Text<'a>,
    #[serde(borrow)]
    pub(super) cwd: Text<'a>,
    #[serde(borrow)]
    pub(super) git_branch: Text<'a>,
    #[serde(borrow)]
    pub(super) version: Text<'a>,
    pub(super) is_sidechain: Maybe<bool>,
    pub(super) is_meta: Maybe<bool>,
    pub(super) is_compact_summary: Maybe<bool>,
    #[serde(borrow)]
    pub(super) agent_id: Text<'a>,
    #[serde(borrow)]
    pub(super) attribution_agent: Text<'a>,
    #[serde(borrow)]
    pub(super) request_id: Text<'a>,
    #[serde(borrow)]
    pub(super) effort: Text<'a>,
    #[serde(rename = "costUSD")]
    pub(super) cost_usd: Maybe<f64>,
    #[serde(borrow)]
    pub(super) prompt_id: Text<'a>,
    #[serde(borrow)]
    pub(super) permission_mode: Text<'a>,
    #[serde(borrow)]
    pub(super) permission_decision: Maybe<Object<PermissionDecision<'a>>>,
    #[serde(borrow)]
    pub(super) message: Maybe<Object<Message<'a>>>,
    #[serde(borrow)]
    pub(super) tool_use_result: Maybe<Object<ToolUseResult<'a>>>,
    /// Of a record of progress.
    #[serde(borrow)]
    pub(super) data: Maybe<Object<Progress<'a>>>,
    #[serde(borrow, rename = "parentToolUseID")]
    pub(super) parent_tool_use_id: Text<'a>,
    pub(super) is_api_error_message: Maybe<bool>,
    pub(super) api_error_status: Maybe<i64>,
    #[serde(borrow)]
    pub(super) api_error_type: Text<'a>,
    #[serde(borrow)]
    pub(super) error: Maybe<ApiError<'a>>,
    pub(super) retry_in_ms: Maybe<f64>,
    pub(super) retry_attempt: Maybe<i64>,
    pub(super) max_retries: Maybe<i64>,
    #[serde(borrow)]
    pub(super) compact_metadata: Maybe<Object<Compaction<'a>>>,
    #[serde(borrow)]
    pub(super) microcompact_metadata: Maybe<Object<Compaction<'a>>>,
    #[serde(borrow)]
    pub(super) hook_errors: Maybe<Vec<Text<'a>>>,
    pub(super) pr_number: Maybe<i64>,
    #[serde(borrow)]
    pub(super) pr_url: Text<'a>,
    #[serde(borrow)]
    pub(super) pr_repository: Text<'a>,
    /// Of a record of the queue.
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    #[serde(borrow)]
    pub(super) attachment: Maybe<Object<Attachment<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PermissionDecision<'a> {
    #[serde(borrow)]
    pub(super) decision: Text<'a>,
    #[serde(borrow)]
    pub(super) source: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Maybe<Content<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) usage: Maybe<Object<Usage<'a>>>,
}

/// What a message, or a tool's result, consists of.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Blocks(Vec<Maybe<Object<Block<'a>>>>),
}

impl<'de: 'a, 'a> Expected<'de> for Content<'a> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self::Text(text))
    }

    fn array<A: SeqAccess<'de>>(array: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::array(array)?.map(Self::Blocks))
    }
}

impl<'a> Content<'a> {
    /// The blocks.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block<'a>> {
        let blocks = match self {
            Self::Text(_) => &[],
            Self::Blocks(blocks) => blocks.as_slice(),
        };
        blocks.iter().filter_map(Maybe::fields)
    }

    /// The texts, joined; `None` if there is none.
    pub(super) fn prose(&self, separator: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Blocks(_) => {
                let texts = self.blocks().filter(|block| block.kind.text() == Some("text"));
                let mut texts = texts.filter_map(|block| block.text.0.as_deref());
                let first = texts.next()?;
                let Some(second) = texts.next() else { return Some(Cow::Borrowed(first)) };
                let mut prose = format!("{first}{separator}{second}");
                for text in texts {
                    prose.push_str(separator);
                    prose.push_str(text);
                }
                Some(Cow::Owned(prose))
            }
        }
    }
}

/// A part of a message: a text, a call of a tool, or its result.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Of a call.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) input: Option<Value>,
    /// Of a result.
    #[serde(borrow)]
    pub(super) tool_use_id: Text<'a>,
    pub(super) is_error: Maybe<bool>,
    #[serde(borrow)]
    pub(super) content: Maybe<Content<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage<'a> {
    pub(super) input_tokens: Maybe<i64>,
    pub(super) output_tokens: Maybe<i64>,
    pub(super) cache_read_input_tokens: Maybe<i64>,
    pub(super) cache_creation_input_tokens: Maybe<i64>,
    pub(super) cache_creation: Maybe<Object<CacheCreation>>,
    pub(super) output_tokens_details: Maybe<Object<OutputDetails>>,
    pub(super) server_tool_use: Maybe<Object<ServerToolUse>>,
    #[serde(borrow)]
    pub(super) service_tier: Text<'a>,
    #[serde(borrow)]
    pub(super) inference_geo: Text<'a>,
    #[serde(borrow)]
    pub(super) speed: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CacheCreation {
    pub(super) ephemeral_5m_input_tokens: Maybe<i64>,
    pub(super) ephemeral_1h_input_tokens: Maybe<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputDetails {
    pub(super) thinking_tokens: Maybe<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServerToolUse {
    pub(super) web_search_requests: Maybe<i64>,
}

/// What Claude Code adds to a tool's result, if it is an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ToolUseResult<'a> {
    pub(super) interrupted: Maybe<bool>,
    #[serde(borrow)]
    pub(super) return_code_interpretation: Text<'a>,
    #[serde(borrow)]
    pub(super) background_task_id: Text<'a>,
    #[serde(borrow)]
    pub(super) agent_id: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) resolved_model: Text<'a>,
    pub(super) total_tokens: Maybe<i64>,
    pub(super) total_tool_use_count: Maybe<i64>,
    pub(super) total_duration_ms: Maybe<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Progress<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) agent_id: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Maybe<Box<Record<'a>>>,
}

impl<'de: 'a, 'a> Expected<'de> for Box<Record<'a>> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Object::object(object)?.map(|Object(record)| Self::new(record)))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Compaction<'a> {
    #[serde(borrow)]
    pub(super) trigger: Text<'a>,
    pub(super) pre_tokens: Maybe<i64>,
    pub(super) tokens_saved: Maybe<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attachment<'a> {
    #[serde(borrow)]
    pub(super) prompt: Text<'a>,
}

/// The error of a request: a word, or an object.
#[derive(Debug)]
pub(super) enum ApiError<'a> {
    Word(Cow<'a, str>),
    Object(ErrorObject<'a>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorObject<'a> {
    pub(super) status: Maybe<i64>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) formatted: Text<'a>,
}

impl<'de: 'a, 'a> Expected<'de> for ApiError<'a> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self::Word(text))
    }

    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Object::object(object)?.map(|Object(error)| Self::Object(error)))
    }
}
