//! Texts: a dictionary if the same ones appear again and again, else one after another.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use rapidhash::fast::RapidHasher;

use crate::columnar::input::Input;
use crate::columnar::packed::{self, pack, unpack};
use crate::columnar::pool::PooledBytes;

const RUN: u8 = 0;
/// Ids of one byte, then of two.
const DICTIONARY_U8: u8 = 1;
const DICTIONARY_U16: u8 = 2;

/// A dictionary is made only if each of its texts stands for at least this many rows on average.
const ROWS_PER_ENTRY: usize = 8;

/// Texts one after another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextRun {
    pub(crate) bytes: PooledBytes,
    /// The end of each text in `bytes`.
    pub(crate) ends: Vec<u32>,
}

/// The texts of a column, one for each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Texts {
    Run(TextRun),
    /// Which of the entries each row has.
    DictionaryU8(Vec<u8>, TextRun),
    DictionaryU16(Vec<u16>, TextRun),
}

impl TextRun {
    pub(super) const EMPTY: Self = Self { bytes: PooledBytes::EMPTY, ends: Vec::new() };

    /// Appends a text. `false` if a column of a segment cannot hold so much.
    pub(super) fn push(&mut self, text: &[u8]) -> bool {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        self.bytes.len() <= packed::MAX_BYTES
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start as usize..*self.ends.get(index)? as usize)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// Appends the width of a length in bytes, the lengths, and the bytes.
    fn encode(&self, out: &mut Vec<u8>) {
        let longest = self.iter().map(<[u8]>::len).max().unwrap_or(0);
        let width = match longest {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        let mut lengths = Vec::with_capacity(self.len() * width);
        for text in self.iter() {
            lengths.extend_from_slice(&(text.len() as u32).to_le_bytes()[..width]);
        }
        out.push(width as u8);
        pack(&lengths, out);
        pack(&self.bytes, out);
    }

    /// Reads at most so many texts that [`encode`](Self::encode) has appended.
    fn decode(input: &mut Input<'_>, at_most: usize) -> Option<Self> {
        let width = input.u8()?;
        let lengths = unpack(input, at_most * usize::from(width), 0)?;
        let bytes = unpack(input, packed::MAX_BYTES, 0)?;
        let mut end = 0_u32;
        let mut ends = |length: u32| {
            end = end.checked_add(length)?;
            Some(end)
        };
        let ends: Option<Vec<u32>> = match width {
            1 => lengths.iter().map(|length| ends(u32::from(*length))).collect(),
            2 => {
                let (lengths, rest) = lengths.as_chunks::<2>();
                let lengths = lengths.iter().map(|length| u32::from(u16::from_le_bytes(*length)));
                rest.is_empty().then(|| lengths.map(ends).collect())?
            }
            4 => {
                let (lengths, rest) = lengths.as_chunks::<4>();
                let lengths = lengths.iter().map(|length| u32::from_le_bytes(*length));
                rest.is_empty().then(|| lengths.map(ends).collect())?
            }
            _ => None,
        };
        let ends = ends?;
        let end = ends.last().map_or(0, |end| *end as usize);
        (end == bytes.len()).then_some(Self { bytes, ends })
    }
}

impl Texts {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Run(run) => run.len(),
            Self::DictionaryU8(ids, _) => ids.len(),
            Self::DictionaryU16(ids, _) => ids.len(),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Run(run) => run.get(row),
            Self::DictionaryU8(ids, entries) => entries.get(usize::from(*ids.get(row)?)),
            Self::DictionaryU16(ids, entries) => entries.get(usize::from(*ids.get(row)?)),
        }
    }

    /// The texts with a dictionary, if there are few different ones.
    pub(super) fn compact(run: TextRun) -> Self {
        Self::dictionary(&run).unwrap_or(Self::Run(run))
    }

    fn dictionary(run: &TextRun) -> Option<Self> {
        let limit = run.len() / ROWS_PER_ENTRY;
        let mut places: HashMap<&[u8], u16, BuildHasherDefault<RapidHasher<'_>>> =
            HashMap::default();
        let (mut ids, mut entries) = (Vec::with_capacity(run.len()), TextRun::EMPTY);
        for text in run.iter() {
            let next = entries.len();
            let id = *places.entry(text).or_insert_with(|| {
                entries.push(text);
                u16::try_from(next).unwrap_or(u16::MAX)
            });
            if entries.len() > limit {
                return None;
            }
            ids.push(id);
        }
        match entries.len() {
            // Every id fits: there is one fewer than entries.
            0..=0x100 => {
                Some(Self::DictionaryU8(ids.into_iter().map(|id| id as u8).collect(), entries))
            }
            0x101..=0x1_0000 => Some(Self::DictionaryU16(ids, entries)),
            _ => None,
        }
    }

    /// Appends the texts: their kind, the run or the entries, and the ids.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Run(run) => {
                out.push(RUN);
                run.encode(out);
            }
            Self::DictionaryU8(ids, entries) => {
                out.push(DICTIONARY_U8);
                entries.encode(out);
                pack(ids, out);
            }
            Self::DictionaryU16(ids, entries) => {
                out.push(DICTIONARY_U16);
                entries.encode(out);
                let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
                pack(&ids, out);
            }
        }
    }

    /// Reads the texts of `rows` rows that [`encode`](Self::encode) has appended.
    pub(super) fn decode(input: &mut Input<'_>, rows: usize) -> Option<Self> {
        let kind = input.u8()?;
        // A dictionary has no more entries than there are rows.
        let run = TextRun::decode(input, rows)?;
        let texts = match kind {
            RUN => Self::Run(run),
            DICTIONARY_U8 => {
                let ids = unpack(input, rows, 0)?.to_vec();
                let is_entry = |id: &u8| usize::from(*id) < run.len();
                ids.iter().all(is_entry).then_some(Self::DictionaryU8(ids, run))?
            }
            DICTIONARY_U16 => {
                let ids = unpack(input, rows * 2, 0)?;
                let (ids, rest) = ids.as_chunks::<2>();
                let ids: Vec<u16> = ids.iter().map(|id| u16::from_le_bytes(*id)).collect();
                let is_entry = |id: &u16| usize::from(*id) < run.len();
                let is_whole = rest.is_empty() && ids.iter().all(is_entry);
                is_whole.then_some(Self::DictionaryU16(ids, run))?
            }
            _ => return None,
        };
        (texts.len() == rows).then_some(texts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run_of(texts: &[String]) -> TextRun {
        let mut run = TextRun::EMPTY;
        for text in texts {
            assert!(run.push(text.as_bytes()));
        }
        run
    }

    fn any_texts() -> impl Strategy<Value = Vec<String>> {
        prop_oneof![
            prop::collection::vec("[a-zé🦀]{0,20}", 0..50),
            prop::collection::vec("[ab]", 0..600),
            // More than 256 entries, each of them eight times.
            (257_usize..300).prop_map(|n| (0..n * 8).map(|i| format!("t{}", i % n)).collect()),
            prop::collection::vec("x{250,300}", 0..4),
            prop::collection::vec("x{65500,65600}", 0..3),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn texts_come_back(texts in any_texts()) {
            let compact = Texts::compact(run_of(&texts));
            let mut bytes = Vec::new();
            compact.encode(&mut bytes);
            let mut input = Input::new(&bytes);
            let decoded = Texts::decode(&mut input, texts.len()).unwrap();
            prop_assert!(input.is_empty());
            prop_assert_eq!(&decoded, &compact);
            for (row, text) in texts.iter().enumerate() {
                prop_assert_eq!(decoded.get(row), Some(text.as_bytes()));
            }
        }

        #[test]
        fn damaged_texts_are_texts_or_refused(
            texts in any_texts(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            Texts::compact(run_of(&texts)).encode(&mut bytes);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Some(decoded) = Texts::decode(&mut Input::new(&bytes), texts.len()) {
                prop_assert!((0..texts.len()).all(|row| decoded.get(row).is_some()));
            }
        }
    }

    #[test]
    fn few_different_texts_make_a_dictionary() {
        let texts: Vec<String> = (0..8_192).map(|n| format!("source {}", n % 1_024)).collect();
        assert!(matches!(Texts::compact(run_of(&texts)), Texts::DictionaryU16(..)));
        let texts: Vec<String> = (0..8_192).map(|n| format!("source {}", n % 256)).collect();
        assert!(matches!(Texts::compact(run_of(&texts)), Texts::DictionaryU8(..)));
        let texts: Vec<String> = (0..8_192).map(|n| format!("source {}", n % 1_025)).collect();
        assert!(matches!(Texts::compact(run_of(&texts)), Texts::Run(_)));
    }
}
