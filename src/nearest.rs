//! "Did you mean": the names that resemble one that does not exist.

/// The candidates that resemble `name`, nearest first; all of them, in order, if none does.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
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
        return all.into_iter().map(str::to_owned).collect();
    }
    near.into_iter().map(|(_, candidate)| candidate.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_name() {
        let tables = ["messages", "ticks", "token_usage", "sessions"];
        assert_eq!(nearest("mesages", tables)[0], "messages");
        assert_eq!(nearest("Token_Usages", tables)[0], "token_usage");
        assert_eq!(nearest("session", tables)[0], "sessions");
    }

    #[test]
    fn a_name_like_no_other_lists_them_all() {
        assert_eq!(nearest("xyz", ["ticks", "crashes"]), ["ticks", "crashes"]);
    }
}
