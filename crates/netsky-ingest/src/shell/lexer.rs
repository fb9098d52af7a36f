//! Splits a line of Bash into words and operators.
//!
//! Written here and not taken from a parser of Bash, because a transcript can hold any line. brush-parser 0.3
//! panics on `99999999999>x`, takes twice as long with each further `(` that nobody closes (hours with 50 of
//! them), and recurses with each level of nesting. This one goes through the text once, with a stack of its own
//! on the heap, and knows just what is needed to find commands: quotes, substitutions, comments, here-documents.

use super::token::{Token, Unparsed};
use super::word::{Word, unescape};

/// More attempts to read `((` as arithmetic than any real line needs. Each can go through the whole rest.
const MAX_ARITHMETIC: usize = 64;

/// Splits a line.
pub(super) fn split(line: &str) -> Result<Vec<Token<'_>>, Unparsed> {
    let mut lexer = Lexer {
        line,
        at: 0,
        here_documents: Vec::new(),
        tokens: Vec::new(),
        arithmetic_left: MAX_ARITHMETIC,
    };
    while lexer.next()? {}
    Ok(lexer.tokens)
}

/// A here-document whose text begins after the line: its last line, and whether tabs before it do not count.
struct HereDocument {
    last: String,
    without_tabs: bool,
}

struct Lexer<'a> {
    line: &'a str,
    at: usize,
    here_documents: Vec<HereDocument>,
    tokens: Vec<Token<'a>>,
    arithmetic_left: usize,
}

/// What the text at some place is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Command,
    Arithmetic,
    DoubleQuotes,
    /// `${…}`
    Braces {
        quoted: bool,
    },
}

impl<'a> Lexer<'a> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.line.as_bytes().get(at).copied()
    }

    fn starts(&self, at: usize, with: &str) -> bool {
        self.line.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    /// Adds a token of `length` bytes.
    fn push(&mut self, token: Token<'a>, length: usize) {
        self.tokens.push(token);
        self.at += length;
    }

    /// Reads on by one token. False at the end.
    fn next(&mut self) -> Result<bool, Unparsed> {
        let Some(byte) = self.byte(self.at) else { return Ok(false) };
        let next = self.byte(self.at + 1);
        match byte {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'\\' if next == Some(b'\n') => self.at += 2,
            b'\n' => {
                self.push(Token::End, 1);
                self.at = self.after_here_documents(self.at, &self.here_documents);
                self.here_documents.clear();
            }
            b'#' => self.at = self.end_of_line(self.at),
            b';' if self.starts(self.at, ";;&") => self.push(Token::CaseEnd, 3),
            b';' if matches!(next, Some(b';' | b'&')) => self.push(Token::CaseEnd, 2),
            b';' => self.push(Token::End, 1),
            b'&' if next == Some(b'&') => self.push(Token::And, 2),
            b'&' if self.starts(self.at, "&>>") => self.push(Token::Redirect, 3),
            b'&' if next == Some(b'>') => self.push(Token::Redirect, 2),
            b'&' => self.push(Token::Background, 1),
            b'|' if next == Some(b'|') => self.push(Token::Or, 2),
            b'|' if next == Some(b'&') => self.push(Token::Pipe, 2),
            b'|' => self.push(Token::Pipe, 1),
            b'(' => match self.arithmetic()? {
                Some(end) => {
                    self.tokens.push(Token::Arithmetic);
                    self.at = end;
                }
                None => self.push(Token::Open, 1),
            },
            b')' => self.push(Token::Close, 1),
            b'<' | b'>' if next == Some(b'(') => self.word()?,
            b'<' if self.starts(self.at, "<<<") => self.push(Token::Redirect, 3),
            b'<' if next == Some(b'<') => {
                let (end, document) = self.here_document(self.at)?;
                self.here_documents.push(document);
                self.at = end;
            }
            b'<' if matches!(next, Some(b'&' | b'>')) => self.push(Token::Redirect, 2),
            b'>' if matches!(next, Some(b'&' | b'>' | b'|')) => self.push(Token::Redirect, 2),
            b'<' | b'>' => self.push(Token::Redirect, 1),
            _ => self.word()?,
        }
        Ok(true)
    }

    /// The end of `((…))`, if that is what begins here, and not two subshells.
    fn arithmetic(&mut self) -> Result<Option<usize>, Unparsed> {
        let follows_word =
            matches!(self.tokens.last(), Some(Token::Word(word)) if !is_before_command(word));
        if self.byte(self.at + 1) != Some(b'(') || follows_word || self.arithmetic_left == 0 {
            return Ok(None);
        }
        self.arithmetic_left -= 1;
        let end = self.skip(self.at + 2, &[Inside::Arithmetic, Inside::Arithmetic])?;
        Ok(self.starts(end - 2, "))").then_some(end))
    }

    fn word(&mut self) -> Result<(), Unparsed> {
        let start = self.at;
        let mut word = Word::default();
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b'<' | b'>' if self.byte(self.at + 1) == Some(b'(') => {
                    self.substitution(&mut word, 2)?
                }
                // A list of values: NAME=(a b c).
                b'(' if word.text.ends_with('=') && word.is_assignment() => {
                    let end = self.skip(self.at + 1, &[Inside::Command])?;
                    self.take(&mut word, end);
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => {
                    break;
                }
                b'\\' => {
                    self.at += 1;
                    if self.byte(self.at) == Some(b'\n') {
                        self.at += 1;
                    } else {
                        word.mark_quoted();
                        self.character(&mut word);
                    }
                }
                b'\'' => {
                    word.mark_quoted();
                    let end = self.find(self.at + 1, b'\'')?;
                    word.text.push_str(&self.line[self.at + 1..end]);
                    self.at = end + 1;
                }
                b'"' => self.double_quotes(&mut word)?,
                b'$' if self.byte(self.at + 1) == Some(b'\'') => {
                    word.mark_quoted();
                    let end = self.after_escaped(self.at + 2, b'\'')?;
                    word.text.push_str(&unescape(&self.line[self.at + 2..end - 1]));
                    self.at = end;
                }
                // A translated string.
                b'$' if self.byte(self.at + 1) == Some(b'"') => self.at += 1,
                b'$' | b'`' => self.expansion(&mut word, false)?,
                _ => self.character(&mut word),
            }
        }
        // The number of a stream, as in `2>file`, is no word of the command.
        let is_stream = matches!(self.byte(self.at), Some(b'<' | b'>'))
            && self.line[start..self.at].bytes().all(|byte| byte.is_ascii_digit());
        if !is_stream {
            self.tokens.push(Token::Word(word));
        }
        Ok(())
    }

    /// Adds the text up to `end` as it is.
    fn take(&mut self, word: &mut Word<'a>, end: usize) {
        word.text.push_str(&self.line[self.at..end]);
        self.at = end;
    }

    fn character(&mut self, word: &mut Word<'a>) {
        if let Some(character) = self.line.get(self.at..).and_then(|rest| rest.chars().next()) {
            word.text.push(character);
            self.at += character.len_utf8();
        }
    }

    fn double_quotes(&mut self, word: &mut Word<'a>) -> Result<(), Unparsed> {
        word.mark_quoted();
        self.at += 1;
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => match self.byte(self.at + 1) {
                    Some(b'\n') => self.at += 2,
                    Some(b'$' | b'`' | b'"' | b'\\') => {
                        self.at += 1;
                        self.character(word);
                    }
                    _ => self.character(word),
                },
                b'$' | b'`' => self.expansion(word, true)?,
                _ => self.character(word),
            }
        }
        Err(Unparsed)
    }

    /// Takes what begins with `$` or a backquote.
    fn expansion(&mut self, word: &mut Word<'a>, quoted: bool) -> Result<(), Unparsed> {
        if self.byte(self.at) == Some(b'`') {
            let end = self.after_escaped(self.at + 1, b'`')?;
            word.scripts.push(&self.line[self.at + 1..end - 1]);
            self.take(word, end);
            return Ok(());
        }
        match self.byte(self.at + 1) {
            Some(b'(') if self.byte(self.at + 2) == Some(b'(') => {
                let end = self.skip(self.at + 3, &[Inside::Arithmetic, Inside::Arithmetic])?;
                self.take(word, end);
            }
            Some(b'(') => self.substitution(word, 2)?,
            Some(b'{') => {
                let end = self.skip(self.at + 2, &[Inside::Braces { quoted }])?;
                self.take(word, end);
            }
            _ => self.character(word),
        }
        Ok(())
    }

    /// Takes `$(…)`, `<(…)` or `>(…)`, which begin with `opening` bytes.
    fn substitution(&mut self, word: &mut Word<'a>, opening: usize) -> Result<(), Unparsed> {
        let end = self.skip(self.at + opening, &[Inside::Command])?;
        word.scripts.push(&self.line[self.at + opening..end - 1]);
        self.take(word, end);
        Ok(())
    }

    /// The place after the end of all that `inside` says, of which the last is innermost.
    fn skip(&self, start: usize, inside: &[Inside]) -> Result<usize, Unparsed> {
        use Inside::{Arithmetic, Braces, Command, DoubleQuotes};
        let mut stack = inside.to_vec();
        let mut here_documents = Vec::new();
        let mut at = start;
        while let (Some(byte), Some(&top)) = (self.byte(at), stack.last()) {
            let single_quotes = !matches!(top, DoubleQuotes | Braces { quoted: true });
            match byte {
                b'\\' => at += 2,
                b'\'' if single_quotes => at = self.find(at + 1, b'\'')? + 1,
                b'"' if top == DoubleQuotes => {
                    stack.pop();
                    at += 1;
                }
                b'"' => {
                    stack.push(DoubleQuotes);
                    at += 1;
                }
                b'`' => at = self.after_escaped(at + 1, b'`')?,
                b'$' if self.starts(at, "$((") => {
                    stack.extend([Arithmetic, Arithmetic]);
                    at += 3;
                }
                b'$' if self.starts(at, "$(") => {
                    stack.push(Command);
                    at += 2;
                }
                b'$' if self.starts(at, "${") => {
                    stack.push(Braces { quoted: !single_quotes });
                    at += 2;
                }
                b'$' if single_quotes && self.starts(at, "$'") => {
                    at = self.after_escaped(at + 2, b'\'')?
                }
                b'(' if matches!(top, Command | Arithmetic) => {
                    stack.push(top);
                    at += 1;
                }
                b')' if matches!(top, Command | Arithmetic) => {
                    stack.pop();
                    at += 1;
                }
                b'}' if matches!(top, Braces { .. }) => {
                    stack.pop();
                    at += 1;
                }
                b'#' if top == Command && self.begins_word(at) => at = self.end_of_line(at),
                b'<' if top == Command && self.starts(at, "<<<") => at += 3,
                b'<' if top == Command && self.starts(at, "<<") => {
                    let (end, document) = self.here_document(at)?;
                    here_documents.push(document);
                    at = end;
                }
                b'\n' if top == Command => {
                    at = self.after_here_documents(at + 1, &here_documents);
                    here_documents.clear();
                }
                _ => at += 1,
            }
        }
        if stack.is_empty() { Ok(at) } else { Err(Unparsed) }
    }

    /// Reads `<<` and the word after it, which ends the here-document.
    fn here_document(&self, at: usize) -> Result<(usize, HereDocument), Unparsed> {
        let without_tabs = self.byte(at + 2) == Some(b'-');
        let mut at = at + if without_tabs { 3 } else { 2 };
        while matches!(self.byte(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        let (start, mut last) = (at, String::new());
        while let Some(byte) = self.byte(at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => {
                    break;
                }
                b'\'' | b'"' => {
                    let end = self.find(at + 1, byte)?;
                    last.push_str(&self.line[at + 1..end]);
                    at = end + 1;
                }
                b'\\' => at += 1,
                _ => {
                    let character = self.line[at..].chars().next().ok_or(Unparsed)?;
                    last.push(character);
                    at += character.len_utf8();
                }
            }
        }
        if at == start { Err(Unparsed) } else { Ok((at, HereDocument { last, without_tabs })) }
    }

    /// The place after the here-documents that begin at `at`. One without an end goes to the end of the text, as
    /// in Bash.
    fn after_here_documents(&self, mut at: usize, documents: &[HereDocument]) -> usize {
        for document in documents {
            while at < self.line.len() {
                let end = self.end_of_line(at);
                let line = &self.line[at..end];
                at = (end + 1).min(self.line.len());
                let line = if document.without_tabs { line.trim_start_matches('\t') } else { line };
                if line == document.last {
                    break;
                }
            }
        }
        at
    }

    fn begins_word(&self, at: usize) -> bool {
        at.checked_sub(1)
            .and_then(|before| self.byte(before))
            .is_none_or(|byte| b" \t\n;&|()".contains(&byte))
    }

    fn end_of_line(&self, at: usize) -> usize {
        self.find(at, b'\n').unwrap_or(self.line.len())
    }

    fn find(&self, at: usize, wanted: u8) -> Result<usize, Unparsed> {
        let rest = self.line.as_bytes().get(at..).ok_or(Unparsed)?;
        rest.iter().position(|byte| *byte == wanted).map(|distance| at + distance).ok_or(Unparsed)
    }

    /// The place after the next `wanted` without a backslash before it.
    fn after_escaped(&self, mut at: usize, wanted: u8) -> Result<usize, Unparsed> {
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\\' => at += 2,
                _ if byte == wanted => return Ok(at + 1),
                _ => at += 1,
            }
        }
        Err(Unparsed)
    }
}

/// Whether a command begins after this word.
fn is_before_command(word: &Word<'_>) -> bool {
    ["if", "elif", "while", "until", "then", "else", "do", "for", "!", "{", "time"]
        .iter()
        .any(|reserved| word.is(reserved))
}
