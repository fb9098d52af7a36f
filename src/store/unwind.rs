//! The boundary at which a panic of redb becomes an error.
//!
//! redb verifies the checksum of a page only when it is asked to. Otherwise it trusts what it reads,
//! and panics at a byte that it did not write. Verifying first would mean reading the whole file each
//! time it is opened, so every call into redb runs in here instead.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::error::{Error, Result};

thread_local! {
    /// How many calls of `caught` this thread is inside.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic of this thread would be caught and become an error. A panic hook that prints
/// nothing then spares the user a backtrace beside the error.
pub fn is_caught() -> bool {
    DEPTH.get() > 0
}

/// Calls `call`, and returns the text of its panic if it panics.
///
/// # Errors
///
/// The panic's text, in one line.
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

/// Calls what has nothing to do with the file from within [`guard`]: if it panics, the panic goes on, and
/// says so. Entering and leaving a guard for each row of a scan instead took a sixth of its time.
pub(super) fn outside<T>(call: impl FnOnce() -> T) -> T {
    let depth = DEPTH.replace(0);
    let value = call();
    // Not after a panic, by which `guard` knows where it came from.
    DEPTH.set(depth);
    value
}

/// Calls into redb for the store at `path`. A panic becomes [`Error::Damaged`], and so do the errors
/// by which redb reports that the file is not what it wrote.
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

/// The error, or [`Error::Damaged`] if redb says by it that the file is not what it wrote.
pub(super) fn damage_or(path: &Path, error: Error) -> Error {
    let reason = match &error {
        Error::Storage(inner) => match inner.downcast_ref::<redb::Error>() {
            Some(redb::Error::Corrupted(reason)) => reason.clone(),
            Some(redb::Error::Io(io)) if io.kind() == io::ErrorKind::UnexpectedEof => {
                "the file is truncated".to_owned()
            }
            // A table of netsky's that is not as netsky makes it.
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
    // An assertion's text has several lines, and an error should have one.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value of redb whose drop may panic: dropping a database writes to its file.
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
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

#[expect(clippy::expect_used, reason = "only drop takes the value")]
impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        // What could not be closed is repaired by the next open, as after a kill.
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
    fn a_panic_from_outside_goes_on() {
        let path = Path::new("meta.db");
        let unwound = catch_unwind(|| {
            guard(path, || -> Result<()> {
                assert_eq!(outside(|| 1), 1);
                assert!(is_caught());
                outside(|| panic!("the visitor's"))
            })
        });
        let panic = unwound.expect_err("it is nobody's damage");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the visitor's"));
        assert!(!is_caught());
        assert!(matches!(guard(path, || panic!("redb's")), Err::<(), _>(Error::Damaged { .. })));
    }

    #[test]
    fn a_panic_in_drop_goes_no_further() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("on purpose");
            }
        }
        drop(Guarded::new(Panics));
        // Nor does it end the process while another panic unwinds.
        let unwound = caught(|| {
            let _guarded = Guarded::new(Panics);
            panic!("first");
        });
        assert_eq!(unwound, Err("first".to_owned()));
    }

    #[test]
    fn what_redb_calls_corrupt_is_damage_and_other_failures_are_not() {
        let path = Path::new("meta.db");
        let corrupt = redb::Error::Corrupted("a page".to_owned());
        let error = damage_or(path, Error::Storage(Box::new(corrupt)));
        assert!(matches!(error, Error::Damaged { reason, .. } if reason == "a page"));
        let full = redb::Error::Io(io::ErrorKind::StorageFull.into());
        assert!(matches!(damage_or(path, Error::Storage(Box::new(full))), Error::Storage(_)));
    }
}
