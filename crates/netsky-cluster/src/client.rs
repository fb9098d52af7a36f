//! Queries of a lake that run on a cluster.

use std::sync::Arc;

use ballista_core::optimizer::with_ballista_optimizer_rules;
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use netsky_db::internal::TableSource;
use netsky_db::{Db, Table};
use netsky_lake::{Lake, LakeTable, views};

use crate::cluster::Cluster;
use crate::codec::LakeCodec;
use crate::error::Result;
use crate::functions::Functions;
use crate::planner::ClusterPlanner;
use crate::settings::config;
use crate::single_rows::SingleRows;

impl Cluster {
    /// Returns a handle whose queries of the lake run on the cluster. The lake must be at the same place for all its
    /// processes. Queries without a table of the lake run in this process.
    ///
    /// # Errors
    ///
    /// Those of DataFusion.
    pub fn db(&self, lake: Lake) -> Result<Db> {
        let lake = lake.with_plain_text();
        let url = lake.url().to_owned();
        let functions = Arc::new(Functions::new()?);
        let codec = Arc::new(LakeCodec::new(functions));
        let source = LakeOnCluster { lake, cluster: self.clone(), codec };
        Ok(Db::of_lake(&url, Arc::new(source), views().to_vec()))
    }
}

#[derive(Debug)]
struct LakeOnCluster {
    lake: Lake,
    cluster: Cluster,
    codec: Arc<LakeCodec>,
}

impl TableSource for LakeOnCluster {
    fn tables(&self) -> Vec<&'static Table> {
        self.lake.tables()
    }

    fn provider(&self, table: &'static Table) -> Arc<dyn TableProvider> {
        Arc::new(LakeTable::new(table, self.lake.clone()))
    }

    fn adapt(&self, session: SessionState) -> SessionState {
        let config = config(SessionConfig::clone(session.config()));
        let rules = with_ballista_optimizer_rules(session.optimizers());
        let local = Arc::clone(session.query_planner());
        let codec = Arc::clone(&self.codec);
        let planner = ClusterPlanner::new(self.cluster.clone(), &config, codec, local);
        SessionStateBuilder::new_from_existing(session)
            .with_config(config)
            .with_analyzer_rule(Arc::new(SingleRows))
            .with_optimizer_rules(rules)
            .with_query_planner(Arc::new(planner))
            .build()
    }
}
