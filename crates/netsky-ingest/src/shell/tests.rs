//! Lines, their commands, and the program that they run.

mod bash;
mod git;
mod hostile;

use super::{Invocation, commands, invocation, line_of};

/// The words of each command, joined by a space; `|` between words would show words that have spaces.
fn words(line: &str) -> Vec<String> {
    commands(line).into_iter().map(|command| command.words.join("|")).collect()
}

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
