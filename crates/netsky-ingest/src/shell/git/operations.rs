//! The operations of Git in a line.

use super::arguments::Arguments;
use super::operation::GitOperation;
use super::output::Output;
use super::status::GitStatus;
use crate::shell::directory::joined;
use crate::shell::line::parse;

/// Finds the operations of a line in the order of their text. `output` is what the line printed, of which a part
/// is enough, and `succeeded` whether its exit code was 0, if that is known.
///
/// A line that cannot be parsed has none: Bash does not run it either, and a guess from its first word could be
/// in the middle of a text.
#[must_use]
pub fn operations(line: &str, output: &str, succeeded: Option<bool>) -> Vec<GitOperation> {
    // Most lines have nothing to do with Git.
    if !line.contains("git") {
        return Vec::new();
    }
    let Some(line) = parse(line) else { return Vec::new() };
    let mut output = Output::new(output);
    let mut operations = Vec::new();
    for command in &line.commands {
        if command.program() != Some("git") {
            continue;
        }
        let Some(mut operation) =
            operation(&command.words, command.directory.as_deref(), &mut output)
        else {
            continue;
        };
        operation.status = match succeeded {
            _ if operation.status == GitStatus::Ok => GitStatus::Ok,
            Some(true) if command.decides => GitStatus::Ok,
            Some(false) if command.is_only => GitStatus::Failed,
            _ => GitStatus::Unknown,
        };
        operations.push(operation);
    }
    operations
}

/// The operation of one command, with the status that its output shows.
fn operation(
    words: &[String],
    directory: Option<&str>,
    output: &mut Output<'_>,
) -> Option<GitOperation> {
    let (directory, command, rest) = subcommand(words, directory)?;
    if only_reads(command, rest) {
        return None;
    }
    let mut found = GitOperation {
        operation: "",
        repo_dir: directory,
        remote: None,
        branch: None,
        to_sha: None,
        status: GitStatus::Unknown,
    };
    match command {
        "commit" => {
            found.operation = "commit";
            found.take_commit(output, is_quiet(rest));
        }
        "cherry-pick" | "revert" => {
            found.operation = if command == "revert" { "revert" } else { "cherry-pick" };
            found.take_commit(output, has(rest, &["-n", "--no-commit", "--abort", "--quit"]));
        }
        "push" => {
            let mut arguments =
                Arguments::new(rest, &["-o", "--push-option", "--receive-pack", "--exec"]);
            found.operation = "push";
            found.remote = arguments.value("--repo").or_else(|| arguments.next());
            found.branch = arguments.next().and_then(|spec| pushed_branch(&spec));
            if let Some((sha, branch)) = output.pushed() {
                found.to_sha = sha;
                found.branch = found.branch.or(branch);
                found.status = GitStatus::Ok;
            }
        }
        "pull" | "fetch" => {
            let with_value = [
                "--depth",
                "-j",
                "--jobs",
                "--deepen",
                "-o",
                "--upload-pack",
                "--refmap",
                "-s",
                "-X",
                "--strategy",
                "--shallow-since",
            ];
            let mut arguments = Arguments::new(rest, &with_value);
            found.operation = if command == "pull" { "pull" } else { "fetch" };
            found.remote = arguments.next();
            found.branch = arguments.next().and_then(|spec| fetched_branch(&spec));
            if command == "pull" {
                found.take_update(output);
            }
        }
        "merge" => {
            found.operation = "merge";
            found.take_update(output);
        }
        "rebase" => found.operation = "rebase",
        "reset" => {
            found.operation = "reset";
            found.to_sha = output.head();
        }
        "checkout" | "switch" => {
            found.operation = if command == "switch" { "switch" } else { "checkout" };
            found.branch = checked_out(rest, command == "switch", output);
            if found.branch.is_none() {
                found.to_sha = output.head();
            }
        }
        "branch" => {
            found.operation = "branch";
            found.branch = Arguments::new(rest, &[]).next();
        }
        "tag" => {
            // The name is not a branch: it is told by the line.
            Arguments::new(rest, &["-m", "-F", "-u", "--message", "--file", "--local-user"])
                .next()?;
            found.operation = "tag";
        }
        "stash" => {
            found.operation = "stash";
        }
        "worktree" => {
            found.operation = "worktree";
            found.branch = Arguments::new(rest, &[])
                .value("-b")
                .or_else(|| Arguments::new(rest, &[]).value("-B"));
        }
        "clone" => {
            let with_value = [
                "-b",
                "--branch",
                "-o",
                "--origin",
                "--depth",
                "-c",
                "--config",
                "--reference",
                "--template",
                "-j",
                "--jobs",
                "--filter",
                "--separate-git-dir",
                "-u",
                "--upload-pack",
                "--shallow-since",
                "--server-option",
            ];
            let mut arguments = Arguments::new(rest, &with_value);
            found.operation = "clone";
            found.branch = arguments.value("-b").or_else(|| arguments.value("--branch"));
            let address = arguments.next()?;
            let folder = arguments.next().unwrap_or_else(|| folder_of(&address));
            found.repo_dir = joined(found.repo_dir.as_deref(), Some(folder));
            found.remote = Some(address);
        }
        "init" => {
            let mut arguments =
                Arguments::new(rest, &["-b", "--initial-branch", "--template", "--object-format"]);
            found.operation = "init";
            found.branch = arguments.value("-b").or_else(|| arguments.value("--initial-branch"));
            if let Some(folder) = arguments.next() {
                found.repo_dir = joined(found.repo_dir.as_deref(), Some(folder));
            }
        }
        _ => return None,
    }
    Some(found)
}

impl GitOperation {
    /// Takes what Git prints after a commit, unless it was told to be quiet.
    fn take_commit(&mut self, output: &mut Output<'_>, is_quiet: bool) {
        if is_quiet {
            return;
        }
        if let Some((branch, sha)) = output.committed() {
            self.branch = branch;
            self.to_sha = Some(sha);
            self.status = GitStatus::Ok;
        }
    }

    /// Takes what Git prints when it moves a branch forward.
    fn take_update(&mut self, output: &mut Output<'_>) {
        if let Some(sha) = output.updated() {
            self.to_sha = Some(sha);
        }
    }
}

/// Whether one of the options is among the words.
fn has(rest: &[String], options: &[&str]) -> bool {
    rest.iter().take_while(|word| *word != "--").any(|word| options.contains(&word.as_str()))
}

/// Whether a command that can change something only shows it.
fn only_reads(command: &str, rest: &[String]) -> bool {
    const OF_TAGS: [&str; 9] = [
        "-l",
        "--list",
        "-n",
        "-v",
        "--verify",
        "--contains",
        "--no-contains",
        "--points-at",
        "--merged",
    ];
    let first = rest.first().map(String::as_str);
    has(rest, &["-h", "--help"])
        || match command {
            "commit" | "pull" | "fetch" => has(rest, &["--dry-run"]),
            "push" => has(rest, &["-n", "--dry-run"]),
            "branch" => !has(rest, &["-d", "-D", "--delete", "-dr", "-rd", "-Dr"]),
            "tag" => has(rest, &OF_TAGS),
            "stash" => matches!(first, Some("list" | "show")),
            "worktree" => matches!(first, None | Some("list")),
            _ => false,
        }
}

/// Whether a commit prints nothing: `--quiet`, or a `q` among short options, as in `-qm message`.
fn is_quiet(rest: &[String]) -> bool {
    rest.iter().take_while(|word| *word != "--").any(|word| {
        let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        // What follows these letters is their value.
        let flags =
            letters.and_then(|letters| letters.split(['m', 'F', 'C', 'c', 't', 'S', 'u']).next());
        word == "--quiet" || flags.is_some_and(|flags| flags.contains('q'))
    })
}

/// The directory, the command of Git, and the words after it.
fn subcommand<'a>(
    words: &'a [String],
    directory: Option<&str>,
) -> Option<(Option<String>, &'a str, &'a [String])> {
    let mut directory = directory.map(str::to_owned);
    let mut rest = words.get(1..)?;
    loop {
        let (word, after) = rest.split_first()?;
        match word.as_str() {
            "-C" => {
                directory = joined(directory.as_deref(), after.first().cloned());
                rest = after.get(1..)?;
            }
            "-c" | "--git-dir" | "--work-tree" | "--namespace" | "--config-env" | "--exec-path"
            | "--super-prefix" => {
                rest = after.get(1..)?;
            }
            option if option.starts_with('-') => rest = after,
            command => return Some((directory, command, after)),
        }
    }
}

/// The remote's branch in what is pushed: `main`, `HEAD:main`, `+a:refs/heads/main`.
fn pushed_branch(spec: &str) -> Option<String> {
    let spec = spec.strip_prefix('+').unwrap_or(spec);
    let branch = spec.rsplit_once(':').map_or(spec, |(_, to)| to);
    named(branch)
}

/// The remote's branch in what is fetched: `main`, `main:local`.
fn fetched_branch(spec: &str) -> Option<String> {
    let spec = spec.strip_prefix('+').unwrap_or(spec);
    named(spec.split_once(':').map_or(spec, |(from, _)| from))
}

fn named(branch: &str) -> Option<String> {
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    let is_name = !branch.is_empty()
        && branch != "HEAD"
        && !branch.contains(['$', '`', '*'])
        && !branch.starts_with("refs/");
    is_name.then(|| branch.to_owned())
}

/// The branch that was checked out: a new one by its option, another one by what Git printed. A file or a commit
/// is told by the same argument, so the argument alone is enough only for `switch`.
fn checked_out(rest: &[String], is_switch: bool, output: &mut Output<'_>) -> Option<String> {
    let new = ["-b", "-B", "-c", "-C", "--orphan", "--create", "--force-create"];
    let mut arguments = Arguments::new(rest, &[]);
    if !is_switch && rest.iter().any(|word| word == "--") {
        return None;
    }
    let printed = output.switched();
    if let Some(branch) = new.iter().find_map(|option| arguments.value(option)) {
        return named(&branch);
    }
    if printed.is_some() || !is_switch || rest.iter().any(|word| word == "--detach" || word == "-d")
    {
        return printed;
    }
    arguments.next().and_then(|branch| named(&branch))
}

/// The folder that a clone of an address makes.
fn folder_of(address: &str) -> String {
    let path = address.trim_end_matches('/');
    let path = path.strip_suffix("/.git").unwrap_or(path);
    let name = path.rsplit(['/', ':']).next().unwrap_or(path);
    name.strip_suffix(".git").unwrap_or(name).to_owned()
}
