//! Excludes segments by the ranges of their columns.
//!
//! The header of a segment's copy has the smallest and the largest value of each column of numbers, times,
//! dates and booleans, and the number of nulls of every column. If these leave a condition no row to be true
//! for, none of the columns is read. The condition of a join or a TopK sort, which changes while the query
//! runs, is taken as it is when the segment's turn comes.
//!
//! Not DataFusion's `PruningPredicate`, which also excludes rows that pass (55.2): it applies a cast or a
//! negation to the bounds even if that does not keep their order, such as a time of day, a cast to a boolean,
//! or the negated smallest integer. Without those it would do no more than this does, at twenty times the
//! cost for each segment.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal,
    NotExpr, TryCastExpr,
};
use datafusion::physical_expr_common::physical_expr::{
    snapshot_generation, snapshot_physical_expr,
};

use crate::columnar::{ColumnEntry, Header, float_order};
use crate::providers::predicate::Predicate;
use crate::table::{ColumnType, Table};

/// The conditions of a predicate over the table's columns.
#[derive(Debug)]
pub(super) struct RangeFilter {
    table: &'static Table,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    filter: Arc<dyn PhysicalExpr>,
    /// The filter as it was at that generation. A filter that never changes stays at generation 0.
    state: Arc<dyn PhysicalExpr>,
    generation: u64,
}

/// The results that a condition may have for rows of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcomes {
    is_true: bool,
    is_false: bool,
    is_null: bool,
}

/// The values that an expression may have for rows of a segment.
#[derive(Debug, Clone, Copy)]
struct Values {
    ty: ColumnType,
    /// The smallest and the largest one, floats by [`float_order`]; `None` if it is always null.
    range: Option<(i64, i64)>,
    has_nulls: bool,
}

impl RangeFilter {
    pub(super) fn new(table: &'static Table, predicate: &Predicate) -> Self {
        let condition = |filter: &Arc<dyn PhysicalExpr>| Condition {
            filter: Arc::clone(filter),
            state: Arc::clone(filter),
            generation: 0,
        };
        Self { table, conditions: predicate.filters().iter().map(condition).collect() }
    }

    /// Whether no row of the segment passes.
    pub(super) fn excludes(&mut self, header: &Header) -> bool {
        let Self { table, conditions } = self;
        let segment = SegmentColumns { table, header };
        conditions.iter_mut().any(|condition| !segment.outcomes(condition.state()).is_true)
    }
}

impl Condition {
    fn state(&mut self) -> &Arc<dyn PhysicalExpr> {
        let generation = snapshot_generation(&self.filter);
        // A filter that changes between the two is taken again next time.
        if generation != self.generation
            && let Ok(state) = snapshot_physical_expr(Arc::clone(&self.filter))
        {
            (self.state, self.generation) = (state, generation);
        }
        &self.state
    }
}

/// What the header of a segment says of the table's columns.
struct SegmentColumns<'a> {
    table: &'static Table,
    header: &'a Header,
}

impl SegmentColumns<'_> {
    fn outcomes(&self, condition: &Arc<dyn PhysicalExpr>) -> Outcomes {
        self.known_outcomes(condition).unwrap_or(Outcomes::ANY)
    }

    fn known_outcomes(&self, condition: &Arc<dyn PhysicalExpr>) -> Option<Outcomes> {
        if let Some(binary) = condition.downcast_ref::<BinaryExpr>() {
            let (left, right) = (binary.left(), binary.right());
            return match binary.op() {
                Operator::And => Some(self.outcomes(left).and(self.outcomes(right))),
                Operator::Or => {
                    Some(self.outcomes(left).not().and(self.outcomes(right).not()).not())
                }
                op => self.values(left)?.compare(*op, self.values(right)?),
            };
        }
        if let Some(not) = condition.downcast_ref::<NotExpr>() {
            return Some(self.outcomes(not.arg()).not());
        }
        if let Some(is_null) = condition.downcast_ref::<IsNullExpr>() {
            return self.is_null(is_null.arg());
        }
        if let Some(is_not_null) = condition.downcast_ref::<IsNotNullExpr>() {
            return Some(self.is_null(is_not_null.arg())?.not());
        }
        if let Some(list) = condition.downcast_ref::<InListExpr>() {
            let listed = self.is_listed(list)?;
            return Some(if list.negated() { listed.not() } else { listed });
        }
        // The filter of a join has a branch for each partition of its other side.
        if let Some(case) = condition.downcast_ref::<CaseExpr>() {
            let otherwise = match case.else_expr() {
                Some(otherwise) => self.outcomes(otherwise),
                None => Outcomes::NULL,
            };
            let branches = case.when_then_expr().iter();
            return Some(
                branches.fold(otherwise, |all, (_, then)| all.or_those_of(self.outcomes(then))),
            );
        }
        // A column or a literal.
        self.values(condition)?.compare(Operator::Eq, Values::of_bool(true))
    }

    fn is_null(&self, operand: &Arc<dyn PhysicalExpr>) -> Option<Outcomes> {
        let (has_nulls, has_values) = match self.entry(operand) {
            Some(entry) => (entry.nulls > 0, entry.nulls < self.header.rows),
            None => {
                let values = self.values(operand)?;
                (values.has_nulls, values.range.is_some())
            }
        };
        Some(Outcomes { is_true: has_nulls, is_false: has_values, is_null: false })
    }

    fn is_listed(&self, list: &InListExpr) -> Option<Outcomes> {
        let operand = self.values(list.expr())?;
        let mut listed = Outcomes::FALSE;
        for item in list.list() {
            let equal = operand.compare(Operator::Eq, self.values(item)?)?;
            listed = listed.not().and(equal.not()).not();
        }
        // The comparison with an empty list is not worth a rule.
        (!list.list().is_empty()).then_some(listed)
    }

    /// What the header says of a column; `None` for another expression, and for a column without a copy.
    fn entry(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<&ColumnEntry> {
        let index = expr.downcast_ref::<Column>()?.index().checked_sub(1)?;
        let position = self.header.position(self.table.columns().get(index)?)?;
        self.header.columns.get(position)
    }

    fn values(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Values> {
        if let Some(literal) = expr.downcast_ref::<Literal>() {
            return Values::of_literal(literal.value());
        }
        if let Some(column) = expr.downcast_ref::<Column>() {
            if column.index() == 0 {
                let ids = self.header.segment.ids();
                let range = Some((*ids.start(), *ids.end()));
                return Some(Values { ty: ColumnType::Int, range, has_nulls: false });
            }
            let ColumnEntry { ty, nulls, range, .. } = *self.entry(expr)?;
            let is_known = range.is_some() || nulls == self.header.rows;
            return is_known.then_some(Values { ty, range, has_nulls: nulls > 0 });
        }
        // The nearest floats of integers are in the order of the integers, or equal.
        let (operand, ty) =
            match (expr.downcast_ref::<CastExpr>(), expr.downcast_ref::<TryCastExpr>()) {
                (Some(cast), _) => (cast.expr(), cast.cast_type()),
                (_, Some(cast)) => (cast.expr(), cast.cast_type()),
                _ => return None,
            };
        let values = self.values(operand)?;
        match (ty, values.ty) {
            (DataType::Float64, ColumnType::Int) => {
                let float = |value: i64| float_order(value as f64);
                let range = values.range.map(|(low, high)| (float(low), float(high)));
                Some(Values { ty: ColumnType::Float, range, ..values })
            }
            _ => None,
        }
    }
}

impl Values {
    fn of_bool(value: bool) -> Self {
        let value = i64::from(value);
        Self { ty: ColumnType::Bool, range: Some((value, value)), has_nulls: false }
    }

    /// `None` if values of the type have no ranges. NaN is greater than all other floats in some comparisons
    /// and in others not.
    fn of_literal(literal: &ScalarValue) -> Option<Self> {
        let (ty, value) = match literal {
            ScalarValue::Int64(value) => (ColumnType::Int, *value),
            ScalarValue::TimestampNanosecond(value, _) => (ColumnType::Time, *value),
            ScalarValue::Date32(days) => (ColumnType::Date, days.map(i64::from)),
            ScalarValue::Boolean(value) => (ColumnType::Bool, value.map(i64::from)),
            ScalarValue::Float64(value) if !value.is_some_and(f64::is_nan) => {
                (ColumnType::Float, value.map(float_order))
            }
            _ => return None,
        };
        Some(Self { ty, range: value.map(|value| (value, value)), has_nulls: value.is_none() })
    }

    /// The outcomes of a comparison of some of these values with some of the others.
    fn compare(self, op: Operator, other: Self) -> Option<Outcomes> {
        if self.ty != other.ty {
            return None;
        }
        let (Some(left), Some(right)) = (self.with_both_zeros(), other.with_both_zeros()) else {
            return Some(Outcomes::NULL);
        };
        let overlap = left.0 <= right.1 && right.0 <= left.1;
        let are_one = left.0 == right.1 && right.0 == left.1;
        let (is_true, is_false) = match op {
            Operator::Eq => (overlap, !are_one),
            Operator::NotEq => (!are_one, overlap),
            Operator::Lt => (left.0 < right.1, left.1 >= right.0),
            Operator::LtEq => (left.0 <= right.1, left.1 > right.0),
            Operator::Gt => (left.1 > right.0, left.0 <= right.1),
            Operator::GtEq => (left.1 >= right.0, left.0 < right.1),
            _ => return None,
        };
        Some(Outcomes { is_true, is_false, is_null: self.has_nulls || other.has_nulls })
    }

    /// The range, with both zeros if it has one of them: some comparisons of floats tell them apart, and
    /// others do not.
    fn with_both_zeros(self) -> Option<(i64, i64)> {
        let (low, high) = self.range?;
        let (minus, plus) = (float_order(-0.0), float_order(0.0));
        Some(match self.ty {
            ColumnType::Float => {
                (if low == plus { minus } else { low }, if high == minus { plus } else { high })
            }
            _ => (low, high),
        })
    }
}

impl Outcomes {
    const ANY: Self = Self { is_true: true, is_false: true, is_null: true };
    const FALSE: Self = Self { is_true: false, is_false: true, is_null: false };
    const NULL: Self = Self { is_true: false, is_false: false, is_null: true };

    fn and(self, other: Self) -> Self {
        Self {
            is_true: self.is_true && other.is_true,
            is_false: self.is_false || other.is_false,
            is_null: self.is_null && (other.is_true || other.is_null)
                || other.is_null && (self.is_true || self.is_null),
        }
    }

    fn not(self) -> Self {
        Self { is_true: self.is_false, is_false: self.is_true, ..self }
    }

    fn or_those_of(self, other: Self) -> Self {
        Self {
            is_true: self.is_true || other.is_true,
            is_false: self.is_false || other.is_false,
            is_null: self.is_null || other.is_null,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, RecordBatch};
    use arrow::datatypes::DataType;
    use datafusion::common::cast::as_boolean_array;
    use datafusion::physical_expr::expressions::{
        DynamicFilterPhysicalExpr, NegativeExpr, binary, cast, col, in_list, is_not_null, is_null,
        lit, not,
    };
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::test_runner::Config;

    use super::*;
    use crate::columnar::{Segment, SegmentEncoder};
    use crate::row::Decoder;
    use crate::row::differential_tests::{row, tables};

    /// A condition, whose columns and literals are chosen once there are rows.
    #[derive(Debug, Clone)]
    enum Shape {
        Compare(Index, Operator, Index),
        CompareColumns(Index, Operator, Index),
        /// Of a cast or negated column with itself as it was in another row.
        Compute(Index, Operator, Index, bool),
        In(Index, Vec<Index>, bool),
        IsNull(Index, bool),
        Null,
        Not(Box<Shape>),
        Both(Box<Shape>, bool, Box<Shape>),
        Case(Box<Shape>, Box<Shape>, Box<Shape>),
    }

    fn shape() -> impl Strategy<Value = Shape> {
        use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        let op = || select(vec![Eq, NotEq, Lt, LtEq, Gt, GtEq]);
        let index = any::<Index>;
        let leaf = prop_oneof![
            4 => (index(), op(), index()).prop_map(|(a, op, b)| Shape::Compare(a, op, b)),
            1 => (index(), op(), index()).prop_map(|(a, op, b)| Shape::CompareColumns(a, op, b)),
            2 => (index(), op(), index(), any::<bool>())
                .prop_map(|(a, op, b, negate)| Shape::Compute(a, op, b, negate)),
            2 => (index(), prop::collection::vec(index(), 1..4), any::<bool>())
                .prop_map(|(a, list, negated)| Shape::In(a, list, negated)),
            1 => (index(), any::<bool>()).prop_map(|(a, negated)| Shape::IsNull(a, negated)),
            1 => Just(Shape::Null),
        ];
        leaf.prop_recursive(3, 8, 3, |inner| {
            let inner = || inner.clone().prop_map(Box::new);
            prop_oneof![
                inner().prop_map(Shape::Not),
                (inner(), any::<bool>(), inner()).prop_map(|(a, and, b)| Shape::Both(a, and, b)),
                (inner(), inner(), inner()).prop_map(|(a, b, c)| Shape::Case(a, b, c)),
            ]
        })
    }

    /// Makes a condition on the rows of a batch, with values of another one.
    fn condition(shape: &Shape, others: &RecordBatch) -> Arc<dyn PhysicalExpr> {
        let schema = others.schema();
        let pick = |index: &Index| {
            let column = index.index(schema.fields().len());
            (column, col(schema.field(column).name(), &schema).unwrap())
        };
        let value = |column: usize, row: &Index| {
            let array = others.column(column);
            let value = ScalarValue::try_from_array(array, row.index(others.num_rows())).unwrap();
            // Values that rows cannot have.
            match (value, row.index(40)) {
                (ScalarValue::Float64(_), 0) => lit(f64::NAN),
                (ScalarValue::Float64(_), 1) => lit(-0.0),
                (ScalarValue::Float64(_), 2) => lit(0.0),
                (ScalarValue::Float64(_), 3) => lit(f64::NEG_INFINITY),
                (value, 4) => lit(ScalarValue::try_from(&value.data_type()).unwrap()),
                (value, _) => lit(value),
            }
        };
        let inner = |shape: &Shape| condition(shape, others);
        match shape {
            Shape::Compare(column, op, row) => {
                let (index, column) = pick(column);
                binary(column, *op, value(index, row), &schema).unwrap()
            }
            Shape::CompareColumns(left, op, right) => {
                let (index, left) = pick(left);
                let ty = schema.field(index).data_type();
                let fields = schema.fields().iter();
                let same: Vec<_> = fields.filter(|field| field.data_type() == ty).collect();
                let right = col(same[right.index(same.len())].name(), &schema).unwrap();
                binary(left, *op, right, &schema).unwrap()
            }
            Shape::Compute(column, op, row, negate) => {
                let (index, column) = pick(column);
                let ty = schema.field(index).data_type();
                let compute = |operand: Arc<dyn PhysicalExpr>| match ty {
                    DataType::Int64 | DataType::Float64 if *negate => {
                        Arc::new(NegativeExpr::new(operand)) as Arc<dyn PhysicalExpr>
                    }
                    DataType::Int64 => cast(operand, &schema, DataType::Float64).unwrap(),
                    DataType::Timestamp(..) => {
                        let time = DataType::Time64(arrow::datatypes::TimeUnit::Nanosecond);
                        cast(operand, &schema, time).unwrap()
                    }
                    _ => operand,
                };
                binary(compute(column), *op, compute(value(index, row)), &schema).unwrap()
            }
            Shape::In(column, list, negated) => {
                let (index, column) = pick(column);
                let list = list.iter().map(|row| value(index, row)).collect();
                in_list(column, list, negated, &schema).unwrap()
            }
            Shape::IsNull(column, true) => is_not_null(pick(column).1).unwrap(),
            Shape::IsNull(column, false) => is_null(pick(column).1).unwrap(),
            Shape::Null => lit(ScalarValue::Boolean(None)),
            Shape::Not(shape) => not(inner(shape)).unwrap(),
            Shape::Both(left, and, right) => {
                let op = if *and { Operator::And } else { Operator::Or };
                binary(inner(left), op, inner(right), &schema).unwrap()
            }
            Shape::Case(when, then, otherwise) => {
                let branch = vec![(inner(when), inner(then))];
                Arc::new(CaseExpr::try_new(None, branch, Some(inner(otherwise))).unwrap())
            }
        }
    }

    fn batch(table: &'static Table, rows: &[Vec<u8>]) -> RecordBatch {
        let all: Vec<usize> = (0..=table.columns().len()).collect();
        let mut decoder = Decoder::new(table, &all).unwrap();
        for (row, id) in rows.iter().zip(1..) {
            decoder.push(id, row).unwrap();
        }
        decoder.finish().unwrap()
    }

    fn header(table: &'static Table, rows: &[Vec<u8>]) -> Header {
        let mut encoder = SegmentEncoder::new(table, Segment::of(1));
        for (row, id) in rows.iter().zip(1..) {
            encoder.push(id, row).unwrap();
        }
        let header = encoder.finish(0).unwrap().header;
        Header::decode(header.segment, &header.encode()).unwrap()
    }

    proptest! {
        #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

        #[test]
        fn no_row_of_an_excluded_segment_passes(
            (table, rows, others) in select(tables()).prop_flat_map(|table| {
                let rows = || prop::collection::vec(row(table), 1..5);
                (Just(table), rows(), rows())
            }),
            shape in shape(),
        ) {
            let batch = batch(table, &rows);
            let others = self::batch(table, &others);
            let condition = condition(&shape, &others);
            // A negation may overflow.
            let Ok(passed) = condition.evaluate(&batch) else { return Ok(()) };
            let passed = passed.into_array(batch.num_rows()).unwrap();
            let passed = as_boolean_array(&passed).unwrap();
            let columns: Vec<usize> = (0..=table.columns().len()).collect();
            let predicate = Predicate::default().and(condition, &columns).unwrap();
            if RangeFilter::new(table, &predicate).excludes(&header(table, &rows)) {
                prop_assert_eq!(passed.true_count(), 0);
            }
            let segment = SegmentColumns { table, header: &header(table, &rows) };
            let outcomes = segment.outcomes(&predicate.filters()[0]);
            if let [_] = predicate.filters() {
                prop_assert!(outcomes.is_null || passed.null_count() == 0);
                prop_assert!(outcomes.is_false || passed.false_count() == 0);
            }
        }
    }

    #[test]
    fn columns_of_unknown_range_exclude_nothing() {
        let table = tables().into_iter().find(|table| table.name() == "measures").unwrap();
        let index = table.columns().iter().position(|column| column.ty == ColumnType::Float);
        let index = index.unwrap();
        let entry = |nulls, range| ColumnEntry {
            name: table.columns()[index].name.to_owned(),
            ty: ColumnType::Float,
            bytes: 9,
            nulls,
            range,
        };
        let row = br#"{"id":1,"ts":"1970-01-01T00:00:00Z","share":1.0,"day":"2026-01-01"}"#;
        let rows = [row.to_vec()];
        let header = |entry| Header { columns: vec![entry], ..header(table, &rows) };
        let schema = table.schema();
        let column = || col(table.columns()[index].name, &schema).unwrap();
        let condition = binary(column(), Operator::Gt, lit(1e308), &schema).unwrap();
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let predicate = Predicate::default().and(condition, &columns).unwrap();
        let mut filter = RangeFilter::new(table, &predicate);
        assert!(!filter.excludes(&header(entry(0, None))));
        assert!(filter.excludes(&header(entry(0, Some((0, float_order(1e308)))))));
        // Of another type.
        let other = ColumnEntry { ty: ColumnType::Int, ..entry(0, Some((0, 7))) };
        assert!(!filter.excludes(&header(other)));
        // A copy that lacks the column.
        assert!(!filter.excludes(&Header { columns: Vec::new(), ..header(entry(0, None)) }));
    }

    #[test]
    fn a_filter_that_changes_is_taken_as_it_is() {
        let table = tables().into_iter().find(|table| table.name() == "ticks").unwrap();
        let row = br#"{"id":1,"ts_utc":"1970-01-01T00:00:00.007Z","source":"a","detail_json":"b"}"#;
        let header = header(table, &[row.to_vec()]);
        let schema = table.schema();
        let time = col("ts_utc", &schema).unwrap();
        let above = |ms: i64| {
            let value = ScalarValue::TimestampNanosecond(Some(ms * 1_000_000), Some("UTC".into()));
            binary(Arc::clone(&time), Operator::Gt, lit(value), &schema).unwrap()
        };
        let changing = Arc::new(DynamicFilterPhysicalExpr::new(vec![Arc::clone(&time)], lit(true)));
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let predicate = Predicate::default().and(Arc::clone(&changing) as _, &columns).unwrap();
        let mut filter = RangeFilter::new(table, &predicate);
        assert!(!filter.excludes(&header));
        changing.update(above(6)).unwrap();
        assert!(!filter.excludes(&header));
        changing.update(above(7)).unwrap();
        assert!(filter.excludes(&header));
    }
}
