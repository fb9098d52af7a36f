//! One binary, because each one links DataFusion.

mod cli;
mod limits;
mod maintenance;
mod opening;
mod opens;
mod replaced;
mod sharing;
mod terminal;
mod upgrade;
