//! A synthetic fleet, for trying out, testing and measuring the store.
//!
//! The same [`Fleet`] always has the same history, down to the byte. All of it is invented.

mod calls;
mod code;
mod conversations;
mod event_context;
mod fleet;
mod health;
mod live;
mod questions;
#[cfg(feature = "sql")]
mod recognition;
mod rng;
mod vocabulary;

pub use fleet::Fleet;
pub use live::LiveFleet;
pub use questions::{QUESTIONS, Question};
#[cfg(feature = "sql")]
pub use recognition::is_demo;
