//! What the parameters of a function accept, and what arguments are cast to.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, plan_err};

/// The parameters of a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params {
    /// How many of `kinds` a call must have.
    pub(super) required: usize,
    pub(super) kinds: &'static [Kind],
    /// What may follow them, any number of times.
    pub(super) more: Option<Kind>,
}

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything, as it is.
    Any,
    /// Text, or anything that can be printed.
    Text,
    /// A whole number.
    Int,
    /// Any number.
    Float,
    Bool,
    /// A time, a date, or text or a number that SQLite reads as a time.
    Time,
    /// A time or a date; text is cast.
    Moment,
    /// An interval; text is cast.
    Interval,
}

impl Params {
    pub(super) const fn exact(kinds: &'static [Kind]) -> Self {
        Self { required: kinds.len(), kinds, more: None }
    }

    /// The last ones may be left out.
    pub(super) const fn optional(required: usize, kinds: &'static [Kind]) -> Self {
        Self { required, kinds, more: None }
    }

    pub(super) const fn and_more(required: usize, kinds: &'static [Kind], more: Kind) -> Self {
        Self { required, kinds, more: Some(more) }
    }

    /// Returns the types that the arguments of a call are cast to.
    pub(super) fn coerce(&self, name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
        let most = if self.more.is_some() { usize::MAX } else { self.kinds.len() };
        if !(self.required..=most).contains(&types.len()) {
            let wanted = match (self.required, most) {
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let plural = if wanted == "1" || wanted == "at least 1" { "" } else { "s" };
            return plan_err!("{name}() takes {wanted} argument{plural}, found {}", types.len());
        }
        let kinds = self.kinds.iter().copied().chain(self.more.into_iter().cycle());
        let coerced = types.iter().zip(kinds).enumerate();
        let coerced = coerced.map(|(index, (ty, kind))| match kind.coerce(ty) {
            Some(ty) => Ok(ty),
            None => {
                let nth = index + 1;
                plan_err!("{name}(): argument {nth} must be {}, found {ty}", kind.described())
            }
        });
        coerced.collect()
    }
}

impl Kind {
    fn coerce(self, ty: &DataType) -> Option<DataType> {
        use DataType::{
            Binary, BinaryView, Boolean, Date32, Date64, Duration, Float64, Int64, Interval,
            LargeBinary, LargeUtf8, Null, Time32, Time64, Timestamp, Utf8, Utf8View,
        };
        let is_text = matches!(ty, Utf8 | LargeUtf8 | Utf8View);
        let ty = if let DataType::Dictionary(_, values) = ty { values } else { ty };
        match self {
            Self::Any => Some(ty.clone()),
            Self::Text => match ty {
                Null | Utf8 | LargeUtf8 | Utf8View | Boolean | Date32 | Date64 | Timestamp(..)
                | Time32(_) | Time64(_) | Duration(_) | Interval(_) => Some(Utf8View),
                Binary | LargeBinary | BinaryView => Some(Utf8View),
                ty if ty.is_numeric() => Some(Utf8View),
                // A value of a JSON operator, which casts to text.
                DataType::Union(..) => Some(Utf8),
                _ => None,
            },
            Self::Int => (ty.is_numeric() || is_text || *ty == Null).then_some(Int64),
            Self::Float => (ty.is_numeric() || is_text || *ty == Null).then_some(Float64),
            Self::Bool => {
                (*ty == Boolean || ty.is_numeric() || *ty == Null || is_text).then_some(Boolean)
            }
            Self::Time => match ty {
                Timestamp(..) | Date32 | Date64 => Some(ty.clone()),
                ty if ty.is_integer() => Some(Int64),
                ty if ty.is_numeric() => Some(Float64),
                _ => (is_text || *ty == Null).then_some(Utf8View),
            },
            Self::Moment => match ty {
                Timestamp(..) | Date32 => Some(ty.clone()),
                Date64 => Some(Date32),
                _ => (is_text || *ty == Null)
                    .then(|| Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))),
            },
            Self::Interval => match ty {
                Interval(_) | Duration(_) | Null | Utf8 | LargeUtf8 | Utf8View => {
                    Some(Interval(IntervalUnit::MonthDayNano))
                }
                _ => None,
            },
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "text",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Bool => "true or false",
            Self::Time | Self::Moment => "a time or a date",
            Self::Interval => "an interval such as '1 hour'",
        }
    }
}
