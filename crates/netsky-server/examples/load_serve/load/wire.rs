//! The Postgres protocol, as far as the load needs it: the extended one, with text.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub const NAME: &str = "wire";

const TIMEOUT: Duration = Duration::from_secs(60);

/// The numbers of the requests that a connection can begin with.
const VERSION: i32 = 3 << 16;
const CANCEL: i32 = (1234 << 16) | 5678;
const SSL: i32 = (1234 << 16) | 5679;

/// Whether the server speaks it: it says that it has no TLS.
pub fn is_spoken(address: SocketAddr) -> bool {
    let ask = || -> io::Result<u8> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&packet(&SSL.to_be_bytes()))?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    };
    ask().is_ok_and(|answer| answer == b'N')
}

/// A session. Its failures are outcomes: `wire` and the SQLSTATE, or what was wrong with the connection.
#[derive(Debug)]
pub struct Session {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    key: Vec<u8>,
}

type Result<T> = std::result::Result<T, String>;

fn broken(error: impl std::fmt::Display) -> String {
    format!("{NAME} connection: {error}")
}

impl Session {
    pub fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(broken)?;
        let mut session = Self { stream: BufReader::new(stream), address, key: Vec::new() };
        let mut start = VERSION.to_be_bytes().to_vec();
        start.extend(b"user\0load\0database\0netsky\0\0");
        session.send(&packet(&start))?;
        loop {
            let (tag, body) = session.receive()?;
            match (tag, body.get(..4)) {
                (b'R', Some([0, 0, 0, 3])) => {
                    session.send(&message(b'p', &[token.as_bytes(), b"\0"].concat()))?;
                }
                (b'K', _) => session.key = body,
                (b'E', _) => return Err(outcome(&body)),
                (b'Z', _) => return Ok(session),
                _ => {}
            }
        }
    }

    /// Asks a query, and returns its rows as CSV would have them.
    pub fn query(&mut self, sql: &str) -> Result<String> {
        self.send_query(sql)?;
        let (mut rows, mut failure) = (Vec::new(), None);
        loop {
            let (tag, body) = self.receive()?;
            match tag {
                b'D' => rows.push(row(&body)),
                b'E' => failure = Some(outcome(&body)),
                b'Z' => return failure.map_or_else(|| Ok(rows.join("\n")), Err),
                _ => {}
            }
        }
    }

    pub fn send_query(&mut self, sql: &str) -> Result<()> {
        let mut all = message(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"].concat());
        all.extend(message(b'B', &[0; 8]));
        all.extend(message(b'D', b"P\0"));
        all.extend(message(b'E', &[0; 5]));
        all.extend(message(b'S', b""));
        self.send(&all)
    }

    /// Cancels the query, and returns the outcome of it.
    pub fn cancel(&mut self) -> Result<String> {
        let mut stream = TcpStream::connect(self.address).map_err(broken)?;
        let request = [&CANCEL.to_be_bytes(), &*self.key].concat();
        stream.write_all(&packet(&request)).map_err(broken)?;
        let mut said = String::new();
        loop {
            let (tag, body) = self.receive()?;
            match tag {
                b'E' => said = outcome(&body),
                b'Z' => return Ok(said),
                _ => {}
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes).map_err(broken)
    }

    fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).map_err(broken)?;
        let [tag, length @ ..] = head;
        let length = u32::from_be_bytes(length).saturating_sub(4) as usize;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(broken)?;
        Ok((tag, body))
    }
}

fn packet(body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 4) as u32;
    [&length.to_be_bytes(), body].concat()
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &*packet(body)].concat()
}

/// The SQLSTATE of an error, and its text unless that is expected.
fn outcome(body: &[u8]) -> String {
    let field = |tag: u8| {
        let field = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&tag));
        field.map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
    };
    match field(b'C') {
        code if ["53300", "57014"].contains(&&*code) => format!("{NAME} {code}"),
        code => format!("{NAME} {code} {}", field(b'M')),
    }
}

/// The values of a row.
fn row(body: &[u8]) -> String {
    let (mut values, mut rest) = (Vec::new(), body.get(2..).unwrap_or_default());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (value, after) = after.split_at(length.min(after.len()));
        values.push(String::from_utf8_lossy(value).into_owned());
        rest = after;
    }
    values.join(",")
}
