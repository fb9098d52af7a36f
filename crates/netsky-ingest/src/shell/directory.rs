//! Directories that a line goes to.

/// No system has longer paths. A `cd` to one fails.
const MAX_PATH_BYTES: usize = 4_096;

/// `path` as seen from where `base` is seen from. Both are not expanded, so a path that begins with `~` or a
/// variable is taken as absolute. If the path is too long, it is `base`.
pub(crate) fn joined(base: Option<&str>, path: Option<String>) -> Option<String> {
    let path = path.filter(|path| base.map_or(0, str::len) + path.len() < MAX_PATH_BYTES);
    let (Some(base), Some(path)) = (base, path.as_deref()) else {
        return path.or_else(|| base.map(str::to_owned));
    };
    if path.starts_with(['/', '~', '$', '`']) {
        return Some(path.to_owned());
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    if parts.last() == Some(&"") && parts.len() > 1 {
        parts.pop();
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Of `..`, `~` and variables it is not known what is above them.
            ".." if parts.last().is_some_and(|last| {
                !last.is_empty() && *last != ".." && !last.starts_with(['~', '$', '`'])
            }) =>
            {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    Some(match parts.as_slice() {
        [] => ".".to_owned(),
        [""] => "/".to_owned(),
        parts => parts.join("/"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_without_looking_at_disk() {
        for (base, path, expected) in [
            ("/a/b", "c", "/a/b/c"),
            ("/a/b/", "./c/", "/a/b/c"),
            ("/a/b", "../c", "/a/c"),
            ("/a", "..", "/"),
            ("/", "a", "/a"),
            ("a", "..", "."),
            ("..", "..", "../.."),
            ("$X", "..", "$X/.."),
            ("a", "/b", "/b"),
            ("a", "~/b", "~/b"),
            ("a", "$B/c", "$B/c"),
        ] {
            assert_eq!(
                joined(Some(base), Some(path.to_owned())).as_deref(),
                Some(expected),
                "{base} {path}"
            );
        }
        assert_eq!(joined(None, Some("a".to_owned())).as_deref(), Some("a"));
        assert_eq!(joined(Some("a"), None).as_deref(), Some("a"));
        assert_eq!(joined(None, None), None);
    }
}
