//! The texts of a column and their ids.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::take;
use arrow::error::Result;
use rapidhash::fast::RandomState;

/// The places for ids that are found by a text's view: 32 KiB, which stay in a core's cache.
const RECENT: usize = 1 << 10;

/// The most bytes of a text that is in its view.
const MAX_INLINE: u32 = 12;

#[derive(Debug)]
pub(super) struct TextDictionary {
    limits: Limits,
    ids: HashMap<Arc<str>, u32, RandomState>,
    /// By their ids, from 1 on.
    texts: Vec<Arc<str>>,
    bytes: usize,
    recent: Recent,
    /// How many rows were not found by their views.
    misses: usize,
}

/// When a dictionary is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most texts, less than 2³².
    pub(super) texts: u32,
    /// A dictionary with texts of this size gets no more.
    pub(super) bytes: usize,
}

/// The ids of views that were looked up.
#[derive(Debug)]
struct Recent {
    /// A view and its id, or 0, at the place that the view determines.
    ids: Box<[(u128, u32)]>,
    /// What the views of long texts point into. While it is held, no other text can come to stand there.
    buffers: Vec<Buffer>,
}

impl TextDictionary {
    pub(super) fn new(limits: Limits) -> Self {
        let (ids, texts) = (HashMap::default(), Vec::new());
        Self { limits, ids, texts, bytes: 0, recent: Recent::default(), misses: 0 }
    }

    /// Adds the ids of the texts to the keys, at bit `shift`, 0 for NULL, and returns the number of rows that have one: fewer than there
    /// are if the dictionary is full. Of an empty dictionary, at least one.
    pub(super) fn encode(
        &mut self,
        texts: &StringViewArray,
        shift: u32,
        keys: &mut [u64],
    ) -> usize {
        self.recent.point_into(texts.data_buffers());
        let views = texts.views();
        if let Some(view) = views.first()
            && texts.null_count() == 0
            && views.iter().all(|other| other == view)
        {
            let Some(id) = self.id(*view, || texts.value(0)) else { return 0 };
            let id = u64::from(id) << shift;
            keys.iter_mut().for_each(|key| *key |= id);
            return texts.len();
        }
        for (row, (view, key)) in views.iter().zip(keys).enumerate() {
            if texts.is_null(row) {
                continue;
            }
            let Some(id) = self.id(*view, || texts.value(row)) else { return row };
            *key |= u64::from(id) << shift;
        }
        texts.len()
    }

    /// Returns the id of the text of a view, or `None` if the dictionary does not have it and is full.
    fn id<'a>(&mut self, view: u128, text: impl FnOnce() -> &'a str) -> Option<u32> {
        let (place, id) = self.recent.get(view);
        if id != 0 {
            return Some(id);
        }
        self.misses += 1;
        let id = self.intern(text())?;
        self.recent.ids[place] = (view, id);
        Some(id)
    }

    fn intern(&mut self, text: &str) -> Option<u32> {
        if let Some(id) = self.ids.get(text) {
            return Some(*id);
        }
        if self.is_full() {
            return None;
        }
        let shared: Arc<str> = text.into();
        self.texts.push(Arc::clone(&shared));
        let id = self.texts.len() as u32;
        self.ids.insert(shared, id);
        self.bytes += text.len();
        Some(id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.texts.len() >= self.limits.texts as usize || self.bytes >= self.limits.bytes
    }

    /// Returns the texts of ids.
    pub(super) fn decode(&self, ids: UInt32Array) -> Result<ArrayRef> {
        if ids.len() < self.texts.len() {
            let texts = ids.values().iter().map(|id| self.text(*id)).collect::<StringViewArray>();
            return Ok(Arc::new(texts));
        }
        // Copies each text once.
        let texts = (0..=self.texts.len()).map(|id| self.text(id as u32));
        take(&texts.collect::<StringViewArray>(), &ids, None)
    }

    /// Returns the texts in the order of their ids, of which the first is 1.
    pub(super) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    fn text(&self, id: u32) -> Option<&str> {
        let index = (id as usize).checked_sub(1)?;
        self.texts.get(index).map(|text| &**text)
    }

    /// How many rows were not found by their views.
    pub(super) fn misses(&self) -> usize {
        self.misses
    }

    /// The memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        // Each text has a count of its owners, and each table some room to grow.
        const EACH: usize = 4 * size_of::<Arc<str>>() + 2 * size_of::<usize>();
        RECENT * size_of::<(u128, u32)>() + self.bytes + self.texts.len() * EACH
    }
}

impl Recent {
    /// Forgets the views of other buffers.
    fn point_into(&mut self, buffers: &[Buffer]) {
        let are_same = self.buffers.len() == buffers.len()
            && self.buffers.iter().zip(buffers).all(|(a, b)| a.as_ptr() == b.as_ptr());
        if are_same {
            return;
        }
        for (view, id) in &mut self.ids {
            if *view as u32 > MAX_INLINE {
                *id = 0;
            }
        }
        self.buffers = buffers.to_vec();
    }

    /// The place of a view, and its id if it is there, otherwise 0.
    fn get(&self, view: u128) -> (usize, u32) {
        // Short texts differ in any of the bytes, long ones of the same buffer in the offset, the last four.
        let folded = (view as u64) ^ ((view >> 64) as u64).rotate_left(29);
        let place = (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % RECENT;
        let (known, id) = self.ids[place];
        (place, if known == view { id } else { 0 })
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self { ids: vec![(0, 0); RECENT].into(), buffers: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    const LIMITS: Limits = Limits { texts: 1_000, bytes: 1 << 20 };

    fn encoded(dictionary: &mut TextDictionary, texts: &StringViewArray) -> Vec<u64> {
        let mut keys = vec![0; texts.len()];
        let rows = dictionary.encode(texts, 0, &mut keys);
        keys.truncate(rows);
        keys
    }

    fn ids(keys: &[u64]) -> UInt32Array {
        keys.iter().map(|key| *key as u32).collect()
    }

    #[test]
    fn a_view_into_freed_memory_is_not_another_texts() {
        let mut dictionary = TextDictionary::new(LIMITS);
        for index in 0..1_000 {
            let text = format!("a text of the same length {index:04}");
            let texts = StringViewArray::from_iter_values([&text]);
            let keys = encoded(&mut dictionary, &texts);
            drop(texts);
            let decoded = dictionary.decode(ids(&keys)).unwrap();
            assert_eq!(decoded.as_string_view().value(0), text);
        }
    }

    #[test]
    fn null_and_the_empty_text_differ() {
        let texts = StringViewArray::from(vec![None, Some(""), None, Some("a"), Some("")]);
        let mut dictionary = TextDictionary::new(LIMITS);
        let keys = encoded(&mut dictionary, &texts);
        assert_eq!(keys, [0, 1, 0, 2, 1]);
        assert_eq!(dictionary.decode(ids(&keys)).unwrap().as_string_view(), &texts);
    }

    #[test]
    fn a_full_dictionary_still_has_its_texts() {
        let mut dictionary = TextDictionary::new(LIMITS);
        let names = |range: std::ops::Range<usize>| {
            StringViewArray::from_iter_values(range.map(|index| index.to_string()))
        };
        assert_eq!(encoded(&mut dictionary, &names(0..2_000)).len(), 1_000);
        assert_eq!(encoded(&mut dictionary, &names(995..1_005)).len(), 5);
        assert_eq!(encoded(&mut dictionary, &names(0..10)), (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn one_text_fits_however_long_it_is() {
        let long = "x".repeat(LIMITS.bytes + 1);
        let texts = StringViewArray::from_iter_values([&*long, "a"]);
        assert_eq!(encoded(&mut TextDictionary::new(LIMITS), &texts), [1]);
    }
}
