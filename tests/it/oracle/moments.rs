//! DataFusion's functions on times: zones, other units, days, rounding.

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};

use super::choices::Choices;
use super::expression::{Expression, Literal, TimeForm, Type};
use super::tables::HOUR;

const ZONES: [&str; 12] = [
    "+02:00",
    "Europe/Berlin",
    "UTC",
    "-05:30",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "+00:00",
    "America/St_Johns",
    "Europe/London",
    "+05:45",
];

const NANOS: i64 = 1_000_000;

/// Returns a literal at a time or near it.
pub fn near(choices: &mut Choices<'_>, nanos: i64) -> Literal {
    let nanos = nanos.saturating_add(*choices.of(&[
        0,
        0,
        0,
        1,
        -1,
        NANOS,
        HOUR * NANOS,
        -24 * HOUR * NANOS,
    ]));
    let form =
        *choices.of(&[TimeForm::Utc, TimeForm::NoZone, TimeForm::Offset, TimeForm::Function]);
    Literal::Time(nanos, form)
}

/// Returns a time in a zone or a unit.
fn zoned(choices: &mut Choices<'_>) -> String {
    let zone = *choices.of(&ZONES);
    let unit = *choices.of(&["Nanosecond", "Second", "Millisecond", "Microsecond"]);
    match choices.below(7) {
        0 => format!("({{}} AT TIME ZONE '{zone}')"),
        1 => format!("arrow_cast({{}}, 'Timestamp({unit}, Some(\"{zone}\"))')"),
        2 => format!("arrow_cast({{}}, 'Timestamp({unit}, None)')"),
        3 => format!("({{}}::timestamp AT TIME ZONE '{zone}')"),
        4 => "{}::timestamp".to_owned(),
        _ => "{}".to_owned(),
    }
}

/// Returns an expression computed from the time written as `time`, and its type.
fn computed(choices: &mut Choices<'_>, time: &str) -> (String, Type) {
    let unit = *choices.of(&[
        "day",
        "hour",
        "second",
        "minute",
        "week",
        "month",
        "quarter",
        "year",
        "millisecond",
    ]);
    let width = *choices.of(&["10 minutes", "3 days", "7 hours", "1 day", "1 month", "45 seconds"]);
    match choices.below(14) {
        0 | 1 => (format!("{time}::date"), Type::Other),
        2 => (format!("CAST({time} AS DATE)"), Type::Other),
        3 | 4 => (format!("date_trunc('{unit}', {time})"), Type::Moment),
        5 => (format!("date_bin(INTERVAL '{width}', {time})"), Type::Moment),
        6 => (
            format!("date_bin(INTERVAL '{width}', {time}, TIMESTAMP '2001-01-01T00:30:00Z')"),
            Type::Moment,
        ),
        7 => {
            let function = *choices.of(&[
                "to_timestamp",
                "to_timestamp_seconds",
                "to_timestamp_millis",
                "to_timestamp_micros",
                "to_timestamp_nanos",
            ]);
            (format!("{function}({time})"), Type::Moment)
        }
        8 => (format!("date_trunc('{unit}', {time})::date"), Type::Other),
        9 => (format!("({time} + INTERVAL '1 day')"), Type::Moment),
        _ => (time.to_owned(), Type::Moment),
    }
}

/// Returns a value computed from one of the times.
pub fn moment(
    choices: &mut Choices<'_>,
    times: &[(Expression, Vec<i64>)],
) -> (Expression, Type, Vec<Literal>) {
    if times.is_empty() {
        return (Expression::int(1), Type::Int, Vec::new());
    }
    let (column, nanos) = choices.of(times).clone();
    let time = zoned(choices);
    let (template, ty) = computed(choices, &time);
    let values = nanos.into_iter().map(|nanos| Literal::Time(nanos, TimeForm::Utc)).collect();
    (Expression::Native { template, operands: vec![column] }, ty, values)
}

/// Functions of a time whose values a scan can turn into ranges, and some that it cannot.
const CALENDAR: [&str; 24] = [
    "date({})",
    "date({}, 'start of month')",
    "date({}, '+1 day')",
    "datetime({})",
    "time({})",
    "strftime('%Y-%m-%d', {})",
    "strftime('%Y-%m-%d %H:%M:%S', {})",
    "strftime({}, '%Y-%m')",
    "strftime('%Y', {})",
    "strftime('%H:%M', {})",
    "to_char({}, 'YYYY-MM-DD HH24')",
    "to_char({}, 'DD.MM.YYYY')",
    "to_char({}, '%Y-%m-%d')",
    "time_bucket('1 hour', {})",
    "time_bucket('3 days', {})",
    "time_bucket(INTERVAL '1 month', {})",
    "time_bucket('7 hours', {}, TIMESTAMP '2001-01-01T00:30:00Z')",
    "year({})",
    "month({})",
    "hour({})",
    "epoch({})",
    "epoch_ms({})",
    "epoch_us({})",
    "unixepoch({})",
];

/// Returns a comparison of a function of one of the times with the same function of a literal.
fn calendar(choices: &mut Choices<'_>, column: Expression, nanos: i64) -> Expression {
    let function = *choices.of(&CALENDAR);
    let time = if choices.one_in(3) { zoned(choices) } else { "{}".to_owned() };
    let operand =
        Expression::Native { template: function.replace("{}", &time), operands: vec![column] };
    let near = |choices: &mut Choices<'_>| {
        let nanos = nanos.saturating_add(*choices.of(&[0, 0, 1, -1, HOUR * NANOS, -HOUR * NANOS]));
        let time = DateTime::<Utc>::from_timestamp_nanos(nanos);
        let time = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let template = function.replace("{}", &format!("TIMESTAMP '{time}'"));
        Expression::Native { template, operands: Vec::new() }
    };
    match choices.below(8) {
        0 => Expression::Between {
            operand: Box::new(operand),
            low: Box::new(near(choices)),
            high: Box::new(near(choices)),
            negated: choices.one_in(3),
        },
        1 => {
            let list = (0..=choices.below(3)).map(|_| near(choices)).collect();
            Expression::In { operand: Box::new(operand), list, negated: choices.one_in(3) }
        }
        _ => {
            let operator = *choices.of(&["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]);
            let literal = near(choices);
            match choices.one_in(4) {
                true => Expression::binary(literal, operator, operand),
                false => Expression::binary(operand, operator, literal),
            }
        }
    }
}

/// Returns a comparison of a value computed from one of the times with a literal or with another
/// time.
pub fn condition(choices: &mut Choices<'_>, times: &[(Expression, Vec<i64>)]) -> Expression {
    if times.is_empty() {
        return Expression::Literal(Literal::Bool(true));
    }
    let (column, nanos) = choices.of(times).clone();
    let nanos = if nanos.is_empty() { 0 } else { *choices.of(&nanos) };
    if choices.one_in(3) {
        return calendar(choices, column, nanos);
    }
    let time = zoned(choices);
    let (template, ty) = computed(choices, &time);
    let operand = Expression::Native { template, operands: vec![column.clone()] };
    let literal = |choices: &mut Choices<'_>| {
        let template = literal(choices, nanos, ty == Type::Other);
        Expression::Native { template, operands: Vec::new() }
    };
    match choices.below(10) {
        0 => Expression::Between {
            operand: Box::new(operand),
            low: Box::new(literal(choices)),
            high: Box::new(literal(choices)),
            negated: choices.one_in(3),
        },
        1 => {
            let list = (0..=choices.below(3)).map(|_| literal(choices)).collect();
            Expression::In { operand: Box::new(operand), list, negated: choices.one_in(3) }
        }
        2 => {
            let operator = *choices.of(&["=", "<", ">="]);
            let other = zoned(choices);
            let other = Expression::Native { template: other, operands: vec![column] };
            Expression::binary(operand, operator, other)
        }
        _ => {
            let operator = *choices.of(&["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]);
            let literal = literal(choices);
            match choices.one_in(4) {
                true => Expression::binary(literal, operator, operand),
                false => Expression::binary(operand, operator, literal),
            }
        }
    }
}

fn literal(choices: &mut Choices<'_>, nanos: i64, date: bool) -> String {
    let hours = *choices.of(&[0, 2, -5, 11, 24, -24]);
    let offset = FixedOffset::east_opt(hours % 24 * 3_600).unwrap();
    let time = DateTime::<Utc>::from_timestamp_nanos(nanos);
    let local = (time + TimeDelta::hours(hours.into())).naive_utc();
    let day = local.date();
    if date {
        return match choices.below(4) {
            0 => format!("DATE '{day}'"),
            1 => format!("('{day}'::date + INTERVAL '1 day')"),
            _ => format!("'{day}'"),
        };
    }
    let exact = time.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::AutoSi, false);
    let zone = *choices.of(&ZONES);
    match choices.below(9) {
        0 => format!("'{day}'"),
        1 => format!("'{day}T00:00:00Z'"),
        2 => format!("'{day} 00:00:00'"),
        3 => format!("TIMESTAMP '{local}'"),
        4 => format!("to_timestamp('{exact}')"),
        5 => format!("arrow_cast('{exact}', 'Timestamp(Second, Some(\"{zone}\"))')"),
        6 => format!("('{day}T00:00:00Z'::timestamp AT TIME ZONE '{zone}')"),
        7 => format!("'{local}'"),
        _ => format!("'{exact}'"),
    }
}
