//! How functions of plans are named between processes.
//!
//! A plan names its functions, and the process that reads it looks them up. That is not enough: under some names, a
//! session of netsky has a function of its own, which it expresses by the function of DataFusion of that name.

use std::collections::HashMap;
use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::common::{Result, internal_err, not_impl_err};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::SessionConfig;
use netsky_db::internal::session_for_optimized_plans;

use crate::single_rows::only_row;

/// Follows the name of a function that is DataFusion's although netsky has one of that name.
const OF_DATAFUSION: &[u8] = b"datafusion";

/// The functions that a plan can have.
#[derive(Debug)]
pub(crate) struct Functions {
    netsky: Arc<BallistaFunctionRegistry>,
    datafusion: BallistaFunctionRegistry,
}

impl Functions {
    pub(crate) fn new() -> netsky_db::Result<Self> {
        let netsky = session_for_optimized_plans()?;
        let mut registry = BallistaFunctionRegistry::from(&netsky);
        let only_row = Arc::new(only_row());
        registry.scalar_functions.insert(only_row.name().to_owned(), only_row);
        // They keep the time zone of the session that they are made in.
        let config = SessionConfig::clone(netsky.config());
        let datafusion = SessionStateBuilder::new().with_config(config).with_default_features();
        let datafusion: SessionState = datafusion.build();
        Ok(Self { netsky: Arc::new(registry), datafusion: (&datafusion).into() })
    }

    /// Those that are known by their names alone.
    pub(crate) fn registry(&self) -> &Arc<BallistaFunctionRegistry> {
        &self.netsky
    }
}

/// A kind of function.
pub(crate) trait Kind: PartialEq + Sized {
    const NAME: &'static str;

    fn name(&self) -> &str;

    fn all(registry: &BallistaFunctionRegistry) -> &HashMap<String, Arc<Self>>;
}

macro_rules! kind {
    ($ty:ty, $name:literal, $all:ident) => {
        impl Kind for $ty {
            const NAME: &'static str = $name;

            fn name(&self) -> &str {
                self.name()
            }

            fn all(registry: &BallistaFunctionRegistry) -> &HashMap<String, Arc<Self>> {
                &registry.$all
            }
        }
    };
}

kind!(ScalarUDF, "function", scalar_functions);
kind!(AggregateUDF, "aggregate", aggregate_functions);
kind!(WindowUDF, "window function", window_functions);
kind!(HigherOrderUDF, "function", higher_order_functions);

/// Writes what another process needs besides the name to find the function.
pub(crate) fn encode<F: Kind>(functions: &Functions, function: &F, to: &mut Vec<u8>) -> Result<()> {
    let is_in = |registry| {
        let found = F::all(registry).get(function.name());
        found.is_some_and(|found| found.as_ref() == function)
    };
    if is_in(&functions.netsky) {
        return Ok(());
    }
    if is_in(&functions.datafusion) {
        to.extend_from_slice(OF_DATAFUSION);
        return Ok(());
    }
    not_impl_err!("the {} {} cannot be sent to a cluster", F::NAME, function.name())
}

/// Finds a function that [`encode`] has written.
pub(crate) fn decode<F: Kind>(functions: &Functions, name: &str, from: &[u8]) -> Result<Arc<F>> {
    let registry = match from {
        [] => functions.netsky.as_ref(),
        OF_DATAFUSION => &functions.datafusion,
        _ => return internal_err!("the {} {name} is of an unknown program", F::NAME),
    };
    match F::all(registry).get(name) {
        Some(function) => Ok(Arc::clone(function)),
        None => internal_err!("there is no {} {name} in this version", F::NAME),
    }
}
