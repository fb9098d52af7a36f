//! Places for running queries.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::failure::Failure;

/// A query that runs longer than this gives its place to the next one, and takes one of the places for long
/// queries. Without these, as many endless queries as there are cores would make all others wait for their timeout.
const LONG: Duration = Duration::from_secs(1);

/// A client that takes nothing for this time is slow.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// Queries that wait for their clients. More of them keep their places.
const RESTING: usize = 32;

/// For each core, a place for a running query, one for a long query, and two for waiting ones.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    running: Arc<Semaphore>,
    long: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    resting: Arc<Semaphore>,
    long_after: Duration,
}

/// A place for a query. It is free again when this and its clones are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    permit: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    becomes_long: Mutex<JoinHandle<()>>,
    places: Places,
}

impl Places {
    /// `count` queries run, as many long ones besides, and twice as many wait.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, 1 << 16);
        let places = |count| Arc::new(Semaphore::new(count));
        let (running, long, waiting) = (places(count), places(count), places(2 * count));
        Self { running, long, waiting, resting: places(RESTING), long_after: LONG }
    }

    /// Takes a place, as soon as there is one. Fails if as many as may wait for one already do.
    pub(crate) async fn take(&self) -> Result<Place, Failure> {
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(self.place(permit));
        }
        let _waits = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| {
            Failure::busy(StatusCode::TOO_MANY_REQUESTS, "too many queries are waiting")
        })?;
        self.wait().await
    }

    /// Takes a place, however many others wait for one.
    pub(crate) async fn wait(&self) -> Result<Place, Failure> {
        let permit = Arc::clone(&self.running).acquire_owned().await;
        permit.map(|permit| self.place(permit)).map_err(|_| {
            Failure::busy(StatusCode::SERVICE_UNAVAILABLE, "the server is about to stop")
        })
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let permit = Arc::new(Mutex::new(Some(permit)));
        let becomes_long = Mutex::new(self.become_long(&permit));
        Place(Arc::new(Held { permit, becomes_long, places: self.clone() }))
    }

    fn become_long(&self, permit: &Arc<Mutex<Option<OwnedSemaphorePermit>>>) -> JoinHandle<()> {
        let (long, long_after) = (Arc::clone(&self.long), self.long_after);
        let held = Arc::clone(permit);
        tokio::spawn(async move {
            sleep(long_after).await;
            let long = long.acquire_owned().await.ok();
            *lock(&held) = long;
        })
    }
}

impl Place {
    /// Leaves the place to others while the query waits for its client, which may be slow: as many slow readers as
    /// there are places would make all others wait. Returns false if too many rest already; then it keeps its place.
    pub(crate) fn rest(&self) -> bool {
        let Ok(resting) = Arc::clone(&self.0.places.resting).try_acquire_owned() else {
            return false;
        };
        lock(&self.0.becomes_long).abort();
        *lock(&self.0.permit) = Some(resting);
        true
    }

    /// Takes a place again after [`Place::rest`].
    pub(crate) async fn resume(&self) {
        let running = Arc::clone(&self.0.places.running).acquire_owned().await;
        *lock(&self.0.permit) = running.ok();
        *lock(&self.0.becomes_long) = self.0.places.become_long(&self.0.permit);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.becomes_long).abort();
        // Now, and not when the task has been dropped.
        *lock(&self.permit) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until exactly these numbers of places are free.
    async fn until_free(places: &Places, running: usize, long: usize) {
        let free = || (places.running.available_permits(), places.long.available_permits());
        while free() != (running, long) {
            sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn long_queries_leave_their_places() {
        let places = Places { long_after: Duration::from_millis(5), ..Places::new(2) };
        let mut held = vec![places.take().await.unwrap(), places.take().await.unwrap()];
        until_free(&places, 2, 0).await;
        // There is no place for more long ones.
        held.push(places.take().await.unwrap());
        held.push(places.take().await.unwrap());
        sleep(Duration::from_millis(50)).await;
        until_free(&places, 0, 0).await;
        held.truncate(3);
        until_free(&places, 1, 0).await;
        held.clear();
        until_free(&places, 2, 2).await;
    }

    #[tokio::test]
    async fn queries_of_slow_clients_leave_their_places() {
        let places = Places { long_after: Duration::from_secs(1_000), ..Places::new(1) };
        let slow = places.take().await.unwrap();
        assert!(slow.rest());
        let other = places.take().await.unwrap();
        // It goes on when the other one has ended.
        let resumed = tokio::spawn(async move {
            slow.resume().await;
            slow
        });
        sleep(Duration::from_millis(20)).await;
        assert!(!resumed.is_finished());
        drop(other);
        let slow = resumed.await.unwrap();
        until_free(&places, 0, 1).await;
        assert_eq!(places.resting.available_permits(), RESTING);
        drop(slow);
        until_free(&places, 1, 1).await;
        // Not more rest than may.
        let many = Places { long_after: Duration::from_secs(1_000), ..Places::new(RESTING + 1) };
        let mut held = Vec::new();
        for _ in 0..=RESTING {
            held.push(many.take().await.unwrap());
        }
        let rested = held.iter().filter(|place| place.rest()).count();
        assert_eq!(rested, RESTING);
    }

    #[tokio::test]
    async fn too_many_waiting_queries_are_refused() {
        let places = Places { long_after: Duration::from_secs(1_000), ..Places::new(1) };
        let first = places.take().await.unwrap();
        let wait = || {
            let places = places.clone();
            tokio::spawn(async move { places.take().await.map(drop) })
        };
        let waiting = [wait(), wait()];
        while places.waiting.available_permits() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(places.take().await.unwrap_err().status(), 429);
        drop(first);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), Ok(()));
        }
    }
}
