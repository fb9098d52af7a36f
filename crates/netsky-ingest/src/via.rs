//! Where something was seen.

use std::fmt;

/// A source of sightings, from the one that knows least of a row to the one that knows most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// A call of a hook.
    Hook,
    /// OpenTelemetry.
    Otlp,
    /// A transcript.
    Transcript,
}

impl Via {
    const ALL: [Self; 3] = [Self::Transcript, Self::Otlp, Self::Hook];

    /// The name in `detail_json.via`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Otlp => "otlp",
            Self::Transcript => "transcript",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The sources that a row has been seen in. Its text, as in `detail_json.via`, is `transcript+otlp`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vias(u8);

impl Vias {
    /// Reads the text. Unknown sources are left out.
    pub fn parse(text: &str) -> Self {
        let known =
            Via::ALL.into_iter().filter(|via| text.split('+').any(|name| name == via.name()));
        known.fold(Self::default(), Self::with)
    }

    /// Adds a source.
    #[must_use]
    pub fn with(self, via: Via) -> Self {
        Self(self.0 | 1 << via as u8)
    }

    /// The source that knows most.
    pub fn best(self) -> Option<Via> {
        self.iter().max()
    }

    /// Whether a source is among them.
    pub fn contains(self, via: Via) -> bool {
        self.0 & Self::default().with(via).0 != 0
    }

    /// The sources as bits, to be stored: the lowest is the hook, then OpenTelemetry, then the transcript.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    fn iter(self) -> impl Iterator<Item = Via> {
        Via::ALL.into_iter().filter(move |via| self.contains(*via))
    }
}

impl fmt::Display for Vias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, via) in self.iter().enumerate() {
            write!(f, "{}{via}", if place > 0 { "+" } else { "" })?;
        }
        Ok(())
    }
}
