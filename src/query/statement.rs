//! From SQL text to a plan, if it is one that only reads.

use datafusion::common::{Column, DataFusionError, SchemaError, TableReference};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::query::dialect::SqlDialect;

/// Plans the one statement in `sql`.
///
/// # Errors
///
/// [`Error::Syntax`], [`Error::ReadOnlySql`], [`Error::UnknownTable`], [`Error::UnknownColumn`], or
/// [`Error::Query`] for whatever else the planner objects to.
pub(super) async fn plan(session: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let statement = parse(sql)?;
    if !only_reads(&statement) {
        return Err(Error::ReadOnlySql { statement: kind(&statement) });
    }
    let plan = match session.state().statement_to_plan(statement.clone()).await {
        Ok(plan) => plan,
        Err(error) => return Err(explain(session, &statement, error).await),
    };
    // A query can hide what is no query, such as SELECT INTO.
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(&plan).map_err(|_| Error::ReadOnlySql { statement: kind(&statement) })?;
    Ok(plan)
}

pub(super) fn parse(sql: &str) -> Result<Statement> {
    let mut statements = DFParser::parse_sql_with_dialect(sql, &SqlDialect)?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(Error::Syntax { message: "there is no statement".to_owned() }),
        (Some(_), more) => Err(Error::Syntax {
            message: format!("one statement at a time, please; here are {}", more + 1),
        }),
    }
}

fn only_reads(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::Statement(statement) => matches!(
            **statement,
            SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowFunctions { .. }
                | SqlStatement::ShowVariable { .. }
        ),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

/// The statement's first keyword.
fn kind(statement: &Statement) -> String {
    statement.to_string().split_whitespace().next().unwrap_or("this").to_owned()
}

/// The planner's error, with the nearest names where it did not know one.
async fn explain(session: &SessionContext, statement: &Statement, error: DataFusionError) -> Error {
    if let DataFusionError::SchemaError(schema_error, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = schema_error.as_ref()
    {
        return unknown_column(field, valid_fields);
    }
    match unknown_table(session, statement).await {
        Some(unknown) => unknown,
        None => error.into(),
    }
}

fn unknown_column(field: &Column, valid_fields: &[Column]) -> Error {
    let mut names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
    names.dedup();
    Error::UnknownColumn { name: field.flat_name(), nearest: nearest(&field.name, names) }
}

async fn unknown_table(session: &SessionContext, statement: &Statement) -> Option<Error> {
    let state = session.state();
    for reference in state.resolve_table_references(statement).ok()? {
        let known = session.table_exist(reference.clone()).unwrap_or(false)
            || is_information_schema(&reference)
            || state.table_functions().contains_key(reference.table());
        if !known {
            let tables = session.catalog(&state.config_options().catalog.default_catalog)?;
            let schema = tables.schema(&state.config_options().catalog.default_schema)?;
            let mut names = schema.table_names();
            names.sort();
            return Some(Error::UnknownTable {
                name: reference.to_string(),
                nearest: nearest(reference.table(), names.iter().map(String::as_str)),
            });
        }
    }
    None
}

fn is_information_schema(reference: &TableReference) -> bool {
    reference.schema() == Some("information_schema")
}
