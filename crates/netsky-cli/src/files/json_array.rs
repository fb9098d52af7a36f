//! The elements of a JSON array, one by one: `netsky query --format json`, SQLite and pandas write rows so.

use std::io::{self, BufRead};

/// The longest element, like the longest line of NDJSON.
const MAX_ELEMENT_BYTES: usize = 64 << 20;

/// Splits an array without parsing its elements.
pub struct JsonArray<R> {
    bytes: R,
    element: Vec<u8>,
    has_begun: bool,
    has_ended: bool,
}

impl<R: BufRead> JsonArray<R> {
    pub fn new(bytes: R) -> Self {
        Self { bytes, element: Vec::new(), has_begun: false, has_ended: false }
    }

    /// The next element; `None` at the end of the array.
    ///
    /// # Errors
    ///
    /// If the array does not end, or is followed by something else; if an element is too long; and errors
    /// of the source.
    pub fn next_element(&mut self) -> io::Result<Option<&[u8]>> {
        self.element.clear();
        let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
        let mut is_complete = self.has_ended;
        while !is_complete {
            let buffer = self.bytes.fill_buf()?;
            if buffer.is_empty() {
                return Err(io::Error::other("the JSON array does not end"));
            }
            let mut used = 0;
            for &byte in buffer {
                used += 1;
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if in_string => is_escaped = true,
                    b'"' => in_string = !in_string,
                    _ if in_string => {}
                    b'[' if !self.has_begun => {
                        self.has_begun = true;
                        continue;
                    }
                    b',' | b']' if depth == 0 => {
                        is_complete = true;
                        self.has_ended = byte == b']';
                        break;
                    }
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                self.element.push(byte);
            }
            self.bytes.consume(used);
            if self.element.len() > MAX_ELEMENT_BYTES {
                let limit = MAX_ELEMENT_BYTES >> 20;
                return Err(io::Error::other(format!("a row is longer than {limit} MiB")));
            }
        }
        let element = self.element.trim_ascii();
        if !self.has_ended || !element.is_empty() {
            return Ok(Some(element));
        }
        refuse_rest(&mut self.bytes)?;
        Ok(None)
    }
}

fn refuse_rest(bytes: &mut impl BufRead) -> io::Result<()> {
    loop {
        let rest = bytes.fill_buf()?;
        if rest.is_empty() {
            return Ok(());
        }
        if !rest.trim_ascii().is_empty() {
            return Err(io::Error::other("there is more after the end of the JSON array"));
        }
        let length = rest.len();
        bytes.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The elements, read in steps of a few bytes.
    fn elements(json: &str, step: usize) -> io::Result<Vec<String>> {
        let mut array = JsonArray::new(BufReader::with_capacity(step, json.as_bytes()));
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            elements.push(String::from_utf8_lossy(element).into_owned());
        }
        Ok(elements)
    }

    #[test]
    fn arrays_are_split_at_their_own_commas() {
        let json = " [ {\"a\":[1,{}],\n\"b\":\"]},\\\"[\"} ,\n{\"é\":1},7, [ ]]\n ";
        let expected = ["{\"a\":[1,{}],\n\"b\":\"]},\\\"[\"}", "{\"é\":1}", "7", "[ ]"];
        for step in 1..40 {
            assert_eq!(elements(json, step).unwrap(), expected);
        }
        for (json, count) in [("[]", 0), ("[ \n]", 0), ("[1,]", 1), ("[,1]", 2)] {
            assert_eq!(elements(json, 1).unwrap().len(), count, "{json}");
        }
        for json in ["[", "[1", "[{\"a\":1}", "[\"]", "[[]", "[{]"] {
            let error = elements(json, 3).unwrap_err().to_string();
            assert!(error.contains("does not end"), "{json}: {error}");
        }
        let error = elements("[1]{}", 3).unwrap_err().to_string();
        assert!(error.contains("more after the end"), "{error}");
    }
}
