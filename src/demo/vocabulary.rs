//! The texts of messages and commands in the fleet.

use crate::demo::event_context::AGENTS;
use crate::demo::rng::DemoRng;

pub(super) const BETWEEN_AGENTS: &[&str] = &[
    "{ticket}: tests pass on {branch}, ready to harvest",
    "taking {ticket}, starting with {file}",
    "blocked on {ticket}: {file} does not compile on main",
    "found it: {file} drops the last batch when the limit is hit exactly",
    "who holds {file}? I need it for {ticket}",
    "review of {branch}: {n} remarks, none blocking",
    "flaky again: `cargo test -p store` failed {n} of 50 runs",
    "rebased {branch} onto main, {n} conflicts, all in {file}",
    "where it stands:\n- {ticket}: done\n- {ticket}: in review\n- {ticket}: waits for {agent}",
    "the log says \"too many open files\"; raised the limit to {n}000",
    "p95 of the import is down from {n}40 ms to {n} ms ✅",
    "the naïve fix in {file} works, a proper one is {ticket}",
    "{agent}, please run the benches on {branch} before I merge",
    "handing {ticket} over: {file} is done, {n} tests are still to write",
];

pub(super) const ORDERS: &[&str] = &[
    "ship it 🚀",
    "please look at {file} before lunch, it broke the nightly build",
    "call the branch \"{branch}\", and leave main alone",
    "先合并 {ticket}，再看 {file}",
    "stop {agent}, it is going in circles",
    "two things:\n1. {ticket} first\n2. then the release notes",
];

pub(super) const QUESTIONS: &[&str] = &[
    "how is {ticket} coming along?",
    "what did the fleet cost this week?",
    "können wir {ticket} bis Freitag fertig haben?",
    "why did {agent} touch {file}?",
];

pub(super) const REMARKS: &[&str] = &[
    "thanks 🙏",
    "no force pushes to main today",
    "I am on a train until {n} past, no answers from me",
];

pub(super) const FROM_OWNER: [(u32, &[&str]); 3] = [(5, ORDERS), (4, QUESTIONS), (2, REMARKS)];

pub(super) const TO_OWNER: &[&str] = &[
    "{ticket} is merged 🎉 {n} files, all green",
    "good morning ☕ {n} tickets done over night, {ticket} needs a decision",
    "{agent} is stuck in {file}; restarting it",
    "${n}.40 spent so far today",
    "shall I ship {ticket} now, or wait for {agent}'s review?",
    "résumé of the day:\n- {ticket} shipped\n- {ticket} postponed\n- nothing crashed",
    "you asked for \"{branch}\": it is pushed, {n} commits",
];

pub(super) const BETWEEN_MACHINES: &[&str] = &[
    "queue is empty here, send work",
    "took {ticket} over, {n} minutes behind you",
    "build cache of {branch}: {n} MiB to fetch",
    "no answer from {agent} for {n} minutes",
];

pub(super) const BRIEFS: &[&str] = &[
    "Fix {ticket}. Begin with {file}; a failing test first, then the smallest change that passes.",
    "Review {branch}. Look for what is missing in {file}, not for style.",
    "Find out why {file} is slow: {n} s for the nightly import is too much. Report, do not fix.",
    "Write the release notes for {ticket} and {ticket}.\nPlain sentences, no marketing.",
    "Raise the coverage of {file}; \"it compiles\" is not a test.",
];

const FILES: &[&str] = &[
    "src/store/mod.rs",
    "src/import.rs",
    "src/query/stream.rs",
    "src/watchdog.rs",
    "src/channels/email.rs",
    "src/channels/imessage.rs",
    "tests/crash.rs",
    "benches/scan.rs",
    "docs/operations.md",
    "web/src/timeline.tsx",
    "scripts/nightly.sh",
    "Cargo.toml",
];

pub(super) const TOPICS: &[&str] = &[
    "retry-backoff",
    "import-limits",
    "zone-maps",
    "email-threads",
    "nightly-build",
    "tick-gaps",
    "cost-report",
    "faster-scan",
];

impl DemoRng {
    /// Replaces the words in braces in the template.
    pub(super) fn fill(&mut self, template: &str) -> String {
        let (mut text, mut rest) = (String::new(), template);
        while let Some((before, after)) = rest.split_once('{') {
            let (word, tail) = after.split_once('}').unwrap_or((after, ""));
            text += before;
            text += &self.word(word);
            rest = tail;
        }
        text + rest
    }

    /// Picks one of the templates and fills it in.
    pub(super) fn say(&mut self, templates: &[&str]) -> String {
        let template = self.pick(templates);
        self.fill(template)
    }

    fn word(&mut self, word: &str) -> String {
        match word {
            "file" => self.pick(FILES).to_owned(),
            "ticket" => self.ticket(),
            // The coordinator does not mention itself.
            "agent" => self.pick(&AGENTS[1..]).to_owned(),
            "branch" => self.branch(),
            "n" => self.within(2..40).to_string(),
            unknown => format!("{{{unknown}}}"),
        }
    }

    pub(super) fn ticket(&mut self) -> String {
        format!("NS-{}", self.within(100..900))
    }

    pub(super) fn branch(&mut self) -> String {
        let kind = self.weighted(&[(3, "feat"), (2, "fix"), (1, "perf")]);
        format!("{kind}/{}-{}", self.pick(TOPICS), self.within(1..60))
    }
}

/// Returns a text as JSON.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_every_template_is_known() {
        let mut rng = DemoRng::new(7, "test");
        let pools =
            [BETWEEN_AGENTS, ORDERS, QUESTIONS, REMARKS, TO_OWNER, BETWEEN_MACHINES, BRIEFS];
        for template in pools.concat() {
            let text = rng.fill(template);
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }
}
