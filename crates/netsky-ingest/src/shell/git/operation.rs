//! An operation of Git.

use super::status::GitStatus;

/// One command of Git that can change a repository, a branch, or the working tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitOperation {
    /// The command: `commit`, `push`, `pull`, `fetch`, `merge`, `rebase`, `cherry-pick`, `revert`, `reset`,
    /// `checkout`, `switch`, `branch` (a deletion), `tag`, `stash`, `worktree`, `clone`, or `init`.
    pub operation: &'static str,
    /// Where the repository is, if the line says so: after `cd` or `-C`, or the folder that is cloned to. Relative to
    /// where the line began, and not expanded.
    pub repo_dir: Option<String>,
    /// The remote's name or address, if the line has it.
    pub remote: Option<String>,
    /// The branch that it was about, if the line or the output has it. Otherwise it is the current one.
    pub branch: Option<String>,
    /// The commit that it made or went to, as Git printed it, which is usually shortened.
    pub to_sha: Option<String>,
    /// Whether it succeeded.
    pub status: GitStatus,
}
