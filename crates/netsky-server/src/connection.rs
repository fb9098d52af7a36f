//! Connections: a limited number, each with a limited time. Their first byte tells which protocol they speak.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::http::Extensions;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};

use crate::postgres::Front;

/// How long a connection may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// From the first byte of a request to the first of its answer. A client that sends a byte now and then
    /// would hold the connection for ever, if only the time between two bytes were limited.
    pub(crate) request: Duration,
    /// Between requests.
    pub(crate) idle: Duration,
    /// Until the client takes some bytes of its answer.
    pub(crate) stalled: Duration,
}

/// Answers that the server works on, of one connection. While there is one, only the client can be late.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(Arc<AtomicUsize>);

/// An answer that the server works on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Answering(Answers);

impl Answers {
    /// The request has come wholly.
    pub(crate) fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says that the request has come wholly, so that its connection is not closed while the answer is made.
pub(crate) fn answering(extensions: &Extensions) -> Option<Answering> {
    extensions.get::<ConnectInfo<Answers>>().map(|ConnectInfo(answers)| answers.begin())
}

impl Connected<IncomingStream<'_, Connections>> for Answers {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().answers.clone()
    }
}

/// Accepts connections.
#[derive(Debug)]
pub(crate) struct Connections {
    listeners: Vec<TcpListener>,
    places: Arc<Semaphore>,
    timeouts: Timeouts,
    postgres: Option<Arc<Front>>,
    /// Connections whose first byte has come.
    known: (mpsc::Sender<Known>, mpsc::Receiver<Known>),
}

type Known = (Connection, SocketAddr);

/// The first byte of a client of PostgreSQL: that of the length of its first packet. HTTP begins with a letter.
const POSTGRES: u8 = 0;

impl Connections {
    /// `postgres` answers those that speak its protocol.
    pub(crate) fn new(
        listeners: Vec<TcpListener>,
        max: usize,
        timeouts: Timeouts,
        postgres: Option<Arc<Front>>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { listeners, places, timeouts, postgres, known: mpsc::channel(1) }
    }
}

/// Accepts a connection when there is a place for it.
async fn accept_any(
    listeners: &[TcpListener],
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    loop {
        let place = Arc::clone(places).acquire_owned().await.ok();
        let accepted = poll_fn(|cx| {
            let mut accepted = listeners.iter().map(|listener| listener.poll_accept(cx));
            accepted.find(Poll::is_ready).unwrap_or(Poll::Pending)
        });
        match accepted.await {
            Ok((stream, address)) => {
                // The answers are short, and the client waits for them.
                let _ = stream.set_nodelay(true);
                return (stream, address, place);
            }
            // The client has gone already.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset
                ) => {}
            // Usually, there are no more file descriptors, until a connection ends.
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Waits for the first byte of a connection, and brings it to where it belongs.
async fn sort(
    stream: TcpStream,
    address: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
    timeouts: Timeouts,
    postgres: Arc<Front>,
    known: mpsc::Sender<Known>,
) {
    let deadline = Instant::now() + timeouts.request;
    let mut first = [u8::MAX];
    tokio::select! {
        peeked = timeout_at(deadline, stream.peek(&mut first)) => match peeked {
            Ok(Ok(1..)) => {}
            // It sends nothing.
            _ => return,
        },
        // The server ends.
        () = known.closed() => return,
    }
    if first == [POSTGRES] {
        postgres.serve_tcp(stream).await;
        drop(place);
    } else {
        let _ = known.send((Connection::new(stream, timeouts, place, deadline), address)).await;
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, address, place) = tokio::select! {
                Some(known) = self.known.1.recv() => return known,
                accepted = accept_any(&self.listeners, &self.places) => accepted,
            };
            let timeouts = self.timeouts;
            let Some(postgres) = self.postgres.clone() else {
                let deadline = Instant::now() + timeouts.request;
                return (Connection::new(stream, timeouts, place, deadline), address);
            };
            // Not here, because others wait.
            let known = self.known.0.clone();
            tokio::spawn(sort(stream, address, place, timeouts, postgres, known));
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.listeners.first() {
            Some(listener) => listener.local_addr(),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}

/// A connection that ends with an error when it takes too long.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    timeouts: Timeouts,
    deadline: Pin<Box<Sleep>>,
    /// Whether bytes of a request have come since the last answer.
    in_request: bool,
    /// Whether the client does not take the bytes of its answer.
    is_stalled: bool,
    answers: Answers,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// A new connection is there for a request, which must have come by the deadline.
    fn new(
        stream: TcpStream,
        timeouts: Timeouts,
        place: Option<OwnedSemaphorePermit>,
        deadline: Instant,
    ) -> Self {
        let deadline = Box::pin(sleep_until(deadline));
        let (in_request, is_stalled, answers) = (false, false, Answers::default());
        Self { stream, timeouts, deadline, in_request, is_stalled, answers, _place: place }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.deadline.as_mut().poll(cx).is_ready() {
            if self.is_stalled || !self.answers.any() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.rest(self.timeouts.idle);
        }
        Ok(())
    }

    /// Sets the deadline to a time from now.
    fn rest(&mut self, time: Duration) {
        self.deadline.as_mut().reset(Instant::now() + time);
    }

    fn set_in_request(&mut self, in_request: bool) {
        self.in_request = in_request;
        self.rest(if in_request { self.timeouts.request } else { self.timeouts.idle });
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_pending() && !self.is_stalled {
            self.is_stalled = true;
            self.rest(self.timeouts.stalled);
            self.check(cx)?;
        }
        let written = ready!(result)?;
        if written > 0 {
            self.is_stalled = false;
            self.set_in_request(false);
        }
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before && !self.in_request {
            self.set_in_request(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
