//! Showing the changes of settings, asking, and making them.

use std::io::{self, IsTerminal, stdout};
use std::path::PathBuf;

use clap::Args;
use console::style;
use netsky_ingest::hooks::{Agent, Plan};
use serde_json::{Value, json};

use super::failed::failed;
use crate::failure::Failure;
use crate::output::{self, ReportOutput, print, print_line, visible_lines};
use crate::terminal;

/// How a change is confirmed and reported.
#[derive(Debug, Clone, Copy, Args)]
pub struct ChangeArgs {
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Change the settings without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    output: ReportOutput,
}

/// Shows and makes the changes of a plan. `unchanged` is said if there are none.
pub fn run(agent: Agent, plan: &Plan, unchanged: &str, args: &ChangeArgs) -> Result<(), Failure> {
    let is_asked = !args.yes && !args.dry_run && !plan.changes.is_empty();
    if is_asked && (args.output.json || !terminal::is_interactive()) {
        return Err(Failure::usage(
            "settings are changed without a question only with --yes\n  --dry-run shows the change",
        ));
    }
    if !args.output.json {
        for warning in &plan.warnings {
            output::warn(warning);
        }
        if plan.changes.is_empty() {
            print_line(unchanged)?;
        }
        for change in &plan.changes {
            print_diff(&change.diff())?;
        }
    }
    if is_asked && !is_confirmed()? {
        return Err(Failure::input("nothing was changed"));
    }
    let mut made = Vec::new();
    if !args.dry_run {
        for change in &plan.changes {
            match change.apply() {
                Ok(backup) => made.push(backup),
                // With --json, the report has what was changed before.
                Err(error) => {
                    return Err(failed(error).with_report(&report(agent, plan, &made, args)));
                }
            }
        }
    }
    if args.output.json {
        return output::print_json(&report(agent, plan, &made, args));
    }
    for (change, backup) in plan.changes.iter().zip(&made) {
        print_line(&match backup {
            Some(backup) => {
                format!("Changed {}; the old file is {}", change.path.display(), backup.display())
            }
            None => format!("Created {}", change.path.display()),
        })?;
    }
    let steps = if args.dry_run { &[][..] } else { &plan.next_steps };
    steps.iter().try_for_each(|step| print_line(step))
}

fn report(agent: Agent, plan: &Plan, made: &[Option<PathBuf>], args: &ChangeArgs) -> Value {
    let files = plan.changes.iter().enumerate().map(|(index, change)| {
        let backup = made.get(index).and_then(Option::as_ref);
        json!({
            "path": change.path.display().to_string(),
            "diff": change.diff(),
            "changed": index < made.len(),
            "backup": backup.map(|backup| backup.display().to_string()),
        })
    });
    json!({
        "agent": agent.name(),
        "dry_run": args.dry_run,
        "files": files.collect::<Vec<_>>(),
        "warnings": plan.warnings,
        "next_steps": plan.next_steps,
    })
}

fn print_diff(diff: &str) -> Result<(), Failure> {
    if !stdout().is_terminal() {
        return print(diff);
    }
    for line in diff.lines() {
        let shown = visible_lines(line);
        let shown = match line.as_bytes().first() {
            Some(b'+') => style(shown).green(),
            Some(b'-') => style(shown).red(),
            _ => style(shown),
        };
        print(&format!("{shown}\n"))?;
    }
    Ok(())
}

fn is_confirmed() -> Result<bool, Failure> {
    print("\nMake this change? [y/N] ")?;
    let mut answer = String::new();
    let read = io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::input(format!("cannot read from the terminal: {error}")))?;
    if read == 0 {
        // Ctrl-D leaves the cursor behind the question.
        print("\n")?;
    }
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
