//! Programs that only run another one.

use super::command::Command;

/// A program that runs the command that is its arguments.
struct Wrapper {
    name: &'static str,
    /// Options whose value is the next word.
    with_value: &'static [&'static str],
    /// Arguments before the command.
    arguments: usize,
}

const WRAPPERS: [Wrapper; 15] = [
    wrapper(
        "sudo",
        &[
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group",
            "--chdir",
        ],
        0,
    ),
    wrapper("doas", &["-u", "-C"], 0),
    wrapper("env", &["-u", "-C", "--unset", "--chdir"], 0),
    wrapper("time", &["-f", "-o", "--format", "--output"], 0),
    wrapper("nohup", &[], 0),
    wrapper("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    wrapper("gtimeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    wrapper(
        "xargs",
        &[
            "-I",
            "-n",
            "-P",
            "-L",
            "-d",
            "-a",
            "-E",
            "-s",
            "--max-args",
            "--max-procs",
            "--delimiter",
        ],
        0,
    ),
    wrapper("nice", &["-n", "--adjustment"], 0),
    wrapper("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    wrapper("stdbuf", &["-i", "-o", "-e"], 0),
    wrapper("setsid", &[], 0),
    wrapper("exec", &["-a"], 0),
    wrapper("command", &[], 0),
    wrapper("builtin", &[], 0),
];

const fn wrapper(
    name: &'static str,
    with_value: &'static [&'static str],
    arguments: usize,
) -> Wrapper {
    Wrapper { name, with_value, arguments }
}

/// Moves the wrappers at the beginning of a command's words out of them, with all that is theirs. A wrapper
/// without a command, such as `env` alone, stays.
pub(super) fn unwrap(command: &mut Command) {
    let mut rest: &[String] = &command.words;
    let (mut wrappers, mut assignments) = (Vec::new(), Vec::new());
    while let Some((name, inner, set)) = unwrap_one(rest) {
        wrappers.push(name.to_owned());
        assignments.extend(set);
        rest = inner;
    }
    if !wrappers.is_empty() {
        command.words = rest.to_vec();
        command.wrappers = wrappers;
        command.assignments.extend(assignments);
    }
}

/// The wrapper's name, the words after it, and the variables that it sets.
fn unwrap_one(words: &[String]) -> Option<(&'static str, &[String], Vec<String>)> {
    let (first, mut rest) = words.split_first()?;
    let program = first.rsplit('/').next()?;
    let wrapper = WRAPPERS.iter().find(|wrapper| wrapper.name == program)?;
    let mut assignments = Vec::new();
    while let Some((word, after)) = rest.split_first() {
        // command -v only asks where a program is.
        if wrapper.name == "command" && matches!(word.as_str(), "-v" | "-V") {
            return None;
        }
        if word == "--" {
            rest = after;
            break;
        }
        let sets = matches!(wrapper.name, "env" | "sudo" | "doas")
            && word.contains('=')
            && !word.starts_with(['-', '=']);
        if sets {
            assignments.push(word.clone());
            rest = after;
        } else if word.len() > 1 && word.starts_with('-') {
            let values = usize::from(wrapper.with_value.contains(&word.as_str()));
            rest = after.get(values..)?;
        } else {
            break;
        }
    }
    let rest = rest.get(wrapper.arguments..).filter(|rest| !rest.is_empty())?;
    Some((wrapper.name, rest, assignments))
}

/// The script of `bash -c SCRIPT`, also as `sh -lc SCRIPT`.
pub(super) fn script_of_shell(words: &[String]) -> Option<&str> {
    let (first, rest) = words.split_first()?;
    if !matches!(first.rsplit('/').next()?, "bash" | "sh" | "zsh" | "dash") {
        return None;
    }
    let options = rest.iter().take_while(|word| word.starts_with('-')).count();
    let has_script =
        rest[..options].iter().any(|option| !option.starts_with("--") && option.contains('c'));
    has_script.then(|| rest.get(options).map(String::as_str)).flatten()
}
