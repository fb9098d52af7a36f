//! JSON paths as arguments of a call.

use datafusion::common::Result;

use crate::query::functions::call::{Call, Texts};
use crate::query::functions::json_value::{JsonPart, find};
use crate::query::functions::params::{Kind, Params};
use crate::query::json_path::JsonPath;

pub(super) const JSON_AND_MAYBE_PATH: Params = Params::optional(1, &[Kind::Text, Kind::Text]);

/// The paths of a call. One for all rows is parsed once.
pub(super) struct Paths {
    texts: Texts,
    constant: Option<JsonPath>,
}

impl Paths {
    pub(super) fn of(call: &Call<'_>, index: usize) -> Result<Self> {
        let is_constant = call.is_constant(index);
        let texts = call.texts(index)?;
        let constant = match texts.get(0) {
            Some(text) if is_constant => Some(JsonPath::of_argument(text)?),
            _ => None,
        };
        Ok(Self { texts, constant })
    }

    pub(super) fn is_known(&self, row: usize) -> bool {
        self.texts.get(row).is_some()
    }

    /// Returns the path of a row; `None` for NULL.
    pub(super) fn path(&self, row: usize) -> Result<Option<JsonPath>> {
        match (&self.constant, self.texts.get(row)) {
            (Some(path), _) => Ok(Some(path.clone())),
            (None, Some(path)) => Ok(Some(JsonPath::of_argument(path)?)),
            (None, None) => Ok(None),
        }
    }

    /// Returns the part of a row's JSON that its path leads to.
    pub(super) fn part<'j>(&self, json: &'j Texts, row: usize) -> Result<Option<JsonPart<'j>>> {
        let (Some(json), Some(path)) = (json.get(row), self.texts.get(row)) else {
            return Ok(None);
        };
        match &self.constant {
            Some(path) => Ok(find(json, path.steps())),
            None => Ok(find(json, JsonPath::of_argument(path)?.steps())),
        }
    }
}
