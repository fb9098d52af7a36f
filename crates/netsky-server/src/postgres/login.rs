//! The beginning of a connection, up to where a session begins.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cancels::{Cancellable, Cancels};
use super::client::{Incoming, Input, Output};
use super::message::{self, Startup};
use super::reply;
use super::settings::Settings;
use super::sql_error::{SqlError, protocol_violation};

/// The minor version from which on keys for cancels can be long.
const LONG_KEYS: u16 = 2;

/// The newest version, as a client sends it.
const NEWEST_MINOR: u16 = 2;
const MAJOR: i32 = 3 << 16;

/// Asks for the password in clear text: on this machine, nobody else reads it.
const CLEARTEXT_PASSWORD: i32 = 3;
const AUTHENTICATED: i32 = 0;

/// How a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Over the Unix socket, which only its owner can use.
    Socket,
    Loopback,
    Remote,
}

/// What a login needs.
#[derive(Debug)]
pub(crate) struct Logins {
    pub(crate) token: Arc<str>,
    pub(crate) cancels: Cancels,
    /// A permit for each session.
    pub(crate) sessions: Arc<Semaphore>,
}

/// A client that has logged in.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) settings: Settings,
    pub(crate) cancellable: Cancellable,
    pub(crate) place: OwnedSemaphorePermit,
}

impl Logins {
    /// Logs a client in. `None` if it has gone, or has only asked for a cancel. An error is the last thing that it
    /// gets.
    pub(crate) async fn login(
        &self,
        input: &mut Input,
        output: &mut Output,
        peer: Peer,
    ) -> Result<Option<Login>, SqlError> {
        let (minor, parameters) = loop {
            let Some(packet) = input.startup().await? else { return Ok(None) };
            match Startup::decode(&packet)? {
                Startup::Encryption => {
                    output.buffer.push(b'N');
                    if output.flush().await.is_err() {
                        return Ok(None);
                    }
                }
                Startup::Cancel { id, key } => {
                    if peer != Peer::Remote {
                        self.cancels.cancel(id, &key);
                    }
                    return Ok(None);
                }
                Startup::Session { minor, parameters } => break (minor, parameters),
            }
        };
        if peer == Peer::Remote {
            let message = "other machines may not connect with the Postgres protocol";
            let hint = "use `ssh -L 4318:127.0.0.1:4318 HOST`, and connect to 127.0.0.1";
            return Err(SqlError::new("28000", message).hint(hint));
        }
        let Ok(place) = Arc::clone(&self.sessions).try_acquire_owned() else {
            let error = SqlError::new("53300", "sorry, too many clients already");
            return Err(error.hint("close connections that are not used"));
        };
        let asked = Asked::read(parameters)?;
        if minor > NEWEST_MINOR || !asked.unknown.is_empty() {
            let version = MAJOR | i32::from(minor.min(NEWEST_MINOR));
            reply::negotiate(&mut output.buffer, version, &asked.unknown);
        }
        if peer == Peer::Loopback && !self.ask_for_password(input, output, &asked.user).await? {
            return Ok(None);
        }
        let settings = Settings::new(&asked.user, asked.settings)?;
        let key_bytes = if minor < LONG_KEYS { 4 } else { 32 };
        let cancellable = self.cancels.register(key_bytes).map_err(|error| {
            SqlError::new("XX000", format!("the system has no random bytes: {error}"))
        })?;
        let out = &mut output.buffer;
        reply::authentication(out, AUTHENTICATED);
        for (name, value) in settings.reported() {
            reply::parameter_status(out, name, value);
        }
        reply::key_data(out, cancellable.id, &cancellable.key);
        input.accept_long_messages();
        Ok(Some(Login { settings, cancellable, place }))
    }

    /// Returns false if the client has gone.
    async fn ask_for_password(
        &self,
        input: &mut Input,
        output: &mut Output,
        user: &str,
    ) -> Result<bool, SqlError> {
        reply::authentication(&mut output.buffer, CLEARTEXT_PASSWORD);
        if output.flush().await.is_err() {
            return Ok(false);
        }
        match input.next().await? {
            Incoming::End => Ok(false),
            Incoming::Message { tag: b'p', body } => {
                let password = message::password(&body)?;
                match bool::from(password.ct_eq(self.token.as_bytes())) {
                    true => Ok(true),
                    false => {
                        let message = format!("password authentication failed for user \"{user}\"");
                        Err(SqlError::new("28P01", message).hint(
                            "the password is the token that `netsky serve` prints; serve.json beside the store has it too",
                        ))
                    }
                }
            }
            Incoming::Message { tag: b'X', .. } => Ok(false),
            Incoming::TooLong { .. } => Err(protocol_violation("invalid password packet size")),
            Incoming::Message { tag, .. } => Err(protocol_violation(format!(
                "expected password response, got message type {tag}"
            ))),
        }
    }
}

/// What a client asks for when it connects.
#[derive(Debug, Default)]
struct Asked {
    user: String,
    settings: Vec<(String, String)>,
    /// Options of the protocol that are not known.
    unknown: Vec<String>,
}

impl Asked {
    fn read(parameters: Vec<(String, String)>) -> Result<Self, SqlError> {
        let mut asked = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "user" => asked.user = value,
                // There is one, which may be called anything.
                "database" => {}
                "options" => asked.settings.extend(options(&value)?),
                "replication" => {
                    if !matches!(value.as_str(), "false" | "off" | "no" | "0") {
                        return Err(SqlError::new("0A000", "replication is not supported"));
                    }
                }
                _ if name.starts_with("_pq_.") => asked.unknown.push(name),
                _ => asked.settings.push((name, value)),
            }
        }
        if asked.user.is_empty() {
            let message = "no PostgreSQL user name specified in startup packet";
            return Err(SqlError::new("28000", message));
        }
        Ok(asked)
    }
}

/// Reads options of a command line, such as `-c statement_timeout=5s --jit=off`.
fn options(text: &str) -> Result<Vec<(String, String)>, SqlError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            _ if character.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    let mut settings = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--") {
            Some(setting) => Some(setting.to_owned()),
            None => match word.strip_prefix("-c") {
                Some("") => words.next(),
                setting => setting.map(str::to_owned),
            },
        };
        let setting = setting.as_deref().and_then(|setting| setting.split_once('='));
        let Some((name, value)) = setting else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(
                SqlError::new("42601", message).hint("options are of the form -c NAME=VALUE")
            );
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_a_command_line() {
        let read = |text| options(text).map_err(|error| error.code().to_owned());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(""), Ok(Vec::new()));
        let text = r" -c statement_timeout=5s -cjit=off --search-path=a\ b ";
        let pairs =
            vec![pair("statement_timeout", "5s"), pair("jit", "off"), pair("search_path", "a b")];
        assert_eq!(read(text), Ok(pairs));
        for broken in ["-c", "-c a", "a=b", "-x a=b", "--a"] {
            assert_eq!(read(broken), Err("42601".to_owned()), "{broken}");
        }
    }
}
