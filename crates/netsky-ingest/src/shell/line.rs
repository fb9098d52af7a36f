//! A line of Bash: its commands, and under which circumstances they run.

use std::mem;

use super::command::Command;
use super::directory::joined;
use super::lexer::split;
use super::token::{Token, Unparsed};
use super::word::Word;
use super::wrapper::{script_of_shell, unwrap};

/// Longer lines are not looked into: a megabyte.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Lines with more commands are not looked into, nor are more substitutions. It bounds the memory for their
/// directories.
const MAX_COMMANDS: usize = 1_000;

/// Substitutions in substitutions that are looked into. Each level is read once more.
const MAX_LEVELS: usize = 8;

/// A line that was understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// In the order of the text; those of substitutions after all others.
    pub commands: Vec<Command>,
    /// Whether it has `if`, `for` and the like, or a subshell.
    pub is_compound: bool,
}

impl Line {
    /// The command, if it is the only one.
    pub fn only(&self) -> Option<&Command> {
        self.commands.iter().find(|command| command.is_only && !self.is_compound)
    }
}

/// The simple commands of a line, in the order of the text, and after them those of its substitutions. Empty if
/// the line is no Bash, longer than a megabyte, or has more than a thousand commands.
#[must_use]
pub fn commands(line: &str) -> Vec<Command> {
    parse(line).map(|line| line.commands).unwrap_or_default()
}

/// Understands a line. `None` if it is no Bash, longer than a megabyte, or has more than a thousand commands.
pub(crate) fn parse(line: &str) -> Option<Line> {
    let mut parsed = parse_outer(line)?;
    // bash -c 'the line': as if the script were the line.
    for _ in 0..MAX_LEVELS {
        let Some((script, directory)) = parsed.0.only().and_then(|command| {
            Some((script_of_shell(&command.words)?.to_owned(), command.directory.clone()))
        }) else {
            break;
        };
        let Some(mut inner) = parse_outer(&script) else { break };
        for command in &mut inner.0.commands {
            command.directory = joined(directory.as_deref(), command.directory.take());
        }
        parsed = inner;
    }
    let (mut line, mut scripts) = parsed;
    let quoted = line.commands.iter().filter(|command| !command.is_only);
    let quoted = quoted.filter_map(|command| {
        Some((script_of_shell(&command.words)?.to_owned(), command.directory.clone()))
    });
    scripts.extend(quoted);
    for _ in 0..MAX_LEVELS {
        let mut deeper = Vec::new();
        for (script, directory) in mem::take(&mut scripts) {
            if line.commands.len() + deeper.len() > MAX_COMMANDS {
                return None;
            }
            // Broken, it did not run, or is no script at all.
            let Some((inner, scripts)) = parse_outer(&script) else { continue };
            line.commands.extend(inner.commands.into_iter().map(|command| Command {
                directory: joined(directory.as_deref(), command.directory),
                is_only: false,
                decides: false,
                is_nested: true,
                ..command
            }));
            deeper.extend(
                scripts
                    .into_iter()
                    .map(|(script, inner)| (script, joined(directory.as_deref(), inner))),
            );
        }
        scripts = deeper;
    }
    Some(line)
}

/// A script in a line, and the directory where it runs.
type Script = (String, Option<String>);

fn parse_outer(line: &str) -> Option<(Line, Vec<Script>)> {
    if line.len() > MAX_LINE_BYTES {
        return None;
    }
    let mut parser = Parser::default();
    for token in split(line).ok()? {
        parser.token(token).ok()?;
    }
    parser.finish().ok()
}

/// What a word is in.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Expected {
    /// A command, or the rest of one.
    #[default]
    Command,
    /// The name of a file, after which the command goes on.
    File,
    /// The head of a `for` or `select`, up to its `do`.
    LoopHead,
    /// The word of a `case`, up to its `in`.
    CaseHead,
    /// A pattern of a `case`, up to its `)`.
    Pattern,
    /// A test, up to its `]]`.
    Test,
    /// The name of a function.
    Function,
}

/// How a command is joined to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joined {
    And,
    Or,
    Pipe,
    Background,
    End,
}

#[derive(Default)]
struct Parser<'a> {
    words: Vec<Word<'a>>,
    expected: Expected,
    /// Each command, what follows it, and whether it may not run although the line succeeds.
    found: Vec<(Command, Joined, bool)>,
    scripts: Vec<Script>,
    before: Option<Joined>,
    directory: Option<String>,
    last_directory: Option<String>,
    /// The directory outside of each open subshell.
    subshells: Vec<Option<String>>,
    /// How many subshells were open at each `case`.
    cases: Vec<usize>,
    /// How many of `if`, loops and `case` are open.
    blocks: usize,
    is_compound: bool,
}

impl<'a> Parser<'a> {
    fn token(&mut self, token: Token<'a>) -> Result<(), Unparsed> {
        match (self.expected, token) {
            (Expected::File, Token::Word(word)) => {
                self.take_scripts(&word)?;
                self.expected = Expected::Command;
            }
            (Expected::File, _) => return Err(Unparsed),
            (Expected::LoopHead, Token::Word(word)) if word.is("do") => {
                self.expected = Expected::Command
            }
            (Expected::CaseHead, Token::Word(word)) if word.is("in") => {
                self.expected = Expected::Pattern
            }
            (Expected::Pattern, Token::Word(word)) if word.is("esac") => {
                self.cases.pop();
                self.close_block();
                self.expected = Expected::Command;
            }
            (Expected::Pattern, Token::Close) => self.expected = Expected::Command,
            (Expected::Test, Token::Word(word)) if word.is("]]") => {
                self.expected = Expected::Command
            }
            (Expected::Function, Token::Word(_)) => self.expected = Expected::Command,
            (Expected::Command, token) => self.in_command(token)?,
            // Within heads, patterns and tests, operators are part of them.
            (Expected::LoopHead | Expected::CaseHead | Expected::Pattern | Expected::Test, _) => {}
            (Expected::Function, _) => return Err(Unparsed),
        }
        Ok(())
    }

    fn in_command(&mut self, token: Token<'a>) -> Result<(), Unparsed> {
        match token {
            Token::Word(word) if self.words.is_empty() => self.first_word(word),
            Token::Word(word) => self.words.push(word),
            Token::Redirect => self.expected = Expected::File,
            Token::And => self.end(Joined::And)?,
            Token::Or => self.end(Joined::Or)?,
            Token::Pipe => self.end(Joined::Pipe)?,
            Token::Background => self.end(Joined::Background)?,
            Token::End => self.end(Joined::End)?,
            Token::CaseEnd => {
                self.end(Joined::End)?;
                if self.cases.is_empty() {
                    return Err(Unparsed);
                }
                self.expected = Expected::Pattern;
            }
            Token::Arithmetic => self.is_compound = true,
            Token::Open => {
                // The parentheses after a function's name: its body is taken to run.
                self.words.clear();
                self.subshells.push(self.directory.clone());
                self.is_compound = true;
            }
            Token::Close => {
                self.end(Joined::End)?;
                self.directory = self.subshells.pop().ok_or(Unparsed)?;
                if self.cases.last().is_some_and(|open| *open > self.subshells.len()) {
                    return Err(Unparsed);
                }
            }
        }
        Ok(())
    }

    fn first_word(&mut self, word: Word<'a>) {
        let is = |reserved: &[&str]| reserved.iter().any(|reserved| word.is(reserved));
        if is(&["then", "else", "elif", "do", "!", "{", "coproc"]) {
            self.is_compound |= !word.is("!");
        } else if is(&["if", "while", "until"]) {
            self.open_block();
        } else if is(&["fi", "done"]) {
            self.close_block();
        } else if is(&["}"]) {
            // A group of commands changes neither what decides nor where things run.
        } else if is(&["esac"]) {
            self.cases.pop();
            self.close_block();
        } else if is(&["for", "select"]) {
            self.open_block();
            self.expected = Expected::LoopHead;
        } else if is(&["case"]) {
            self.open_block();
            self.cases.push(self.subshells.len());
            self.expected = Expected::CaseHead;
        } else if is(&["function"]) {
            self.is_compound = true;
            self.expected = Expected::Function;
        } else {
            if word.is("[[") {
                self.expected = Expected::Test;
            }
            self.words.push(word);
        }
    }

    fn open_block(&mut self) {
        self.blocks += 1;
        self.is_compound = true;
    }

    fn close_block(&mut self) {
        self.blocks = self.blocks.saturating_sub(1);
    }

    /// Ends the command before an operator.
    fn end(&mut self, joined_by: Joined) -> Result<(), Unparsed> {
        let words = mem::take(&mut self.words);
        if words.is_empty() {
            // After a subshell or a `}`: what follows it, follows its last command.
            if let (Some((_, joined, _)), true) = (self.found.last_mut(), joined_by != Joined::End)
            {
                *joined = joined_by;
                self.before = Some(joined_by);
            }
            return Ok(());
        }
        for word in &words {
            self.take_scripts(word)?;
        }
        let assignments = words.iter().take_while(|word| word.is_assignment()).count();
        let mut words = words.into_iter().map(|word| word.text);
        let mut command = Command { directory: self.directory.clone(), ..Command::default() };
        command.assignments.extend(words.by_ref().take(assignments));
        command.words.extend(words);
        unwrap(&mut command);
        if command.is_cd()
            && joined_by != Joined::Pipe
            && joined_by != Joined::Background
            && self.before != Some(Joined::Pipe)
        {
            self.change_directory(&command.words);
        }
        let may_not_run = self.blocks > 0 || self.before == Some(Joined::Or);
        self.found.push((command, joined_by, may_not_run));
        self.before = Some(joined_by);
        if self.found.len() > MAX_COMMANDS { Err(Unparsed) } else { Ok(()) }
    }

    fn take_scripts(&mut self, word: &Word<'_>) -> Result<(), Unparsed> {
        if self.scripts.len() + word.scripts.len() > MAX_COMMANDS {
            return Err(Unparsed);
        }
        self.scripts.extend(
            word.scripts.iter().map(|script| ((*script).to_owned(), self.directory.clone())),
        );
        Ok(())
    }

    fn change_directory(&mut self, words: &[String]) {
        let target = words.iter().skip(1).find(|word| !word.starts_with('-') || *word == "-");
        let to = match (words.first().map(String::as_str), target.map(String::as_str)) {
            (Some("popd"), _) | (_, Some("-")) => self.last_directory.clone(),
            (Some("pushd"), None) => self.last_directory.clone(),
            (_, None) => Some("~".to_owned()),
            (_, Some(target)) => joined(self.directory.as_deref(), Some(target.to_owned())),
        };
        self.last_directory = mem::replace(&mut self.directory, to);
    }

    fn finish(mut self) -> Result<(Line, Vec<Script>), Unparsed> {
        self.end(Joined::End)?;
        if self.expected != Expected::Command || !self.subshells.is_empty() {
            return Err(Unparsed);
        }
        let count = self.found.iter().filter(|(command, ..)| !command.is_cd()).count();
        let is_compound = self.is_compound;
        // From the end: whether the line's success means that of the command.
        let (mut chain, mut is_last) = (true, true);
        for (command, joined, may_not_run) in self.found.iter_mut().rev() {
            command.decides = match joined {
                Joined::End if is_last => true,
                Joined::And => chain,
                Joined::Pipe => false,
                Joined::Or | Joined::Background | Joined::End => {
                    chain = false;
                    false
                }
            };
            is_last = false;
            command.decides &= !*may_not_run;
            command.is_only = count == 1 && !command.is_cd() && !is_compound;
        }
        let commands = self.found.into_iter().map(|(command, ..)| command).collect();
        Ok((Line { commands, is_compound }, self.scripts))
    }
}
