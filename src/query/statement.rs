//! Parses and plans SQL, and refuses statements that do not only read.

use datafusion::common::{Column, DataFusionError, Diagnostic, SchemaError, Span, TableReference};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::datafusion_message::refused_function;
use crate::error::{Error, Result, position_of};
use crate::nearest::{Nearest, nearest};
use crate::position::Position;
use crate::query::dialect::SqlDialect;
use crate::query::extension::Rewrite;
use crate::query::functions::{FUNCTIONS, ListedFunction, functions_of, json_list_function};
use crate::query::statement_size;
use crate::query::syntax::{
    ColumnNames, Leading, expand_alias, leading_word, mark_asof_joins, refuse_tokens,
    rename_repeated_columns, rewrite, summarized, summary_sql, with_leading_word,
};

/// A planned query, and the names of its columns.
pub(super) struct PlannedStatement {
    pub(super) plan: LogicalPlan,
    pub(super) names: ColumnNames,
}

/// Plans `sql`, which must be one statement.
///
/// # Errors
///
/// [`Error::Syntax`], [`Error::UnsupportedSql`], [`Error::ReadOnlySql`], [`Error::UnknownTable`],
/// [`Error::UnknownColumn`], [`Error::UnknownFunction`], or [`Error::Query`] for other errors of the planner.
pub(super) async fn plan(
    session: &SessionContext,
    sql: &str,
    rewrite: Option<&Rewrite>,
) -> Result<PlannedStatement> {
    let tokens = tokens(sql)?;
    match leading_word(&tokens)? {
        Leading::Other => plan_tokens(session, sql, tokens, rewrite).await,
        Leading::Table => {
            let query = with_leading_word(sql, &tokens, "FROM");
            let tokens = self::tokens(&query)?;
            plan_tokens(session, &query, tokens, rewrite).await
        }
        Leading::Summarize => {
            let query = summarized(sql, &tokens);
            let planned = plan_tokens(session, &query, self::tokens(&query)?, rewrite).await?;
            let schema = planned.names.apply(planned.plan.schema().inner());
            let summary = summary_sql(&query, &schema);
            let tokens = self::tokens(&summary)?;
            plan_tokens(session, &summary, tokens, None).await
        }
    }
}

async fn plan_tokens(
    session: &SessionContext,
    sql: &str,
    tokens: Vec<TokenWithSpan>,
    rewrite: Option<&Rewrite>,
) -> Result<PlannedStatement> {
    let (mut statement, mut names) = parse_tokens(sql, tokens, rewrite)?;
    if let Some(statement) = forbidden_statement(&statement) {
        return Err(Error::ReadOnlySql { statement });
    }
    let state = session.state();
    let mut corrections: Vec<Correction> = Vec::new();
    let plan = loop {
        let error = match state.statement_to_plan(statement).await {
            Ok(plan) => break plan,
            Err(error) => error,
        };
        // Parsing again after an error costs less than copying every statement.
        (statement, names) = parse_tokens(sql, self::tokens(sql)?, rewrite)?;
        for correction in &corrections {
            correction.apply(&mut statement, &mut names)?;
        }
        let correction = Correction::of(&error);
        let is_corrected = match &correction {
            Some(_) if corrections.len() == MAX_CORRECTIONS => false,
            Some(correction) => correction.apply(&mut statement, &mut names)?,
            None => false,
        };
        if !is_corrected {
            return Err(explain(session, &statement, sql, error).await);
        }
        corrections.extend(correction);
    };
    // A query can contain something else, such as SELECT INTO.
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options
        .verify_plan(&plan)
        .map_err(|_| Error::ReadOnlySql { statement: "SELECT INTO".to_owned() })?;
    Ok(PlannedStatement { plan, names })
}

/// The maximum number of corrections of one statement. Each one plans it again.
const MAX_CORRECTIONS: usize = 8;

/// A change of a statement that the planner refused, to one with the same meaning.
#[derive(Debug)]
enum Correction {
    /// Columns with the same name get different ones in the plan.
    RenameRepeated,
    /// The name at the place may be one of the select list.
    ExpandAlias(Position),
}

impl Correction {
    fn of(error: &DataFusionError) -> Option<Self> {
        match error.find_root() {
            DataFusionError::Plan(message) if message.starts_with("Projections require unique") => {
                Some(Self::RenameRepeated)
            }
            DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
                SchemaError::DuplicateQualifiedField { .. }
                | SchemaError::DuplicateUnqualifiedField { .. }
                // `SELECT id, id::text AS id`, if a name repeats.
                | SchemaError::AmbiguousReference { .. } => Some(Self::RenameRepeated),
                SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => {
                    position_of_column(error, field).map(Self::ExpandAlias)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether it changed the statement.
    fn apply(&self, statement: &mut Statement, names: &mut ColumnNames) -> Result<bool> {
        match self {
            Self::RenameRepeated => Ok(rename_repeated_columns(statement, names)),
            Self::ExpandAlias(at) => expand_alias(statement, *at),
        }
    }
}

/// The place of an unknown column.
fn position_of_column(error: &DataFusionError, column: &Column) -> Option<Position> {
    let noted = || {
        let start = column.spans().first()?.start;
        Some(Position::new(start.line, start.column))
    };
    position_of(error).or_else(noted)
}

/// Parses one statement.
///
/// # Errors
///
/// [`Error::Syntax`] and [`Error::UnsupportedSql`].
pub(super) fn parse(sql: &str) -> Result<Statement> {
    Ok(parse_tokens(sql, tokens(sql)?, None)?.0)
}

fn parse_tokens(
    sql: &str,
    tokens: Vec<TokenWithSpan>,
    extension: Option<&Rewrite>,
) -> Result<(Statement, ColumnNames)> {
    refuse_tokens(&tokens)?;
    let tokens = mark_asof_joins(tokens);
    let parser = DFParserBuilder::new(tokens.clone()).with_dialect(&SqlDialect).build();
    let mut statements = parser?.parse_statements()?;
    let message = match (statements.pop_front(), statements.len()) {
        (Some(mut statement), 0) => {
            if let Some(extension) = extension {
                apply(extension, &mut statement)?;
            }
            let names = ColumnNames::new(&statement, sql, &tokens, &SqlDialect);
            rewrite(&mut statement)?;
            return Ok((statement, names));
        }
        (None, _) => "expected a statement, found nothing".to_owned(),
        (Some(_), more) => format!("expected one statement, found {}", more + 1),
    };
    Err(Error::Syntax { message, position: None })
}

/// Changes the statement, or the one that it explains.
fn apply(rewrite: &Rewrite, statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::Statement(statement) => rewrite(statement),
        Statement::Explain(explain) => apply(rewrite, &mut explain.statement),
        _ => Ok(()),
    }
}

/// Returns the tokens, if the statement is not too long and its tree would not be too deep.
fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>> {
    statement_size::check_length(sql)?;
    let tokens = Tokenizer::new(&SqlDialect, sql).tokenize_with_location();
    let tokens = tokens.map_err(|TokenizerError { message, location }| Error::Syntax {
        message,
        position: Some(Position::new(location.line, location.column)),
    })?;
    statement_size::check_depth(&tokens)?;
    Ok(tokens)
}

/// Fails if the condition is not a single expression. Text that closes a bracket, or continues after
/// the condition, would change the query around it.
///
/// # Errors
///
/// [`Error::Syntax`], and [`Error::Query`] if it is too deep.
pub fn check_condition(condition: &str) -> Result<()> {
    let tokens = tokens(condition)?;
    let mut parser = Parser::new(&SqlDialect).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().and_then(|_| parser.expect_token(&Token::EOF));
    parsed.map(|_| ()).map_err(|error| Error::from_parser(&error))
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
async fn explain(
    session: &SessionContext,
    statement: &Statement,
    sql: &str,
    error: DataFusionError,
) -> Error {
    let position = position_of(&error);
    if let DataFusionError::SchemaError(schema_error, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = schema_error.as_ref()
    {
        let position = position_of_column(&error, field);
        return unknown_column(field, valid_fields, position);
    }
    if let Some(unknown) = unknown_function(session, &error, position) {
        return unknown;
    }
    if let Some(refusal) = refused_arguments(&error) {
        return Error::Query(Box::new(DataFusionError::Plan(refusal)));
    }
    match unknown_table(session, statement, position).await {
        Some(unknown) => unknown,
        None => with_place_of_function(sql, error).into(),
    }
}

/// Adds the place of the function whose arguments are wrong, if it is called once.
fn with_place_of_function(sql: &str, error: DataFusionError) -> DataFusionError {
    let name = match error.diagnostic() {
        None => refused_function(&error),
        Some(_) => None,
    };
    let Some(name) = name else { return error };
    let Ok(tokens) = tokens(sql) else { return error };
    let is_call = |pair: &&[TokenWithSpan]| match (&pair[0].token, &pair[1].token) {
        (Token::Word(word), Token::LParen) => word.value.eq_ignore_ascii_case(&name),
        _ => false,
    };
    let mut calls = tokens.windows(2).filter(is_call);
    match (calls.next(), calls.next()) {
        (Some([word, ..]), None) => {
            let note = Diagnostic::new_error(name, Span::try_from_sqlparser_span(word.span));
            error.with_diagnostic(note)
        }
        _ => error,
    }
}

fn unknown_column(field: &Column, valid_fields: &[Column], position: Option<Position>) -> Error {
    let names = valid_fields.iter().map(|column| column.name.as_str());
    Error::UnknownColumn { name: field.flat_name(), nearest: nearest(&field.name, names), position }
}

/// Returns what a function of this crate says of its arguments. DataFusion puts its own words around it.
fn refused_arguments(error: &DataFusionError) -> Option<String> {
    let message = error.find_root().strip_backtrace();
    let (_, refusal) = message.split_once("user-defined coercion failed with: ")?;
    let (refusal, _) = refusal.split_once(" No function matches the given name")?;
    // DataFusion says this of its own functions.
    let is_own = !refusal.contains("failed to match any signature");
    let refusal = refusal.strip_prefix("Error during planning: ").unwrap_or(refusal);
    is_own.then(|| refusal.trim_end_matches('.').to_owned())
}

/// DataFusion suggests a function whatever its name is like, and another one each time.
fn unknown_function(
    session: &SessionContext,
    error: &DataFusionError,
    position: Option<Position>,
) -> Option<Error> {
    let message = match error.find_root() {
        DataFusionError::Plan(message) | DataFusionError::Internal(message) => message,
        _ => return None,
    };
    let (name, _) = message.strip_prefix("Invalid function '")?.split_once('\'')?;
    let state = session.state();
    let known = functions_of(&state);
    let missing = FUNCTIONS
        .iter()
        .find(|function| !function.is_available() && function.name().eq_ignore_ascii_case(name));
    let hint = match missing {
        Some(missing) => format!("write {}", missing.signature()),
        None if json_list_function(&name.to_lowercase()).is_some() => {
            format!("call it in FROM: FROM ticks, {name}(detail_json)")
        }
        None => String::new(),
    };
    let candidates = known.iter().map(ListedFunction::name);
    let nearest = match hint.as_str() {
        "" => nearest(name, candidates),
        _ => Nearest::All(Vec::new()),
    };
    Some(Error::UnknownFunction { name: name.to_owned(), nearest, hint, position })
}

async fn unknown_table(
    session: &SessionContext,
    statement: &Statement,
    position: Option<Position>,
) -> Option<Error> {
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
                position,
            });
        }
    }
    None
}

fn is_information_schema(reference: &TableReference) -> bool {
    reference.schema() == Some("information_schema")
}
