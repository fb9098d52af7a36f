//! Bodies of answers that a task sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::connection::Answering;
use crate::failure::Failure;

/// The chunks of a body.
#[derive(Debug)]
pub(crate) struct Chunks {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    _answering: Option<Answering>,
}

/// Sends the chunks of a body.
#[derive(Debug)]
pub(crate) struct Sender(mpsc::Sender<io::Result<Bytes>>);

/// The client has gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// A chunk waits until the one before it was taken, so that a slow client needs no memory. While there are the
/// chunks, the connection is not idle.
pub(crate) fn channel(answering: Option<Answering>) -> (Sender, Chunks) {
    let (sender, receiver) = mpsc::channel(1);
    (Sender(sender), Chunks { receiver, _answering: answering })
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx)
    }
}

impl Sender {
    pub(crate) async fn send(&self, chunk: Bytes) -> Result<(), Gone> {
        self.0.send(Ok(chunk)).await.map_err(|_| Gone)
    }

    /// Ends the body with an error, which cuts the connection.
    pub(crate) async fn cut(&self, failure: &Failure) {
        let _ = self.0.send(Err(io::Error::other(failure.message().to_owned()))).await;
    }

    /// Waits until the client has gone.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}
