//! A fixed text that a row must have at some position.

/// The number of bytes that are compared at once.
const HEAD: usize = 16;

/// A text to compare rows with. Keys are so short that calling `memcmp` takes longer than comparing
/// them.
#[derive(Debug)]
pub(super) struct Token {
    text: String,
    /// The first bytes of the text, and a mask that selects the same bytes of a row.
    head: u128,
    mask: u128,
}

impl Token {
    pub(super) fn new(text: String) -> Self {
        let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(text.bytes()) {
            (*head, *mask) = (byte, u8::MAX);
        }
        Self { text, head: u128::from_le_bytes(head), mask: u128::from_le_bytes(mask) }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether `json` begins with the text.
    #[inline]
    pub(super) fn begins(&self, json: &[u8]) -> bool {
        match (json.split_first_chunk::<HEAD>(), self.text.as_bytes().get(HEAD..)) {
            (Some((head, rest)), tail) => {
                (u128::from_le_bytes(*head) ^ self.head) & self.mask == 0
                    && tail.is_none_or(|tail| rest.starts_with(tail))
            }
            (None, _) => json.starts_with(self.text.as_bytes()),
        }
    }
}
