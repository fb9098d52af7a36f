//! `regexp_extract_all`, as in DuckDB: all matches of a regular expression, as a list.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use regex_automata::PatternID;
use regex_automata::meta::Regex;

use crate::query::functions::call::{Call, short};
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::scalar::{Scalar, returns};
use crate::query::functions::text_builder::TextBuilder;

const PARAMS: Params = Params::optional(2, &[Kind::Text, Kind::Text, Kind::Int, Kind::Text]);

pub(super) fn regexp_extract_all() -> Scalar {
    Scalar::kernel("regexp_extract_all", PARAMS, returns!(list_type()), extract_all)
}

fn element() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Utf8View, true))
}

fn list_type() -> DataType {
    DataType::List(element())
}

fn extract_all(call: &Call<'_>) -> Result<ArrayRef> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let groups = (call.len() > 2).then(|| call.ints(2)).transpose()?;
    let flags = (call.len() > 3).then(|| call.texts(3)).transpose()?;
    let mut compiled: Option<(String, Regex)> = None;
    let mut parts = TextBuilder::new(call);
    let (mut lengths, mut are_known) = (Vec::new(), Vec::new());
    for row in 0..call.rows() {
        let group = groups.as_ref().map_or(Some(0), |groups| groups.get(row));
        let flags = flags.as_ref().map_or(Some(""), |flags| flags.get(row));
        let (Some(text), Some(pattern), Some(group), Some(flags)) =
            (texts.get(row), patterns.get(row), group, flags)
        else {
            lengths.push(0);
            are_known.push(false);
            continue;
        };
        let pattern = with_flags(pattern, flags)?;
        let regex = match &mut compiled {
            Some((known, regex)) if *known == pattern => regex,
            compiled => &mut compiled.insert((pattern.clone(), compile(&pattern)?)).1,
        };
        let count = regex.group_info().group_len(PatternID::ZERO);
        let Some(group) = usize::try_from(group).ok().filter(|group| *group < count) else {
            return exec_err!(
                "regexp_extract_all(): the pattern has {} groups, and no group {group}",
                count.saturating_sub(1)
            );
        };
        let mut length = 0;
        for found in regex.captures_iter(text) {
            match found.get_group(group).and_then(|span| text.get(span.range())) {
                Some(part) => parts.append_value(part)?,
                None => parts.append_null(),
            }
            length += 1;
        }
        lengths.push(length);
        are_known.push(true);
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = NullBuffer::from(are_known);
    Ok(Arc::new(ListArray::try_new(element(), offsets, parts.finish()?, Some(nulls))?))
}

/// Adds DuckDB's options to a pattern. All matches are found anyway, so `g` changes nothing.
fn with_flags(pattern: &str, flags: &str) -> Result<String> {
    let mut inline = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 's' | 'm' | 'x' => inline.push(flag),
            'c' | 'g' => {}
            _ => {
                return exec_err!(
                    "regexp_extract_all(): '{flag}' is not one of the flags i, s, m, x, g"
                );
            }
        }
    }
    Ok(if inline.is_empty() { pattern.to_owned() } else { format!("(?{inline}){pattern}") })
}

fn compile(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).or_else(|error| {
        let reason = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
        // The lines before show the place.
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        exec_err!(
            "regexp_extract_all(): '{}' is not a regular expression: {reason}",
            short(pattern)
        )
    })
}
