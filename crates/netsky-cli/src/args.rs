//! The command line.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, IsTerminal, stdin};
use std::path::Path;
use std::process;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::child;
use crate::commands::{
    backup, check, compact, completions, cost, demo, doctor, export, functions, hook, import,
    ingest, lake, man, mcp, migrate, postgres_backend, prices, prune, query, query_backend, record,
    saved, serve, shell, stats, tables, tail, timeline, top,
};
use crate::failure::Failure;
use crate::foreign_options;
use crate::output::{visible_lines, warn_plain};
use crate::store::StoreArgs;
use crate::terminal;
use crate::time_zone::{self, Zone};

/// Record the events of a fleet of coding agents, and query them in SQL.
///
/// The store is one file: --db, else $NETSKY_DB, else ~/.netsky/meta.db. Any number of programs can
/// record into it and query it at once.
#[derive(Debug, Parser)]
#[command(name = "netsky", version, verbatim_doc_comment, after_help = MORE,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Args {
    #[command(flatten)]
    pub store: StoreArgs,
    /// Show times in a zone, such as Europe/Berlin, +02:00 or local [default: $NETSKY_TZ, else UTC]
    #[arg(long, global = true, value_name = "ZONE", hide_short_help = true,
        value_parser = time_zone::parse)]
    pub tz: Option<Zone>,
    #[command(subcommand)]
    pub command: Command,
    /// Whether a failure is printed as JSON, too, because the command's result is.
    #[arg(skip)]
    pub json: bool,
}

/// The commands as the help lists them, by purpose.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Query", &["shell", "query", "q", "tables", "views", "schema", "functions", "mcp"]),
    ("Watch", &["top", "tail", "timeline", "cost", "prices"]),
    ("Record", &["ingest", "serve", "hook", "record", "import", "export"]),
    (
        "Store",
        &["stats", "check", "doctor", "prune", "backup", "restore", "compact", "migrate", "lake"],
    ),
    ("Other", &["demo", "completions", "man", "help"]),
];

/// The definition of the whole command line.
pub fn command() -> clap::Command {
    let command = Args::command();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}\nOptions:\n{{options}}{{after-help}}",
        list(&command)
    );
    command.help_template(template).override_usage(USAGE)
}

/// The commands in their groups, each with its description.
fn list(command: &clap::Command) -> String {
    let about = |name: &str| match command.find_subcommand(name).and_then(clap::Command::get_about)
    {
        Some(about) => about.to_string(),
        None => "Show the help of a command".to_owned(),
    };
    let mut list = String::new();
    for (group, names) in GROUPS {
        for (index, name) in names.iter().enumerate() {
            let heading = if index == 0 { group } else { "" };
            list += &format!("{heading:<7} {name:<12}{}\n", about(name));
        }
    }
    list
}

/// Parses the arguments. Without a command, they are those of the shell.
pub fn parse() -> Args {
    let mut parsed = matches();
    if let Ok(Some(zone)) = parsed.as_ref().map(|found| found.get_one("tz")) {
        time_zone::set(*zone);
        // A date in an option is a day of that zone.
        parsed = matches();
    }
    let args = parsed.and_then(|found| {
        let args = Args::from_arg_matches(&found)?;
        Ok(Args { json: has_json(&found), ..args })
    });
    args.unwrap_or_else(|error| exit(&foreign_options::with_format(error)))
}

fn matches() -> clap::error::Result<ArgMatches> {
    let typed = env::args_os().filter(|arg| !foreign_options::is_needless(arg));
    let typed: Vec<OsString> = typed.map(shield_comment).collect();
    let parsed = command().try_get_matches_from(&typed);
    match &parsed {
        Err(error) => without_command(error, typed).unwrap_or(parsed),
        Ok(_) => parsed,
    }
}

/// The arguments of `netsky` without a command, which are those of the shell. `None` if they are not, so
/// that the error is about a command.
fn without_command(
    error: &clap::Error,
    typed: Vec<OsString>,
) -> Option<clap::error::Result<ArgMatches>> {
    let is_bare = match error.kind() {
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => true,
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument => false,
        _ => return None,
    };
    // Without input, the help is more useful.
    let has_input = || stdin().lock().fill_buf().is_ok_and(|input| !input.is_empty());
    if is_bare && !terminal::is_interactive() && (stdin().is_terminal() || !has_input()) {
        return None;
    }
    let mut typed = typed.into_iter();
    let name = typed.next();
    let all = name
        .into_iter()
        .chain(["shell".into()])
        .chain(typed.flat_map(foreign_options::format_by_name));
    let parsed = command().try_get_matches_from(all);
    let is_for_shell = match &parsed {
        Ok(found) => {
            let words = found.subcommand_matches("shell")?.get_many::<String>("words");
            words
                .into_iter()
                .flatten()
                .next()
                .is_none_or(|word| shell::is_sql(word) || is_file(word))
        }
        // Such as an option that lacks its value.
        Err(error) => error.kind() != ErrorKind::UnknownArgument,
    };
    is_for_shell.then_some(parsed)
}

/// Whether a word that is no command is the name of a file.
fn is_file(word: &str) -> bool {
    word.contains(['.', '/']) || Path::new(word).is_file()
}

/// Whether the command was called with `--json`.
fn has_json(found: &ArgMatches) -> bool {
    let Some((_, arguments)) = found.subcommand() else { return false };
    let json = arguments.try_get_one::<bool>("json").ok().flatten();
    // A command such as `hook` has commands itself.
    json == Some(&true) || has_json(arguments)
}

/// Prints clap's message and exits. The arguments did not parse, so `--json` can be anywhere in them.
fn exit(error: &clap::Error) -> ! {
    let mut before_operands = env::args_os().skip(1).take_while(|arg| arg != "--");
    let is_child = child::reports_json();
    if error.use_stderr() && (is_child || before_operands.any(|arg| arg == "--json")) {
        let failure = Failure::of_usage(&error.render().to_string(), suggested(error));
        let _ = if is_child { failure.report_json_as_warning() } else { failure.report_json() };
        process::exit(error.exit_code())
    }
    // clap inserts the arguments into its coloured message unescaped.
    let is_plain =
        |arg: OsString| matches!(visible_lines(&arg.to_string_lossy()), Cow::Borrowed(_));
    if env::args_os().all(is_plain) || !error.use_stderr() {
        error.exit()
    }
    warn_plain(error.render().to_string().trim_end());
    process::exit(error.exit_code())
}

/// What clap suggests instead of an unknown argument, command or value.
fn suggested(error: &clap::Error) -> Vec<String> {
    let kinds =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let names = kinds.into_iter().filter_map(|kind| error.get(kind));
    let names = names.flat_map(|names| match names {
        ContextValue::String(name) => vec![name.clone()],
        ContextValue::Strings(names) => names.clone(),
        _ => Vec::new(),
    });
    names.collect()
}

/// SQL may start with a comment, which looks like an option. clap does not take it for one after a space.
fn shield_comment(arg: OsString) -> OsString {
    let after = arg.to_str().and_then(|arg| arg.strip_prefix("--")?.chars().next());
    match after.is_some_and(char::is_whitespace) {
        true => [OsStr::new(" "), &arg].into_iter().collect(),
        false => arg,
    }
}

const USAGE: &str = "netsky [OPTIONS] COMMAND | [FILE] [SQL]";

const MORE: &str = "`netsky help COMMAND` shows examples, and `netsky --help` the exit codes.";

const EXAMPLES: &str = "\
Examples:
  netsky demo
  netsky query 'SELECT agent, count(*) AS calls FROM mcp_tool_calls GROUP BY agent'
  echo '{\"source\":\"cron\",\"detail_json\":\"{}\"}' | netsky record ticks -
  netsky import messages history.ndjson.gz
  netsky export messages messages.parquet
  netsky schema messages";

const EXIT_CODES: &str = "\
Exit codes:
    0  success
    1  the query or the input is invalid
    2  the command line is invalid
    3  the store is missing, busy, locked, too old, too new or damaged
  124  the query took longer than --timeout
  129  terminated by SIGHUP
  130  interrupted by Ctrl-C
  143  terminated by SIGTERM";

#[derive(Debug, Subcommand)]
pub enum Command {
    Query(query::QueryArgs),
    Shell(shell::ShellArgs),
    #[command(name = "q")]
    Saved(saved::SavedArgs),
    Record(record::RecordArgs),
    Hook(hook::HookArgs),
    Import(import::ImportArgs),
    Ingest(ingest::IngestArgs),
    Lake(lake::LakeArgs),
    Serve(serve::ServeArgs),
    #[command(hide = true)]
    PostgresBackend(postgres_backend::PostgresBackendArgs),
    #[command(hide = true)]
    QueryBackend(query_backend::QueryBackendArgs),
    Prices(prices::PricesArgs),
    Export(export::ExportArgs),
    Tables(tables::TablesArgs),
    Views(tables::ViewsArgs),
    Schema(tables::SchemaArgs),
    Functions(functions::FunctionsArgs),
    Mcp(mcp::McpArgs),
    Cost(cost::CostArgs),
    Top(top::TopArgs),
    Timeline(timeline::TimelineArgs),
    Tail(tail::TailArgs),
    Stats(stats::StatsArgs),
    Check(check::CheckArgs),
    Prune(prune::PruneArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Compact(compact::CompactArgs),
    Demo(demo::DemoArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    pub fn run(&self, store: &StoreArgs) -> Result<(), Failure> {
        match self {
            Self::Query(args) => query::run(store, args),
            Self::Shell(args) => shell::run(store, args),
            Self::Saved(args) => saved::run(store, args),
            Self::Record(args) => record::run(store, args),
            Self::Hook(args) => hook::run(store, args),
            Self::Import(args) => import::run(store, args),
            Self::Ingest(args) => ingest::run(store, args),
            Self::Lake(args) => lake::run(store, args),
            Self::Serve(args) => serve::run(store, args),
            Self::PostgresBackend(args) => postgres_backend::run(store, args),
            Self::QueryBackend(args) => query_backend::run(store, args),
            Self::Prices(args) => prices::run(args),
            Self::Export(args) => export::run(store, args),
            Self::Tables(args) => tables::run(store, args),
            Self::Views(args) => tables::views(store, args),
            Self::Schema(args) => tables::schema(store, args),
            Self::Functions(args) => functions::run(args),
            Self::Mcp(args) => mcp::run(store, args),
            Self::Cost(args) => cost::run(store, args),
            Self::Top(args) => top::run(store, args),
            Self::Timeline(args) => timeline::run(store, args),
            Self::Tail(args) => tail::run(store, args),
            Self::Stats(args) => stats::run(store, args),
            Self::Check(args) => check::run(store, args),
            Self::Prune(args) => prune::run(store, args),
            Self::Backup(args) => backup::run(store, args),
            Self::Restore(args) => backup::restore(store, args),
            Self::Compact(args) => compact::run(store, args),
            Self::Demo(args) => demo::run(store, args),
            Self::Migrate(args) => migrate::run(store, args),
            Self::Doctor(args) => doctor::run(store, args),
            Self::Completions(args) => completions::run(args),
            Self::Man(args) => man::run(args, command()),
        }
    }

    /// Whether the command should use little memory rather than little time.
    pub fn limits_memory(&self) -> bool {
        match self {
            Self::Query(query) => query.answer.memory_limit.is_some(),
            Self::Saved(saved) => saved.answer.memory_limit.is_some(),
            // It sorts with a memory limit.
            Self::Export(_) => true,
            // It may follow transcripts for weeks.
            Self::Ingest(_) => true,
            Self::PostgresBackend(_) | Self::QueryBackend(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

    use super::*;
    use crate::completion;

    /// The words of each `netsky` in lines of a shell, without what it is piped or redirected to.
    fn calls(lines: &str) -> Vec<Vec<String>> {
        let mut calls = Vec::new();
        for line in lines.lines() {
            let words = shlex::split(line).unwrap();
            let commands = words.split(|word| ["|", "&&", ">", "<"].contains(&word.as_str()));
            calls.extend(commands.map(<[String]>::to_vec));
        }
        calls.retain(|words| words.first().is_some_and(|word| word == "netsky"));
        calls
    }

    /// The commands for people, without those that the program itself starts.
    fn listed(netsky: &clap::Command) -> impl Iterator<Item = &clap::Command> {
        netsky.get_subcommands().filter(|command| !command.is_hide_set())
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        let netsky = command();
        let helps = listed(&netsky).map(|command| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            (command.get_name().to_owned(), help)
        });
        for (name, help) in helps.chain([("netsky".to_owned(), EXAMPLES.to_owned())]) {
            let examples = help.split("Examples:\n").nth(1);
            let examples = examples.unwrap_or_else(|| panic!("{name} has no examples"));
            let examples = examples.split("\n\n").next().unwrap_or_default();
            let mut own = 0;
            for words in calls(examples) {
                if let Err(error) = command().try_get_matches_from(&words) {
                    panic!("{name}: {words:?}: {error}");
                }
                own += usize::from(name == "netsky" || words.contains(&name));
            }
            assert!(own > 0, "{name} has no example of its own");
        }
    }

    #[test]
    fn no_example_passes_a_row_as_an_argument() {
        let netsky = command();
        let helps = netsky.get_subcommands().filter_map(|command| command.get_after_help());
        for help in helps.map(ToString::to_string).chain([EXAMPLES.to_owned()]) {
            for words in calls(&help) {
                assert!(!words.iter().any(|word| word.starts_with('{')), "{words:?}");
            }
        }
    }

    #[test]
    fn the_help_lists_every_command_in_lines_that_fit() {
        let netsky = command();
        let in_groups: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        for command in listed(&netsky) {
            assert!(in_groups.contains(&command.get_name()), "{}", command.get_name());
        }
        for line in list(&netsky).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn the_docs_have_a_row_for_every_command() {
        let page = include_str!("../../../docs/command-line.md");
        for command in listed(&command()) {
            let row = format!("| `netsky {}", command.get_name());
            let is_row = |line: &str| {
                line.strip_prefix(&row).is_some_and(|rest| rest.starts_with([' ', '`']))
            };
            assert!(page.lines().any(is_row), "{}", command.get_name());
        }
    }

    #[test]
    fn completed_names_are_those_of_arguments_that_exist() {
        let netsky = completion::with_names(command());
        for (command, id, _) in completion::NAMES {
            let command = netsky.find_subcommand(command).unwrap();
            let arg = command.get_arguments().find(|arg| arg.get_id() == id).unwrap();
            assert!(arg.get::<ArgValueCandidates>().is_some(), "{command} {id}");
        }
        let man = netsky.find_subcommand("man").unwrap();
        let takes_command = |arg: &clap::Arg| arg.get::<ArgValueCandidates>().is_some();
        assert!(man.get_arguments().any(takes_command));
        for command in completion::TABLE_OR_PATH {
            let command = netsky.find_subcommand(command).unwrap();
            let arg = command.get_arguments().find(|arg| arg.get_id() == "target").unwrap();
            assert!(arg.get::<ArgValueCompleter>().is_some(), "{command}");
        }
        netsky.debug_assert();
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }
}
