//! Memory for decompressed bytes, which is used again.
//!
//! A scan decompresses about a megabyte for each segment and column of long texts, and drops it soon. The
//! allocator gives pieces of this size back to the system each time, and gets them zeroed page by page: half
//! of the processor time of such a scan was spent in the kernel.

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// The largest total size of the memory that is kept for later.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// Smaller pieces are left to the allocator.
const MIN_KEPT_BYTES: usize = 32 << 10;

static KEPT: Mutex<Kept> = Mutex::new(Kept { pieces: Vec::new(), bytes: 0 });

struct Kept {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

/// Bytes whose memory is used again when they are dropped.
pub(crate) struct PooledBytes {
    /// Has at least `len` bytes.
    memory: Vec<u8>,
    len: usize,
}

impl PooledBytes {
    pub(super) const EMPTY: Self = Self { memory: Vec::new(), len: 0 };

    /// So many bytes of any value.
    pub(super) fn of_any_value(len: usize) -> Self {
        let mut memory = if len < MIN_KEPT_BYTES { Vec::new() } else { take(len) };
        if memory.len() < len {
            memory.resize(len, 0);
        }
        Self { memory, len }
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }

    pub(super) fn extend_from_slice(&mut self, bytes: &[u8]) {
        let len = self.len + bytes.len();
        if self.memory.capacity() < MIN_KEPT_BYTES && len >= MIN_KEPT_BYTES {
            // Otherwise what sealing has used for one segment would be kept and never used for the next one.
            let mut memory = take(len);
            memory.clear();
            memory.extend_from_slice(self);
            self.memory = memory;
        }
        self.memory.truncate(self.len);
        self.memory.extend_from_slice(bytes);
        self.len = self.memory.len();
    }
}

/// Takes kept memory, of the size if there is some.
fn take(len: usize) -> Vec<u8> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = kept.pieces.iter().position(|piece| piece.len() >= len);
    let Some(index) = fits.or(kept.pieces.len().checked_sub(1)) else { return Vec::new() };
    let piece = kept.pieces.swap_remove(index);
    kept.bytes -= piece.capacity();
    piece
}

impl Drop for PooledBytes {
    fn drop(&mut self) {
        let memory = mem::take(&mut self.memory);
        if memory.capacity() < MIN_KEPT_BYTES {
            return;
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + memory.capacity() <= MAX_KEPT_BYTES {
            kept.bytes += memory.capacity();
            kept.pieces.push(memory);
        }
    }
}

impl Deref for PooledBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl AsRef<[u8]> for PooledBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Clone for PooledBytes {
    fn clone(&self) -> Self {
        let mut clone = Self::EMPTY;
        clone.extend_from_slice(self);
        clone
    }
}

impl PartialEq for PooledBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for PooledBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
