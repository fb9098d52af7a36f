//! Hooks: commands that coding agents run at events, so that sessions record themselves.
//!
//! [`plan_install`] and [`plan_uninstall`] say how the settings of an agent change, and [`Change::apply`]
//! changes them. [`HookPayload`] is what an agent tells a hook, and [`HookPayload::task`] what to record
//! then. A hook that fails writes a line to the [`HookLog`].

mod agent;
mod backup;
mod change;
mod claude_mcp;
mod claude_telemetry;
mod codex_mcp;
mod codex_telemetry;
mod entries;
mod error;
mod hook_command;
mod json_text;
mod json_tree;
mod locations;
mod log;
mod mcp_entry;
mod payload;
mod plan;
mod policy;
mod settings_file;
mod status;
mod task;
mod telemetry;
mod toml_text;

pub use agent::Agent;
pub use change::Change;
pub use error::HookError;
pub use locations::{Locations, Scope};
pub use log::HookLog;
pub use mcp_entry::McpRegistration;
pub use payload::{HookPayload, MAX_PAYLOAD_BYTES, PayloadError};
pub use plan::{InstallOptions, Plan, plan_install, plan_uninstall};
pub use status::{Installed, Status, status};
pub use task::{HookTask, SessionChange};
pub use telemetry::Telemetry;
