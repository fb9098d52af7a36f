//! Settings of Ballista that its processes and their clients share.

use ballista_core::extension::SessionConfigExt;
use datafusion::prelude::SessionConfig;

/// Settings of a session whose plans run on a cluster.
pub(crate) fn config(config: SessionConfig) -> SessionConfig {
    config
        .upgrade_for_ballista()
        // With it, a query whose executor is lost does not end.
        .with_ballista_adaptive_query_planner(false)
        // Ballista's default is joins of sorted rows, which need less memory. In DataFusion 55.2 one with a filter
        // fails if it has no match for a row; the test of random queries draws such joins.
        .set_bool("datafusion.optimizer.prefer_hash_join", true)
        // Joins of partitions stay so; see `stages`.
        .with_ballista_broadcast_join_threshold_bytes(0)
        .with_ballista_broadcast_join_threshold_rows(0)
        // The client then knows its job at once, so that it can cancel it.
        .set_bool("ballista.client.pull", true)
}
