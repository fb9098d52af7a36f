//! The project that a directory belongs to: the name of the agents that work in it.

/// Returns the project of a working directory: its last component, or in a worktree that an agent's program has
/// made, the name of the repository. `None` for a root.
///
/// The path may be of another machine, so nothing is looked up.
pub(crate) fn project(cwd: &str) -> Option<&str> {
    let path = cwd.strip_prefix("file://").unwrap_or(cwd);
    let mut parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    // REPOSITORY/.claude/worktrees/NAME, with what is below it.
    let of_worktree =
        parts.windows(2).position(|pair| matches!(pair, [".claude" | ".git", "worktrees"]));
    if let Some(place) = of_worktree.filter(|place| *place > 0) {
        parts.truncate(place);
    }
    parts.pop().filter(|part| !matches!(*part, "." | "..") && !part.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::project;

    #[test]
    fn a_directory_is_its_last_component() {
        for (cwd, expected) in [
            ("/home/dev/shop", Some("shop")),
            ("/home/dev/shop/", Some("shop")),
            ("file:///home/dev/shop", Some("shop")),
            (r"C:\Users\dev\shop", Some("shop")),
            ("C:\\", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(project(cwd), expected, "{cwd}");
        }
    }

    #[test]
    fn a_worktree_is_its_repository() {
        assert_eq!(project("/home/dev/shop/.claude/worktrees/fix-it"), Some("shop"));
        assert_eq!(project("/home/dev/shop/.claude/worktrees/fix-it/src"), Some("shop"));
        assert_eq!(project("/.claude/worktrees/fix-it"), Some("fix-it"));
        assert_eq!(project("/home/dev/.codex/worktrees/ab12/shop"), Some("shop"));
    }
}
