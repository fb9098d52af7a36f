//! The part of a URL after `?`.

/// Returns the names and values of `name=value&…`. What is no valid escape stays as it is, as browsers read it.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.split_at_checked(2).filter(|_| first == b'%');
        rest = match escaped.and_then(|(hex, after)| Some((byte_of(hex)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                after
            }
            None => {
                bytes.push(if first == b'+' { b' ' } else { first });
                after
            }
        };
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn byte_of(hex: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    match hex {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let found: Vec<_> = pairs("sql=SELECT+1%20%2b%c3%A4&format&&x=%&y=%2&z=%zz=").collect();
        let expected =
            [("sql", "SELECT 1 +ä"), ("format", ""), ("x", "%"), ("y", "%2"), ("z", "%zz=")];
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_eq!(found, expected);
        assert_eq!(pairs("a=%ff").next().unwrap().1, "\u{fffd}");
    }
}
