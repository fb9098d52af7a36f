//! What Bash itself makes of lines.

use std::fmt::Write as _;
use std::process::{Command as Process, Stdio};

use super::*;

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
