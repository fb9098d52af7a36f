//! The hash of stored bytes, which stands before them.

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, RapidSecrets, rapidhash_v3_micro_inline};

/// Hashes with rapidhashMicro v3 and its default secrets. The hashes are stored, so this never changes.
///
/// This variant is the fastest one for values of the length of rows: the messages of the demo, of
/// 340 bytes, take 15 ns each; rapidhash takes 18 ns and xxh3 22 ns.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    rapidhash_v3_micro_inline::<true, false>(bytes, &DEFAULT_RAPID_SECRETS)
}

/// Hashes to 128 bits, so that no two of a billion different rows have the same hash, by chance. These
/// hashes are never stored.
pub(crate) fn hash_128(bytes: &[u8]) -> u128 {
    const OTHER_SECRETS: RapidSecrets = RapidSecrets::seed(0x6E65_7473_6B79);
    let other = rapidhash_v3_micro_inline::<true, false>(bytes, &OTHER_SECRETS);
    u128::from(hash(bytes)) << 64 | u128::from(other)
}

/// The size of a stored hash in bytes.
pub(crate) const HASH_BYTES: usize = 8;

/// Hashes bytes that are stored under a key, so that the same bytes have another hash under another key.
pub(crate) fn hash_under(key: i64, bytes: &[u8]) -> u64 {
    hash(bytes) ^ key.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Writes the hash of the rest into the first bytes.
pub(crate) fn put_hash(bytes: &mut [u8], hash: impl FnOnce(&[u8]) -> u64) {
    if let Some((stored, rest)) = bytes.split_first_chunk_mut::<HASH_BYTES>() {
        *stored = hash(rest).to_le_bytes();
    }
}

/// Returns the bytes after the hash, if they match it.
pub(crate) fn verified(bytes: &[u8], hash: impl FnOnce(&[u8]) -> u64) -> Option<&[u8]> {
    let (stored, rest) = bytes.split_first_chunk::<HASH_BYTES>()?;
    (u64::from_le_bytes(*stored) == hash(rest)).then_some(rest)
}
