//! Operations of Git.

use crate::shell::git;

/// The commit that Claude Code makes, with all that breaks simple splitting.
const COMMIT: &str = "cd /home/dev/shop && git add -A && git commit -m \"$(cat <<'EOF'\nSay \"hello\" (it's a start)\n\nAnd `more` && $(rest)\n\nCo-Authored-By: Claude <noreply@anthropic.com>\nEOF\n)\" && git push -u origin feature/cart 2>&1 | tail -3";

/// The operations as text: operation, directory, remote, branch, commit, status.
fn operations(line: &str, output: &str, succeeded: Option<bool>) -> Vec<String> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    git::operations(line, output, succeeded)
        .into_iter()
        .map(|found| {
            let (directory, remote, branch, sha) =
                (text(found.repo_dir), text(found.remote), text(found.branch), text(found.to_sha));
            format!("{} {directory} {remote} {branch} {sha} {}", found.operation, found.status)
        })
        .collect()
}

#[test]
fn commits_with_here_documents_are_understood() {
    let output = "[feature/cart 1a2b3c4] Say \"hello\" (it's a start)\n 1 file changed\nTo github.com:dev/shop.git\n   9f8e7d6..1a2b3c4  feature/cart -> feature/cart";
    assert_eq!(
        operations(COMMIT, output, Some(true)),
        [
            "commit /home/dev/shop - feature/cart 1a2b3c4 ok",
            "push /home/dev/shop origin feature/cart 1a2b3c4 ok",
        ]
    );
    assert_eq!(
        operations(COMMIT, "", Some(true)),
        ["commit /home/dev/shop - - - ok", "push /home/dev/shop origin feature/cart - unknown"]
    );
    // A real line of Claude Code.
    let line = "git init -q . && echo a > a && git add a && git -c user.name=a -c user.email=a@b.c commit -qm one && git log --oneline";
    assert_eq!(
        operations(line, "99e34ba one", Some(true)),
        ["init . - - - ok", "commit - - - - ok"]
    );
}

#[test]
fn each_operation_has_its_row() {
    for (line, output, expected) in [
        ("git commit -am x", "[main (root-commit) abcdef1] x", "commit - - main abcdef1 ok"),
        ("git commit -m x", "[detached HEAD abcdef1] x", "commit - - - abcdef1 ok"),
        ("git -C /a -C b --no-pager -c x=y push", "", "push /a/b - - - ok"),
        (
            "git push --force origin +HEAD:refs/heads/x",
            " + 1234567...89abcde HEAD -> x (forced update)",
            "push - origin x 89abcde ok",
        ),
        (
            "git push -u origin HEAD",
            " * [new branch]      HEAD -> topic",
            "push - origin topic - ok",
        ),
        ("git push origin \"$B\"", "", "push - origin - - ok"),
        (
            "git pull --rebase origin main",
            "Updating 1234567..89abcde\nFast-forward",
            "pull - origin main 89abcde ok",
        ),
        ("git fetch --depth 1 upstream dev:x", "", "fetch - upstream dev - ok"),
        ("git merge --no-ff x", "Updating 1234567..89abcde", "merge - - - 89abcde ok"),
        ("git rebase --continue", "", "rebase - - - - ok"),
        ("git cherry-pick abc", "[main abcdef1] x", "cherry-pick - - main abcdef1 ok"),
        ("git revert --no-edit HEAD", "[main abcdef1] Revert x", "revert - - main abcdef1 ok"),
        ("git reset --hard HEAD~1", "HEAD is now at abcdef1 x", "reset - - - abcdef1 ok"),
        ("git checkout -b a/b", "", "checkout - - a/b - ok"),
        ("git checkout main", "Switched to branch 'main'", "checkout - - main - ok"),
        ("git checkout -- src/x.rs", "", "checkout - - - - ok"),
        ("git checkout src/x.rs", "Updated 1 path from the index", "checkout - - - - ok"),
        ("git switch main", "", "switch - - main - ok"),
        ("git switch -c x main", "", "switch - - x - ok"),
        ("git branch -D old", "Deleted branch old (was 1234567).", "branch - - old - ok"),
        ("git tag -a v1 -m x", "", "tag - - - - ok"),
        ("git stash push -m x", "", "stash - - - - ok"),
        ("git worktree add -b x ../y", "", "worktree - - x - ok"),
        (
            "cd /t && git clone --depth 1 git@github.com:a/b.git",
            "",
            "clone /t/b git@github.com:a/b.git - - ok",
        ),
        ("git clone https://x.org/a/b c", "", "clone c https://x.org/a/b - - ok"),
        ("git init -b main x", "", "init x - main - ok"),
        ("sudo /usr/bin/git push", "", "push - - - - ok"),
        ("bash -lc 'git push'", "", "push - - - - ok"),
    ] {
        assert_eq!(operations(line, output, Some(true)), [expected], "{line}");
    }
}

#[test]
fn reading_git_has_no_rows() {
    for line in [
        "git status && git diff | head; git log --oneline; git show; git branch -a; git branch --show-current",
        "git stash list; git tag; git tag -l 'v*'; git worktree list; git remote -v; git rev-parse HEAD; git add -A",
        "git push --dry-run; git commit --dry-run; git fetch -h; git; git -C x; git --version",
        "gh pr create --title 'git push'; echo git commit; grep 'git push' x; ./git-sync commit",
        "echo \"git push\" # git push\ncat <<EOF\ngit push\nEOF",
        "git push 'open",
    ] {
        assert_eq!(
            operations(line, "[main abcdef1] x", Some(true)),
            Vec::<String>::new(),
            "{line}"
        );
    }
}

#[test]
fn status_is_ok_or_failed_only_where_known() {
    for (line, output, succeeded, expected) in [
        ("git push", "", Some(true), "ok"),
        ("git push", "", Some(false), "failed"),
        ("git push", "", None, "unknown"),
        ("cd x && git push", "", Some(false), "failed"),
        ("make && git push", "", Some(false), "unknown"),
        ("git push && make", "", Some(true), "ok"),
        ("(git push) && make", "", Some(true), "ok"),
        ("(git push) || make", "", Some(true), "unknown"),
        ("{ git push; } | cat", "", Some(true), "unknown"),
        ("git push; make", "", Some(true), "unknown"),
        ("git push || true", "", Some(true), "unknown"),
        ("false || git push", "", Some(true), "unknown"),
        ("git push | tail", "", Some(true), "unknown"),
        ("git push &", "", Some(true), "unknown"),
        ("git push;\n", "", Some(true), "ok"),
        ("if a; then git push; fi", "", Some(true), "unknown"),
        ("x=$(git push)", "", Some(true), "unknown"),
        ("git commit -m x; make", "[main abcdef1] x", Some(false), "ok"),
        ("git push 2>&1 | tail -1", "   1234567..89abcde  main -> main", Some(true), "ok"),
    ] {
        let found = git::operations(line, output, succeeded);
        assert_eq!(found.first().map(|found| found.status.as_str()), Some(expected), "{line}");
    }
}

#[test]
fn several_commits_take_their_own_hashes() {
    let line = "git commit -m a && git commit -qm b && git commit -m c";
    let output = "[main 1111111] a\n[main 3333333] c\n";
    let found = git::operations(line, output, Some(true));
    assert_eq!(
        found.iter().map(|found| found.to_sha.as_deref()).collect::<Vec<_>>(),
        [Some("1111111"), None, Some("3333333")]
    );
}

#[test]
fn fetching_is_not_taken_for_pushing() {
    let line = "git pull && git checkout -b x && git checkout main && git push";
    let output = "From github.com:a/b\n   1111111..2222222  main -> origin/main\nUpdating 1111111..2222222\nSwitched to a new branch 'x'\nSwitched to branch 'main'\nTo github.com:a/b\n   2222222..3333333  main -> main";
    assert_eq!(
        operations(line, output, Some(true)),
        [
            "pull - - - 2222222 ok",
            "checkout - - x - ok",
            "checkout - - main - ok",
            "push - - main 3333333 ok"
        ]
    );
    assert_eq!(
        operations("git push", "   1111111..2222222  main -> origin/main", None),
        ["push - - - - unknown"]
    );
}
