//! "Did you mean": suggests names for an unknown one.

use std::collections::HashSet;
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

/// Returns the candidates to suggest for `name`, each once. The suggestion does not depend on the order
/// of the candidates.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Nearest {
    let name = name.to_lowercase();
    let mut seen = HashSet::new();
    let all: Vec<&str> = candidates.into_iter().filter(|name| seen.insert(*name)).collect();
    let mut near: Vec<(f64, &str)> = all
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), *candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .collect();
    // By name if equally similar, so that the order of the candidates does not matter.
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
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
    fn suggestions_are_distinct_and_stable() {
        let costs = ["cost_usd_micros", "cost_usd_micros", "id"];
        assert_eq!(nearest("cost", costs).names(), ["cost_usd_micros"]);
        assert_eq!(nearest("mod", ["mob", "moc"]), nearest("mod", ["moc", "mob"]));
        assert_eq!(nearest("xyz", ["b", "a", "b"]).names(), ["b", "a"]);
    }

    #[test]
    fn dissimilar_names_list_all_candidates() {
        let message = |names: &[&str]| nearest("xyz", names.iter().copied()).to_string();
        assert_eq!(message(&["ticks", "crashes"]), "; there are: ticks, crashes");
        assert_eq!(message(&["ticks"]), "; there are: ticks");
        assert_eq!(message(&[]), "; there are none");
        let many: Vec<String> = (0..=MAX_NAMES).map(|index| format!("t{index}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(message(&many).ends_with("t19, .."));
    }
}
