//! Filters that the scan evaluates row by row, and what they imply for whole blocks.
//!
//! Some filters change while the scan runs: a TopK sort narrows its filter as it finds better rows, and
//! a hash join fills in the keys of its other side.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, Column, InListExpr, IsNullExpr, Literal,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;

use crate::providers::conjuncts::{conditions_by_rank, sort_by_rank};
use crate::providers::pushdown::{Key, Ranges};
use crate::providers::ranges::RangeSet;
use crate::providers::selection::Selection;
use crate::table::Table;

/// A conjunction of filters on the table's columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Predicate(Vec<Arc<dyn PhysicalExpr>>);

impl Predicate {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn filters(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.0
    }

    /// Adds a filter on the columns of the projection. The filter is stored in terms of the table's
    /// columns, because the projection may change later.
    pub(super) fn and(
        mut self,
        filter: Arc<dyn PhysicalExpr>,
        projection: &[usize],
    ) -> Result<Self> {
        for condition in conditions_by_rank(&filter) {
            self.0.push(remap_columns(condition, |index| projection.get(index).copied())?);
        }
        sort_by_rank(&mut self.0);
        Ok(self)
    }

    /// The columns that the filters use, by their index in the table.
    pub(super) fn columns(&self) -> BTreeSet<usize> {
        self.0.iter().flat_map(collect_columns).map(|column| column.index()).collect()
    }

    /// The same filters in terms of batches that have only these columns of the table.
    pub(super) fn over(&self, columns: &[usize]) -> Result<Self> {
        let position = |index| columns.iter().position(|&column| column == index);
        let filters = self.0.iter().map(|filter| remap_columns(Arc::clone(filter), position));
        filters.collect::<Result<_>>().map(Self)
    }

    /// Returns the rows that pass all filters.
    ///
    /// Each filter is evaluated only on the rows that passed the filters before it, so that `n <> 0 AND
    /// 10 / n > 1` does not divide by zero.
    pub(super) fn select(&self, mut rows: Selection) -> Result<Selection> {
        for filter in &self.0 {
            if rows.is_empty() {
                break;
            }
            let passed = filter.evaluate(rows.batch())?.into_array(rows.batch().num_rows())?;
            rows = rows.keep(as_boolean_array(&passed)?)?;
        }
        Ok(rows)
    }

    /// Ranges that contain all rows that pass the filters in their current state.
    pub(super) fn ranges(&self, table: &Table) -> Ranges {
        let mut ranges = Ranges::all();
        for filter in &self.0 {
            if let Ok(filter) = snapshot_physical_expr(Arc::clone(filter)) {
                ranges = ranges.and(&Bounds { table }.of(&filter));
            }
        }
        ranges
    }
}

pub(super) fn remap_columns(
    filter: Arc<dyn PhysicalExpr>,
    to: impl Fn(usize) -> Option<usize>,
) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = filter.transform_up(|expr| {
        let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
        match to(column.index()) {
            Some(index) => Ok(Transformed::yes(Arc::new(Column::new(column.name(), index)))),
            None => internal_err!("a filter refers to a missing column: {column}"),
        }
    });
    Ok(moved?.data)
}

impl fmt::Display for Predicate {
    /// `, predicate=a AND b` for a plan; nothing if there are no filters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, filter) in self.0.iter().enumerate() {
            write!(f, "{}{filter}", if index == 0 { ", predicate=" } else { " AND " })?;
        }
        Ok(())
    }
}

/// Finds ranges that contain all rows that pass a filter, and possibly others.
struct Bounds<'a> {
    table: &'a Table,
}

impl Bounds<'_> {
    fn of(&self, filter: &Arc<dyn PhysicalExpr>) -> Ranges {
        if let Some(binary) = filter.downcast_ref::<BinaryExpr>() {
            let (left, right) = (binary.left(), binary.right());
            return match binary.op() {
                Operator::And => self.of(left).and(&self.of(right)),
                Operator::Or => self.of(left).or(&self.of(right)),
                op => match (self.key(left), self.key(right)) {
                    (Some(key), _) => Ranges::of(key, compare(*op, literal(right))),
                    (_, Some(key)) => match op.swap() {
                        Some(op) => Ranges::of(key, compare(op, literal(left))),
                        None => Ranges::all(),
                    },
                    _ => Ranges::all(),
                },
            };
        }
        if let Some(list) = filter.downcast_ref::<InListExpr>()
            && let (Some(key), false) = (self.key(list.expr()), list.negated())
        {
            let values = list.list().iter().map(literal).collect::<Option<Vec<_>>>();
            return values
                .map_or_else(Ranges::all, |values| Ranges::of(key, RangeSet::of_values(values)));
        }
        if let Some(is_null) = filter.downcast_ref::<IsNullExpr>()
            && let Some(key) = self.key(is_null.arg())
        {
            return Ranges::of(key, RangeSet::none());
        }
        // The filter of a join has a branch for each partition of its other side.
        if let Some(case) = filter.downcast_ref::<CaseExpr>() {
            let branches = case.when_then_expr().iter().map(|(_, then)| then);
            let branches = branches.chain(case.else_expr()).map(|branch| self.of(branch));
            let none = Ranges::of(Key::Id, RangeSet::none());
            return branches.fold(none, |all, branch| all.or(&branch));
        }
        match filter.downcast_ref::<Literal>().map(Literal::value) {
            Some(ScalarValue::Boolean(Some(false) | None)) => Ranges::of(Key::Id, RangeSet::none()),
            _ => Ranges::all(),
        }
    }

    fn key(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Key> {
        let column = expr.downcast_ref::<Column>()?;
        match column.index() {
            0 => Some(Key::Id),
            index if self.table.time_index() == Some(index) => Some(Key::Time),
            _ => None,
        }
    }
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Int64(value) | ScalarValue::TimestampNanosecond(value, _) => *value,
        _ => None,
    }
}

fn compare(op: Operator, literal: Option<i64>) -> RangeSet {
    let Some(value) = literal else { return RangeSet::all() };
    match op {
        Operator::Eq => RangeSet::between(value, value),
        Operator::GtEq => RangeSet::at_least(value),
        Operator::Lt => RangeSet::at_least(value).not(),
        Operator::LtEq => RangeSet::between(i64::MIN, value),
        Operator::Gt => RangeSet::between(i64::MIN, value).not(),
        _ => RangeSet::all(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_expr::expressions::{col, lit};

    use super::*;
    use crate::schema::TickRecord;
    use crate::table::Record;

    #[test]
    fn a_case_is_as_wide_as_its_branches() {
        let table = TickRecord::TABLE;
        let schema = table.schema();
        let id_is = |id: i64| -> Arc<dyn PhysicalExpr> {
            let id_column = col("id", &schema).unwrap();
            Arc::new(BinaryExpr::new(id_column, Operator::Eq, lit(id)))
        };
        let when = |index: i64| lit(index);
        let of = |otherwise: Option<Arc<dyn PhysicalExpr>>| {
            let branches = vec![(when(0), id_is(5)), (when(1), id_is(7))];
            let case = CaseExpr::try_new(Some(lit(1_i64)), branches, otherwise).unwrap();
            Bounds { table }.of(&(Arc::new(case) as _)).ids
        };
        let five_and_seven = RangeSet::of_values(vec![5, 7]);
        assert_eq!(of(Some(lit(false))), five_and_seven);
        assert_eq!(of(None), five_and_seven);
        assert_eq!(of(Some(id_is(9))), RangeSet::of_values(vec![5, 7, 9]));
        assert!(of(Some(lit(true))).is_all());
    }
}
