//! "Did you mean": suggests names for an unknown one.

use std::fmt;

/// Names to suggest for an unknown one.
///
/// Its text is the end of a message: `; did you mean 'ticks'?` or `; there are: crashes, ticks`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nearest {
    /// One or two similar names, the nearest first.
    Resembling(Vec<String>),
    /// All names, because none is similar.
    All(Vec<String>),
}

/// The maximum number of names in a message.
const MAX_NAMES: usize = 20;

impl Nearest {
    /// Returns the names, similar or not.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Resembling(names) | Self::All(names) => names,
        }
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resembling(names) => write!(f, "; did you mean '{}'?", names.join("' or '")),
            Self::All(names) if names.is_empty() => f.write_str("; there are none"),
            Self::All(names) => {
                write!(f, "; there are: {}", names[..names.len().min(MAX_NAMES)].join(", "))?;
                if names.len() > MAX_NAMES { f.write_str(", ..") } else { Ok(()) }
            }
        }
    }
}

/// Returns the candidates to suggest for `name`.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Nearest {
    let name = name.to_lowercase();
    let all: Vec<&str> = candidates.into_iter().collect();
    let mut near: Vec<(f64, &str)> = all
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), *candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(2);
    if near.is_empty() {
        return Nearest::All(all.into_iter().map(str::to_owned).collect());
    }
    Nearest::Resembling(near.into_iter().map(|(_, candidate)| candidate.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_suggest_the_right_name() {
        let tables = ["messages", "ticks", "token_usage", "sessions"];
        assert_eq!(nearest("mesages", tables).names()[0], "messages");
        assert_eq!(nearest("Token_Usages", tables).names()[0], "token_usage");
        assert_eq!(nearest("session", tables).names()[0], "sessions");
        assert_eq!(nearest("mesages", tables).to_string(), "; did you mean 'messages'?");
    }

    #[test]
    fn dissimilar_names_list_all_candidates() {
        let message = |names: &[&str]| nearest("xyz", names.iter().copied()).to_string();
        assert_eq!(message(&["ticks", "crashes"]), "; there are: ticks, crashes");
        assert_eq!(message(&["ticks"]), "; there are: ticks");
        assert_eq!(message(&[]), "; there are none");
        assert!(message(&["it"; MAX_NAMES + 1]).ends_with("it, .."));
    }
}
