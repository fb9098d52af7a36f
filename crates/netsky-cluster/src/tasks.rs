//! The tasks of an executor, which end when their query is cancelled.
//!
//! An executor that asks for work has no way of Ballista's to hear of a cancelled query, and would work for nobody
//! until its tasks end. Those that are told of work hear of it, but do not survive the loss of another executor. And a
//! join hears of nothing while it works on one batch, which can take hours.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
use ballista_executor::execution_engine::{
    DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor,
};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use netsky_db::internal::{Cancellation, interruptible};
use netsky_lake::with_read_ahead;
use tonic::{Request, Response, Status};

use crate::message::sendable_error;

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
        let reads_results = refuse_doubled_rows(&plan)?;
        let key = (job.to_string(), stage, task);
        let cancellation = Cancellation::default();
        self.running().insert(key.clone(), cancellation.clone());
        let (directory, config) = (directory.to_owned(), config.clone());
        let stage_of_job = StageOfJob { job, stage, partitions, plan, directory, config };
        let (inner, tasks) = (OnceLock::new(), self.clone());
        Ok(Arc::new(Task { key, stage_of_job, reads_results, cancellation, inner, tasks }))
    }
}

/// Fails if a task would read results of several attempts of a stage. Returns whether it reads results of stages.
///
/// When Ballista 55.0 loses an executor, it repeats each stage whose inputs are gone. Results of tasks of that stage that
/// had already finished stay among the inputs of the next stage, and their rows would count twice: a sum was 1.5 times too
/// large. Numbers of tasks do not tell, because a stage that is repeated counts them from 0 again, and one that only
/// repeats some tasks does not.
fn refuse_doubled_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut reads_results = false;
    plan.apply(|node| {
        let Some(reader) = node.downcast_ref::<ShuffleReaderExec>() else {
            return Ok(TreeNodeRecursion::Continue);
        };
        reads_results = true;
        for results in &reader.partition {
            let mut attempts = results.iter().map(|result| result.file_id.map(attempt_of_file));
            if let Some(first) = attempts.next()
                && !attempts.all(|attempt| attempt == first)
            {
                return exec_err!("{LOST}");
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads_results)
}

/// Returns the number of the files with a task's results, which has the attempt of the stage in it.
fn file_of_task(attempt: u32, task: usize) -> Option<usize> {
    let task = u32::try_from(task).ok()?;
    usize::try_from(u64::from(attempt) << 32 | u64::from(task)).ok()
}

fn attempt_of_file(file: u64) -> u64 {
    file >> 32
}

/// Returns which attempt of its stage a task belongs to. Ballista says it only in the name of the task,
/// `TID job/stage.attempt/task.attempt`.
fn attempt_of_task(name: &str) -> Option<u32> {
    let (_, attempt) = name.rsplit('/').nth(1)?.split_once('.')?;
    attempt.parse().ok()
}

/// What a task runs.
#[derive(Debug)]
struct StageOfJob {
    job: JobId,
    stage: usize,
    partitions: Vec<usize>,
    plan: Arc<dyn ExecutionPlan>,
    directory: String,
    config: SessionConfig,
}

#[derive(Debug)]
struct Task {
    key: Key,
    stage_of_job: StageOfJob,
    reads_results: bool,
    cancellation: Cancellation,
    /// Made when the task begins.
    inner: OnceLock<Arc<dyn QueryStageExecutor>>,
    tasks: Tasks,
}

impl Task {
    /// Makes the task of Ballista.
    fn begin(&self, context: &TaskContext) -> Result<Arc<dyn QueryStageExecutor>> {
        let name = context.task_id().unwrap_or_default();
        let Some(attempt) = attempt_of_task(&name) else {
            return internal_err!("the attempt of task '{name}' is unknown");
        };
        // A stage that reads no results repeats only tasks whose own results are gone, so no rows come twice.
        let attempt = if self.reads_results { attempt } else { 0 };
        let Some(file) = file_of_task(attempt, self.key.2) else {
            return internal_err!("task '{name}' has too large a number");
        };
        let StageOfJob { job, stage, partitions, plan, directory, config } = &self.stage_of_job;
        let plan = with_read_ahead(Arc::clone(plan), &context.runtime_env())?;
        let plan = interruptible(plan, &self.cancellation)?;
        // It makes a connection for each result that it reads from another executor: the pool of Ballista's own
        // process is private.
        DefaultExecutionEngine::new().create_query_stage_exec(
            job.clone(),
            *stage,
            file,
            partitions.clone(),
            plan,
            directory,
            config,
        )
    }
}

#[async_trait]
impl QueryStageExecutor for Task {
    async fn execute_query_stage(
        &self,
        task: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let inner = self.begin(&context)?;
        let inner = self.inner.get_or_init(|| inner);
        inner.execute_query_stage(task, context).await.map_err(sendable_error)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.inner.get().map(|inner| inner.collect_plan_metrics()).unwrap_or_default()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.get().map(|inner| inner.collect_runtime_stats_reports()).unwrap_or_default()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.inner
            .get()
            .map_or_else(|| Ok(Vec::new()), |inner| inner.collect_window_state_reports())
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.inner.get().map(|inner| inner.collect_column_stats()).unwrap_or_default()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.tasks.running().remove(&self.key);
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner.get() {
            Some(inner) => inner.fmt(f),
            None => write!(f, "{:?}", self.key),
        }
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

#[cfg(test)]
mod tests {
    use ballista_core::serde::scheduler::{
        ExecutorMetadata, ExecutorSpecification, PartitionId, PartitionLocation, PartitionStats,
    };
    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::Partitioning;

    use super::*;

    /// A plan that reads the results of tasks, which are of attempts.
    fn reader(tasks: &[(u32, usize)]) -> Arc<dyn ExecutionPlan> {
        let results = tasks.iter().map(|(attempt, task)| PartitionLocation {
            map_partition_id: *task,
            partition_id: PartitionId { job_id: "job".into(), stage_id: 1, partition_id: 0 },
            executor_meta: ExecutorMetadata {
                id: "executor".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: 1,
                grpc_port: 2,
                specification: ExecutorSpecification::default(),
                os_info: Default::default(),
            },
            partition_stats: PartitionStats::default(),
            file_id: file_of_task(*attempt, *task).map(|file| file as u64),
            is_sort_shuffle: false,
        });
        let (results, schema) = (vec![results.collect()], Arc::new(Schema::empty()));
        let partitioning = Partitioning::UnknownPartitioning(1);
        Arc::new(ShuffleReaderExec::try_new(1, results, schema, partitioning).unwrap())
    }

    #[test]
    fn results_of_one_attempt_are_read() {
        for tasks in [&[][..], &[(0, 0), (0, 1), (0, 7)], &[(2, 0), (2, 1)]] {
            assert!(refuse_doubled_rows(&reader(tasks)).unwrap(), "{tasks:?}");
        }
    }

    #[test]
    fn results_of_two_attempts_are_refused() {
        // The second has another number, as after a task that was lost before.
        for tasks in [[(0, 1), (1, 0), (1, 1)], [(0, 7), (1, 0), (1, 1)], [(1, 0), (1, 1), (2, 3)]]
        {
            let error = refuse_doubled_rows(&reader(&tasks)).unwrap_err();
            assert!(error.to_string().contains(LOST), "{error}");
        }
    }

    #[test]
    fn the_name_of_a_task_says_its_attempt() {
        assert_eq!(attempt_of_task("TID a-b/c.9/3.12/7.1"), Some(12));
        assert_eq!(attempt_of_task("TID job/3.0/7.1"), Some(0));
        assert_eq!(attempt_of_task(""), None);
        assert_eq!(attempt_of_task("TID job"), None);
    }
}
