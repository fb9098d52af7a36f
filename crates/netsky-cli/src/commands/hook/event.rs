//! `netsky hook claude-code` and `netsky hook codex`, which the agents run.

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use std::{panic, thread};

use netsky_ingest::hooks::{Agent, HookLog, HookPayload};

use super::recording;
use crate::failure::Failure;
use crate::output;
use crate::store::StoreArgs;

/// An agent that waits for a hook waits no longer than this.
const DEADLINE: Duration = Duration::from_secs(2);

/// Record what an agent did, at an event that it passes on standard input
///
/// The command always exits with 0 and prints nothing, because agents show or obey what hooks print. If it
/// fails, it writes a line to hook.log beside the store.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct EventArgs {
    /// Arguments of other versions, which are ignored: an exit code of 2 would stop the agent.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _ignored: Vec<OsString>,
}

/// Never fails: see [`EventArgs`].
pub fn run(store: &StoreArgs, agent: Agent) -> Result<(), Failure> {
    if stdin().is_terminal() {
        output::warn(format_args!(
            "this command is for {agent}, which runs it as a hook: netsky hook install {agent}"
        ));
        return Ok(());
    }
    // A panic would print, too.
    panic::set_hook(Box::new(|_| {}));
    let (sender, receiver) = sync_channel(1);
    let recording = store.clone();
    // A thread, because nothing else limits the time of reading standard input.
    let started = thread::Builder::new().name("netsky-hook".to_owned()).spawn(move || {
        let _ = sender.send(record(&recording, agent));
    });
    let recorded = match started {
        Err(error) => Err(format!("no thread could be started: {error}")),
        Ok(_) => match receiver.recv_timeout(DEADLINE) {
            Ok(recorded) => recorded,
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("gave up after {} s; the next hook goes on", DEADLINE.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err("panicked, which is a bug in netsky".to_owned())
            }
        },
    };
    if let (Err(message), Ok(store)) = (recorded, store.path_or_default()) {
        // If the log cannot be written, nobody is left to tell.
        let _ = HookLog::beside(&store).append(&format!("{agent}: {message}"));
    }
    Ok(())
}

/// Records what the event is about. The error is for the log.
fn record(store: &StoreArgs, agent: Agent) -> Result<(), String> {
    let payload = HookPayload::read(stdin().lock()).map_err(|error| error.to_string())?;
    let task = payload.task();
    if task.is_empty() {
        return Ok(());
    }
    recording::run(store, agent, &task, false)
}
