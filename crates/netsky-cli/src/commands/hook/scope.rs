//! Whose hooks a command is about: of which agent, and for which sessions.

use std::env;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use netsky_ingest::hooks::{Agent, Scope};

use crate::failure::Failure;

/// Parses the name of an agent.
pub fn agent() -> impl TypedValueParser<Value = Agent> {
    PossibleValuesParser::new(Agent::ALL.map(Agent::name)).try_map(|name| name.parse::<Agent>())
}

/// Selects the sessions that have hooks.
#[derive(Debug, Clone, Copy, Args)]
pub struct ScopeArgs {
    /// Only for sessions in the current directory, of all who use it: .claude/settings.json
    #[arg(long)]
    project: bool,
}

impl ScopeArgs {
    pub fn scope(self) -> Result<Scope, Failure> {
        let dir = || -> Result<PathBuf, Failure> {
            env::current_dir().map_err(|error| {
                Failure::input(format!("the current directory cannot be found: {error}"))
            })
        };
        Ok(if self.project { Scope::Project(dir()?) } else { Scope::User })
    }
}
