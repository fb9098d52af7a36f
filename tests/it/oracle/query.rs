//! Queries as trees, which print and simplify themselves.

use super::expression::{Expression, Key, print_order};
use super::sql::{Dialect, Sql};

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The queries that a `WITH` names.
    pub named: Vec<(String, Query)>,
    pub body: Body,
    pub order: Vec<Key>,
    pub limit: Option<usize>,
    pub offset: usize,
}

#[expect(clippy::large_enum_variant, reason = "nearly all are the large one")]
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Select(Select),
    /// Both sides have the same columns.
    Set(Box<Query>, &'static str, Box<Query>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    pub distinct: Distinct,
    pub items: Vec<Item>,
    /// Print the items as `*`: they are all columns of the source.
    pub star: bool,
    pub from: Source,
    /// All must be true. Each is guarded by those before it.
    pub conditions: Vec<Expression>,
    pub group: Vec<Expression>,
    pub having: Option<Expression>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Distinct {
    No,
    Rows,
    /// Keeps the first row for each combination of values of these items, in the query's order. Its
    /// sort keys are items too.
    On(Vec<usize>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub value: Expression,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Table { name: String, alias: String, native: bool },
    Query { query: Box<Query>, alias: String },
    Join { left: Box<Source>, kind: &'static str, right: Box<Source>, on: Expression },
}

/// How far SQL determines an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Sequence,
    Rows,
    /// Only the number of rows: any rows of the answer without the limit are right.
    Count,
}

impl Query {
    pub fn of(body: Body) -> Self {
        Self { named: Vec::new(), body, order: Vec::new(), limit: None, offset: 0 }
    }

    pub fn sql(&self, dialect: Dialect) -> Sql {
        let mut sql = Sql::new(dialect);
        self.print(&mut sql);
        sql
    }

    pub fn settled(&self) -> Settled {
        match (self.order.iter().any(|key| key.settles), self.limit) {
            (true, _) => Settled::Sequence,
            (false, None) => Settled::Rows,
            (false, Some(_)) => Settled::Count,
        }
    }

    pub fn print(&self, sql: &mut Sql) {
        for (index, (name, query)) in self.named.iter().enumerate() {
            sql.push(if index == 0 { "WITH " } else { ", " });
            sql.push(&format!("{name} AS ("));
            query.print(sql);
            sql.push(")");
        }
        if !self.named.is_empty() {
            sql.push(" ");
        }
        match &self.body {
            Body::Select(select) => match &select.distinct {
                Distinct::On(items) if !sql.dialect.is_stores() => {
                    return self.print_first_of_each(select, items, sql);
                }
                _ => select.print(sql),
            },
            Body::Set(left, operator, right) => {
                left.print_side(sql);
                sql.push(&format!(" {operator} "));
                right.print_side(sql);
            }
        }
        print_order(&self.order, sql);
        self.print_limit(sql);
    }

    fn print_limit(&self, sql: &mut Sql) {
        if let Some(limit) = self.limit {
            sql.push(&format!(" LIMIT {limit}"));
            if self.offset > 0 {
                sql.push(&format!(" OFFSET {}", self.offset));
            }
        }
    }

    /// Prints it as one side of a set operation.
    fn print_side(&self, sql: &mut Sql) {
        let bare =
            matches!(self.body, Body::Select(_)) && self.order.is_empty() && self.limit.is_none();
        let (before, after) = match sql.dialect {
            _ if bare => ("", ""),
            // SQLite does not allow parentheses there.
            Dialect::Sqlite => ("SELECT * FROM (", ")"),
            _ => ("(", ")"),
        };
        sql.push(before);
        self.print(sql);
        sql.push(after);
    }

    /// Prints a `DISTINCT ON` as an equivalent query with `row_number()`.
    fn print_first_of_each(&self, select: &Select, on: &[usize], sql: &mut Sql) {
        let output = |key: &Key| {
            let item = select.items.iter().find(|item| item.value == key.by);
            let by = item.map_or(key.by.clone(), |item| Expression::Column {
                table: String::new(),
                name: item.name.clone(),
                ty: super::expression::Type::Other,
            });
            Key { by, ..key.clone() }
        };
        let order: Vec<Key> = self.order.iter().map(output).collect();
        sql.push("SELECT ");
        sql.push_list(&select.items, |sql, item| sql.push(&item.name));
        sql.push(" FROM (SELECT *, row_number() OVER (PARTITION BY ");
        sql.push_list(on, |sql, &item| sql.push(&select.items[item].name));
        print_order(&order, sql);
        sql.push(") AS place FROM (");
        Select { distinct: Distinct::No, star: false, ..select.clone() }.print(sql);
        sql.push(") all_rows) placed WHERE place = 1");
        print_order(&order, sql);
        self.print_limit(sql);
    }

    pub fn is_of_aggregates(&self) -> bool {
        let Body::Select(select) = &self.body else { return false };
        select.items.iter().all(|item| matches!(item.value, Expression::Aggregate { .. }))
    }

    /// Returns simpler queries. Some of them may be invalid.
    pub fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut query = self.clone();
            change(&mut query);
            simpler.push(query);
        };
        // The order is part of `DISTINCT ON`.
        let ordered_by_choice =
            !matches!(&self.body, Body::Select(Select { distinct: Distinct::On(_), .. }));
        if ordered_by_choice && !self.order.is_empty() {
            add(&|query| {
                query.order.clear();
                (query.limit, query.offset) = (None, 0);
            });
        }
        if self.limit.is_some() {
            add(&|query| (query.limit, query.offset) = (None, 0));
        }
        if self.offset > 0 {
            add(&|query| query.offset = 0);
        }
        for at in 0..self.order.len() {
            if ordered_by_choice && !self.order[at].settles {
                add(&|query| {
                    query.order.remove(at);
                });
                for by in self.order[at].by.simpler() {
                    add(&|query| query.order[at].by = by.clone());
                }
            }
        }
        for (at, (_, named)) in self.named.iter().enumerate() {
            for named in named.simpler() {
                add(&|query| query.named[at].1 = named.clone());
            }
            add(&|query| {
                query.named.remove(at);
            });
        }
        match &self.body {
            Body::Select(select) => {
                for select in select.simpler() {
                    add(&|query| query.body = Body::Select(select.clone()));
                }
            }
            Body::Set(left, operator, right) => {
                for side in [left, right] {
                    add(&|query| *query = Self { named: query.named.clone(), ..(**side).clone() });
                }
                for left in left.simpler() {
                    add(&|query| {
                        query.body = Body::Set(Box::new(left.clone()), operator, right.clone());
                    });
                }
                for right in right.simpler() {
                    add(&|query| {
                        query.body = Body::Set(left.clone(), operator, Box::new(right.clone()));
                    });
                }
            }
        }
        simpler
    }
}

impl Select {
    fn print(&self, sql: &mut Sql) {
        sql.push("SELECT ");
        match &self.distinct {
            Distinct::No => {}
            Distinct::Rows => sql.push("DISTINCT "),
            Distinct::On(items) => {
                sql.push("DISTINCT ON (");
                sql.push_list(items, |sql, &item| self.items[item].value.print(sql));
                sql.push(") ");
            }
        }
        if self.star {
            sql.push("*");
        } else {
            sql.push_list(&self.items, |sql, item| item.print(sql));
        }
        sql.push(" FROM ");
        self.from.print(sql);
        self.print_conditions(sql);
        if !self.group.is_empty() {
            sql.push(" GROUP BY ");
            sql.push_list(&self.group, |sql, key| key.print(sql));
        }
        if let Some(having) = &self.having {
            sql.push(" HAVING ");
            having.print(sql);
        }
    }

    fn print_conditions(&self, sql: &mut Sql) {
        if self.conditions.is_empty() {
            return;
        }
        sql.push(" WHERE ");
        if sql.dialect.is_stores() {
            for (index, condition) in self.conditions.iter().enumerate() {
                sql.push(if index > 0 { " AND " } else { "" });
                condition.print_conjunct(sql);
            }
            return;
        }
        // Each condition is only evaluated on rows that passed those before it, in a form that
        // enforces that order. Only conjuncts may contain a query.
        let (queries, plain): (Vec<_>, Vec<_>) =
            self.conditions.iter().partition(|condition| condition.has_query());
        for (index, query) in queries.iter().enumerate() {
            sql.push(if index > 0 { " AND (" } else { "(" });
            query.print(sql);
            sql.push(")");
        }
        if !queries.is_empty() && !plain.is_empty() {
            sql.push(" AND ");
        }
        for (index, condition) in plain.iter().enumerate() {
            sql.push(if index + 1 < plain.len() { "CASE WHEN " } else { "(" });
            condition.print(sql);
            sql.push(if index + 1 < plain.len() { " THEN " } else { ")" });
        }
        for _ in 1..plain.len() {
            sql.push(" ELSE false END");
        }
    }

    fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut select = self.clone();
            change(&mut select);
            simpler.push(select);
        };
        for at in 0..self.conditions.len() {
            add(&|select| {
                select.conditions.remove(at);
            });
            for condition in self.conditions[at].simpler() {
                add(&|select| select.conditions[at] = condition.clone());
            }
        }
        if self.having.is_some() {
            add(&|select| select.having = None);
        }
        let items = if matches!(self.distinct, Distinct::On(_)) { 0 } else { self.items.len() };
        for at in 0..items {
            if items > 1 {
                add(&|select| {
                    select.items.remove(at);
                    select.star = false;
                });
            }
            for value in self.items[at].value.simpler() {
                add(&|select| select.items[at].value = value.clone());
            }
        }
        for at in 0..self.group.len() {
            add(&|select| {
                select.group.remove(at);
            });
        }
        match &self.distinct {
            Distinct::No => {}
            Distinct::Rows => add(&|select| select.distinct = Distinct::No),
            // Its items are the first sort keys.
            Distinct::On(_) => {}
        }
        for from in self.from.simpler() {
            add(&|select| select.from = from.clone());
        }
        simpler
    }
}

impl Item {
    fn print(&self, sql: &mut Sql) {
        self.value.print(sql);
        if !matches!(&self.value, Expression::Column { name, .. } if *name == self.name) {
            sql.push(&format!(" AS {}", self.name));
        }
    }
}

impl Expression {
    /// Prints it as an operand of `AND`.
    fn print_conjunct(&self, sql: &mut Sql) {
        let or = matches!(self, Self::Binary(_, "OR", _))
            || sql.dialect == Dialect::Session && self.is_distinct_from();
        sql.push(if or { "(" } else { "" });
        self.print(sql);
        sql.push(if or { ")" } else { "" });
    }
}

impl Source {
    fn print(&self, sql: &mut Sql) {
        match self {
            Self::Table { name, alias, native } => {
                sql.native |= native;
                sql.push(&format!("{name} {alias}"));
            }
            Self::Query { query, alias } => {
                sql.push("(");
                query.print(sql);
                sql.push(&format!(") {alias}"));
            }
            Self::Join { left, kind, right, on } => {
                left.print(sql);
                sql.push(&format!(" {kind} "));
                right.print(sql);
                sql.push(" ON ");
                on.print(sql);
            }
        }
    }

    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Table { .. } => Vec::new(),
            Self::Query { query, alias } => {
                let mut simpler: Vec<Self> = query
                    .simpler()
                    .into_iter()
                    .map(|query| Self::Query { query: Box::new(query), alias: alias.clone() })
                    .collect();
                if let Body::Select(Select { from: Self::Table { name, native, .. }, .. }) =
                    &query.body
                {
                    let (name, alias) = (name.clone(), alias.clone());
                    simpler.insert(0, Self::Table { name, alias, native: *native });
                }
                simpler
            }
            Self::Join { left, kind, right, on } => {
                let mut simpler = vec![(**left).clone(), (**right).clone()];
                let join = |left: &Self, right: &Self, on: &Expression| Self::Join {
                    left: Box::new(left.clone()),
                    kind,
                    right: Box::new(right.clone()),
                    on: on.clone(),
                };
                simpler.extend(left.simpler().iter().map(|left| join(left, right, on)));
                simpler.extend(right.simpler().iter().map(|right| join(left, right, on)));
                simpler.extend(on.simpler().iter().map(|on| join(left, right, on)));
                simpler
            }
        }
    }
}
