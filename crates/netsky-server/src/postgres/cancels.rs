//! Cancels: who may cancel which session's statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use subtle::ConstantTimeEq;
use tokio::sync::watch;

/// The sessions that can be cancelled, by their number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancels(Arc<Mutex<HashMap<i32, Cancel>>>);

#[derive(Debug)]
struct Cancel {
    key: Vec<u8>,
    sender: watch::Sender<u64>,
}

/// A session that can be cancelled, until this is dropped.
#[derive(Debug)]
pub(crate) struct Cancellable {
    cancels: Cancels,
    pub(crate) id: i32,
    pub(crate) key: Vec<u8>,
    /// Changes at each cancel.
    pub(crate) requests: watch::Receiver<u64>,
}

impl Cancels {
    /// Registers a session, with a key of so many bytes. Fails if the system has no random bytes.
    pub(crate) fn register(&self, key_bytes: usize) -> std::io::Result<Cancellable> {
        let mut key = vec![0; key_bytes];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        let (sender, requests) = watch::channel(0);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = loop {
            let mut id = [0; 4];
            getrandom::fill(&mut id).map_err(std::io::Error::other)?;
            // Clients take it for the number of a process.
            let id = (i32::from_be_bytes(id) & i32::MAX).max(1);
            if !sessions.contains_key(&id) {
                break id;
            }
        };
        sessions.insert(id, Cancel { key: key.clone(), sender });
        Ok(Cancellable { cancels: self.clone(), id, key, requests })
    }

    /// Cancels the statement of a session, if the key is right.
    pub(crate) fn cancel(&self, id: i32, key: &[u8]) {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(&id)
            && bool::from(session.key.as_slice().ct_eq(key))
        {
            session.sender.send_modify(|number| *number += 1);
        }
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.cancels.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_cancels() {
        let cancels = Cancels::default();
        let (mut one, other) = (cancels.register(4).unwrap(), cancels.register(32).unwrap());
        assert_ne!(one.id, other.id);
        cancels.cancel(one.id, &other.key);
        cancels.cancel(one.id, &[]);
        cancels.cancel(other.id, &one.key);
        assert!(!one.requests.has_changed().unwrap() && !other.requests.has_changed().unwrap());
        cancels.cancel(one.id, &one.key);
        assert!(one.requests.has_changed().unwrap());
        one.requests.borrow_and_update();
        cancels.cancel(one.id, &one.key);
        assert!(one.requests.has_changed().unwrap());
        drop(one);
        assert_eq!(cancels.0.lock().unwrap().len(), 1);
    }
}
