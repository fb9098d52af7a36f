//! The tasks of an executor, which end when their query is cancelled.
//!
//! An executor that asks for work has no way of Ballista's to hear of a cancelled query, and would work for nobody
//! until its tasks end. Those that are told of work hear of it, but do not survive the loss of another executor. And a
//! join hears of nothing while it works on one batch, which can take hours.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::execution_plans::ShuffleReaderExec;
use ballista_core::serde::protobuf::executor_grpc_server::ExecutorGrpc;
use ballista_core::serde::protobuf::{
    CancelTasksParams, CancelTasksResult, LaunchMultiTaskParams, LaunchMultiTaskResult,
    LaunchTaskParams, LaunchTaskResult, RemoveJobDataParams, RemoveJobDataResult,
    RuntimeStatsReport, ShuffleWritePartition, StopExecutorParams, StopExecutorResult,
    TaskColumnStats, WindowStateReport,
};
use ballista_core::serde::scheduler::PartitionLocation;
use ballista_executor::execution_engine::{
    DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor,
};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, exec_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use netsky_db::internal::{Cancellation, interruptible};
use tonic::{Request, Response, Status};

/// What a query fails with if an executor was lost in the middle of it.
pub(crate) const LOST: &str = "an executor was lost; ask again";

/// The job, the stage and the number of a task.
type Key = (String, usize, usize);

/// The tasks that run. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<HashMap<Key, Cancellation>>>);

impl Tasks {
    fn running(&self) -> MutexGuard<'_, HashMap<Key, Cancellation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExecutionEngine for Tasks {
    fn create_query_stage_exec(
        &self,
        job: JobId,
        stage: usize,
        task: usize,
        partitions: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        directory: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        refuse_doubled_rows(&plan)?;
        let key = (job.to_string(), stage, task);
        let cancellation = Cancellation::default();
        let plan = interruptible(plan, &cancellation)?;
        // It makes a connection for each result that it reads from another executor: the pool of Ballista's own
        // process is private.
        let inner = DefaultExecutionEngine::new()
            .create_query_stage_exec(job, stage, task, partitions, plan, directory, config)?;
        self.running().insert(key.clone(), cancellation);
        Ok(Arc::new(Task { key, inner, tasks: self.clone() }))
    }
}

/// Fails if a task would read the results of a task before it twice.
///
/// When Ballista 55.0 loses an executor, it repeats a stage whose inputs are gone. The results of tasks of that stage that
/// had already finished stay among the inputs of the next stage, and their rows would count twice: a sum was 1.5 times too
/// large.
fn refuse_doubled_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    plan.apply(|node| {
        let Some(reader) = node.downcast_ref::<ShuffleReaderExec>() else {
            return Ok(TreeNodeRecursion::Continue);
        };
        for results in &reader.partition {
            let mut tasks = HashSet::new();
            let of_task = |result: &PartitionLocation| (result.map_partition_id, result.file_id);
            if !results.iter().all(|result| tasks.insert(of_task(result))) {
                return exec_err!("{LOST}");
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

#[derive(Debug)]
struct Task {
    key: Key,
    inner: Arc<dyn QueryStageExecutor>,
    tasks: Tasks,
}

#[async_trait]
impl QueryStageExecutor for Task {
    async fn execute_query_stage(
        &self,
        task: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        self.inner.execute_query_stage(task, context).await
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.inner.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.inner.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.inner.collect_column_stats()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.tasks.running().remove(&self.key);
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// What the scheduler can ask for. It sends no tasks, because executors ask for them.
#[async_trait]
impl ExecutorGrpc for Tasks {
    async fn cancel_tasks(
        &self,
        request: Request<CancelTasksParams>,
    ) -> Result<Response<CancelTasksResult>, Status> {
        let mut cancelled = true;
        for task in request.into_inner().task_infos {
            let key = (task.job_id, task.stage_id as usize, task.task_id as usize);
            match self.running().get(&key) {
                Some(cancellation) => cancellation.cancel(),
                None => cancelled = false,
            }
        }
        Ok(Response::new(CancelTasksResult { cancelled }))
    }

    async fn launch_task(
        &self,
        _: Request<LaunchTaskParams>,
    ) -> Result<Response<LaunchTaskResult>, Status> {
        Err(Status::unimplemented("this executor asks for its tasks"))
    }

    async fn launch_multi_task(
        &self,
        _: Request<LaunchMultiTaskParams>,
    ) -> Result<Response<LaunchMultiTaskResult>, Status> {
        Err(Status::unimplemented("this executor asks for its tasks"))
    }

    async fn stop_executor(
        &self,
        _: Request<StopExecutorParams>,
    ) -> Result<Response<StopExecutorResult>, Status> {
        Err(Status::unimplemented("end the process of the executor"))
    }

    async fn remove_job_data(
        &self,
        _: Request<RemoveJobDataParams>,
    ) -> Result<Response<RemoveJobDataResult>, Status> {
        Err(Status::unimplemented("this executor asks for what to remove"))
    }
}
