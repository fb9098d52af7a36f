//! Turns panics of redb into errors.
//!
//! redb verifies the checksum of a page only on request. Otherwise it trusts what it reads, and
//! panics at a byte that it did not write. Verifying first would mean reading the whole file on
//! every open, so every call into redb runs in here instead.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::error::{Error, Result};

thread_local! {
    /// The nesting depth of `caught` on this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic of this thread will be caught and turned into an error. A panic hook should
/// print nothing in this case, so that the user does not get a backtrace in addition to the error.
pub fn is_caught() -> bool {
    DEPTH.get() > 0
}

/// Runs `call`.
///
/// # Errors
///
/// If `call` panics, the panic's message in one line.
pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    let called = catch_unwind(AssertUnwindSafe(call));
    let is_outside = DEPTH.replace(depth) == 0;
    called.map_err(|panic| match is_outside {
        true => resume_unwind(panic),
        false => text_of(&*panic),
    })
}

/// Runs a callback that does not use redb from within [`guard`]: a panic in it is marked as foreign
/// and continues. Leaving and entering the guard for each row instead took a sixth of a scan's
/// time.
pub(super) fn outside<T>(call: impl FnOnce() -> T) -> T {
    let depth = DEPTH.replace(0);
    let value = call();
    // Not restored after a panic, so that `guard` can see where the panic came from.
    DEPTH.set(depth);
    value
}

/// Runs a call into redb for the store at `path`. A panic becomes [`Error::Damaged`], and so do the
/// errors by which redb reports that the file is not what it wrote.
pub(super) fn guard<T>(path: &Path, call: impl FnOnce() -> Result<T>) -> Result<T> {
    match caught(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damage_or(path, error)),
        Err(panic) => Err(panicked(path, &panic)),
    }
}

pub(super) fn panicked(path: &Path, panic: &str) -> Error {
    Error::Damaged { path: path.to_owned(), reason: format!("redb could not read it: {panic}") }
}

/// Returns [`Error::Damaged`] if redb's error means that the file is not what it wrote, else the
/// error itself.
pub(super) fn damage_or(path: &Path, error: Error) -> Error {
    let reason = match &error {
        Error::Storage(inner) => match inner.downcast_ref::<redb::Error>() {
            Some(redb::Error::Corrupted(reason)) => reason.clone(),
            Some(redb::Error::Io(io)) if io.kind() == io::ErrorKind::UnexpectedEof => {
                "the file is truncated".to_owned()
            }
            // One of netsky's tables is not as netsky creates it.
            Some(
                definition @ (redb::Error::TableTypeMismatch { .. }
                | redb::Error::TypeDefinitionChanged { .. }
                | redb::Error::TableIsMultimap(_)),
            ) => definition.to_string(),
            _ => return error,
        },
        _ => return error,
    };
    Error::Damaged { path: path.to_owned(), reason }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = match panic.downcast_ref::<String>() {
        Some(text) => text,
        None => panic.downcast_ref::<&str>().copied().unwrap_or("no message"),
    };
    // The text of an assertion has several lines; an error should have one.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A redb value whose drop may panic: dropping a database writes to its file.
#[derive(Debug)]
pub(super) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

#[expect(clippy::expect_used, reason = "only drop takes the value")]
impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("the value is present until drop")
    }
}

#[expect(clippy::expect_used, reason = "only drop takes the value")]
impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("the value is present until drop")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        // The next open repairs what could not be closed, as after a kill.
        let _ = caught(|| drop(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_damage_with_its_text() {
        let path = Path::new("meta.db");
        let left = 1;
        let error = guard(path, || -> Result<()> {
            assert!(is_caught());
            assert_eq!(left, 2);
            Ok(())
        });
        match error {
            Err(Error::Damaged { path: named, reason }) => {
                assert_eq!(named, path);
                assert!(reason.contains("left: 1 right: 2") && !reason.contains('\n'), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!is_caught());
    }

    #[test]
    fn foreign_panics_propagate() {
        let path = Path::new("meta.db");
        let unwound = catch_unwind(|| {
            guard(path, || -> Result<()> {
                assert_eq!(outside(|| 1), 1);
                assert!(is_caught());
                outside(|| panic!("the visitor's"))
            })
        });
        let panic = unwound.expect_err("a foreign panic is not damage");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the visitor's"));
        assert!(!is_caught());
        assert!(matches!(guard(path, || panic!("redb's")), Err::<(), _>(Error::Damaged { .. })));
    }

    #[test]
    fn panics_in_drop_are_caught() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("on purpose");
            }
        }
        drop(Guarded::new(Panics));
        // It must not abort the process while another panic unwinds either.
        let unwound = caught(|| {
            let _guarded = Guarded::new(Panics);
            panic!("first");
        });
        assert_eq!(unwound, Err("first".to_owned()));
    }

    #[test]
    fn only_corruption_errors_become_damage() {
        let path = Path::new("meta.db");
        let corrupt = redb::Error::Corrupted("a page".to_owned());
        let error = damage_or(path, Error::Storage(Box::new(corrupt)));
        assert!(matches!(error, Error::Damaged { reason, .. } if reason == "a page"));
        let full = redb::Error::Io(io::ErrorKind::StorageFull.into());
        assert!(matches!(damage_or(path, Error::Storage(Box::new(full))), Error::Storage(_)));
    }
}
