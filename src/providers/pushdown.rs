//! Filters that become ranges of the id or of the time column, exactly: what lies in the ranges
//! passes the filter, and nothing else does. So nothing filters twice, and counts follow from zones.
//!
//! The optimizer has folded constants and coerced types by the time filters arrive here: `now() -
//! INTERVAL '1 hour'`, BETWEEN and texts are literals of the column's type.

use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction, TryCast};
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};

use arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};

use crate::providers::ranges::RangeSet;
use crate::row::stored_time;
use crate::table::Table;

/// The columns that a scan can be limited by without looking at rows. Neither is ever null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Id,
    Time,
}

/// The rows that filters let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranges {
    pub(super) ids: RangeSet,
    pub(super) times: RangeSet,
}

impl Ranges {
    /// Those that pass all of the filters; a filter that is no range lets everything through.
    pub(super) fn of_all(filters: &[Expr], table: &Table) -> Self {
        let ranges = filters.iter().filter_map(|filter| range_of(filter, table));
        ranges.fold(Self::all(), |all, (key, set)| all.and(&Self::of(key, set)))
    }

    pub(super) fn all() -> Self {
        Self { ids: RangeSet::all(), times: RangeSet::all() }
    }

    /// Those whose key is in the set.
    pub(super) fn of(key: Key, set: RangeSet) -> Self {
        match key {
            Key::Id => Self { ids: set, ..Self::all() },
            Key::Time => Self { times: set, ..Self::all() },
        }
    }

    /// Those in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self { ids: self.ids.and(&other.ids), times: self.times.and(&other.times) }
    }

    /// Those in one of the two, and maybe others.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self { ids: self.ids.or(&other.ids), times: self.times.or(&other.times) }
    }
}

impl fmt::Display for Ranges {
    /// `, ids=[1..=5], times=[..]` for a plan; nothing where all rows are wanted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.ids.is_all() {
            write!(f, ", ids={}", self.ids.display(|id| id.to_string()))?;
        }
        if !self.times.is_all() {
            write!(f, ", times={}", self.times.display(stored_time))?;
        }
        Ok(())
    }
}

/// The key and the values of it that pass the filter, if that is all that the filter is about.
pub(super) fn range_of(filter: &Expr, table: &Table) -> Option<(Key, RangeSet)> {
    match filter {
        Expr::Not(inner) => {
            // True and false swap: without nulls there is no third.
            range_of(inner, table).map(|(key, set)| (key, set.not()))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let ((key, left), (other, right)) = (range_of(left, table)?, range_of(right, table)?);
            let set = if *op == Operator::And { left.and(&right) } else { left.or(&right) };
            (key == other).then_some((key, set))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (operand, op, literal) = match (Operand::of(left, table), Operand::of(right, table))
            {
                (Some(operand), None) => (operand, *op, literal(right)?),
                (None, Some(operand)) => (operand, op.swap()?, literal(left)?),
                _ => return None,
            };
            Some((operand.key, operand.compare(op, literal)?))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let operand = Operand::of(expr, table)?;
            let from = operand.compare(Operator::GtEq, literal(low)?)?;
            let set = from.and(&operand.compare(Operator::LtEq, literal(high)?)?);
            Some((operand.key, if *negated { set.not() } else { set }))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let operand = Operand::of(expr, table)?;
            let mut set = RangeSet::none();
            for value in list {
                set = set.or(&operand.compare(Operator::Eq, literal(value)?)?);
            }
            Some((operand.key, if *negated { set.not() } else { set }))
        }
        _ => None,
    }
}

/// A literal as the id's or the time column's 64 bits. Null compares as neither true nor false, which
/// no range can say.
fn literal(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(value), _)
        | Expr::Literal(ScalarValue::TimestampNanosecond(value, _), _) => *value,
        Expr::Literal(ScalarValue::Date32(days), _) => i64::from((*days)?).checked_mul(DAY),
        _ => None,
    }
}

/// A key, or a function of it that rounds down.
struct Operand {
    key: Key,
    rounding: Rounding,
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 1970-01-01 was a Thursday.
const FIRST_MONDAY: i64 = 4 * DAY;

enum Rounding {
    /// To `origin` and multiples of `width` from there.
    Width { width: i64, origin: i64 },
    /// To the first day of so many months, counted from January.
    Months(u32),
}

impl Operand {
    fn of(expr: &Expr, table: &Table) -> Option<Self> {
        let nothing = Rounding::Width { width: 1, origin: 0 };
        match expr {
            Expr::Column(column) if column.name == "id" => {
                Some(Self { key: Key::Id, rounding: nothing })
            }
            Expr::Column(column) if table.time_column()?.name == column.name => {
                Some(Self { key: Key::Time, rounding: nothing })
            }
            Expr::Alias(alias) => Self::of(&alias.expr, table),
            Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                let operand = Self::time(expr, table)?;
                match field.data_type() {
                    // The column is in UTC, so that without a zone the value is the same.
                    DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(operand),
                    DataType::Date32 => operand.rounded(Rounding::Width { width: DAY, origin: 0 }),
                    _ => None,
                }
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                match (func.name(), args.as_slice()) {
                    ("to_timestamp", [time]) => Self::time(time, table),
                    ("date_trunc", [Expr::Literal(unit, _), time]) => {
                        Self::time(time, table)?.rounded(truncation(unit.try_as_str()??)?)
                    }
                    ("date_bin", [Expr::Literal(width, _), time, origin @ ..]) => {
                        let origin = match origin {
                            [] => 0,
                            [origin] => literal(origin)?,
                            _ => return None,
                        };
                        let width = width_of(width).filter(|width| *width > 0)?;
                        Self::time(time, table)?.rounded(Rounding::Width { width, origin })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn time(expr: &Expr, table: &Table) -> Option<Self> {
        Self::of(expr, table).filter(|operand| operand.key == Key::Time)
    }

    /// Rounded once; twice would take more thought, and nobody writes it.
    fn rounded(self, rounding: Rounding) -> Option<Self> {
        match self.rounding {
            Rounding::Width { width: 1, .. } => Some(Self { rounding, ..self }),
            _ => None,
        }
    }

    /// The keys whose rounded value compares so with the literal.
    fn compare(&self, op: Operator, literal: i64) -> Option<RangeSet> {
        let floor = self.rounding.floor(literal)?;
        let next = self.rounding.next(floor);
        let from_next = next.map_or_else(RangeSet::none, RangeSet::at_least);
        let is_round = floor == literal;
        let equal = || match next {
            _ if !is_round => RangeSet::none(),
            Some(next) => RangeSet::between(floor, next - 1),
            None => RangeSet::at_least(floor),
        };
        let at_least = || if is_round { RangeSet::at_least(floor) } else { from_next.clone() };
        Some(match op {
            Operator::Eq => equal(),
            Operator::NotEq => equal().not(),
            Operator::GtEq => at_least(),
            Operator::Lt => at_least().not(),
            Operator::Gt => from_next,
            Operator::LtEq => from_next.not(),
            _ => return None,
        })
    }
}

impl Rounding {
    /// The largest round value that is no larger; `None` if it is out of range.
    fn floor(&self, value: i64) -> Option<i64> {
        match *self {
            Self::Width { width, origin } => {
                value.checked_sub(value.checked_sub(origin)?.rem_euclid(width))
            }
            Self::Months(months) => {
                let date = DateTime::from_timestamp_nanos(value).date_naive();
                let month0 = date.month0() / months * months;
                midnight(NaiveDate::from_ymd_opt(date.year(), month0 + 1, 1)?)
            }
        }
    }

    /// The round value after a round one; `None` if it is out of range.
    fn next(&self, round: i64) -> Option<i64> {
        match *self {
            Self::Width { width, .. } => round.checked_add(width),
            Self::Months(months) => {
                let date = DateTime::from_timestamp_nanos(round).date_naive();
                midnight(date.checked_add_months(Months::new(months))?)
            }
        }
    }
}

fn midnight(date: NaiveDate) -> Option<i64> {
    date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt()
}

fn truncation(unit: &str) -> Option<Rounding> {
    let width = match unit.to_ascii_lowercase().as_str() {
        "microsecond" => 1_000,
        "millisecond" => 1_000_000,
        "second" => SECOND,
        "minute" => 60 * SECOND,
        "hour" => 3_600 * SECOND,
        "day" => DAY,
        "week" => return Some(Rounding::Width { width: 7 * DAY, origin: FIRST_MONDAY }),
        "month" => return Some(Rounding::Months(1)),
        "quarter" => return Some(Rounding::Months(3)),
        "year" => return Some(Rounding::Months(12)),
        _ => return None,
    };
    Some(Rounding::Width { width, origin: 0 })
}

fn width_of(interval: &ScalarValue) -> Option<i64> {
    match interval {
        ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano {
            months: 0,
            days,
            nanoseconds,
        })) => i64::from(*days).checked_mul(DAY)?.checked_add(*nanoseconds),
        ScalarValue::IntervalDayTime(Some(interval)) => {
            let milliseconds = i64::from(interval.milliseconds).checked_mul(1_000_000)?;
            i64::from(interval.days).checked_mul(DAY)?.checked_add(milliseconds)
        }
        _ => None,
    }
}
