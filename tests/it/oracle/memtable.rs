//! The first oracle: DataFusion over the same rows in memory, with nothing pushed down, and with
//! every comparison wrapped in a call of a function that the optimizer does not know. So the
//! optimizer learns nothing from filters, and its mistakes only affect the store's answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringViewArray,
    TimestampNanosecondArray,
};
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::{LogicalPlan, Volatility, create_udf};
use datafusion::optimizer::{ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::prelude::{SessionConfig, SessionContext};
use netsky_db::{ColumnType, Table, VIEWS};
use tokio::runtime::{Builder, Runtime};

use super::answer::Answer;
use super::expression::Literal;

pub struct MemTables {
    session: SessionContext,
    /// DataFusion with its default rules, over the same rows.
    plain: SessionContext,
    runtime: Runtime,
}

impl MemTables {
    pub fn new(tables: &[(&'static Table, Vec<Vec<Literal>>)]) -> Self {
        let mut config = SessionConfig::new().with_target_partitions(1);
        config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
        config.options_mut().optimizer.enable_sort_pushdown = false;
        let session = context(config);
        let mut rules = Optimizer::new().rules;
        let pushdown = rules.iter_mut().find(|rule| rule.name() == "push_down_filter").unwrap();
        *pushdown = Arc::new(FiltersAboveAggregates(Arc::clone(pushdown)));
        let state = SessionStateBuilder::new_from_existing(session.state());
        let session = SessionContext::new_with_state(state.with_optimizer_rules(rules).build());
        session.register_udf(create_udf(
            "opaque",
            vec![DataType::Boolean],
            DataType::Boolean,
            // The optimizer does not move volatile expressions.
            Volatility::Volatile,
            Arc::new(|arguments| Ok(arguments[0].clone())),
        ));
        let plain = plain_session();
        for (table, rows) in tables {
            let batch = batch(table, rows);
            let table_in_memory = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
            let table_in_memory = Arc::new(table_in_memory);
            plain.register_table(table.name(), Arc::clone(&table_in_memory) as _).unwrap();
            session.register_table(table.name(), table_in_memory).unwrap();
        }
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        for session in [&session, &plain] {
            runtime.block_on(create_views(session));
        }
        Self { session, plain, runtime }
    }

    pub fn answer(&self, sql: &str) -> Result<Answer, String> {
        // If the inputs of a union are sorted separately, they share a TopK threshold on keys that
        // not all of them have. If not, a sort above a limit with an offset is mistaken for the
        // sort below it.
        let one_by_one = sql.contains(" OFFSET ");
        self.session.state_ref().write().config_mut().options_mut().optimizer.repartition_sorts =
            one_by_one;
        self.ask(&self.session, sql)
    }

    /// Returns DataFusion's answer with its default rules, for SQL that is not written for the
    /// oracle.
    pub fn plain_answer(&self, sql: &str) -> Result<Answer, String> {
        self.ask(&self.plain, sql)
    }

    fn ask(&self, session: &SessionContext, sql: &str) -> Result<Answer, String> {
        let answer = || self.runtime.block_on(async { session.sql(sql).await?.collect().await });
        match catch_unwind(AssertUnwindSafe(answer)) {
            Ok(batches) => batches.map(|batches| Answer::of(&batches)).map_err(|e| e.to_string()),
            Err(_) => Err("the oracle panicked".to_owned()),
        }
    }
}

/// Returns a session created by DataFusion, in which small tables are split into partitions like
/// large ones.
///
/// Join reordering is off. Otherwise DataFusion orders joins by the size of tables, which it only
/// knows for tables in memory, and of two plans affected by the same bug one could be right by
/// chance.
pub fn plain_session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(4).with_batch_size(64);
    config.options_mut().optimizer.join_reordering = false;
    context(config)
}

pub async fn create_views(session: &SessionContext) {
    for view in VIEWS {
        let sql = format!("CREATE VIEW {} AS {}", view.name(), view.sql());
        session.sql(&sql).await.unwrap();
    }
}

fn context(mut config: SessionConfig) -> SessionContext {
    config.options_mut().execution.time_zone = Some("UTC".to_owned());
    let state = SessionStateBuilder::new().with_config(config).with_default_features();
    let mut session =
        SessionContext::new_with_state(netsky_db::internal::with_functions(state).unwrap());
    // Views read JSON.
    datafusion_functions_json::register_all(&mut session).unwrap();
    session
}

/// DataFusion's rule also pushes a filter that is false for every row below an aggregate without
/// groups, which returns a row even so.
#[derive(Debug)]
struct FiltersAboveAggregates(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for FiltersAboveAggregates {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> datafusion::common::Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Filter(filter) if matches!(*filter.input, LogicalPlan::Aggregate(_)) => {
                Ok(Transformed::no(plan))
            }
            _ => self.0.rewrite(plan, config),
        }
    }
}

fn batch(table: &Table, rows: &[Vec<Literal>]) -> RecordBatch {
    let ids: Int64Array = rows.iter().map(|row| integer(&row[0])).collect();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(ids)];
    let mut fields = vec![Field::new("id", DataType::Int64, false)];
    for (index, column) in table.columns().iter().enumerate() {
        let values = rows.iter().map(|row| &row[index + 1]);
        let array: ArrayRef = match column.ty {
            ColumnType::Int => Arc::new(values.map(integer).collect::<Int64Array>()),
            ColumnType::Time => {
                let times: TimestampNanosecondArray = values.map(integer).collect();
                Arc::new(times.with_timezone("UTC"))
            }
            ColumnType::Bool => Arc::new(values.map(boolean).collect::<BooleanArray>()),
            ColumnType::Float => Arc::new(values.map(float).collect::<Float64Array>()),
            ColumnType::Date => Arc::new(values.map(days).collect::<Date32Array>()),
            ColumnType::Text => Arc::new(values.map(text).collect::<StringViewArray>()),
            other => panic!("no arrays of type {other}"),
        };
        let ty = match column.ty {
            ColumnType::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            _ => array.data_type().clone(),
        };
        fields.push(Field::new(column.name, ty, column.nullable));
        columns.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn integer(value: &Literal) -> Option<i64> {
    match value {
        Literal::Int(value) | Literal::Time(value, _) => Some(*value),
        _ => None,
    }
}

fn boolean(value: &Literal) -> Option<bool> {
    match value {
        Literal::Bool(value) => Some(*value),
        _ => None,
    }
}

fn float(value: &Literal) -> Option<f64> {
    match value {
        Literal::Float(value) => Some(*value),
        _ => None,
    }
}

fn days(value: &Literal) -> Option<i32> {
    match value {
        Literal::Date(date) => Date32Type::parse(date),
        _ => None,
    }
}

fn text(value: &Literal) -> Option<&str> {
    match value {
        Literal::Text(text) => Some(text),
        _ => None,
    }
}
