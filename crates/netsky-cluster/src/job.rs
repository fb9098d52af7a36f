//! A query that runs on a cluster, and its end.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ballista_core::execution_plans::DistributedQueryExec;
use ballista_core::serde::protobuf::CancelJobParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr_common::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion_proto::protobuf::LogicalPlanNode;
use futures::{StreamExt, stream};
use tokio::runtime::Builder;

use crate::cluster::Cluster;
use crate::message::readable;
use crate::tasks::LOST;

type Query = DistributedQueryExec<LogicalPlanNode>;

/// How long the end of a process waits until the cluster knows that a job is cancelled.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often a query is asked again if executors are lost.
const AGAIN: usize = 2;

/// A plan of Ballista that runs one job, which is cancelled if its answer is not read to the end. Ballista lets such
/// jobs run on.
#[derive(Debug)]
pub(crate) struct JobExec {
    cluster: Cluster,
    /// Knows the job.
    query: Arc<Query>,
    /// The query, or one around it.
    plan: Arc<dyn ExecutionPlan>,
}

impl JobExec {
    pub(crate) fn new(cluster: Cluster, query: Arc<Query>, plan: Arc<dyn ExecutionPlan>) -> Self {
        Self { cluster, query, plan }
    }
}

impl DisplayAs for JobExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt_as(kind, f)
    }
}

impl ExecutionPlan for JobExec {
    fn name(&self) -> &'static str {
        "JobExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.is_empty() {
            true => Ok(self),
            false => internal_err!("a job has no children"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (cluster, query) = (self.cluster.clone(), Arc::clone(&self.query));
        let job = Arc::new(Job { cluster, query });
        running().push(Arc::clone(&job));
        let running = Running(job);
        let plan = Arc::clone(&self.plan);
        let ask = move || plan.execute(partition, Arc::clone(&context));
        let answer = ask()?;
        let (schema, cluster) = (answer.schema(), self.cluster.clone());
        let batches = stream::unfold(Some((answer, running, AGAIN)), move |state| {
            let (cluster, ask) = (cluster.clone(), ask.clone());
            async move {
                let (mut answer, running, mut again) = state?;
                let mut next = answer.next().await;
                while again > 0 && matches!(&next, Some(Err(error)) if is_lost(error)) {
                    again -= 1;
                    next = match ask() {
                        Ok(asked) => {
                            answer = asked;
                            answer.next().await
                        }
                        Err(error) => Some(Err(error)),
                    };
                }
                match next {
                    // A job returns rows when all of it is done, so none were returned before.
                    Some(Ok(batch)) => Some((Ok(batch), Some((answer, running, 0)))),
                    Some(Err(error)) => Some((Err(readable(&cluster, error).await), None)),
                    None => {
                        running.has_ended();
                        None
                    }
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

fn is_lost(error: &DataFusionError) -> bool {
    error.strip_backtrace().contains(LOST)
}

/// A job of this process.
#[derive(Debug)]
struct Job {
    cluster: Cluster,
    query: Arc<Query>,
}

impl Job {
    /// Tells the cluster that nobody waits for the job. If the cluster cannot be reached, nothing is lost but time of
    /// its executors.
    fn cancel(&self) {
        let Some(id) = self.query.job_id() else { return };
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        let cancel = async {
            let scheduler = self.cluster.scheduler().to_owned();
            let mut scheduler = SchedulerGrpcClient::connect(scheduler).await.ok()?;
            scheduler.cancel_job(CancelJobParams { job_id: id.to_string() }).await.ok()
        };
        let _ = runtime.block_on(async { tokio::time::timeout(PATIENCE, cancel).await });
    }
}

/// The jobs that have not ended.
static RUNNING: Mutex<Vec<Arc<Job>>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Arc<Job>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cancels its job when it is dropped.
struct Running(Arc<Job>);

impl Running {
    fn has_ended(self) {
        forget(&self.0);
    }
}

fn forget(job: &Arc<Job>) {
    running().retain(|running| !Arc::ptr_eq(running, job));
}

impl Drop for Running {
    fn drop(&mut self) {
        if !running().iter().any(|running| Arc::ptr_eq(running, &self.0)) {
            return;
        }
        let job = Arc::clone(&self.0);
        // Not here, because this thread may not wait. If there is no thread, the end of the process cancels it.
        let cancel = thread::Builder::new().name("netsky-cancel".to_owned());
        let _ = cancel.spawn(move || {
            job.cancel();
            forget(&job);
        });
    }
}

/// Cancels the jobs of this process that have not ended. It takes at most some seconds, and no time if there are
/// none. To be called before the process ends.
pub fn cancel_jobs() {
    let jobs = running().clone();
    thread::scope(|scope| {
        for job in &jobs {
            let _ = thread::Builder::new().spawn_scoped(scope, || {
                job.cancel();
                forget(job);
            });
        }
    });
}
