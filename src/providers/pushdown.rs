//! Filters on the id or the time column as ranges.
//!
//! Most filters become exact ranges: a row passes if and only if its key lies in the ranges. Such a
//! filter is not evaluated again, and counts follow from zones. A filter on local time, such as
//! `(ts_utc AT TIME ZONE 'Europe/Berlin')::date = '2026-01-07'`, becomes a range that is wider than the
//! filter: the offset of a zone changes with the seasons, and a local day is two ranges of time if
//! clocks are set back across midnight. The wide range still rules out all blocks except those of a day
//! or two, and DataFusion evaluates the filter on the rows in it.
//!
//! Before filters arrive here, the optimizer has folded constants and coerced types: `now() - INTERVAL
//! '1 hour'`, the bounds of BETWEEN and strings are literals of the column's type.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Months, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction, TryCast};
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};

use arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};

use crate::providers::ranges::RangeSet;
use crate::row::stored_time;
use crate::table::Table;

/// The columns that can limit a scan before rows are read. Neither is ever NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Id,
    Time,
}

/// The rows that filters select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranges {
    pub(super) ids: RangeSet,
    pub(super) times: RangeSet,
}

impl Ranges {
    /// The rows that pass all filters. A filter that is not a range is ignored here.
    pub(super) fn of_all(filters: &[Expr], table: &Table) -> Self {
        let ranges = filters.iter().filter_map(|filter| KeyRange::of(filter, table));
        ranges.fold(Self::all(), |all, range| all.and(&Self::of(range.key, range.values)))
    }

    pub(super) fn all() -> Self {
        Self { ids: RangeSet::all(), times: RangeSet::all() }
    }

    pub(super) fn are_all(&self) -> bool {
        self.ids.is_all() && self.times.is_all()
    }

    /// The rows whose key is in the set.
    pub(super) fn of(key: Key, set: RangeSet) -> Self {
        match key {
            Key::Id => Self { ids: set, ..Self::all() },
            Key::Time => Self { times: set, ..Self::all() },
        }
    }

    /// The rows in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self { ids: self.ids.and(&other.ids), times: self.times.and(&other.times) }
    }

    /// The rows in at least one of the two, and possibly others.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self { ids: self.ids.or(&other.ids), times: self.times.or(&other.times) }
    }
}

impl fmt::Display for Ranges {
    /// `, ids=[1..=5], times=[..]` for a plan; nothing if all rows are wanted.
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

/// The times, in nanoseconds, of the rows that can pass all filters: ranges that are in order and disjoint.
pub fn time_ranges(filters: &[Expr], table: &Table) -> Vec<RangeInclusive<i64>> {
    Ranges::of_all(filters, table).times.ranges_between(i64::MIN, i64::MAX)
}

/// The values of one key that a filter selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) key: Key,
    /// Every row that passes the filter has one of these values.
    pub(super) values: RangeSet,
    /// Whether every row with one of these values passes the filter.
    pub(super) is_exact: bool,
}

impl KeyRange {
    /// Returns `None` if the filter uses more than one key or excludes no value.
    pub(super) fn of(filter: &Expr, table: &Table) -> Option<Self> {
        match filter {
            Expr::Not(inner) => Self::of(inner, table)?.not(),
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::And | Operator::Or),
                right,
            }) => {
                let (left, right) = (Self::of(left, table)?, Self::of(right, table)?);
                let values = match op {
                    Operator::And => left.values.and(&right.values),
                    _ => left.values.or(&right.values),
                };
                let is_exact = left.is_exact && right.is_exact;
                (left.key == right.key).then_some(Self { key: left.key, values, is_exact })
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match (Operand::of(left, table), Operand::of(right, table)) {
                    (Some(operand), None) => operand.compare(*op, literal(right)?),
                    (None, Some(operand)) => operand.compare(op.swap()?, literal(left)?),
                    _ => None,
                }
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let operand = Operand::of(expr, table)?;
                let from = operand.compare(Operator::GtEq, literal(low)?)?;
                let to = operand.compare(Operator::LtEq, literal(high)?)?;
                let between = Self { values: from.values.and(&to.values), ..from };
                if *negated { between.not() } else { Some(between) }
            }
            Expr::InList(InList { expr, list, negated }) => {
                let operand = Operand::of(expr, table)?;
                let equal = |value| operand.compare(Operator::Eq, literal(value)?);
                let ranges = list.iter().map(equal).collect::<Option<Vec<_>>>()?;
                let is_exact = ranges.iter().all(|range| range.is_exact);
                let values = RangeSet::any_of(ranges.into_iter().map(|range| range.values));
                let listed = Self { key: operand.key, values, is_exact };
                if *negated { listed.not() } else { Some(listed) }
            }
            _ => None,
        }
    }

    /// Keys are never NULL, so negation swaps true and false. The complement of a range that is too
    /// wide would be too narrow.
    fn not(self) -> Option<Self> {
        self.is_exact.then(|| Self { values: self.values.not(), ..self })
    }
}

/// Returns a literal as the 64 bits of an id or a time. `None` for NULL: a comparison with NULL is
/// neither true nor false, and no range expresses that.
fn literal(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(value), _)
        | Expr::Literal(ScalarValue::TimestampNanosecond(value, _), _) => *value,
        Expr::Literal(ScalarValue::Date32(days), _) => i64::from((*days)?).checked_mul(DAY),
        _ => None,
    }
}

/// A key, or an expression whose value is close to the key.
struct Operand {
    key: Key,
    clock: Clock,
    value: Value,
}

/// The clock that a timestamp is read from, and that rounding uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// UTC. The timestamp is an instant.
    Utc,
    /// No zone. A cast to a zone interprets the timestamp as local time in that zone.
    Bare,
    /// Another zone, or an unknown one.
    Local,
}

/// The value of an operand.
enum Value {
    /// The key, rounded down.
    Rounded(Rounding),
    /// Between the key minus `below` and the key plus `above`.
    Near { below: i64, above: i64 },
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// No clock differs from UTC by more: chrono rejects an offset of a whole day.
const LARGEST_OFFSET: i64 = DAY;
/// 1970-01-01 was a Thursday.
const FIRST_MONDAY: i64 = 4 * DAY;

enum Rounding {
    /// To `origin` plus a multiple of `width`.
    Width { width: i64, origin: i64 },
    /// To the first day of a period of this many months, counted from January.
    Months(u32),
}

impl Operand {
    fn of(expr: &Expr, table: &Table) -> Option<Self> {
        let value = Value::Rounded(Rounding::Width { width: 1, origin: 0 });
        match expr {
            Expr::Column(column) if column.name == "id" => {
                Some(Self { key: Key::Id, clock: Clock::Bare, value })
            }
            Expr::Column(column) if table.time_column()?.name == column.name => {
                Some(Self { key: Key::Time, clock: Clock::Utc, value })
            }
            Expr::Alias(alias) => Self::of(&alias.expr, table),
            Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                let operand = Self::time(expr, table)?;
                match field.data_type() {
                    DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                        Some(operand.read_by(Clock::of(zone.as_deref())))
                    }
                    DataType::Date32 => {
                        Some(Self { clock: Clock::Bare, ..operand.rounded(Rounding::DAYS)? })
                    }
                    _ => None,
                }
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                match (func.name(), args.as_slice()) {
                    // The result has the session's zone.
                    ("to_timestamp", [time]) => match Self::time(time, table)? {
                        operand if operand.clock == Clock::Utc => {
                            Some(operand.read_by(Clock::Local))
                        }
                        _ => None,
                    },
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

    /// The operand after a cast to a timestamp of that clock. A cast between instants keeps the
    /// instant. A cast between an instant and a local time adds or subtracts the clock's offset.
    fn read_by(self, clock: Clock) -> Self {
        let value = match (self.clock, clock) {
            (Clock::Bare, Clock::Local) | (Clock::Local, Clock::Bare) => {
                self.value.widened(LARGEST_OFFSET, LARGEST_OFFSET)
            }
            _ => self.value,
        };
        Self { clock, value, ..self }
    }

    /// The operand after it is rounded down by its clock.
    fn rounded(self, rounding: Rounding) -> Option<Self> {
        let value = match self.value {
            Value::Rounded(Rounding::Width { width: 1, .. }) if self.clock != Clock::Local => {
                Value::Rounded(rounding)
            }
            // The clock's offset from UTC may be positive or negative, and may differ before and after
            // the rounding.
            value => value
                .widened(rounding.longest().checked_add(2 * LARGEST_OFFSET)?, 2 * LARGEST_OFFSET),
        };
        Some(Self { value, ..self })
    }

    /// The keys for which the comparison of the operand with the literal is true.
    fn compare(&self, op: Operator, literal: i64) -> Option<KeyRange> {
        let (values, is_exact) = match &self.value {
            Value::Rounded(rounding) => (rounding.compare(op, literal)?, true),
            Value::Near { below, above } => {
                let at_least = RangeSet::at_least(literal.saturating_sub(*above));
                let at_most = RangeSet::between(i64::MIN, literal.saturating_add(*below));
                let values = match op {
                    Operator::Eq => at_least.and(&at_most),
                    Operator::GtEq | Operator::Gt => at_least,
                    Operator::LtEq | Operator::Lt => at_most,
                    _ => return None,
                };
                (values, false)
            }
        };
        Some(KeyRange { key: self.key, values, is_exact })
    }
}

impl Clock {
    fn of(zone: Option<&str>) -> Self {
        match zone {
            None => Self::Bare,
            Some("UTC" | "+00:00" | "Z") => Self::Utc,
            Some(_) => Self::Local,
        }
    }
}

impl Value {
    /// A value that is at most `below` less than this one and at most `above` more.
    fn widened(&self, below: i64, above: i64) -> Self {
        let (least, most) = match self {
            Self::Rounded(rounding) => (rounding.longest(), 0),
            Self::Near { below, above } => (*below, *above),
        };
        Self::Near { below: least.saturating_add(below), above: most.saturating_add(above) }
    }
}

impl Rounding {
    const DAYS: Self = Self::Width { width: DAY, origin: 0 };

    /// The keys for which the comparison of the rounded key with the literal is true.
    fn compare(&self, op: Operator, literal: i64) -> Option<RangeSet> {
        let floor = self.floor(literal)?;
        let next = self.next(floor);
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

    /// The maximum difference between a value and its rounded value.
    fn longest(&self) -> i64 {
        match *self {
            Self::Width { width, .. } => width,
            Self::Months(months) => i64::from(months) * 31 * DAY,
        }
    }

    /// The largest round value that is not greater than `value`; `None` if it is out of range.
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

    /// The round value after a round value; `None` if it is out of range.
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
