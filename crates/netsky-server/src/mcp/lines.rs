//! Lines between a server and its client, by threads: files and pipes that block are no matter of tokio's.

use std::io::{BufRead, BufReader, Read, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// The longest line. A client has no reason to send as much: most of it is a query.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// Lines that wait for the other side.
const QUEUED: usize = 16;

/// A line of the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    /// It is longer than [`MAX_LINE_BYTES`], and was skipped.
    TooLong,
    NotUtf8,
}

/// Reads lines until the input ends. Empty lines are left out.
pub(super) fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(QUEUED);
    // The thread ends with the input or the process.
    let started = thread::Builder::new().name("netsky-mcp-in".to_owned()).spawn(move || {
        let mut input = BufReader::new(input);
        while let Some(line) = next(&mut input) {
            if line != Line::Text(String::new()) && sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    // Without the thread, the sender is gone, and the input has ended.
    drop(started);
    receiver
}

fn next(input: &mut impl BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let limit = MAX_LINE_BYTES as u64 + 1;
    let read = input.take(limit).read_until(b'\n', &mut bytes).ok()?;
    if read == 0 {
        return None;
    }
    if bytes.last() != Some(&b'\n') && read as u64 == limit {
        return input.skip_until(b'\n').ok().map(|_| Line::TooLong);
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => Line::Text(text.trim().to_owned()),
        Err(_) => Line::NotUtf8,
    })
}

/// Writes lines in their order. The second value is ready when all are written, or the client has gone.
pub(super) fn write(
    mut output: impl Write + Send + 'static,
) -> (mpsc::Sender<String>, oneshot::Receiver<()>) {
    let (sender, mut receiver) = mpsc::channel::<String>(QUEUED);
    let (done, is_done) = oneshot::channel();
    let started = thread::Builder::new().name("netsky-mcp-out".to_owned()).spawn(move || {
        while let Some(mut line) = receiver.blocking_recv() {
            line.push('\n');
            if output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err() {
                break;
            }
        }
        drop(done);
    });
    drop(started);
    (sender, is_done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut input = BufReader::with_capacity(7, bytes);
        std::iter::from_fn(|| next(&mut input)).collect()
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_alone() {
        let longest = vec![b'a'; MAX_LINE_BYTES];
        let mut bytes = longest.clone();
        bytes.extend(b"\n");
        bytes.extend([&longest[..], b"bc\n"].concat());
        bytes.extend(b"x\r\n\xff\nlast");
        let found = lines(&bytes);
        assert_eq!(found.len(), 5);
        assert!(matches!(&found[0], Line::Text(text) if text.len() == MAX_LINE_BYTES));
        let text = |text: &str| Line::Text(text.to_owned());
        assert_eq!(found[1..], [Line::TooLong, text("x"), Line::NotUtf8, text("last")]);
    }

    #[test]
    fn a_long_line_without_an_end_is_skipped() {
        assert_eq!(lines(&vec![b' '; MAX_LINE_BYTES * 3]), [Line::TooLong]);
    }
}
