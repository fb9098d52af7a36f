//! What commands of Git print.

use std::str::Lines;

/// Output of a line, whose commands print one after the other. Each kind of message is taken once, in order.
pub(super) struct Output<'a> {
    commits: Lines<'a>,
    pushes: Lines<'a>,
    updates: Lines<'a>,
    heads: Lines<'a>,
    switches: Lines<'a>,
}

impl<'a> Output<'a> {
    pub fn new(text: &'a str) -> Self {
        let lines = text.lines();
        Self {
            commits: lines.clone(),
            pushes: lines.clone(),
            updates: lines.clone(),
            heads: lines.clone(),
            switches: lines,
        }
    }

    /// The branch and the commit of `[main 1a2b3c4] message`. No branch of `[detached HEAD 1a2b3c4]`.
    pub fn committed(&mut self) -> Option<(Option<String>, String)> {
        self.commits.find_map(|line| {
            let (inside, after) = line.trim_start().strip_prefix('[')?.split_once(']')?;
            let (branch, sha) = inside.rsplit_once(' ')?;
            if !is_sha(sha) || !(after.is_empty() || after.starts_with(' ')) {
                return None;
            }
            let branch = branch.strip_suffix(" (root-commit)").unwrap_or(branch);
            // A branch's name has no space; `detached HEAD` is in other languages in translated versions.
            Some(((!branch.contains(' ')).then(|| branch.to_owned()), sha.to_owned()))
        })
    }

    /// The commit and the branch of `1a2b3c4..5d6e7f8  main -> main`, and of `* [new branch]  main -> main`.
    pub fn pushed(&mut self) -> Option<(Option<String>, Option<String>)> {
        // Fetching prints the same after the line `From ADDRESS`, with a branch of the remote on the right.
        let mut is_fetch = None;
        self.pushes.find_map(|line| {
            let line = line.trim();
            if line.starts_with("To ") || line.starts_with("From ") {
                is_fetch = Some(line.starts_with("From "));
            }
            let (left, to) = line.split_once(" -> ")?;
            let branch = to.split_whitespace().next()?;
            if is_fetch
                .unwrap_or_else(|| branch.starts_with("origin/") || branch.starts_with("upstream/"))
            {
                return None;
            }
            let mut words = left.split_whitespace();
            let first = words.next()?;
            // A forced push has a + first, a new branch a *.
            let summary = if matches!(first, "+" | "*") { words.next()? } else { first };
            if let Some(sha) = range_end(summary) {
                return Some((Some(sha), Some(branch.to_owned())));
            }
            let is_new = first == "*" && left.trim_start_matches(['*', ' ']).starts_with("[new ");
            is_new.then(|| (None, Some(branch.to_owned())))
        })
    }

    /// The commit after `Updating 1a2b3c4..5d6e7f8`.
    pub fn updated(&mut self) -> Option<String> {
        self.updates.find_map(|line| range_end(line.trim().strip_prefix("Updating ")?))
    }

    /// The commit after `HEAD is now at 1a2b3c4`.
    pub fn head(&mut self) -> Option<String> {
        self.heads.find_map(|line| {
            let sha = line.trim().strip_prefix("HEAD is now at ")?.split_whitespace().next()?;
            is_sha(sha).then(|| sha.to_owned())
        })
    }

    /// The branch of `Switched to branch 'main'` and its kin.
    pub fn switched(&mut self) -> Option<String> {
        const BEGINNINGS: [&str; 4] = [
            "Switched to branch '",
            "Switched to a new branch '",
            "Already on '",
            "Switched to and reset branch '",
        ];
        self.switches.find_map(|line| {
            let rest =
                BEGINNINGS.iter().find_map(|beginning| line.trim().strip_prefix(beginning))?;
            rest.split_once('\'').map(|(branch, _)| branch.to_owned())
        })
    }
}

/// The second commit of `1a2b3c4..5d6e7f8` or, of a forced push, `1a2b3c4...5d6e7f8`.
fn range_end(range: &str) -> Option<String> {
    let (from, to) = range.split_once("..")?;
    let to = to.strip_prefix('.').unwrap_or(to);
    (is_sha(from) && is_sha(to)).then(|| to.to_owned())
}

/// Git shortens to 4 digits at least; a commit of SHA-256 has 64.
fn is_sha(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
