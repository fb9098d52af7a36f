//! What the checks of `netsky doctor` have found.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
pub struct Finding {
    pub verdict: Verdict,
    pub about: &'static str,
    pub what: String,
}

#[derive(Debug, Default)]
pub struct Findings {
    pub all: Vec<Finding>,
}

impl Findings {
    pub fn ok(&mut self, about: &'static str, what: impl Into<String>) {
        self.all.push(Finding { verdict: Verdict::Ok, about, what: what.into() });
    }

    pub fn warn(&mut self, about: &'static str, what: impl Into<String>) {
        self.all.push(Finding { verdict: Verdict::Warn, about, what: what.into() });
    }

    pub fn fail(&mut self, about: &'static str, what: impl Into<String>) {
        self.all.push(Finding { verdict: Verdict::Fail, about, what: what.into() });
    }
}
