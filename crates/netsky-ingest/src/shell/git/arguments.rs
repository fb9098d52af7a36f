//! Arguments and options of a command of Git.

/// The arguments that are no options, one after the other.
pub(super) struct Arguments<'a> {
    words: &'a [String],
    at: usize,
    /// Options whose value is the next word.
    with_value: &'a [&'a str],
    only_arguments: bool,
}

impl<'a> Arguments<'a> {
    pub fn new(words: &'a [String], with_value: &'a [&'a str]) -> Self {
        Self { words, at: 0, with_value, only_arguments: false }
    }

    /// The next argument.
    pub fn next(&mut self) -> Option<String> {
        while let Some(word) = self.words.get(self.at) {
            self.at += 1;
            if !self.only_arguments && word == "--" {
                self.only_arguments = true;
            } else if !self.only_arguments && word.len() > 1 && word.starts_with('-') {
                self.at += usize::from(self.with_value.contains(&word.as_str()));
            } else {
                return Some(word.clone());
            }
        }
        None
    }

    /// The value of an option, as the next word or after a `=`.
    pub fn value(&self, option: &str) -> Option<String> {
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            if word == option {
                return words.next().cloned();
            }
            if let Some(value) = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value.to_owned());
            }
            if word == "--" {
                return None;
            }
        }
        None
    }
}
