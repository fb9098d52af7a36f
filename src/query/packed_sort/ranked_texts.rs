//! Texts in their order.

use arrow::array::{ArrayRef, Int64Array, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::error::Result;

use crate::query::text_dictionary::TextDictionary;

pub(super) struct RankedTexts {
    /// The rank of each id. Both begin at 1, and 0 stands for NULL.
    ranks: Vec<u32>,
    /// By rank.
    texts: StringViewArray,
}

impl RankedTexts {
    pub(super) fn of(dictionary: TextDictionary) -> Self {
        let texts = dictionary.texts();
        let mut order = (0..texts.len()).collect::<Vec<_>>();
        order.sort_unstable_by_key(|index| &texts[*index]);
        let mut ranks = vec![0; 1 + texts.len()];
        for (rank, index) in (1..).zip(&order) {
            ranks[1 + index] = rank;
        }
        let ordered = order.iter().map(|index| Some(&*texts[*index]));
        let texts = std::iter::once(None).chain(ordered).collect();
        Self { ranks, texts }
    }

    /// Returns the ranks of ids.
    pub(super) fn ranks(&self, ids: &Int64Array) -> Int64Array {
        ids.unary(|id| i64::from(self.ranks[id as usize]))
    }

    /// Returns the texts of ranks.
    pub(super) fn texts(&self, ranks: &Int64Array) -> Result<ArrayRef> {
        let ranks = ranks.iter().map(|rank| rank.unwrap_or(0) as u32);
        take(&self.texts, &ranks.collect::<UInt32Array>(), None)
    }
}
