//! The process that plans queries and gives their tasks to executors.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::scheduler::ExecutorMetadata;
use ballista_scheduler::cluster::{BallistaCluster, ClusterState};
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::common::{Result as PlanResult, plan_err};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::prelude::SessionConfig;
use futures::FutureExt;
use netsky_db::internal::session_for_optimized_plans;
use netsky_lake::LakeStores;

use crate::codec::{LakeCodec, TaskCodec};
use crate::collected::CollectedAnswer;
use crate::error::{Error, Result};
use crate::executor::POLL_SECONDS;
use crate::functions::Functions;
use crate::leaves::DivisibleLeaves;
use crate::limits::ReadLimits;
use crate::settings::config;
use crate::stages::IndependentStages;

/// After how many seconds without a word an executor is given up, and its tasks are given to others.
const EXECUTOR_TIMEOUT_SECONDS: u64 = 4 * POLL_SECONDS;

/// The scheduler of a cluster: Ballista's, for the tables and functions of lakes.
#[derive(Debug, Clone)]
pub struct Scheduler {
    /// Where clients and executors reach it.
    pub listen: SocketAddr,
}

impl Scheduler {
    /// Runs until the process is ended.
    ///
    /// # Errors
    ///
    /// [`Error::Process`], for example if the address is in use.
    pub async fn run(self) -> Result<()> {
        let failed = |error: ballista_core::error::BallistaError| {
            Error::Process(format!("the scheduler on {} failed: {error}", self.listen))
        };
        let functions = Arc::new(Functions::new()?);
        let executors = Executors::default();
        let (seen, planned) = (executors.clone(), session_for_optimized_plans()?);
        let config = SchedulerConfig {
            bind_host: self.listen.ip().to_string(),
            bind_port: self.listen.port(),
            // With Ballista's default, a query whose executor is lost does not end.
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            executor_timeout_seconds: EXECUTOR_TIMEOUT_SECONDS,
            expire_dead_executor_interval_seconds: POLL_SECONDS,
            no_executors_grace_period_seconds: EXECUTOR_TIMEOUT_SECONDS,
            override_session_builder: Some(Arc::new(move |config| {
                session(&planned, config, &seen)
            })),
            override_config_producer: Some(Arc::new(|| config(SessionConfig::new()))),
            override_logical_codec: Some(Arc::new(LakeCodec::new(Arc::clone(&functions)))),
            override_physical_codec: Some(Arc::new(TaskCodec::new(functions))),
            ..SchedulerConfig::default()
        };
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
        executors.be_those_of(cluster.cluster_state());
        start_server(cluster, self.listen, Arc::new(config)).await.map_err(failed)
    }
}

/// Returns a session to plan one query for the executors that there are.
fn session(
    planned: &SessionState,
    config: SessionConfig,
    executors: &Executors,
) -> PlanResult<SessionState> {
    let cores = executors.cores();
    if cores == 0 {
        return plan_err!(
            "the cluster has no executor; start one with `netsky-cluster executor --scheduler HOST:PORT`"
        );
    }
    let config = config.with_target_partitions(cores);
    let mut rules = planned.physical_optimizers().to_vec();
    let sorts = EnsureRequirements::new();
    if let Some(placing) = rules.iter().find(|rule| rule.name() == sorts.name()).cloned() {
        rules.push(Arc::new(IndependentStages { placing }));
    }
    rules.push(Arc::new(DivisibleLeaves));
    rules.push(Arc::new(CollectedAnswer));
    let runtime = RuntimeEnvBuilder::new().with_object_store_registry(Arc::<LakeStores>::default());
    let state = SessionStateBuilder::new_from_existing(planned.clone())
        .with_config(config)
        .with_runtime_env(runtime.build_arc()?)
        .with_optimizer_rules(vec![Arc::new(ReadLimits)])
        .with_physical_optimizer_rules(rules);
    Ok(state.build())
}

/// The executors of a cluster, which is made after its sessions are.
#[derive(Clone, Default)]
struct Executors(Arc<OnceLock<Arc<dyn ClusterState>>>);

impl Executors {
    fn be_those_of(&self, cluster: Arc<dyn ClusterState>) {
        let _ = self.0.set(cluster);
    }

    /// How many tasks run at once.
    fn cores(&self) -> usize {
        // It is in memory, so there is nothing to wait for.
        let known =
            self.0.get().and_then(|state| state.registered_executor_metadata().now_or_never());
        let cores = |executor: &ExecutorMetadata| executor.specification.vcores as usize;
        known.iter().flatten().map(cores).sum()
    }
}
