//! Expressions that print themselves as SQL: for the store as a user would write them; for the
//! oracles with every operator in parentheses, and with nothing that an optimizer could simplify.

use super::query::Query;
use super::sql::{Dialect, Sql};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Text,
    Bool,
    /// A timestamp as the tables have it.
    Time,
    /// A timestamp or local time as DataFusion's functions return it.
    Moment,
    /// A row number or rank, which is unsigned.
    Rank,
    Float,
    Date,
    /// What can be sorted by, and nothing else.
    Other,
    /// A value that can only be selected.
    List,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Int(i64),
    Text(String),
    Bool(bool),
    /// Nanoseconds since 1970, and one of the ways to write them.
    Time(i64, TimeForm),
    Float(f64),
    /// `YYYY-MM-DD`.
    Date(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    Utc,
    NoZone,
    Offset,
    Function,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Column {
        table: String,
        name: String,
        ty: Type,
    },
    Literal(Literal),
    /// Comparisons, arithmetic, `AND` and `OR`, by the operator's text.
    Binary(Box<Expression>, &'static str, Box<Expression>),
    Not(Box<Expression>),
    IsNull {
        operand: Box<Expression>,
        negated: bool,
    },
    In {
        operand: Box<Expression>,
        list: Vec<Expression>,
        negated: bool,
    },
    InQuery {
        operand: Box<Expression>,
        query: Box<Query>,
        negated: bool,
    },
    Exists {
        query: Box<Query>,
        negated: bool,
    },
    Scalar(Box<Query>),
    Between {
        operand: Box<Expression>,
        low: Box<Expression>,
        high: Box<Expression>,
        negated: bool,
    },
    /// `CAST(.. AS BIGINT)`.
    Signed(Box<Expression>),
    Case {
        when: Box<Expression>,
        then: Box<Expression>,
        otherwise: Box<Expression>,
    },
    /// A call with the same name and meaning in all engines.
    Call {
        name: &'static str,
        arguments: Vec<Expression>,
    },
    /// SQL that only DataFusion supports, with a `{}` for each operand.
    Native {
        template: String,
        operands: Vec<Expression>,
    },
    Aggregate {
        name: &'static str,
        distinct: bool,
        /// None for `count(*)`.
        argument: Option<Box<Expression>>,
        order: Vec<Key>,
        filter: Option<Box<Expression>>,
    },
    Window {
        name: &'static str,
        arguments: Vec<Expression>,
        partition: Vec<Expression>,
        order: Vec<Key>,
        frame: &'static str,
    },
}

/// A sort key.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub by: Expression,
    pub descending: bool,
    pub nulls_first: bool,
    /// Whether it exists to make the order total, so that a limit needs it.
    pub settles: bool,
}

/// The precedence of operators, as in the SQL standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Predicate,
    Sum,
    Product,
    Primary,
}

impl Expression {
    pub fn int(value: i64) -> Self {
        Self::Literal(Literal::Int(value))
    }

    pub fn binary(left: Self, operator: &'static str, right: Self) -> Self {
        Self::Binary(Box::new(left), operator, Box::new(right))
    }

    pub fn output(name: &str, ty: Type) -> Self {
        Self::Column { table: String::new(), name: name.to_owned(), ty }
    }

    /// Whether it contains a query, which DataFusion can plan in few places only.
    pub fn has_query(&self) -> bool {
        matches!(self, Self::InQuery { .. } | Self::Exists { .. } | Self::Scalar(_))
            || self.clone().operands().into_iter().any(|operand| operand.has_query())
    }

    pub fn is_distinct_from(&self) -> bool {
        matches!(self, Self::Binary(_, "IS DISTINCT FROM" | "IS NOT DISTINCT FROM", _))
    }

    fn binding(&self) -> Binding {
        match self {
            Self::Binary(_, "OR", _) => Binding::Or,
            Self::Binary(_, "AND", _) => Binding::And,
            Self::Not(_) => Binding::Not,
            Self::Binary(_, "+" | "-", _) => Binding::Sum,
            Self::Binary(_, "*" | "/" | "%", _) => Binding::Product,
            Self::Exists { negated: true, .. } => Binding::Not,
            Self::Binary(..)
            | Self::IsNull { .. }
            | Self::In { .. }
            | Self::InQuery { .. }
            | Self::Between { .. } => Binding::Predicate,
            _ => Binding::Primary,
        }
    }

    fn operands(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Column { .. } | Self::Literal(_) | Self::Exists { .. } | Self::Scalar(_) => {
                Vec::new()
            }
            Self::Binary(left, _, right) => vec![left, right],
            Self::Not(operand)
            | Self::Signed(operand)
            | Self::IsNull { operand, .. }
            | Self::InQuery { operand, .. } => {
                vec![operand]
            }
            Self::In { operand, list, .. } => {
                std::iter::once(&mut **operand).chain(list.iter_mut()).collect()
            }
            Self::Between { operand, low, high, .. } => vec![operand, low, high],
            Self::Case { when, then, otherwise } => vec![when, then, otherwise],
            Self::Call { arguments, .. } => arguments.iter_mut().collect(),
            Self::Native { operands, .. } => operands.iter_mut().collect(),
            Self::Aggregate { argument, order, filter, .. } => {
                let order = order.iter_mut().map(|key| &mut key.by);
                argument.iter_mut().chain(filter).map(|part| &mut **part).chain(order).collect()
            }
            Self::Window { arguments, partition, order, .. } => {
                let order = order.iter_mut().map(|key| &mut key.by);
                arguments.iter_mut().chain(partition).chain(order).collect()
            }
        }
    }

    /// Returns simpler expressions of the same type.
    pub fn simpler(&self) -> Vec<Self> {
        let mut simpler = match self {
            Self::Binary(left, "AND" | "OR" | "+" | "-" | "*" | "/" | "%", right) => {
                vec![(**left).clone(), (**right).clone()]
            }
            Self::Not(operand) | Self::Signed(operand) => vec![(**operand).clone()],
            Self::Case { then, otherwise, .. } => vec![(**then).clone(), (**otherwise).clone()],
            Self::Call { name: "coalesce" | "nullif" | "abs", arguments } => arguments.clone(),
            Self::In { operand, list, negated } if list.len() > 1 => (0..list.len())
                .map(|without| {
                    let mut list = list.clone();
                    list.remove(without);
                    Self::In { operand: operand.clone(), list, negated: *negated }
                })
                .collect(),
            Self::Exists { query, negated } => query
                .simpler()
                .into_iter()
                .map(|query| Self::Exists { query: Box::new(query), negated: *negated })
                .collect(),
            Self::InQuery { operand, query, negated } => query
                .simpler()
                .into_iter()
                .map(|query| Self::InQuery {
                    operand: operand.clone(),
                    query: Box::new(query),
                    negated: *negated,
                })
                .collect(),
            // Without its condition, it could have several rows, unless it is an aggregate.
            Self::Scalar(query) if !query.is_of_aggregates() => Vec::new(),
            Self::Scalar(query) => {
                query.simpler().into_iter().map(|query| Self::Scalar(Box::new(query))).collect()
            }
            Self::Aggregate { filter: Some(_), .. } => {
                let mut aggregate = self.clone();
                if let Self::Aggregate { filter, .. } = &mut aggregate {
                    *filter = None;
                }
                vec![aggregate]
            }
            Self::Window { partition, .. } if !partition.is_empty() => {
                let mut window = self.clone();
                if let Self::Window { partition, .. } = &mut window {
                    partition.clear();
                }
                vec![window]
            }
            _ => Vec::new(),
        };
        let mut this = self.clone();
        for at in 0..this.operands().len() {
            let operand = this.operands()[at].clone();
            for operand in operand.simpler() {
                let mut other = self.clone();
                *other.operands()[at] = operand;
                simpler.push(other);
            }
        }
        simpler
    }

    pub fn print(&self, sql: &mut Sql) {
        // An optimizer cannot simplify the argument of an unknown function.
        if sql.dialect == Dialect::MemTable
            && self.binding() == Binding::Predicate
            && !self.has_query()
        {
            sql.push("opaque(");
            self.print_bare(sql);
            sql.push(")");
        } else {
            self.print_bare(sql);
        }
    }

    fn print_operand(&self, sql: &mut Sql, binding: Binding) {
        let own = self.binding();
        let bare = match sql.dialect {
            Dialect::Session if self.is_distinct_from() => false,
            Dialect::Store | Dialect::Session => own >= binding,
            Dialect::MemTable | Dialect::Sqlite => own == Binding::Primary,
        };
        if bare {
            self.print(sql);
        } else {
            sql.push("(");
            self.print(sql);
            sql.push(")");
        }
    }

    fn print_bare(&self, sql: &mut Sql) {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::Column { table, name, .. } if table.is_empty() => sql.push(name),
            Self::Column { table, name, .. } => sql.push(&format!("{table}.{name}")),
            Self::Literal(literal) => sql.push_literal(literal),
            Self::Binary(left, operator, right) => {
                let (for_left, for_right) = match self.binding() {
                    Binding::Sum => (Binding::Sum, Binding::Product),
                    Binding::Product => (Binding::Product, Binding::Primary),
                    Binding::Predicate => (Binding::Sum, Binding::Sum),
                    own => (own, own),
                };
                left.print_operand(sql, for_left);
                sql.push(&format!(" {operator} "));
                right.print_operand(sql, for_right);
            }
            Self::Not(operand) => {
                sql.push("NOT ");
                operand.print_operand(sql, Binding::Predicate);
            }
            Self::IsNull { operand, negated } => {
                operand.print_operand(sql, Binding::Sum);
                sql.push(&format!(" IS {}NULL", not(negated)));
            }
            Self::In { operand, list, negated } => {
                operand.print_operand(sql, Binding::Sum);
                sql.push(&format!(" {}IN (", not(negated)));
                sql.push_list(list, |sql, value| value.print(sql));
                sql.push(")");
            }
            Self::InQuery { operand, query, negated } => {
                operand.print_operand(sql, Binding::Sum);
                sql.push(&format!(" {}IN (", not(negated)));
                query.print(sql);
                sql.push(")");
            }
            // SQLite 3.51 turns it into a join, which returned some rows more than once.
            Self::Exists { query, negated } if sql.dialect == Dialect::Sqlite => {
                sql.push("(SELECT count(*) FROM (");
                query.print(sql);
                sql.push(&format!(")) {} 0", if *negated { "=" } else { ">" }));
            }
            Self::Exists { query, negated } => {
                sql.push(&format!("{}EXISTS (", not(negated)));
                query.print(sql);
                sql.push(")");
            }
            // DataFusion 55.2 takes a value that is missing for one that is not.
            Self::Scalar(query)
                if sql.dialect == Dialect::MemTable && !query.is_of_aggregates() =>
            {
                sql.push("(SELECT max(c0) FROM (");
                query.print(sql);
                sql.push("))");
            }
            Self::Scalar(query) => {
                sql.push("(");
                query.print(sql);
                sql.push(")");
            }
            Self::Between { operand, low, high, negated } => {
                operand.print_operand(sql, Binding::Sum);
                sql.push(&format!(" {}BETWEEN ", not(negated)));
                low.print_operand(sql, Binding::Sum);
                sql.push(" AND ");
                high.print_operand(sql, Binding::Sum);
            }
            Self::Signed(operand) => {
                sql.push("CAST(");
                operand.print(sql);
                sql.push(" AS BIGINT)");
            }
            Self::Case { when, then, otherwise } => {
                sql.push("CASE WHEN ");
                when.print(sql);
                sql.push(" THEN ");
                then.print(sql);
                sql.push(" ELSE ");
                otherwise.print(sql);
                sql.push(" END");
            }
            Self::Call { name, arguments } => {
                sql.push(&format!("{name}("));
                sql.push_list(arguments, |sql, argument| argument.print(sql));
                sql.push(")");
            }
            Self::Native { template, operands } => {
                sql.native = true;
                let mut parts = template.split("{}");
                sql.push(parts.next().unwrap_or_default());
                for (operand, after) in operands.iter().zip(parts) {
                    operand.print_operand(sql, Binding::Primary);
                    sql.push(after);
                }
            }
            Self::Aggregate { name, distinct, argument, order, filter } => {
                sql.push(&format!("{name}({}", if *distinct { "DISTINCT " } else { "" }));
                match argument {
                    Some(argument) => argument.print(sql),
                    None => sql.push("*"),
                }
                if *name == "string_agg" {
                    sql.push(", ','");
                }
                print_order(order, sql);
                sql.push(")");
                if let Some(filter) = filter {
                    sql.push(" FILTER (WHERE ");
                    filter.print(sql);
                    sql.push(")");
                }
            }
            Self::Window { name, arguments, partition, order, frame } => {
                sql.push(&format!("{name}("));
                sql.push_list(arguments, |sql, argument| argument.print(sql));
                sql.push(") OVER (");
                if !partition.is_empty() {
                    sql.push("PARTITION BY ");
                    sql.push_list(partition, |sql, part| part.print(sql));
                }
                print_order(order, sql);
                sql.push(&format!("{frame})"));
            }
        }
    }
}

pub fn print_order(order: &[Key], sql: &mut Sql) {
    if !order.is_empty() {
        sql.push(" ORDER BY ");
        sql.push_list(order, |sql, key| key.print(sql));
    }
}

impl Key {
    fn print(&self, sql: &mut Sql) {
        self.by.print(sql);
        if self.descending {
            sql.push(" DESC");
        }
        // DataFusion sorts nulls first in descending order, and SQLite in ascending order.
        if !sql.dialect.is_stores() || self.nulls_first != self.descending {
            sql.push(if self.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
        }
    }
}
