//! The loop that answers a client.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;

use super::lines::{self, Line, MAX_LINE_BYTES};
use super::message::{self, Id, Message, RpcError};
use super::methods::{self, Asked};
use super::options::McpOptions;
use super::outcome::Outcome;
use super::reply::Reply;
use super::tool::{Invocation, Tool};
use super::{child, resources, tools, versions};

/// What the last calls have besides the timeout of one, so that this can be answered.
const LAST_CALLS: Duration = Duration::from_secs(4);

/// How long the last answers may take after the input has ended: a client that has gone reads none.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A server of MCP for one client.
#[derive(Debug)]
pub struct McpServer {
    shared: Arc<Shared>,
    answers: HashMap<Id, AbortHandle>,
    tasks: JoinSet<()>,
}

/// What the tasks that run calls need.
#[derive(Debug)]
struct Shared {
    options: McpOptions,
    /// A permit for each child that may run.
    running: Semaphore,
}

impl McpServer {
    /// Creates a server.
    #[must_use]
    pub fn new(options: McpOptions) -> Self {
        let running = Semaphore::new(options.max_running.max(1));
        let shared = Arc::new(Shared { options, running });
        Self { shared, answers: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Answers the client until its input ends or it reads no more. The calls from before the end are answered, too,
    /// but together they have only as long as one call; then they are cancelled. Nothing but messages is written to
    /// `output`.
    ///
    /// Dropping the future cancels the calls, too.
    pub async fn run(
        mut self,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) {
        let mut lines = lines::read(input);
        let (sender, all_written) = lines::write(output);
        loop {
            tokio::select! {
                line = lines.recv() => {
                    let Some(line) = line else { break };
                    if self.take(line, &sender).await.is_err() {
                        break;
                    }
                }
                Some(ended) = self.tasks.join_next_with_id() => {
                    if self.remove(ended, &sender).await.is_err() {
                        break;
                    }
                }
            }
        }
        let limit = self.shared.options.timeout + LAST_CALLS;
        let rest = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                if self.remove(ended, &sender).await.is_err() {
                    break;
                }
            }
        };
        let _ = timeout(limit, rest).await;
        self.tasks.shutdown().await;
        drop(sender);
        let _ = timeout(LAST_ANSWERS, all_written).await;
    }

    /// Answers a line, or begins to. Fails if the client has gone.
    async fn take(&mut self, line: Line, sender: &mpsc::Sender<String>) -> Result<(), Gone> {
        let messages = match line {
            Line::Text(text) => message::parse(&text),
            Line::NotUtf8 => vec![Err(RpcError::unreadable("the line is not UTF-8"))],
            Line::TooLong => {
                let message = format!("the line is longer than {} MiB", MAX_LINE_BYTES >> 20);
                vec![Err(RpcError::unreadable(message))]
            }
        };
        for message in messages {
            let answer = match message {
                Err(error) => Some(error.answer(None)),
                Ok(Message::Request { id, method, params }) => {
                    self.begin(id, method, params, sender)
                }
                Ok(Message::Notification { method, params }) => {
                    if method == "notifications/cancelled" {
                        self.cancel(&params);
                    }
                    None
                }
                Ok(Message::Answer) => None,
            };
            if let Some(answer) = answer {
                sender.send(answer).await?;
            }
        }
        Ok(())
    }

    /// Returns the answer of a request, unless it takes time. Then a task sends it.
    fn begin(
        &mut self,
        id: Id,
        method: String,
        params: Value,
        sender: &mpsc::Sender<String>,
    ) -> Option<String> {
        let version = versions::named(&params);
        let is_stateless = version == Some(versions::STATELESS);
        let reply = Reply { id, method, is_stateless };
        if let Some(version) = version.filter(|version| !versions::all().contains(version)) {
            let error = RpcError::unsupported_version(version, versions::unsupported(version));
            return Some(reply.answer(Err(error)));
        }
        let work = match self.work(&reply.method, &params) {
            Err(error) => return Some(reply.answer(Err(error))),
            Ok(Work::Done(result)) => return Some(reply.answer(Ok(result))),
            Ok(work) => work,
        };
        let (running, options) = (self.answers.len(), &self.shared.options);
        if self.answers.contains_key(&reply.id) {
            let error = RpcError::invalid_request("a request with this id is still running");
            return Some(reply.answer(Err(error)));
        }
        if running >= options.max_running + options.max_waiting {
            let error = RpcError::internal(format!("{running} calls run or wait; try again later"));
            return Some(reply.answer(Err(error)));
        }
        let (id, shared, sender) = (reply.id.clone(), Arc::clone(&self.shared), sender.clone());
        let task = self.tasks.spawn(async move {
            let result = work.run(&shared).await;
            // If it fails, the client has gone.
            let _ = sender.send(reply.answer(result)).await;
        });
        self.answers.insert(id, task);
        None
    }

    /// What a request needs.
    fn work(&self, method: &str, params: &Value) -> Result<Work, RpcError> {
        Ok(match methods::answer(method, params, &self.shared.options)? {
            Asked::Now(result) => Work::Done(result.to_string()),
            Asked::Resource { uri } => Work::Read { uri: uri.to_owned() },
            Asked::CallOf { tool, arguments } => self.call(tool, arguments)?,
        })
    }

    /// What a call of a tool needs. Arguments that do not fit are a result, which the model sees and can mend.
    fn call(&self, name: &str, arguments: Value) -> Result<Work, RpcError> {
        let offered = || tools::offered(self.shared.options.allow_record);
        let Some(tool) = offered().find(|tool| tool.name == name) else {
            let near = netsky_db::nearest(name, offered().map(|tool| tool.name));
            return Err(RpcError::invalid_params(format!("no tool named '{name}'{near}")));
        };
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            Value::Null => Map::new(),
            _ => return Err(RpcError::invalid_params("arguments must be an object")),
        };
        Ok(match tool.check(arguments) {
            Ok(arguments) => Work::Call {
                tool,
                invocation: (tool.invocation)(&arguments),
                max_bytes: arguments.int("max_bytes"),
            },
            Err(failure) => Work::Done(Outcome::Failure(failure).result()),
        })
    }

    /// Cancels a request, which gets no answer.
    fn cancel(&mut self, params: &Value) {
        let id = params.get("requestId").and_then(Id::of);
        if let Some(task) = id.and_then(|id| self.answers.remove(&id)) {
            task.abort();
        }
    }

    /// Forgets a task that has ended.
    async fn remove(
        &mut self,
        ended: Result<(tokio::task::Id, ()), JoinError>,
        sender: &mpsc::Sender<String>,
    ) -> Result<(), Gone> {
        let task = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let key = self.answers.iter().find(|(_, handle)| handle.id() == task);
        let Some(id) = key.map(|(id, _)| id.clone()) else { return Ok(()) };
        self.answers.remove(&id);
        if ended.is_err_and(|error| error.is_panic()) {
            let error = RpcError::internal("the call failed; this is a bug in netsky");
            sender.send(error.answer(Some(&id))).await?;
        }
        Ok(())
    }
}

/// The client reads no more.
#[derive(Debug)]
struct Gone;

impl<T> From<mpsc::error::SendError<T>> for Gone {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self
    }
}

/// What a request needs.
#[derive(Debug)]
enum Work {
    /// Nothing: this is the result.
    Done(String),
    Call {
        tool: &'static Tool,
        invocation: Invocation,
        max_bytes: Option<u64>,
    },
    Read {
        uri: String,
    },
}

impl Work {
    /// Returns the JSON of the result, once a child may run.
    async fn run(self, shared: &Shared) -> Result<String, RpcError> {
        let permit = shared.running.acquire().await;
        let _permit = permit.map_err(|_| RpcError::internal("the server ends"))?;
        match self {
            Self::Done(result) => Ok(result),
            Self::Read { uri } => {
                resources::read(&shared.options, &uri).await.map(|result| result.to_string())
            }
            Self::Call { tool, invocation, max_bytes } => {
                let printed = child::run(&shared.options, &invocation).await;
                let outcome = match printed {
                    Ok(printed) => printed.outcome(tool, invocation.output, max_bytes),
                    Err(failure) => failure.into(),
                };
                Ok(outcome.result())
            }
        }
    }
}
