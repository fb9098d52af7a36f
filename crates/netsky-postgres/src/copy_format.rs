//! How COPY writes rows.

use crate::column::Column;
use crate::request::Format;
use crate::sqlstate::Failure;

/// What a binary copy begins with: the signature, no flags, no extension.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The format of a copy, and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFormat {
    kind: Kind,
    delimiter: u8,
    null: String,
    header: bool,
    quote: u8,
    escape: u8,
    /// Columns whose values always have quotes. `*` is all.
    forced: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Csv,
    Binary,
}

impl CopyFormat {
    /// # Errors
    ///
    /// There is no format with the name.
    pub fn named(name: &str) -> Result<Self, Failure> {
        let (kind, delimiter, null) = match name {
            "text" => (Kind::Text, b'\t', "\\N"),
            "csv" => (Kind::Csv, b',', ""),
            "binary" => (Kind::Binary, 0, ""),
            _ => {
                let message = format!("COPY has no format \"{name}\"");
                return Err(Failure::new("22023", message).with_hint("use text, csv or binary"));
            }
        };
        let (null, forced) = (null.to_owned(), Vec::new());
        Ok(Self { kind, delimiter, null, header: false, quote: b'"', escape: b'"', forced })
    }

    pub fn set_delimiter(&mut self, delimiter: char) -> Result<(), Failure> {
        self.refuse_in(&[Kind::Binary], "DELIMITER")?;
        let is_special = match self.kind {
            Kind::Text => "\\.abcdefghijklmnopqrstuvwxyz0123456789\n\r",
            _ => "\"\n\r",
        };
        self.delimiter = byte("delimiter", delimiter, is_special)?;
        Ok(())
    }

    pub fn set_null(&mut self, null: &str) -> Result<(), Failure> {
        self.refuse_in(&[Kind::Binary], "NULL")?;
        if null.contains(['\r', '\n']) {
            return Err(Failure::new("22023", "COPY null representation cannot use newline"));
        }
        null.clone_into(&mut self.null);
        Ok(())
    }

    pub fn set_header(&mut self, header: bool) -> Result<(), Failure> {
        self.refuse_in(&[Kind::Binary], "HEADER")?;
        self.header = header;
        Ok(())
    }

    pub fn set_quote(&mut self, quote: char) -> Result<(), Failure> {
        self.refuse_in(&[Kind::Text, Kind::Binary], "QUOTE")?;
        let is_default = self.escape == self.quote;
        self.quote = byte("quote", quote, "\n\r")?;
        if is_default {
            self.escape = self.quote;
        }
        Ok(())
    }

    pub fn set_escape(&mut self, escape: char) -> Result<(), Failure> {
        self.refuse_in(&[Kind::Text, Kind::Binary], "ESCAPE")?;
        self.escape = byte("escape", escape, "\n\r")?;
        Ok(())
    }

    pub fn set_forced(&mut self, columns: Vec<String>) -> Result<(), Failure> {
        self.refuse_in(&[Kind::Text, Kind::Binary], "FORCE_QUOTE")?;
        self.forced = columns;
        Ok(())
    }

    fn refuse_in(&self, kinds: &[Kind], option: &str) -> Result<(), Failure> {
        match kinds.contains(&self.kind) {
            true => {
                Err(Failure::new("22023", format!("COPY {option} is not available in this format")))
            }
            false => Ok(()),
        }
    }

    /// The format of all columns.
    pub fn values(&self) -> Format {
        match self.kind {
            Kind::Binary => Format::Binary,
            Kind::Text | Kind::Csv => Format::Text,
        }
    }

    /// Writes what comes before the rows.
    pub fn write_header(&self, names: &[&str], out: &mut Vec<u8>) {
        match self.kind {
            Kind::Binary => out.extend_from_slice(BINARY_HEADER),
            _ if !self.header => {}
            kind => {
                for (index, name) in names.iter().enumerate() {
                    if index > 0 {
                        out.push(self.delimiter);
                    }
                    match kind {
                        Kind::Csv => self.write_csv(name.as_bytes(), false, names.len() == 1, out),
                        _ => self.write_escaped(name.as_bytes(), out),
                    }
                }
                out.push(b'\n');
            }
        }
    }

    /// Writes what comes after the rows.
    pub fn write_end(&self, out: &mut Vec<u8>) {
        if self.kind == Kind::Binary {
            out.extend_from_slice(&(-1_i16).to_be_bytes());
        }
    }

    /// # Errors
    ///
    /// A value cannot be written.
    pub fn write_row(
        &self,
        columns: &[Column],
        names: &[&str],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if self.kind == Kind::Binary {
            let count = i16::try_from(columns.len());
            let count = count.map_err(|_| Failure::too_large("a row has too many columns"))?;
            out.extend_from_slice(&count.to_be_bytes());
            return columns
                .iter()
                .try_for_each(|column| column.write_value(row, Format::Binary, out));
        }
        let mut value = Vec::new();
        for (index, (column, name)) in columns.iter().zip(names).enumerate() {
            if index > 0 {
                out.push(self.delimiter);
            }
            if column.is_null(row) {
                out.extend_from_slice(self.null.as_bytes());
                continue;
            }
            value.clear();
            column.write(row, Format::Text, &mut value)?;
            match self.kind {
                Kind::Csv => {
                    let forced = self.forced.iter().any(|forced| forced == "*" || forced == name);
                    self.write_csv(&value, forced, columns.len() == 1, out);
                }
                _ => self.write_escaped(&value, out),
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn write_csv(&self, value: &[u8], forced: bool, is_alone: bool, out: &mut Vec<u8>) {
        let is_special = |byte: &u8| [self.delimiter, self.quote, b'\n', b'\r'].contains(byte);
        let needs_quotes = forced
            || value == self.null.as_bytes()
            // The end of the data, in older versions.
            || (is_alone && value == b"\\.")
            || value.iter().any(is_special);
        if !needs_quotes {
            return out.extend_from_slice(value);
        }
        out.push(self.quote);
        for byte in value {
            if [self.quote, self.escape].contains(byte) {
                out.push(self.escape);
            }
            out.push(*byte);
        }
        out.push(self.quote);
    }

    fn write_escaped(&self, value: &[u8], out: &mut Vec<u8>) {
        for byte in value {
            let escaped = match byte {
                b'\\' => b'\\',
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                byte if *byte == self.delimiter => *byte,
                byte => {
                    out.push(*byte);
                    continue;
                }
            };
            out.extend_from_slice(&[b'\\', escaped]);
        }
    }
}

fn byte(what: &str, character: char, refused: &str) -> Result<u8, Failure> {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() && byte != 0 && !refused.contains(character) => Ok(byte),
        _ => Err(Failure::new("22023", format!("COPY {what} cannot be {character:?}"))),
    }
}
