//! A synthetic fleet, to try the store out, to test it and to measure it.
//!
//! The same [`Fleet`] always has the same history, down to the byte. Everything in it is invented.

mod calls;
mod code;
mod conversations;
mod event_context;
mod fleet;
mod health;
mod questions;
mod rng;
mod vocabulary;

pub use fleet::Fleet;
pub use questions::{QUESTIONS, Question};
