//! The rows of the input, taken apart.

use std::collections::VecDeque;

use arrow::array::{Int64Array, RecordBatch};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::error::DataFusionError;

use crate::query::packed_sort::keys::Keys;
use crate::query::packed_sort::layout::Layout;
use crate::query::packed_sort::ranked_texts::RankedTexts;
use crate::query::packed_sort::sorted_rows::{KEY_BITS, ROW_BITS, SortedRows};
use crate::query::text_dictionary::TextDictionary;

/// Texts are worth their dictionary if each is in at least this many rows on average.
const ROWS_PER_TEXT: usize = 4;
/// The number of rows that are tried before that is decided.
const TRIED: usize = 1 << 14;

pub(super) struct Buffer {
    keys: Keys,
    /// Of the keys that are texts.
    dictionaries: Vec<Option<TextDictionary>>,
    parts: VecDeque<Part>,
    rows: usize,
    /// The memory of the other columns. Batches share buffers.
    others_size: RecordBatchMemoryCounter,
}

/// A batch of the input.
struct Part {
    /// Of each key.
    numbers: Vec<Int64Array>,
    others: RecordBatch,
}

impl Buffer {
    pub(super) fn new(keys: Keys) -> Self {
        let dictionaries = keys.iter().map(|key| key.dictionary()).collect();
        let (parts, others_size) = (VecDeque::new(), RecordBatchMemoryCounter::new());
        Self { keys, dictionaries, parts, rows: 0, others_size }
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        let keys = self.keys.iter().zip(&mut self.dictionaries);
        let numbers = keys.map(|(key, dictionary)| key.numbers(batch, dictionary.as_mut()));
        let numbers = numbers.collect::<Result<_, _>>()?;
        let others = self.keys.others(batch)?;
        self.rows += batch.num_rows();
        self.others_size.count_batch(&others);
        self.parts.push_back(Part { numbers, others });
        Ok(())
    }

    /// Whether DataFusion sorts the rows better: if most texts differ, or there are too many rows for a packed number.
    pub(super) fn is_in_vain(&self) -> bool {
        let texts = self.dictionaries.iter().flatten().map(|texts| texts.texts().len()).max();
        self.rows >= 1 << ROW_BITS
            || self.rows >= TRIED && texts.unwrap_or(0).saturating_mul(ROWS_PER_TEXT) > self.rows
    }

    /// The memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let texts = self.dictionaries.iter().flatten().map(TextDictionary::size).sum::<usize>();
        texts + self.numbers_size() + self.others_size.memory_usage()
    }

    fn numbers_size(&self) -> usize {
        self.rows * self.dictionaries.len() * size_of::<i64>()
    }

    pub(super) fn batches(&self) -> usize {
        self.parts.len()
    }

    /// The memory that it takes while it is sorted.
    pub(super) fn size_in_sort(&self) -> usize {
        self.size_sorted() + self.numbers_size()
    }

    /// The memory that the sorted rows take.
    pub(super) fn size_sorted(&self) -> usize {
        self.size() - self.numbers_size() + self.rows * size_of::<u128>()
    }

    /// Sorts the rows, or returns them as they are if their keys do not fit into a packed number.
    pub(super) fn sort(mut self) -> Result<SortedRows, Box<Self>> {
        let layouts = self.keys.iter().enumerate().map(|(index, key)| {
            Layout::of(self.parts.iter().map(|part| &part.numbers[index]), key.options)
        });
        let layouts = layouts.collect::<Vec<_>>();
        if layouts.iter().map(Layout::bits).sum::<u32>() > KEY_BITS {
            return Err(Box::new(self));
        }
        let texts = self.dictionaries.drain(..).map(|texts| texts.map(RankedTexts::of));
        let texts = texts.collect::<Vec<_>>();
        let mut packed = Vec::with_capacity(self.rows);
        let mut others = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let start = packed.len();
            packed.resize(start + part.others.num_rows(), 0);
            for ((layout, texts), numbers) in layouts.iter().zip(&texts).zip(part.numbers) {
                let numbers = match texts {
                    Some(texts) => texts.ranks(&numbers),
                    None => numbers,
                };
                layout.pack(&numbers, &mut packed[start..]);
            }
            others.push(part.others);
        }
        Ok(SortedRows::new(self.keys, layouts, texts, packed, others))
    }

    /// Takes the oldest batch out, as it was.
    pub(super) fn pop(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        let Some(part) = self.parts.pop_front() else { return Ok(None) };
        let key = |index: usize| match &self.dictionaries[index] {
            Some(texts) => {
                let ids = part.numbers[index].iter().map(|id| id.unwrap_or(0) as u32);
                Ok(texts.decode(ids.collect())?)
            }
            None => self.keys.values(index, &part.numbers[index]),
        };
        self.keys.rows(key, part.others.columns()).map(Some)
    }
}
