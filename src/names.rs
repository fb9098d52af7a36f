//! Enums whose variants have names, converted to and from text.

use std::fmt;

/// No variant has the name. The `FromStr` of [`Direction`](crate::Direction),
/// [`SessionEvent`](crate::SessionEvent), [`ColumnType`](crate::ColumnType) and
/// [`ErrorKind`](crate::ErrorKind) returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseNameError {
    pub(crate) found: String,
    pub(crate) names: &'static [&'static str],
}

impl fmt::Display for ParseNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' must be {}", self.found, alternatives(self.names))
    }
}

impl std::error::Error for ParseNameError {}

/// Lists names as text: `up, down or note`.
pub(crate) fn alternatives(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        names => names.concat(),
    }
}

/// Generates `name()`, `Display` and `FromStr` of an enum from one list.
macro_rules! names {
    ($(#[$meta:meta])* $enum:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $enum {
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),*];

            $(#[$meta])*
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $enum {
            type Err = $crate::names::ParseNameError;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    _ => Err($crate::names::ParseNameError {
                        found: text.to_owned(),
                        names: Self::NAMES,
                    }),
                }
            }
        }
    };
}
pub(crate) use names;

#[cfg(test)]
mod tests {
    use crate::{ColumnType, Direction, ErrorKind, SessionEvent};

    #[test]
    fn every_name_parses_to_its_variant() {
        for event in [SessionEvent::Up, SessionEvent::Down, SessionEvent::Note] {
            assert_eq!(event.to_string().parse(), Ok(event));
        }
        for direction in [Direction::Inbound, Direction::Outbound] {
            assert_eq!(direction.name().parse(), Ok(direction));
        }
        assert_eq!("busy".parse(), Ok(ErrorKind::Busy));
        assert_eq!(format!("{:>6}|", ColumnType::Date), "  date|");
        let error = "sent".parse::<Direction>().unwrap_err();
        assert_eq!(error.to_string(), "'sent' must be inbound or outbound");
    }
}
