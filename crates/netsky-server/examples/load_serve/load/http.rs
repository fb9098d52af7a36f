//! HTTP, as far as the load needs it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection with the token.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Connection {
    pub fn open(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// Asks a query, and returns the status and the body.
    pub fn query(&mut self, sql: &str, format: &str) -> io::Result<(u16, Vec<u8>)> {
        self.send_query(sql, format)?;
        let head = self.head()?;
        Ok((head.status, self.body(&head)?))
    }

    /// Sends a query, and does not wait for the answer.
    pub fn send_query(&mut self, sql: &str, format: &str) -> io::Result<()> {
        let length = format!("content-length: {}\r\n", sql.len());
        self.send(&format!("POST /query?format={format}"), &length, sql)
    }

    fn send(&mut self, line: &str, headers: &str, body: &str) -> io::Result<()> {
        let token = &self.token;
        let text = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{headers}\r\n{body}"
        );
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// Begins to follow a table, and returns the status.
    pub fn follow(&mut self, url: &str, last: Option<i64>) -> io::Result<u16> {
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        self.send(&format!("GET {url}"), &last, "")?;
        Ok(self.head()?.status)
    }

    /// Reads the next line of a chunked body; `None` if there is none for a while, or at the end.
    pub fn line(&mut self, wait: Duration, line: &mut Vec<u8>) -> io::Result<Option<String>> {
        self.stream.get_mut().set_read_timeout(Some(wait))?;
        loop {
            match self.stream.read_until(b'\n', line) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if line.ends_with(b"\n") => {
                    let text = String::from_utf8_lossy(line).trim_end().to_owned();
                    line.clear();
                    return Ok(Some(text));
                }
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn head(&mut self) -> io::Result<Head> {
        let status = self.head_line()?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut head = Head { status: status.ok_or(io::ErrorKind::InvalidData)?, length: None };
        loop {
            let line = self.head_line()?;
            let Some((name, value)) = line.split_once(':') else { return Ok(head) };
            if name.eq_ignore_ascii_case("content-length") {
                head.length = value.trim().parse().ok();
            }
        }
    }

    fn head_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = head.length {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
            return Ok(body);
        }
        loop {
            let length = usize::from_str_radix(&self.head_line()?, 16);
            let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.head_line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

struct Head {
    status: u16,
    /// Without it, the body is chunked.
    length: Option<usize>,
}
