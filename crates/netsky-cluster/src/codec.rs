//! How plans of lakes are written for other processes.

use std::collections::BTreeSet;
use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, TableReference, not_impl_err, plan_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{
    AggregateUDF, Extension, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use netsky_lake::{Lake, LakeTable, tables};
use serde::{Deserialize, Serialize};

use crate::functions::{Functions, decode, encode};

/// The version of this package, which that of a cluster must equal: plans have functions that another may lack.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A table of a lake in a plan. The rows and their files are found anew where the plan is read.
#[derive(Debug, Serialize, Deserialize)]
struct TableOfLake {
    version: String,
    lake: String,
    machines: BTreeSet<String>,
    table: String,
}

impl TableOfLake {
    fn of(table: &LakeTable) -> Self {
        let lake = table.lake();
        Self {
            version: VERSION.to_owned(),
            lake: lake.url().to_owned(),
            machines: lake.machines().clone(),
            table: table.name().to_owned(),
        }
    }

    fn open(&self) -> Result<LakeTable> {
        if self.version != VERSION {
            return plan_err!(
                "the query is of netsky {}, but the cluster is of {VERSION}; use the same version for both",
                self.version
            );
        }
        let known = tables().iter().find(|table| table.name() == self.table);
        let Some(table) = known else { return plan_err!("there is no table {}", self.table) };
        let lake = Lake::open(&self.lake).and_then(|lake| {
            let machines = self.machines.iter().map(String::as_str);
            Ok(lake.of_machines(machines)?.with_plain_text())
        });
        let lake = lake.map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(LakeTable::new(table, lake))
    }
}

/// The methods of both codecs for functions.
macro_rules! function_methods {
    () => {
        function_methods!(try_decode_udf, try_encode_udf, ScalarUDF);
        function_methods!(try_decode_udaf, try_encode_udaf, AggregateUDF);
        function_methods!(try_decode_udwf, try_encode_udwf, WindowUDF);
        function_methods!(
            try_decode_higher_order_function,
            try_encode_higher_order_function,
            HigherOrderUDF
        );
    };
    ($decode:ident, $encode:ident, $ty:ty) => {
        fn $decode(&self, name: &str, from: &[u8]) -> Result<Arc<$ty>> {
            decode(&self.functions, name, from)
        }

        fn $encode(&self, function: &$ty, to: &mut Vec<u8>) -> Result<()> {
            encode(&self.functions, function, to)
        }
    };
}

/// Writes and reads the plans that a client sends to the scheduler.
#[derive(Debug)]
pub(crate) struct LakeCodec {
    functions: Arc<Functions>,
    inner: BallistaLogicalExtensionCodec,
}

impl LakeCodec {
    pub(crate) fn new(functions: Arc<Functions>) -> Self {
        Self { functions, inner: BallistaLogicalExtensionCodec::default() }
    }
}

impl LogicalExtensionCodec for LakeCodec {
    fn try_decode(
        &self,
        from: &[u8],
        inputs: &[LogicalPlan],
        context: &TaskContext,
    ) -> Result<Extension> {
        self.inner.try_decode(from, inputs, context)
    }

    fn try_encode(&self, node: &Extension, to: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode(node, to)
    }

    fn try_decode_table_provider(
        &self,
        from: &[u8],
        _: &TableReference,
        _: SchemaRef,
        _: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        let table: TableOfLake = serde_json::from_slice(from).map_err(|error| {
            DataFusionError::Plan(format!("it is not a table of a lake: {error}"))
        })?;
        Ok(Arc::new(table.open()?))
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        table: Arc<dyn TableProvider>,
        to: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(table) = table.downcast_ref::<LakeTable>() else {
            return not_impl_err!(
                "{name} is not a table of the lake, and cannot be sent to a cluster"
            );
        };
        serde_json::to_writer(to, &TableOfLake::of(table))
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }

    function_methods!();
}

/// Writes and reads the plans that the scheduler sends to executors.
#[derive(Debug)]
pub(crate) struct TaskCodec {
    functions: Arc<Functions>,
    inner: BallistaPhysicalExtensionCodec,
}

impl TaskCodec {
    pub(crate) fn new(functions: Arc<Functions>) -> Self {
        Self { functions, inner: BallistaPhysicalExtensionCodec::default() }
    }
}

impl PhysicalExtensionCodec for TaskCodec {
    fn try_decode(
        &self,
        from: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.try_decode(from, inputs, context, converter)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        to: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        self.inner.try_encode(node, to, converter)
    }

    function_methods!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_another_version_is_refused_by_both_versions() {
        let table = TableOfLake {
            version: "0.0.1".to_owned(),
            lake: "/nowhere".to_owned(),
            machines: BTreeSet::new(),
            table: "ticks".to_owned(),
        };
        let codec = LakeCodec::new(Arc::new(Functions::new().unwrap()));
        let context = TaskContext::default();
        let read = |table: &TableOfLake| {
            let written = serde_json::to_vec(table).unwrap();
            let name = TableReference::bare("ticks");
            let schema = SchemaRef::new(datafusion::arrow::datatypes::Schema::empty());
            codec
                .try_decode_table_provider(&written, &name, schema, &context)
                .unwrap_err()
                .to_string()
        };
        let error = read(&table);
        assert!(error.contains("of netsky 0.0.1") && error.contains(VERSION), "{error}");
        let table = TableOfLake { version: VERSION.to_owned(), ..table };
        assert!(read(&table).contains("there is no lake at /nowhere"), "{}", read(&table));
        let table = TableOfLake { table: "nothing".to_owned(), ..table };
        assert!(read(&table).contains("there is no table nothing"), "{}", read(&table));
    }
}
