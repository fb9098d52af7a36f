//! The names of an answer's columns: the SQL of each column as it was typed.
//!
//! DataFusion names a column by its plan, such as `sum(t.a) + Int64(1)`. Names change only in the
//! answer, not in the plan, where they would change what other names refer to. So `SELECT "count(*)"
//! FROM (SELECT count(*) FROM t)` works as before.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Statement as SqlStatement,
    visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::query::syntax::ast::{normalized, take};

/// The name of each item of a select list. `None` for one that keeps the plan's name.
#[derive(Debug, Clone, Default)]
pub(in crate::query) struct ColumnNames {
    items: Vec<Item>,
}

#[derive(Debug, Clone)]
enum Item {
    /// One column, with a name unless it keeps the plan's.
    Column(Option<String>),
    /// `t.a`, which keeps the plan's name if that is `a`. It can also be a key in JSON.
    Qualified { last: String, typed: String },
    /// Any number of columns, as `*` is.
    Columns,
}

impl ColumnNames {
    /// Returns the names for the first select list of a query.
    pub(in crate::query) fn new(
        statement: &Statement,
        sql: &str,
        tokens: &[TokenWithSpan],
        dialect: &dyn Dialect,
    ) -> Self {
        let Some(select) = query_body(statement).and_then(first_select) else {
            return Self::default();
        };
        let typed = TypedItems::new(select, sql, tokens, dialect);
        let mut items = Vec::with_capacity(select.projection.len());
        for (item, typed) in select.projection.iter().zip(typed) {
            items.push(match item {
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(idents)) => {
                    let typed = idents.iter().map(|ident| ident.value.as_str());
                    let typed = typed.collect::<Vec<_>>().join(".");
                    Item::Qualified {
                        last: idents.last().map_or_else(String::new, normalized),
                        typed,
                    }
                }
                SelectItem::UnnamedExpr(expr) if plain_name(expr).is_some() => Item::Column(None),
                SelectItem::UnnamedExpr(expr) => {
                    Item::Column(Some(typed.unwrap_or_else(|| expr.to_string())))
                }
                SelectItem::ExprWithAlias { .. } => Item::Column(None),
                _ => Item::Columns,
            });
        }
        Self { items }
    }

    /// Returns the schema with the names.
    pub(in crate::query) fn apply(&self, schema: &SchemaRef) -> SchemaRef {
        let fields = schema.fields();
        let count = self.items.len();
        let is_column = |item: &&Item| !matches!(item, Item::Columns);
        let before = self.items.iter().take_while(is_column).count();
        let after = self.items.iter().rev().take_while(is_column).count();
        if before == count && count != fields.len() {
            // An item that became several columns.
            return Arc::clone(schema);
        }
        let name = |index: usize, field: &Field| {
            let from_end = fields.len() - index;
            let item = match index {
                index if index < before => self.items.get(index)?,
                _ if from_end <= after => self.items.get(count - from_end)?,
                _ => return None,
            };
            match item {
                Item::Column(name) => name.clone(),
                Item::Qualified { last, typed } if field.name() != last => Some(typed.clone()),
                Item::Qualified { .. } | Item::Columns => None,
            }
        };
        let names = fields.iter().enumerate().map(|(index, field)| name(index, field));
        let names = names.collect::<Vec<_>>();
        if names.iter().all(Option::is_none) {
            return Arc::clone(schema);
        }
        let fields = fields.iter().zip(names).map(|(field, name)| match name {
            Some(name) => Arc::new(Field::clone(field).with_name(name)),
            None => Arc::clone(field),
        });
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
    }
}

/// Gives columns that repeat a name another one in the plan, which refuses repeated names, and
/// notes the name for the answer. Returns whether there were any.
pub(in crate::query) fn rename_repeated_columns(
    statement: &mut Statement,
    names: &mut ColumnNames,
) -> bool {
    let Some(body) = query_body_mut(statement) else { return false };
    let (mut is_first, mut is_changed) = (true, false);
    for_each_select(body, &mut |select| {
        let mut seen = HashSet::new();
        // What stands beside `*` may repeat one of its columns.
        let is_wildcard = |item: &SelectItem| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        };
        let has_wildcard = select.projection.iter().any(is_wildcard);
        for (index, item) in select.projection.iter_mut().enumerate() {
            // The name of the column, and that of the plan.
            let (name, planned, expr) = match item {
                SelectItem::UnnamedExpr(expr) => match plain_name(expr) {
                    Some(ident) => (normalized(ident), normalized(ident), expr),
                    None => (expr.to_string(), without_casts(expr), expr),
                },
                SelectItem::ExprWithAlias { expr, alias } => {
                    (normalized(alias), normalized(alias), expr)
                }
                _ => continue,
            };
            if seen.insert(planned.to_lowercase()) && !has_wildcard {
                continue;
            }
            if is_first
                && let Some(noted @ (Item::Column(None) | Item::Qualified { .. })) =
                    names.items.get_mut(index)
            {
                *noted = Item::Column(Some(name));
            }
            is_changed = true;
            let expr = take(expr);
            let alias = Ident::with_quote('"', format!("__column_{index}"));
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
        is_first = false;
    });
    is_changed
}

/// The text of an expression without its casts, which DataFusion leaves out of names, too: it refuses
/// `SELECT a + b, (a + b)::text`.
fn without_casts(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let _ = visit_expressions_mut(&mut expr, |part| {
        while let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = part {
            *part = take(inner);
        }
        ControlFlow::<()>::Continue(())
    });
    expr.to_string()
}

fn query_body(statement: &Statement) -> Option<&SetExpr> {
    let Statement::Statement(statement) = statement else { return None };
    match statement.as_ref() {
        SqlStatement::Query(query) => Some(query.body.as_ref()),
        _ => None,
    }
}

fn query_body_mut(statement: &mut Statement) -> Option<&mut SetExpr> {
    let Statement::Statement(statement) = statement else { return None };
    match statement.as_mut() {
        SqlStatement::Query(query) => Some(query.body.as_mut()),
        _ => None,
    }
}

/// The select list that names the columns: that of the first query of a `UNION`.
fn first_select(mut body: &SetExpr) -> Option<&Select> {
    loop {
        body = match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::Query(query) => query.body.as_ref(),
            SetExpr::SetOperation { left, .. } => left.as_ref(),
            _ => return None,
        };
    }
}

/// Calls the function for each query of a `UNION`, the first one first.
fn for_each_select(body: &mut SetExpr, f: &mut dyn FnMut(&mut Select)) {
    let mut bodies = vec![body];
    while let Some(body) = bodies.pop() {
        match body {
            SetExpr::Select(select) => f(select),
            SetExpr::Query(query) => {
                let Query { body, .. } = query.as_mut();
                bodies.push(body.as_mut());
            }
            SetExpr::SetOperation { left, right, .. } => {
                bodies.push(right.as_mut());
                bodies.push(left.as_mut());
            }
            _ => {}
        }
    }
}

/// The column, if the expression is just a column.
fn plain_name(mut expr: &Expr) -> Option<&Ident> {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(idents) => idents.last(),
        _ => None,
    }
}

/// The items of a select list as they were typed. `None` for an item whose text cannot be told.
struct TypedItems<'a> {
    select: &'a Select,
    dialect: &'a dyn Dialect,
    /// The tokens of the select list and of what follows it.
    tokens: &'a [TokenWithSpan],
    cursor: Cursor<'a>,
    next: usize,
}

impl<'a> TypedItems<'a> {
    fn new(
        select: &'a Select,
        sql: &'a str,
        tokens: &'a [TokenWithSpan],
        dialect: &'a dyn Dialect,
    ) -> Self {
        let start = select.select_token.0.span.end;
        let after_select = tokens.partition_point(|token| token.span.start < start);
        let tokens = skip_modifiers(&tokens[after_select..]);
        Self { select, dialect, tokens, cursor: Cursor::new(sql), next: 0 }
    }

    /// The text between the tokens, with one blank for each space and comment.
    fn text(&mut self, tokens: &[TokenWithSpan]) -> Option<String> {
        let mut text = String::new();
        let mut has_blank = false;
        for token in tokens {
            if matches!(token.token, Token::Whitespace(_)) {
                has_blank = true;
                continue;
            }
            if std::mem::take(&mut has_blank) && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(self.cursor.slice(token.span.start, token.span.end)?);
        }
        Some(text)
    }

    /// Whether these are the tokens of the item.
    fn is_text_of(&self, tokens: &[TokenWithSpan], item: &SelectItem) -> bool {
        let mut parser = Parser::new(self.dialect).with_tokens_with_locations(tokens.to_vec());
        parser.parse_select_item().is_ok_and(|parsed| parsed == *item)
            && parser.peek_token_ref().token == Token::EOF
    }
}

impl Iterator for TypedItems<'_> {
    type Item = Option<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.select.projection.get(self.next)?;
        self.next += 1;
        let end = end_of_item(self.tokens);
        let (tokens, rest) = self.tokens.split_at(end);
        self.tokens = rest.get(1..).unwrap_or_default();
        let is_named = !matches!(item, SelectItem::UnnamedExpr(expr) if plain_name(expr).is_none());
        if is_named || !self.is_text_of(tokens, item) {
            return Some(None);
        }
        Some(self.text(tokens))
    }
}

/// Skips `ALL`, `DISTINCT`, `DISTINCT ON (..)` and blanks.
fn skip_modifiers(mut tokens: &[TokenWithSpan]) -> &[TokenWithSpan] {
    while let [first, rest @ ..] = tokens {
        match &first.token {
            Token::Whitespace(_) => tokens = rest,
            Token::Word(word) if matches!(word.keyword, Keyword::ALL | Keyword::DISTINCT) => {
                tokens = rest;
            }
            Token::Word(word) if word.keyword == Keyword::ON => {
                let is_closing = |token: &TokenWithSpan| token.token == Token::RParen;
                let mut depth = 0_usize;
                let close = rest.iter().position(|token| {
                    depth += usize::from(token.token == Token::LParen);
                    depth -= usize::from(is_closing(token) && depth > 0);
                    is_closing(token) && depth == 0
                });
                return close.map_or(&[], |close| &rest[close + 1..]);
            }
            _ => break,
        }
    }
    tokens
}

/// The index of the token after the first item: a comma, or what ends the list. It may be wrong for an
/// item that contains such a word; the caller parses the item again.
fn end_of_item(tokens: &[TokenWithSpan]) -> usize {
    let mut depth = 0_usize;
    let mut before = Keyword::NoKeyword;
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace if depth > 0 => depth -= 1,
            Token::RParen | Token::SemiColon | Token::EOF => return index,
            Token::Comma if depth == 0 => return index,
            Token::Word(word) if depth == 0 => {
                let ends = match word.keyword {
                    // Except in IS DISTINCT FROM and WITHIN GROUP.
                    Keyword::FROM => before != Keyword::DISTINCT,
                    Keyword::GROUP => before != Keyword::WITHIN,
                    Keyword::INTO
                    | Keyword::WHERE
                    | Keyword::HAVING
                    | Keyword::QUALIFY
                    | Keyword::WINDOW
                    | Keyword::ORDER
                    | Keyword::LIMIT
                    | Keyword::OFFSET
                    | Keyword::FETCH
                    | Keyword::UNION
                    | Keyword::EXCEPT
                    | Keyword::INTERSECT
                    | Keyword::MINUS => true,
                    _ => false,
                };
                if ends && index > 0 {
                    return index;
                }
                before = word.keyword;
                continue;
            }
            Token::Whitespace(_) => continue,
            _ => {}
        }
        before = Keyword::NoKeyword;
    }
    tokens.len()
}

/// Finds the text at increasing places.
struct Cursor<'a> {
    rest: &'a str,
    place: Location,
}

impl<'a> Cursor<'a> {
    fn new(sql: &'a str) -> Self {
        Self { rest: sql, place: Location { line: 1, column: 1 } }
    }

    fn slice(&mut self, start: Location, end: Location) -> Option<&'a str> {
        self.advance_to(start)?;
        let from_start = self.rest;
        self.advance_to(end)?;
        from_start.get(..from_start.len() - self.rest.len())
    }

    fn advance_to(&mut self, place: Location) -> Option<()> {
        let mut chars = self.rest.chars();
        while self.place < place {
            match chars.next()? {
                '\n' => self.place = Location { line: self.place.line + 1, column: 1 },
                _ => self.place.column += 1,
            }
        }
        self.rest = chars.as_str();
        (self.place == place).then_some(())
    }
}
