//! Lines that are broken, deep, long, or no Bash.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::shell::git;

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
