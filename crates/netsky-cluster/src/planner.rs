//! Decides where a plan runs, and whether a cluster can run it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::config::BallistaConfig;
use ballista_core::execution_plans::{DistributedExplainAnalyzeExec, DistributedQueryExec};
use ballista_core::extension::SessionConfigExt;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, plan_err};
use datafusion::datasource::source_as_provider;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::LogicalPlanNode;
use netsky_lake::LakeTable;

use crate::cluster::Cluster;
use crate::codec::LakeCodec;
use crate::error::Error;
use crate::job::JobExec;
use crate::sendable::sendable;

/// The most files of a query. A message between the processes has at most 16 MiB, and each file takes 564 bytes of
/// the plan: with 30,000 of them, a query did not end, and nobody said why.
const MAX_FILES: usize = 20_000;

pub(crate) struct ClusterPlanner {
    cluster: Cluster,
    config: BallistaConfig,
    codec: Arc<LakeCodec>,
    /// Plans what runs in this process.
    local: Arc<dyn QueryPlanner + Send + Sync>,
}

impl ClusterPlanner {
    pub(crate) fn new(
        cluster: Cluster,
        config: &SessionConfig,
        codec: Arc<LakeCodec>,
        local: Arc<dyn QueryPlanner + Send + Sync>,
    ) -> Self {
        Self { cluster, config: config.ballista_config(), codec, local }
    }
}

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inputs = Inputs::of(plan)?;
        if inputs.lake.is_empty() {
            return self.local.create_physical_plan(plan, session).await;
        }
        if let Some(what) = &inputs.of_process {
            return plan_err!(
                "{what} cannot run on a cluster beside tables of the lake; leave --cluster away"
            );
        }
        let files = inputs.count_files().await?;
        if files > MAX_FILES {
            return plan_err!("{}", Error::TooManyFiles { files, most: MAX_FILES });
        }
        let query = |plan: LogicalPlan| {
            Arc::new(DistributedQueryExec::<LogicalPlanNode>::with_extension(
                self.cluster.scheduler().to_owned(),
                self.config.clone(),
                plan,
                Arc::clone(&self.codec) as _,
                session.session_id().to_owned(),
            ))
        };
        let (query, plan): (_, Arc<dyn ExecutionPlan>) = match plan {
            LogicalPlan::Analyze(analyze) => {
                let query = query(sendable(analyze.input.as_ref().clone())?);
                let explained = DistributedExplainAnalyzeExec::<LogicalPlanNode>::new(
                    Arc::clone(&query) as _,
                    self.cluster.scheduler().to_owned(),
                    Arc::clone(analyze.schema.inner()),
                    analyze.verbose,
                );
                (query, Arc::new(explained))
            }
            plan => {
                let query = query(sendable(plan.clone())?);
                (Arc::clone(&query), query)
            }
        };
        Ok(Arc::new(JobExec::new(self.cluster.clone(), query, plan)))
    }
}

/// What of a plan decides where it runs.
#[derive(Default)]
struct Inputs {
    /// The tables of the lake, with the filters of their scans.
    lake: Vec<(Arc<dyn TableProvider>, Vec<Expr>)>,
    /// The first input that a cluster cannot have.
    of_process: Option<String>,
}

impl Inputs {
    fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut inputs = Self::default();
        plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::TableScan(TableScan { table_name, source, filters, .. }) => {
                    let table = source_as_provider(source)?;
                    match table.is::<LakeTable>() {
                        true => inputs.lake.push((table, filters.clone())),
                        false => inputs.has(table_name.table()),
                    }
                }
                LogicalPlan::RecursiveQuery(_) => inputs.has("WITH RECURSIVE"),
                _ => {}
            }
            // The others are joins by now.
            node.apply_expressions(|expr| {
                if expr.exists(|part| {
                    Ok(matches!(
                        part,
                        Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)
                    ))
                })? {
                    inputs.has("a subquery in this place");
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(inputs)
    }

    fn has(&mut self, input_of_process: &str) {
        self.of_process.get_or_insert_with(|| input_of_process.to_owned());
    }

    async fn count_files(&self) -> Result<usize> {
        let mut files = 0;
        for (table, filters) in &self.lake {
            if let Some(table) = table.downcast_ref::<LakeTable>() {
                let found = table.count_files(filters).await;
                files += found.map_err(|error| netsky_db::Error::TableSource(Box::new(error)))?;
            }
        }
        Ok(files)
    }
}

impl fmt::Debug for ClusterPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterPlanner").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}
