//! A synthetic fleet, for trying out, testing and measuring the store.
//!
//! The same [`Fleet`] always has the same history, down to the byte. All of it is invented.

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
