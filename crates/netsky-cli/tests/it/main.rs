//! One binary, because each one links DataFusion.

mod care;
mod cli;
mod limits;
mod opening;
mod replaced;
mod sharing;
mod terminal;
mod upgrade;
