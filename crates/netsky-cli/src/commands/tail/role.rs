//! What each column of a table is in a line.
//!
//! The tables name the same thing alike, so a column's name decides, whatever its table. A column with
//! another name is shown with its name, after the others.

use netsky_db::{Column, ColumnType, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Who did it, or to whom.
    Who,
    What,
    /// How it ended.
    Outcome,
    /// What went wrong.
    Problem,
    Amount,
    Text,
    /// Shown with its name.
    Rest,
    Time,
    Json,
}

impl Role {
    fn of(column: &Column) -> Self {
        match column.name {
            "agent" | "agent_id" | "from_agent" | "to_agent" => Self::Who,
            "tool" | "event" | "kind" | "operation" | "bin" | "name" | "model" | "runtime" => {
                Self::What
            }
            "success" | "exit_code" | "status" | "severity" | "verdict" => Self::Outcome,
            "error" | "conflicts" => Self::Problem,
            "duration_ms" | "cost_usd_micros" => Self::Amount,
            "body" | "raw_text" | "brief" => Self::Text,
            name if name.ends_with("_json") => Self::Json,
            _ if column.ty == ColumnType::Time => Self::Time,
            _ => Self::Rest,
        }
    }
}

/// The columns of a table by what they are, as indexes into a row that begins with the id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Roles {
    pub who: Vec<usize>,
    pub what: Vec<usize>,
    pub outcome: Vec<usize>,
    pub problem: Vec<usize>,
    pub amount: Vec<usize>,
    pub text: Vec<usize>,
    /// Shown with their names, if they fit: numbers and texts, then times, then JSON.
    pub rest: Vec<usize>,
}

impl Roles {
    pub fn of(table: &Table) -> Self {
        let mut roles = Self { rest: vec![0], ..Self::default() };
        let mut columns: Vec<(Role, usize)> = table
            .columns()
            .iter()
            .enumerate()
            .map(|(at, column)| (Role::of(column), at + 1))
            .collect();
        columns.retain(|(_, at)| {
            table.time_column().map(|c| c.name) != Some(table.columns()[at - 1].name)
        });
        // Without an agent, the source is who.
        if columns.iter().all(|(role, _)| *role != Role::Who) {
            let source =
                columns.iter_mut().find(|(_, at)| table.columns()[at - 1].name == "source");
            if let Some((role, _)) = source {
                *role = Role::Who;
            }
        }
        columns.sort();
        for (role, at) in columns {
            match role {
                Role::Who => roles.who.push(at),
                Role::What => roles.what.push(at),
                Role::Outcome => roles.outcome.push(at),
                Role::Problem => roles.problem.push(at),
                Role::Amount => roles.amount.push(at),
                Role::Text => roles.text.push(at),
                Role::Rest | Role::Time | Role::Json => roles.rest.push(at),
            }
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use netsky_db::TABLES;

    use super::*;

    /// The columns without a name in a line, in their order.
    fn bare(table: &str) -> Vec<&'static str> {
        let table = Table::find(table, TABLES).unwrap();
        let Roles { who, what, outcome, problem, amount, text, .. } = Roles::of(table);
        let bare = [who, what, outcome, problem, amount, text].concat();
        bare.into_iter().map(|at| table.columns()[at - 1].name).collect()
    }

    #[test]
    fn each_table_begins_with_what_matters() {
        for (table, columns) in [
            ("messages", &["from_agent", "to_agent", "body"][..]),
            ("cli_invocations", &["bin", "exit_code", "duration_ms"]),
            ("crashes", &["agent", "kind"]),
            ("ticks", &["source"]),
            ("workspaces", &["name", "verdict"]),
            ("sessions", &["agent", "event"]),
            ("clone_dispatches", &["agent_id", "runtime", "status", "exit_code", "brief"]),
            ("harvest_events", &["status", "conflicts"]),
            ("communication_events", &["agent", "tool", "status", "body"]),
            ("mcp_tool_calls", &["agent", "tool", "success", "error", "duration_ms"]),
            ("git_operations", &["operation", "status"]),
            ("owner_directives", &["agent", "status", "raw_text"]),
            ("token_usage", &["agent", "model", "cost_usd_micros"]),
            ("watchdog_events", &["agent", "event", "severity", "status"]),
        ] {
            assert_eq!(bare(table), columns, "{table}");
        }
    }

    #[test]
    fn every_column_has_one_place() {
        for table in TABLES {
            let Roles { who, what, outcome, problem, amount, text, rest } = Roles::of(table);
            let mut all = [who, what, outcome, problem, amount, text, rest].concat();
            all.sort_unstable();
            let time = table.time_column().unwrap().name;
            let time = table.columns().iter().position(|column| column.name == time).unwrap() + 1;
            assert!(all.iter().copied().eq((0..=table.columns().len()).filter(|at| *at != time)));
        }
    }
}
