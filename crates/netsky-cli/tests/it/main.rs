//! One binary, because each one links DataFusion.

mod cli;
mod dialects;
#[cfg(unix)]
mod documents;
mod limits;
#[cfg(target_os = "linux")]
mod load;
mod maintenance;
mod opening;
mod opens;
mod package;
mod replaced;
mod sharing;
mod terminal;
mod upgrade;
