//! Parses and plans SQL, and refuses statements that do not only read.

use datafusion::common::{Column, DataFusionError, SchemaError, TableReference};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::query::dialect::SqlDialect;
use crate::query::statement_size;

/// Plans `sql`, which must be one statement.
///
/// # Errors
///
/// [`Error::Syntax`], [`Error::ReadOnlySql`], [`Error::UnknownTable`], [`Error::UnknownColumn`], or
/// [`Error::Query`] for other errors of the planner.
pub(super) async fn plan(session: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let statement = parse(sql)?;
    if let Some(statement) = forbidden_statement(&statement) {
        return Err(Error::ReadOnlySql { statement });
    }
    let plan = match session.state().statement_to_plan(statement).await {
        Ok(plan) => plan,
        // Parsing again after an error costs less than copying every statement.
        Err(error) => return Err(explain(session, &parse(sql)?, error).await),
    };
    // A query can contain something else, such as SELECT INTO.
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options
        .verify_plan(&plan)
        .map_err(|_| Error::ReadOnlySql { statement: "SELECT INTO".to_owned() })?;
    Ok(plan)
}

pub(super) fn parse(sql: &str) -> Result<Statement> {
    statement_size::check_length(sql)?;
    let tokens = Tokenizer::new(&SqlDialect, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| Error::Syntax { message: error.to_string() })?;
    statement_size::check_depth(&tokens)?;
    let parser = DFParserBuilder::new(tokens).with_dialect(&SqlDialect).build();
    let mut statements = parser?.parse_statements()?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => {
            Err(Error::Syntax { message: "expected a statement, found nothing".to_owned() })
        }
        (Some(_), more) => {
            Err(Error::Syntax { message: format!("expected one statement, found {}", more + 1) })
        }
    }
}

/// Fails if the condition is not a single expression. Text that closes a bracket, or continues after
/// the condition, would change the query around it.
///
/// # Errors
///
/// [`Error::Syntax`], and [`Error::Query`] if it is too deep.
pub fn check_condition(condition: &str) -> Result<()> {
    statement_size::check_length(condition)?;
    let tokens = Tokenizer::new(&SqlDialect, condition).tokenize_with_location();
    let tokens = tokens.map_err(|error| Error::Syntax { message: error.to_string() })?;
    statement_size::check_depth(&tokens)?;
    let mut parser = Parser::new(&SqlDialect).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().and_then(|_| parser.expect_token(&Token::EOF));
    parsed.map(|_| ()).map_err(|error| Error::Syntax { message: error.to_string() })
}

/// Returns the kind of the statement, or of the statement that it explains, if that may do more than read.
fn forbidden_statement(statement: &Statement) -> Option<String> {
    let only_reads = match statement {
        Statement::Explain(explain) => return forbidden_statement(&explain.statement),
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
    };
    // The first keyword, or the first two if some statements with the first one are allowed.
    let text = (!only_reads).then(|| statement.to_string())?;
    let words = if text.starts_with("SHOW ") { 2 } else { 1 };
    Some(text.split_whitespace().take(words).collect::<Vec<_>>().join(" "))
}

/// Adds the nearest names to the planner's error if it did not find a name.
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
