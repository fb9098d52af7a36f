//! Random queries on a subject's tables.

use super::choices::Choices;
use super::expression::{Expression, Key, Literal, TimeForm, Type};
use super::moments;
use super::query::{Body, Distinct, Item, Query, Select, Source};
use super::subject::{Column, Relation};

pub struct Generator<'a> {
    pub choices: Choices<'a>,
    relations: &'a [Relation],
    /// The names that the query's `WITH` defines.
    named: Vec<(String, Vec<Column>)>,
    aliases: usize,
}

/// The columns and values that an expression can use.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    columns: Vec<ScopeColumn>,
    /// The expression that identifies rows.
    key: Option<Expression>,
    /// A number that the conditions guard against being 0.
    not_zero: Option<Expression>,
}

#[derive(Debug, Clone)]
struct ScopeColumn {
    column: Expression,
    name: String,
    ty: Type,
    values: Vec<Literal>,
}

const COMPARISONS: [&str; 8] =
    ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"];
/// The maximum number of rows of a join's sides if they are large or joined on texts.
const ROWS_OF_SIDE: usize = 40;

impl<'a> Generator<'a> {
    pub fn new(choices: Choices<'a>, relations: &'a [Relation]) -> Self {
        Self { choices, relations, named: Vec::new(), aliases: 0 }
    }

    /// Returns a complete query.
    pub fn query(&mut self) -> Query {
        let depth = self.choices.below(3);
        if depth > 0 && self.choices.one_in(6) {
            let (named, columns) = self.part(depth - 1, None, true);
            self.named.push(("w".to_owned(), columns));
            let (query, _) = self.part(depth - 1, None, false);
            return Query { named: vec![("w".to_owned(), named)], ..query };
        }
        self.part(depth, None, false).0
    }

    /// Returns a query with columns of these types, if any are given. If it has a limit and is
    /// nested in another query, its order is total.
    fn part(&mut self, depth: usize, types: Option<&[Type]>, inner: bool) -> (Query, Vec<Column>) {
        if depth > 0 && self.choices.one_in(6) {
            return self.set(depth, types, inner);
        }
        self.select(depth, types, inner)
    }

    fn set(&mut self, depth: usize, types: Option<&[Type]>, inner: bool) -> (Query, Vec<Column>) {
        let types = match types {
            Some(types) => types.to_vec(),
            None => (0..=self.choices.below(3)).map(|_| self.simple_type()).collect(),
        };
        let operator = *self.choices.of(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
        let (left, columns) = self.part(depth - 1, Some(&types), true);
        let (right, _) = self.part(depth - 1, Some(&types), true);
        let mut query = Query::of(Body::Set(Box::new(left), operator, Box::new(right)));
        let scope = Scope::of("", &columns);
        self.order(&mut query, &scope, &columns, inner);
        (query, columns)
    }

    fn simple_type(&mut self) -> Type {
        *self.choices.of(&[Type::Int, Type::Text, Type::Bool, Type::Time, Type::Float, Type::Date])
    }

    fn select(
        &mut self,
        depth: usize,
        types: Option<&[Type]>,
        inner: bool,
    ) -> (Query, Vec<Column>) {
        let (from, mut scope) = self.source(depth);
        let mut conditions = Vec::new();
        for _ in 0..self.choices.below(4) {
            conditions.extend(self.conjuncts(&mut scope, depth));
        }
        let mut select = Select {
            distinct: Distinct::No,
            items: Vec::new(),
            star: false,
            from,
            conditions,
            group: Vec::new(),
            having: None,
        };
        let single = matches!(select.from, Source::Table { .. } | Source::Query { .. });
        let shape = self.choices.below(10);
        let mut outputs = Vec::new();
        match (shape, types) {
            (0..=2, None) => outputs = self.grouped(&mut select, &scope),
            (3, None) if scope.key.is_some() => {
                for _ in 0..=self.choices.below(2) {
                    let column = self.column(&scope);
                    self.add(&mut select, &mut outputs, column, single);
                }
                for _ in 0..=self.choices.below(2) {
                    let window = self.window(&scope);
                    self.add(&mut select, &mut outputs, window, false);
                }
            }
            (4, None) if single => {
                for column in &scope.columns {
                    let column = (column.column.clone(), column.ty, column.values.clone());
                    self.add(&mut select, &mut outputs, column, true);
                }
                // Some columns of a view are omitted here.
                select.star = !matches!(select.from, Source::Table { native: true, .. });
            }
            (_, None) => {
                for _ in 0..=self.choices.below(4) {
                    let value = match self.choices.below(8) {
                        0 => self.value(&scope, Type::Int, 2),
                        1 => moments::moment(&mut self.choices, &scope.times()),
                        2 if scope.not_zero.is_some() => (quotient(&scope), Type::Int, Vec::new()),
                        3 => self.value(&scope, Type::Bool, 1),
                        _ => self.column(&scope),
                    };
                    self.add(&mut select, &mut outputs, value, single);
                }
                if self.choices.one_in(8) {
                    select.distinct = Distinct::Rows;
                }
            }
            (_, Some(types)) => {
                for &ty in types {
                    let value = self.value(&scope, ty, 1);
                    self.add(&mut select, &mut outputs, value, single);
                }
                if self.choices.one_in(6) {
                    select.distinct = Distinct::Rows;
                }
            }
        }
        let plain = select.group.is_empty() && shape > 2 && select.distinct == Distinct::No;
        // `ORDER BY` and `GROUP BY` would take a number for the position of an item.
        let named = |item: &Item| !matches!(item.value, Expression::Literal(_));
        if plain && self.choices.one_in(12) && select.items.iter().all(named) {
            let query = self.first_of_each(select, &outputs);
            return (query, outputs);
        }
        let mut query = Query::of(Body::Select(select));
        let aggregated = types.is_none() && shape <= 2;
        let order_scope = if plain && !aggregated { scope } else { Scope::of("", &outputs) };
        self.order(&mut query, &order_scope, &outputs, inner);
        (query, outputs)
    }

    /// `DISTINCT ON` some of the items, sometimes with a duplicate.
    fn first_of_each(&mut self, mut select: Select, outputs: &[Column]) -> Query {
        select.star = false;
        let items = select.items.len();
        let mut on: Vec<usize> =
            (0..=self.choices.below(2)).map(|_| self.choices.below(items)).collect();
        let twice = self.choices.one_in(6);
        if !twice {
            on.dedup();
        }
        let mut order: Vec<usize> = on.clone();
        order.extend((0..items).filter(|item| !on.contains(item) || twice));
        let values: Vec<Expression> = select.items.iter().map(|item| item.value.clone()).collect();
        let order = order.into_iter().map(|item| self.key(values[item].clone(), true)).collect();
        select.distinct = Distinct::On(on);
        let limit = self.choices.one_in(2).then(|| self.choices.below(outputs.len() + 20));
        Query { order, limit, ..Query::of(Body::Select(select)) }
    }

    fn key(&mut self, by: Expression, settles: bool) -> Key {
        let descending = self.choices.one_in(2);
        let nulls_first = if self.choices.one_in(4) { !descending } else { descending };
        Key { by, descending, nulls_first, settles }
    }

    /// Adds an order and a limit, or none.
    fn order(&mut self, query: &mut Query, scope: &Scope, outputs: &[Column], inner: bool) {
        let limit = self.choices.one_in(2).then(|| match self.choices.below(4) {
            0 => self.choices.below(5),
            1 => self.choices.below(1_100),
            _ => self.choices.below(60),
        });
        if limit.is_none() && (inner || self.choices.one_in(3)) {
            return;
        }
        if !inner && self.choices.one_in(12) {
            query.limit = limit;
            return;
        }
        for _ in 0..self.choices.below(3) {
            let by = match self.choices.below(5) {
                0 if scope.not_zero.is_some() => quotient(scope),
                1 if matches!(&query.body, Body::Select(select) if select.distinct == Distinct::No && select.group.is_empty())
                    && scope.key.is_some() =>
                {
                    self.int(scope, 1)
                }
                _ => self.column(scope).0,
            };
            let key = self.key(by, false);
            query.order.push(key);
        }
        // An order by the key is total, also if other keys follow.
        if let Some(id) = scope.key.clone() {
            let key = self.key(id, true);
            query.order.push(key);
            if self.choices.one_in(3) {
                let by = self.column(scope).0;
                let key = self.key(by, false);
                query.order.push(key);
            }
        } else {
            for column in outputs.iter().filter(|column| column.ty != Type::List) {
                let key = self.key(Expression::output(&column.name, column.ty), true);
                query.order.push(key);
            }
        }
        query.limit = limit;
        if limit.is_some() && self.choices.one_in(4) {
            query.offset = self.choices.below(300);
        }
    }

    fn source(&mut self, depth: usize) -> (Source, Scope) {
        if depth > 0 {
            match self.choices.below(8) {
                0 | 1 => {
                    let alias = self.alias();
                    let (query, columns) = self.part(depth - 1, None, true);
                    let scope = Scope::of(&alias, &columns);
                    return (Source::Query { query: Box::new(query), alias }, scope);
                }
                2 | 3 => return self.join(depth),
                _ => {}
            }
        }
        self.table()
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    fn table(&mut self) -> (Source, Scope) {
        let alias = self.alias();
        if !self.named.is_empty() && self.choices.one_in(2) {
            let (name, columns) = self.choices.of(&self.named).clone();
            let scope = Scope::of(&alias, &columns);
            return (Source::Table { name, alias, native: false }, scope);
        }
        let relation = self.relation();
        let mut scope = Scope::of(&alias, &relation.columns);
        if relation.has_key {
            scope.key = Some(scope.columns[0].column.clone());
        }
        let (name, native) = (relation.name.clone(), relation.native);
        (Source::Table { name, alias, native }, scope)
    }

    fn relation(&mut self) -> &'a Relation {
        // The oracle's own tables come between the catalogue's and the views.
        let (catalogue, views) = (netsky_db::TABLES.len(), netsky_db::VIEWS.len());
        let own = self.relations.len() - views - catalogue;
        let has_catalogue = self.relations[..catalogue].iter().any(|relation| relation.rows > 0);
        let at = match self.choices.below(10) {
            0 if has_catalogue => self.choices.below(catalogue),
            1 | 2 if has_catalogue => catalogue + own + self.choices.below(views),
            _ => catalogue + *self.choices.of(&[0, 0, 1, 2]) % own,
        };
        &self.relations[at]
    }

    /// Returns a side of a join: a whole table, or few rows of it.
    fn side(&mut self, few: bool) -> (Source, Scope) {
        let relation = self.relation();
        let alias = self.alias();
        let mut scope = Scope::of(&alias, &relation.columns);
        let (name, native) = (relation.name.clone(), relation.native);
        if !few && relation.rows < 600 && !native {
            scope.key = Some(scope.columns[0].column.clone());
            return (Source::Table { name, alias, native }, scope);
        }
        let inner = self.alias();
        let inner_scope = Scope::of(&inner, &relation.columns);
        let item =
            |column: &ScopeColumn| Item { value: column.column.clone(), name: column.name.clone() };
        let mut conditions = Vec::new();
        if self.choices.one_in(2) {
            conditions.push(self.boolean(&inner_scope, 1));
        }
        let select = Select {
            distinct: Distinct::No,
            items: inner_scope.columns.iter().map(item).collect(),
            star: !native,
            from: Source::Table { name, alias: inner, native },
            conditions,
            group: Vec::new(),
            having: None,
        };
        let mut query = Query::of(Body::Select(select));
        let by: Vec<Expression> = match relation.has_key {
            true => vec![inner_scope.columns[0].column.clone()],
            false => inner_scope.columns.iter().map(|column| column.column.clone()).collect(),
        };
        query.order = by.into_iter().map(|by| self.key(by, true)).collect();
        query.limit = Some(self.choices.below(if few { ROWS_OF_SIDE } else { 500 }));
        if relation.has_key {
            scope.key = Some(scope.columns[0].column.clone());
        }
        (Source::Query { query: Box::new(query), alias }, scope)
    }

    fn join(&mut self, depth: usize) -> (Source, Scope) {
        let by_text = self.choices.one_in(4);
        let (mut source, mut scope) = self.side(by_text);
        for _ in 0..=self.choices.below(depth.min(2)) {
            let (right, right_scope) = self.side(by_text);
            let kind = *self.choices.of(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN"]);
            let both = scope.clone().with(&right_scope);
            let on = match (by_text, right_scope.key.clone()) {
                (false, Some(id)) => {
                    let other = self.column_of(&scope, Type::Int).unwrap_or(Expression::int(1));
                    Expression::binary(other, "=", id)
                }
                (true, _) => {
                    let ty = *self.choices.of(&[Type::Text, Type::Bool, Type::Int, Type::Time]);
                    match (self.column_of(&scope, ty), self.column_of(&right_scope, ty)) {
                        (Some(left), Some(right)) => Expression::binary(left, "=", right),
                        _ => Expression::binary(Expression::int(1), "=", Expression::int(1)),
                    }
                }
                _ => Expression::binary(
                    self.column_of(&scope, Type::Int).unwrap_or(Expression::int(1)),
                    "=",
                    self.column_of(&right_scope, Type::Int).unwrap_or(Expression::int(1)),
                ),
            };
            let on = match self.choices.one_in(3) {
                true => Expression::binary(on, "AND", self.boolean(&both, 1)),
                false => on,
            };
            source = Source::Join { left: Box::new(source), kind, right: Box::new(right), on };
            scope = Scope { key: None, ..both };
        }
        (source, scope)
    }

    /// Returns one condition, or two of which the first guards the second.
    fn conjuncts(&mut self, scope: &mut Scope, depth: usize) -> Vec<Expression> {
        match self.choices.below(10) {
            0 => {
                let Some(number) = self.column_of(scope, Type::Int) else { return Vec::new() };
                let operator = *self.choices.of(&["<>", ">", "<"]);
                let guard = Expression::binary(number.clone(), operator, Expression::int(0));
                scope.not_zero = Some(number);
                if self.choices.one_in(2) {
                    return vec![guard];
                }
                let guarded = Expression::binary(
                    quotient(scope),
                    self.choices.of::<&str>(&COMPARISONS),
                    Expression::int(self.choices.between(-2, 300)),
                );
                vec![guard, guarded]
            }
            1 if depth > 0 => vec![self.about_others(scope)],
            _ => vec![self.boolean(scope, depth)],
        }
    }

    /// Returns a condition that contains a query.
    fn about_others(&mut self, scope: &Scope) -> Expression {
        let (from, inner) = self.side(false);
        let negated = self.choices.one_in(3);
        let ty = *self.choices.of(&[Type::Int, Type::Text]);
        let (Some(mine), Some(theirs)) = (self.column_of(scope, ty), self.column_of(&inner, ty))
        else {
            return Expression::Literal(Literal::Bool(true));
        };
        let mut conditions = Vec::new();
        if self.choices.one_in(2) {
            conditions.push(self.boolean(&inner, 1));
        }
        if self.choices.one_in(4)
            && let Some(operand) = self.picked(ty)
        {
            return Expression::IsNull { operand: Box::new(operand), negated };
        }
        let query = |value, conditions| one_column(value, from.clone(), conditions);
        match self.choices.below(3) {
            0 => Expression::InQuery {
                operand: Box::new(mine),
                query: query(theirs, conditions),
                negated,
            },
            1 => {
                conditions.push(Expression::binary(theirs, "=", mine));
                Expression::Exists { query: query(Expression::int(1), conditions), negated }
            }
            _ => {
                let largest = Expression::Aggregate {
                    name: if negated { "min" } else { "max" },
                    distinct: false,
                    argument: Some(Box::new(theirs)),
                    order: Vec::new(),
                    filter: None,
                };
                let operator = *self.choices.of(&COMPARISONS[..6]);
                Expression::binary(mine, operator, Expression::Scalar(query(largest, conditions)))
            }
        }
    }

    /// Returns the value of a row of a table, or of none.
    fn picked(&mut self, ty: Type) -> Option<Expression> {
        let (from, inner) = self.side(false);
        let (key, value) = (inner.key.clone()?, self.column_of(&inner, ty)?);
        let is_picked = Expression::binary(key, "=", Expression::int(self.choices.between(-9, 99)));
        Some(Expression::Scalar(one_column(value, from, vec![is_picked])))
    }

    /// Turns the select into an aggregation with groups, or over all rows.
    fn grouped(&mut self, select: &mut Select, scope: &Scope) -> Vec<Column> {
        let mut outputs = Vec::new();
        for _ in 0..self.choices.below(3) {
            let key = match self.choices.below(4) {
                0 => (self.int(scope, 1), Type::Int, Vec::new()),
                1 => moments::moment(&mut self.choices, &scope.times()),
                2 if scope.not_zero.is_some() => (quotient(scope), Type::Int, Vec::new()),
                _ => self.column(scope),
            };
            if !matches!(key.0, Expression::Literal(_)) {
                select.group.push(key.0.clone());
                self.add(select, &mut outputs, key, false);
            }
        }
        for _ in 0..=self.choices.below(3) {
            let aggregate = self.aggregate(scope);
            self.add(select, &mut outputs, aggregate, false);
        }
        if !select.group.is_empty() && self.choices.one_in(4) {
            let (aggregate, ty, _) = self.aggregate(scope);
            let number = self.choices.between(0, 20);
            if ty == Type::Int {
                let operator = *self.choices.of(&COMPARISONS[..6]);
                select.having =
                    Some(Expression::binary(aggregate, operator, Expression::int(number)));
            }
        }
        outputs
    }

    fn aggregate(&mut self, scope: &Scope) -> (Expression, Type, Vec<Literal>) {
        let filter = match self.choices.one_in(5) {
            true => Some(Box::new(self.boolean(scope, 1))),
            false => None,
        };
        let aggregate =
            |name, argument: Option<Expression>, distinct, order| Expression::Aggregate {
                name,
                distinct,
                argument: argument.map(Box::new),
                order,
                filter,
            };
        let column = self.column(scope);
        let comparable = matches!(
            column.1,
            Type::Int | Type::Text | Type::Time | Type::Bool | Type::Float | Type::Date
        );
        match self.choices.below(9) {
            0 => (aggregate("count", None, false, Vec::new()), Type::Int, Vec::new()),
            1 if comparable => {
                (aggregate("count", Some(column.0), true, Vec::new()), Type::Int, Vec::new())
            }
            2 => (aggregate("count", Some(column.0), false, Vec::new()), Type::Int, Vec::new()),
            3 | 4 if comparable && column.1 != Type::Bool => {
                let name = if self.choices.one_in(2) { "min" } else { "max" };
                (aggregate(name, Some(column.0), false, Vec::new()), column.1, column.2)
            }
            5 => {
                let number = self.int(scope, 1);
                (aggregate("avg", Some(number), false, Vec::new()), Type::Other, Vec::new())
            }
            6 if scope.key.is_some() => {
                let key = scope.key.clone().into_iter();
                let mut order: Vec<Key> = key.map(|key| self.key(key, true)).collect();
                let by = self.column(scope).0;
                order.push(self.key(by, false));
                if self.choices.one_in(2) {
                    order.rotate_left(1);
                }
                match self.column_of(scope, Type::Text) {
                    Some(text) => {
                        (aggregate("string_agg", Some(text), false, order), Type::Other, Vec::new())
                    }
                    None => (aggregate("count", None, false, Vec::new()), Type::Int, Vec::new()),
                }
            }
            7 if scope.key.is_some() => {
                let name = *self.choices.of(&["array_agg", "first_value", "last_value"]);
                let descending = if self.choices.one_in(2) { " DESC" } else { "" };
                let template = format!("{name}({{}} ORDER BY {{}}{descending}, {{}})");
                let operands = vec![
                    column.0,
                    scope.key.clone().unwrap_or(Expression::int(0)),
                    self.column(scope).0,
                ];
                let ty = if name == "array_agg" { Type::List } else { Type::Other };
                (Expression::Native { template, operands }, ty, Vec::new())
            }
            _ => {
                let number = self.int(scope, 1);
                (aggregate("sum", Some(number), false, Vec::new()), Type::Int, Vec::new())
            }
        }
    }

    fn window(&mut self, scope: &Scope) -> (Expression, Type, Vec<Literal>) {
        let column = self.column(scope);
        let number = self.int(scope, 1);
        let (name, arguments, ty, peers) = match self.choices.below(9) {
            0 => ("row_number", vec![], Type::Int, false),
            1 => ("rank", vec![], Type::Int, true),
            2 => ("dense_rank", vec![], Type::Int, true),
            3 => ("lag", vec![column.0], Type::Other, false),
            4 => ("lead", vec![column.0], Type::Other, false),
            5 => ("first_value", vec![column.0], Type::Other, false),
            6 => ("ntile", vec![Expression::int(self.choices.between(1, 5))], Type::Int, false),
            7 => ("count", vec![column.0], Type::Int, true),
            _ => ("sum", vec![number], Type::Int, true),
        };
        let mut partition = Vec::new();
        for _ in 0..self.choices.below(3) {
            partition.push(self.column(scope).0);
        }
        let mut order = Vec::new();
        for _ in 0..self.choices.below(3) {
            let by = self.column(scope).0;
            order.push(self.key(by, false));
        }
        let framed = matches!(name, "sum" | "count" | "first_value") && self.choices.one_in(3);
        if !peers || framed || order.is_empty() || self.choices.one_in(2) {
            // It may also come before the other keys.
            let at = self.choices.below(order.len() + 1);
            let key = scope.key.clone().unwrap_or(Expression::int(0));
            let key = self.key(key, true);
            order.insert(at, key);
        }
        let frame = if framed { " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW" } else { "" };
        let window = Expression::Window { name, arguments, partition, order, frame };
        // Unsigned values become decimals, for which averages are rounded.
        let unsigned = matches!(name, "row_number" | "rank" | "dense_rank" | "ntile");
        match unsigned && self.choices.one_in(2) {
            true => (Expression::Signed(Box::new(window)), ty, Vec::new()),
            false if unsigned => (window, Type::Rank, Vec::new()),
            false => (window, ty, Vec::new()),
        }
    }

    fn column(&mut self, scope: &Scope) -> (Expression, Type, Vec<Literal>) {
        if scope.columns.is_empty() {
            return (Expression::int(1), Type::Int, Vec::new());
        }
        let column = self.choices.of(&scope.columns).clone();
        (column.column, column.ty, column.values)
    }

    fn column_of(&mut self, scope: &Scope, ty: Type) -> Option<Expression> {
        let columns: Vec<&ScopeColumn> =
            scope.columns.iter().filter(|column| column.ty == ty).collect();
        (!columns.is_empty()).then(|| self.choices.of(&columns).column.clone())
    }

    /// Returns an expression of the type, its actual type, and similar literals.
    fn value(&mut self, scope: &Scope, ty: Type, depth: usize) -> (Expression, Type, Vec<Literal>) {
        let values = self.values_of(scope, ty);
        if depth > 0
            && ty != Type::List
            && self.choices.one_in(12)
            && let Some(picked) = self.picked(ty)
        {
            return (picked, ty, values);
        }
        let column = self.column_of(scope, ty);
        let value = match (ty, column) {
            (_, Some(column)) if !self.choices.one_in(4) => column,
            (Type::Int, _) => self.int(scope, depth),
            (Type::Bool, _) => self.boolean(scope, depth),
            (Type::Text, Some(column)) => Expression::Call {
                name: "coalesce",
                arguments: vec![column, Expression::Literal(Literal::Text("none".to_owned()))],
            },
            (Type::Text, None) => Expression::Literal(Literal::Text("a".to_owned())),
            (Type::Time, Some(column)) => match self.column_of(scope, Type::Time) {
                Some(other) => {
                    Expression::Call { name: "coalesce", arguments: vec![column, other] }
                }
                None => column,
            },
            // If no time is in scope, take one from another table.
            (Type::Time, None) => {
                let (from, inner) = self.side(true);
                match self.column_of(&inner, Type::Time) {
                    Some(time) => {
                        let newest = Expression::Aggregate {
                            name: "max",
                            distinct: false,
                            argument: Some(Box::new(time)),
                            order: Vec::new(),
                            filter: None,
                        };
                        Expression::Scalar(one_column(newest, from, Vec::new()))
                    }
                    None => Expression::Literal(Literal::Null),
                }
            }
            (Type::Float, None) => Expression::Literal(Literal::Float(0.5)),
            (Type::Date, None) => {
                let date = Expression::Literal(Literal::Date("2026-04-15".to_owned()));
                Expression::Native { template: "CAST({} AS DATE)".to_owned(), operands: vec![date] }
            }
            (_, column) => column.unwrap_or(Expression::Literal(Literal::Null)),
        };
        (value, ty, values)
    }

    fn values_of(&self, scope: &Scope, ty: Type) -> Vec<Literal> {
        let columns = scope.columns.iter().filter(|column| column.ty == ty);
        columns.flat_map(|column| column.values.iter().take(10).cloned()).collect()
    }

    fn int(&mut self, scope: &Scope, depth: usize) -> Expression {
        let Some(column) = self.column_of(scope, Type::Int) else {
            return Expression::int(self.choices.between(-3, 100));
        };
        let some = |choices: &mut Choices<'_>| Expression::int(choices.between(1, 9));
        match self.choices.below(if depth > 0 { 9 } else { 1 }) {
            1 => Expression::binary(column, "%", some(&mut self.choices)),
            2 => Expression::binary(column, "+", some(&mut self.choices)),
            3 => Expression::binary(self.int(scope, depth - 1), "-", column),
            4 => Expression::binary(column, "/", some(&mut self.choices)),
            5 => Expression::Call {
                name: "coalesce",
                arguments: vec![column, self.int(scope, depth - 1)],
            },
            6 => {
                let divisor = Expression::Call {
                    name: "nullif",
                    arguments: vec![column, Expression::int(0)],
                };
                Expression::binary(Expression::int(1_000), "/", divisor)
            }
            7 => Expression::Case {
                when: Box::new(self.boolean(scope, depth - 1)),
                then: Box::new(column),
                otherwise: Box::new(self.int(scope, depth - 1)),
            },
            _ => column,
        }
    }

    fn boolean(&mut self, scope: &Scope, depth: usize) -> Expression {
        if depth > 0 {
            match self.choices.below(6) {
                0 => {
                    let left = self.boolean(scope, depth - 1);
                    return Expression::binary(left, "AND", self.boolean(scope, depth - 1));
                }
                1 => {
                    let left = self.boolean(scope, depth - 1);
                    return Expression::binary(left, "OR", self.boolean(scope, depth - 1));
                }
                2 => return Expression::Not(Box::new(self.boolean(scope, depth - 1))),
                _ => {}
            }
        }
        let (column, ty, values) = self.column(scope);
        let negated = self.choices.one_in(3);
        if self.choices.one_in(12) {
            return Expression::IsNull { operand: Box::new(column), negated };
        }
        match ty {
            Type::Int => {
                let operand = if self.choices.one_in(4) { self.int(scope, 1) } else { column };
                self.comparison(scope, operand, ty, &values, negated)
            }
            Type::Text if self.choices.one_in(3) => {
                let patterns = ["b%", "%", "_", "%b", "a_c", "A%", "%\n%", "", "é_%", "it's"];
                let pattern = Literal::Text((*self.choices.of(&patterns)).to_owned());
                let operator = if negated { "NOT LIKE" } else { "LIKE" };
                Expression::binary(column, operator, Expression::Literal(pattern))
            }
            Type::Time if self.choices.one_in(2) => {
                moments::condition(&mut self.choices, &scope.times())
            }
            Type::Moment => moments::condition(&mut self.choices, &scope.times()),
            Type::Rank => self.comparison(scope, column, Type::Int, &values, negated),
            Type::Bool if self.choices.one_in(2) => column,
            Type::Text | Type::Time | Type::Bool | Type::Float | Type::Date => {
                self.comparison(scope, column, ty, &values, negated)
            }
            Type::Other | Type::List => Expression::IsNull { operand: Box::new(column), negated },
        }
    }

    fn comparison(
        &mut self,
        scope: &Scope,
        operand: Expression,
        ty: Type,
        values: &[Literal],
        negated: bool,
    ) -> Expression {
        let operand = Box::new(operand);
        match self.choices.below(6) {
            0 => {
                let (low, high) = (self.literal(ty, values), self.literal(ty, values));
                let (low, high) = (Box::new(low), Box::new(high));
                Expression::Between { operand, low, high, negated }
            }
            1 | 2 => {
                let mut list: Vec<Expression> =
                    (0..=self.choices.below(4)).map(|_| self.literal(ty, values)).collect();
                if self.choices.one_in(5) {
                    list.push(Expression::Literal(Literal::Null));
                }
                Expression::In { operand, list, negated }
            }
            3 if self.choices.one_in(3) => {
                let other = self.column_of(scope, ty).unwrap_or_else(|| self.literal(ty, values));
                Expression::binary(*operand, self.choices.of::<&str>(&COMPARISONS), other)
            }
            _ => {
                let operator = self.choices.of::<&str>(&COMPARISONS);
                let literal = self.literal(ty, values);
                match self.choices.one_in(5) {
                    true => Expression::binary(literal, operator, *operand),
                    false => Expression::binary(*operand, operator, literal),
                }
            }
        }
    }

    fn literal(&mut self, ty: Type, values: &[Literal]) -> Expression {
        let value = match values.is_empty() {
            true => Literal::Null,
            false => self.choices.of(values).clone(),
        };
        Expression::Literal(match (ty, value) {
            (Type::Int, Literal::Int(value)) => {
                Literal::Int(value + *self.choices.of(&[0, 0, 0, 1, -1]))
            }
            (Type::Int, _) => Literal::Int(self.choices.between(-3, 1_000)),
            (Type::Time, Literal::Time(nanos, _)) => moments::near(&mut self.choices, nanos),
            (Type::Time, _) => Literal::Time(0, TimeForm::Utc),
            (Type::Text, Literal::Text(text)) => Literal::Text(text),
            (Type::Text, _) => Literal::Text((*self.choices.of(&super::tables::TEXTS)).to_owned()),
            (Type::Bool, _) => Literal::Bool(self.choices.one_in(2)),
            (Type::Float, Literal::Float(value)) => Literal::Float(value),
            (Type::Float, _) => Literal::Float(*self.choices.of(&super::tables::FLOATS)),
            (Type::Date, Literal::Date(date)) => Literal::Date(date),
            (Type::Date, _) => Literal::Date("1970-01-01".to_owned()),
            (_, value) => value,
        })
    }
}

impl Generator<'_> {
    /// Adds an item. A plain column may keep its name; all other items get a name that no table
    /// has.
    fn add(
        &mut self,
        select: &mut Select,
        outputs: &mut Vec<Column>,
        (value, ty, values): (Expression, Type, Vec<Literal>),
        keep_name: bool,
    ) {
        let name = match &value {
            Expression::Column { name, .. }
                if keep_name && !outputs.iter().any(|column| column.name == *name) =>
            {
                name.clone()
            }
            _ => {
                self.aliases += 1;
                format!("c{}", self.aliases)
            }
        };
        select.items.push(Item { value, name: name.clone() });
        outputs.push(Column { name, ty, values });
    }
}

impl Scope {
    fn of(alias: &str, columns: &[Column]) -> Self {
        let column = |column: &Column| ScopeColumn {
            column: Expression::Column {
                table: alias.to_owned(),
                name: column.name.clone(),
                ty: column.ty,
            },
            name: column.name.clone(),
            ty: column.ty,
            values: column.values.clone(),
        };
        let columns = columns.iter().filter(|column| column.ty != Type::List).map(column);
        Self { columns: columns.collect(), key: None, not_zero: None }
    }

    fn with(mut self, other: &Self) -> Self {
        self.columns.extend(other.columns.iter().cloned());
        self
    }

    /// Returns the times in scope, with some of their values.
    fn times(&self) -> Vec<(Expression, Vec<i64>)> {
        let nanos = |literal: &Literal| match literal {
            Literal::Time(nanos, _) => Some(*nanos),
            _ => None,
        };
        let times =
            self.columns.iter().filter(|column| matches!(column.ty, Type::Time | Type::Moment));
        times
            .map(|time| (time.column.clone(), time.values.iter().filter_map(nanos).collect()))
            .collect()
    }
}

fn one_column(value: Expression, from: Source, conditions: Vec<Expression>) -> Box<Query> {
    Box::new(Query::of(Body::Select(Select {
        distinct: Distinct::No,
        items: vec![Item { value, name: "c0".to_owned() }],
        star: false,
        from,
        conditions,
        group: Vec::new(),
        having: None,
    })))
}

/// Returns a division that the conditions guard.
fn quotient(scope: &Scope) -> Expression {
    let divisor = scope.not_zero.clone().unwrap_or(Expression::int(1));
    Expression::binary(Expression::int(1_000_000), "/", divisor)
}
