use std::fmt::Write as _;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// The words of each command, joined by a space; `|` between words would show words that have spaces.
fn words(line: &str) -> Vec<String> {
    commands(line).into_iter().map(|command| command.words.join("|")).collect()
}

/// The commit that Claude Code makes, with all that breaks simple splitting.
const COMMIT: &str = "cd /home/dev/shop && git add -A && git commit -m \"$(cat <<'EOF'\nSay \"hello\" (it's a start)\n\nAnd `more` && $(rest)\n\nCo-Authored-By: Claude <noreply@anthropic.com>\nEOF\n)\" && git push -u origin feature/cart 2>&1 | tail -3";

#[test]
fn words_lose_quotes_and_keep_substitutions() {
    for (line, expected) in [
        ("echo 'a b' \"c d\" e\\ f", "echo|a b|c d|e f"),
        (r#"echo "a\"b\\c\d" '\' "#, r#"echo|a"b\c\d|\"#),
        ("echo \"$HOME/x\" $(date +%s) `id -u`", "echo|$HOME/x|$(date +%s)|`id -u`"),
        ("echo \"a$(echo \")\" ')' )b\"", "echo|a$(echo \")\" ')' )b"),
        (
            "echo ${A:-\"}\"} ${B} $((1 + (2))) $'it\\'s\\n'",
            "echo|${A:-\"}\"}|${B}|$((1 + (2)))|it's\n",
        ),
        ("echo a#b # a comment 'with a quote", "echo|a#b"),
        ("echo a\\\n  b", "echo|a|b"),
        ("cargo test > out.txt 2>&1 < /dev/null", "cargo|test"),
        ("cargo test 2>/dev/null 3>>x &>y", "cargo|test"),
        ("echo 2 >x", "echo|2"),
        ("echo 99999999999999999999>x", "echo"),
        ("diff <(sort a) >(cat)", "diff|<(sort a)|>(cat)"),
        ("printf '%s\\n' {a,b} *.rs [x]", "printf|%s\\n|{a,b}|*.rs|[x]"),
        ("grep -c \"größe ✓\" x", "grep|-c|größe ✓|x"),
        ("cat <<< \"a b\" x", "cat|x"),
        ("echo \"\" ''", "echo||"),
        ("echo \"${x:-'}\" y", "echo|${x:-'}|y"),
    ] {
        assert_eq!(words(line).first().map(String::as_str), Some(expected), "{line}");
    }
}

#[test]
fn commands_are_found_in_all_structures() {
    for (line, expected) in [
        ("a && b || c; d & e | f |& g", "a b c d e f g"),
        ("a\nb\n\n  c", "a b c"),
        ("(a; b) && { c; d; }", "a b c d"),
        ("if a; then b; elif c; then d; else e; fi; f", "a b c d e f"),
        ("for x in 1 2 $(ls); do a $x; done; b", "a|$x b"),
        ("for ((i=0; i<3; i++)); do a; done", "a"),
        ("while read -r l; do a; done < <(b)", "read|-r|l a b"),
        ("case $x in a|b) c;; (d) e;; *) f ;; esac && g", "c e f g"),
        ("f() { a; }; function g { b; }; f", "a b f"),
        ("[[ -f x && ( $y < 3 ) ]] && a", "[[ a"),
        ("((x++)) && a; b", "a b"),
        ("! a", "a"),
        ("A=1 B='x y' a", "a"),
        ("A=(1 2 3) ; a", " a"),
        ("a <<EOF | b\ntext with ' and $(\nEOF\nc", "a b c"),
        ("a <<-'X' && b <<Y\n\tone\n\tX\ntwo\nY\nc", "a b c"),
        ("echo $(a $(b)) `c`", "echo|$(a $(b))|`c` a|$(b) c b"),
        ("bash -c 'a; b'", "a b"),
        ("a; bash -lc 'b && c'", "a bash|-lc|b && c b c"),
    ] {
        assert_eq!(words(line).join(" "), expected, "{line}");
    }
}

#[test]
fn directories_follow_cd() {
    let directories = |line: &str| {
        commands(line)
            .into_iter()
            .map(|command| command.directory.unwrap_or_else(|| "-".to_owned()))
            .collect::<Vec<_>>()
    };
    for (line, expected) in [
        ("a; cd x && b; cd ../y; c", "- - x x y"),
        ("cd /a && (cd b; c); d", "- /a /a/b /a"),
        ("cd /a; cd -; b", "- /a -"),
        ("pushd /a; b; popd; c", "- /a /a -"),
        ("cd x | a; b", "- - -"),
        ("cd x & a", "- -"),
        ("cd x || exit 1; a", "- x x"),
        ("cd; a", "- ~"),
        ("cd -P -- \"$D\" && a", "- $D"),
        ("cd /a && bash -c 'cd b && c'", "- /a/b"),
        ("cd /a && echo $(cd b; c)", "- /a /a /a/b"),
    ] {
        let found = directories(line);
        // The script of a shell that is the only command stands for the line.
        let found = if line.contains("bash -c") {
            vec!["-".to_owned(), found.last().unwrap().clone()]
        } else {
            found
        };
        assert_eq!(found.join(" "), expected, "{line}");
    }
}

#[test]
fn wrappers_are_set_apart() {
    for (line, wrappers, expected) in [
        ("sudo -u ci git push", "sudo", "git|push"),
        ("env -u X A=1 B=2 cargo test", "env", "cargo|test"),
        (
            "sudo -E env A=1 nohup timeout -s KILL 10s make -j4",
            "sudo env nohup timeout",
            "make|-j4",
        ),
        ("time -p cargo build", "time", "cargo|build"),
        ("find . | xargs -0 -n 1 -I{} rm {}", "xargs", "rm|{}"),
        ("/usr/bin/env python3 x.py", "env", "python3|x.py"),
        ("nice -n 10 -- a -b", "nice", "a|-b"),
        ("command -v git", "", "command|-v|git"),
        ("env", "", "env"),
        ("timeout 5", "", "timeout|5"),
        ("sudo -u", "", "sudo|-u"),
    ] {
        let command = commands(line).pop().unwrap();
        assert_eq!(
            (command.wrappers.join(" ").as_str(), command.words.join("|").as_str()),
            (wrappers, expected),
            "{line}"
        );
    }
    let command = commands("X=0 sudo A=1 env B=2 a").pop().unwrap();
    assert_eq!(command.assignments, ["X=0", "A=1", "B=2"]);
}

#[test]
fn invocation_is_the_program_of_a_simple_line() {
    for (line, bin, argv) in [
        ("cargo test --lib 'a b'", "cargo", r#"["cargo","test","--lib","a b"]"#),
        (
            "cd x && RUST_LOG=debug sudo /usr/bin/make -j4 > log 2>&1",
            "make",
            r#"["/usr/bin/make","-j4"]"#,
        ),
        ("# build it\ncargo build\n", "cargo", r#"["cargo","build"]"#),
        ("bash -lc 'cd y; npm test'", "npm", r#"["npm","test"]"#),
        ("sleep 100 &", "sleep", r#"["sleep","100"]"#),
        ("cd x", "bash", r#"["bash","-c","cd x"]"#),
        ("A=1", "bash", r#"["bash","-c","A=1"]"#),
        ("a | b", "bash", r#"["bash","-c","a | b"]"#),
        ("for i in 1; do a; done", "bash", r#"["bash","-c","for i in 1; do a; done"]"#),
        ("echo 'open", "bash", r#"["bash","-c","echo 'open"]"#),
        ("", "bash", r#"["bash","-c",""]"#),
    ] {
        assert_eq!(
            invocation(line),
            Invocation { bin: bin.to_owned(), argv_json: argv.to_owned() },
            "{line}"
        );
    }
}

#[test]
fn lists_of_words_become_lines() {
    let line =
        |argv: &[&str]| line_of(&argv.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    assert_eq!(line(&["bash", "-lc", "git push && ls"]), "git push && ls");
    assert_eq!(line(&["git", "commit", "-m", "it's", ""]), r"git commit -m 'it'\''s' ''");
    assert_eq!(words(&line(&["git", "commit", "-m", "it's", ""])), ["git|commit|-m|it's|"]);
    assert_eq!(line(&[]), "");
}

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

#[test]
fn broken_lines_have_no_commands() {
    for line in [
        "a 'b",
        "a \"b",
        "a $(b",
        "a `b",
        "a ${b",
        "a)",
        "(a",
        "a >",
        "a <<",
        "case x in",
        "[[ a",
        "a $((1",
    ] {
        assert_eq!(commands(line), [], "{line}");
    }
    assert_eq!(commands(&"a ".repeat(1 << 20)), []);
    assert_eq!(commands(&"a;".repeat(1_001)), []);
    assert_eq!(commands(&"a;".repeat(1_000)).len(), 1_000);
}

#[test]
fn deep_and_long_lines_take_little_time_and_stack() {
    // A stack a sixteenth of that of a thread, which parsers that recurse overflow at once.
    let run = || {
        let size = 1 << 18;
        for (open, close) in [
            ("(", ""),
            ("(", ")"),
            ("((", ""),
            ("((", "))"),
            ("$(", ")"),
            ("$(", ""),
            ("$((", "))"),
            ("${a:-", "}"),
            ("{ ", "; }"),
            ("if ", "; then a; fi"),
            ("\"$(", ")\""),
            ("`", ""),
            ("<(", ")"),
            ("a<<b\n", ""),
            ("case x in a) ", ";; esac"),
            ("!", ""),
            ("bash -c '", "'"),
            ("a=(", ")"),
            ("a", "=()"),
            ("sudo ", ""),
            ("git ", ""),
            ("-", ""),
            ("\\", ""),
            ("[[ ", ""),
            ("a;", ""),
            ("cd ..;", ""),
            ("cd a;", ""),
        ] {
            for half in [1, 20, 1_000, size / (open.len() + close.len().max(1))] {
                let line = format!("git {}x{}", open.repeat(half), close.repeat(half));
                let start = Instant::now();
                let _ =
                    (commands(&line).len(), invocation(&line), git::operations(&line, &line, None));
                // Generous: it is not a measurement, but what doubles with each level never comes back.
                assert!(start.elapsed() < Duration::from_secs(60), "{half} of {open}");
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 17).spawn(run).unwrap().join().unwrap();
}

/// Lines of the pieces that shells give a meaning to.
fn shell_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "git",
        "commit",
        " ",
        " ",
        "\n",
        ";",
        ";;",
        "&",
        "&&",
        "|",
        "||",
        "(",
        ")",
        "((",
        "))",
        "{",
        "}",
        "<",
        "<<",
        "<<-",
        "<<<",
        ">",
        "&>",
        "$",
        "$(",
        "$((",
        "${",
        "`",
        "'",
        "\"",
        "\\",
        "#",
        "!",
        "[[",
        "]]",
        "=",
        "a",
        "1",
        "if",
        "then",
        "fi",
        "for",
        "in",
        "do",
        "done",
        "case",
        "esac",
        "function",
        "EOF",
        "cd",
        "-C",
        "sudo",
        "bash -c",
        "ü",
        "\0",
        "\r",
        "\t",
        "[main 1234567]",
        "..",
        "*",
        "~",
        "-",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_line_is_read_or_refused(line in shell_like(), output in shell_like()) {
        let found = commands(&line);
        prop_assert!(found.len() <= line.len() * 9 + 1);
        let _ = (invocation(&line), git::operations(&line, &output, Some(true)));
    }

    #[test]
    fn any_text_is_read_or_refused(line in any::<String>(), output in any::<String>()) {
        let _ = (commands(&line), invocation(&line), git::operations(&format!("git push {line}"), &output, Some(false)));
    }

    /// Quoting is undone exactly.
    #[test]
    fn quoted_words_come_back(words in prop::collection::vec("[^\0]{0,12}", 1..6)) {
        let line = line_of(&[vec!["run".to_owned()], words.clone()].concat());
        prop_assert_eq!(&commands(&line)[0].words[1..], &words);
    }
}

/// Bash splits these lines the same. It prints each command that it cannot find, and `PATH` has no programs.
#[test]
fn bash_splits_lines_the_same() {
    let lines = [
        "a 'b c' \"d e\" f\\ g; h && i",
        "a \"b\\\"c\\\\d\\e\" '\\' $'x\\'y\\tz'",
        "a # b\nc d#e \\# f",
        "a b\\\nc \\\n d",
        "A=1 B='2 3' a A=4",
        "(a b; { c d; }; e) ; f",
        "if a; then b; else c; fi; for x in 1; do d e; done",
        "case b in a) c;; (b|d) e f;; *) g;; esac; h",
        "a <<EOF; b <<-'X Y' c\none ' \" ( $\nEOF\n\ttwo )\n\tX Y\nd e",
        "a <<< 'b c' d >/dev/null e 2>&1 3>/dev/null f 7",
        "a \"\" '' b''c \"d\"'e'f",
        "fun() { a b; }; fun; [[ a < b || ( c ) ]]; d",
        "((1 + (2 < 3))) ; a b",
        "a {b,c}d ~nobody-here x=y",
        "a ;b;c&&d\n\n\ne",
        "bash-like 'a; b' | cat-like c",
    ];
    for line in lines {
        // One write for each command, because those of a pipe run at once.
        let script = format!(
            "command_not_found_handle() {{ local w s=; for w; do s+=\"$w\"$'\\x1f'; done; printf '%s\\x1e' \"$s\" >&9; }}\nset -B +B\n{line}\nwait"
        );
        let bash = Process::new("/bin/bash")
            .args(["--norc", "-c", &format!("exec 9>&1 >/dev/null\n{script}")])
            .env("PATH", "/nonexistent")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let Ok(bash) = bash else { return println!("skipped: no /bin/bash") };
        let mut theirs: Vec<String> = String::from_utf8_lossy(&bash.stdout)
            .split('\x1e')
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect();
        let mut ours = Vec::new();
        for command in commands(line) {
            // Of both branches of a condition Bash runs one; functions and tests are no programs.
            if !["fun", "[["].contains(&command.words[0].as_str()) {
                ours.push(command.words.iter().fold(String::new(), |mut all, word| {
                    let _ = write!(all, "{word}\x1f");
                    all
                }));
            }
        }
        let has_branches = line.contains("if ") || line.contains("case ");
        theirs.sort();
        ours.sort();
        if has_branches {
            assert!(
                theirs.iter().all(|command| ours.contains(command)),
                "{line}: {theirs:?} are not in {ours:?}"
            );
        } else {
            assert_eq!(ours, theirs, "{line}");
        }
        assert!(!theirs.is_empty(), "{line}: {}", String::from_utf8_lossy(&bash.stderr));
    }
}
