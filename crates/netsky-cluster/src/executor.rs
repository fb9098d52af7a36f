//! The process that runs tasks of queries.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::executor_grpc_server::ExecutorGrpcServer;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use netsky_lake::LakeStores;
use tonic::transport::Server;

use crate::codec::{LakeCodec, TaskCodec};
use crate::error::{Error, Result};
use crate::functions::Functions;
use crate::settings::config;
use crate::tasks::Tasks;

/// How often an executor without a free core asks the scheduler for work, which is its sign of life.
pub(crate) const POLL_SECONDS: u64 = 5;

/// An executor of a cluster: Ballista's, for the tables and functions of lakes, and for queries that are cancelled.
#[derive(Debug, Clone)]
pub struct Executor {
    /// The host and port of the scheduler. If it is not there yet, the executor waits for it.
    pub scheduler: (String, u16),
    /// Where clients and other executors get results. The scheduler uses the next port. With port 0, both are free
    /// ones.
    pub listen: SocketAddr,
    /// Under which name others reach it. The default is the address from which it talks to the scheduler.
    pub advertise: Option<String>,
    /// How many tasks run at once. The default is the number of cores of the machine.
    pub cores: Option<NonZero<usize>>,
    /// The memory of all tasks, in bytes. What needs more goes to the disk. The default is 70 percent of what the
    /// machine or the container has.
    pub memory: Option<u64>,
    /// Where results and what does not fit into memory are stored. The default is a directory that is deleted at the
    /// end.
    pub directory: Option<PathBuf>,
}

impl Executor {
    /// Runs until the process gets SIGINT or SIGTERM. Then it ends its tasks first.
    ///
    /// # Errors
    ///
    /// [`Error::Process`], for example if an address is in use.
    pub async fn run(self) -> Result<()> {
        let failed =
            |what: &dyn std::fmt::Display| Error::Process(format!("the executor failed: {what}"));
        let [port, control_port] = ports(self.listen)
            .map_err(|error| Error::Process(format!("{} cannot be used: {error}", self.listen)))?;
        let temporary = match &self.directory {
            Some(directory) => tempfile::tempdir_in(directory),
            None => tempfile::Builder::new().prefix("netsky-cluster-").tempdir(),
        };
        let temporary = temporary.map_err(|error| failed(&error))?;
        let directory = temporary.path().display().to_string();
        let functions = Arc::new(Functions::new()?);
        let tasks = Tasks::default();
        let control = Server::builder()
            .add_service(ExecutorGrpcServer::new(tasks.clone()))
            .serve(SocketAddr::new(self.listen.ip(), control_port));
        let spills = directory.clone();
        let (host, scheduler_port) = self.scheduler;
        let executor = ExecutorProcessConfig {
            bind_host: self.listen.ip().to_string(),
            external_host: self.advertise,
            port,
            grpc_port: control_port,
            scheduler_host: host,
            scheduler_port,
            // Any but 0 is for ever.
            scheduler_connect_timeout_seconds: 1,
            vcores: self.cores.map_or(0, NonZero::get),
            task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
            work_dir: Some(directory),
            memory_pool_size: self.memory,
            override_execution_engine: Some(Arc::new(tasks)),
            override_function_registry: Some(Arc::clone(functions.registry())),
            override_runtime_producer: Some(Arc::new(move |_| {
                RuntimeEnvBuilder::new()
                    .with_temp_file_path(&spills)
                    .with_object_store_registry(Arc::<LakeStores>::default())
                    .build_arc()
            })),
            override_config_producer: Some(Arc::new(|| config(SessionConfig::new()))),
            override_logical_codec: Some(Arc::new(LakeCodec::new(Arc::clone(&functions)))),
            override_physical_codec: Some(Arc::new(TaskCodec::new(functions))),
            ..ExecutorProcessConfig::default()
        };
        tokio::select! {
            ended = start_executor_process(Arc::new(executor)) => ended.map_err(|error| failed(&error)),
            ended = control => ended.map_err(|error| failed(&error)),
        }
    }
}

/// The ports of results and of control.
fn ports(listen: SocketAddr) -> std::io::Result<[u16; 2]> {
    match listen.port() {
        0 => {
            // Both at once, so that they differ. Another program may get one before it is bound again; then the
            // executor ends with an error.
            let free = |ip: IpAddr| TcpListener::bind(SocketAddr::new(ip, 0));
            let (first, second) = (free(listen.ip())?, free(listen.ip())?);
            Ok([first.local_addr()?.port(), second.local_addr()?.port()])
        }
        port => match port.checked_add(1) {
            Some(next) => Ok([port, next]),
            None => Err(std::io::Error::other("there is no next port")),
        },
    }
}
