//! Parts of a line.

use super::word::Word;

/// The line is no Bash: a quote or a substitution has no end, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unparsed;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Word(Word<'a>),
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|` or `|&`
    Pipe,
    /// `&`
    Background,
    /// `;` or the end of a line
    End,
    /// `;;` and its kin, after one case of a `case`
    CaseEnd,
    /// `(`
    Open,
    /// `)`
    Close,
    /// An operator that sends a stream into the file that is the next word, or the other way.
    Redirect,
    /// `((` to `))`
    Arithmetic,
}
