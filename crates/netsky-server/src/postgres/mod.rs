//! The wire protocol of PostgreSQL: the front, which has the connections, logins, sessions and cursors. Backends, which
//! are processes, answer statements.
//!
//! | | |
//! | --- | --- |
//! | `sql_error.rs`, `reply.rs`, `message.rs` | errors, and messages to and from clients |
//! | `token.rs`, `parser.rs`, `settings.rs`, `command.rs` | what a statement asks for |
//! | `backend.rs`, `run.rs` | processes, and what they work on |
//! | `client.rs`, `limits.rs` | a connection, and what ends it |
//! | `transaction.rs`, `portal.rs`, `session.rs` | what a client has begun |
//! | `rows.rs`, `cursor.rs`, `perform.rs`, `conversation.rs` | answers |
//! | `cancels.rs`, `login.rs`, `front.rs`, `socket.rs` | connections, from their beginning |

mod cancels;
mod client;
mod command;
mod conversation;
mod cursor;
mod front;
mod limits;
mod login;
mod message;
mod parser;
mod perform;
mod portal;
mod reply;
mod rows;
mod run;
mod session;
mod settings;
#[cfg(unix)]
mod socket;
mod sql_error;
mod token;
mod transaction;

use self::command::Command;
pub(crate) use self::front::Front;
use self::message::{Frame, Message, Startup};
#[cfg(unix)]
pub use self::socket::PostgresSocket;

/// Splits SQL into its statements, each with the number of characters before it.
#[doc(hidden)]
pub fn split_statements(sql: &str) -> Vec<(String, usize)> {
    let pieces = token::split(sql).into_iter();
    pieces.map(|piece| (piece.sql.to_owned(), piece.characters_before)).collect()
}

/// Decodes all that a client could send, from its start-up packet on, and what its SQL asks for. Returns the number of
/// messages.
#[doc(hidden)]
pub fn read_client(mut bytes: &[u8]) -> usize {
    let mut number = 0;
    while let Some((&length, rest)) = bytes.split_first_chunk()
        && let Ok(length) = message::startup_length(length)
        && let Some((packet, after)) = rest.split_at_checked(length)
    {
        bytes = after;
        number += 1;
        match Startup::decode(packet) {
            Ok(Startup::Encryption) => {}
            Ok(Startup::Session { .. }) => break,
            Ok(Startup::Cancel { .. }) | Err(_) => return number,
        }
    }
    while let Ok(Frame::Message { tag, length }) = message::frame(bytes)
        && let Some((whole, after)) = bytes.split_at_checked(5 + length)
    {
        bytes = after;
        number += 1;
        let message = Message::decode(tag, whole.get(5..).unwrap_or_default());
        if let Ok(Message::Query(sql) | Message::Parse { sql, .. }) = message {
            for piece in token::split(&sql) {
                drop(Command::parse(piece.sql));
            }
        }
    }
    number
}
