//! 64-bit integers in as few bytes as they need.

use crate::columnar::input::Input;
use crate::columnar::packed::{pack, unpack};

/// Each value is the base plus an offset.
const OFFSETS: u8 = 0;
/// Each value is the one before, plus the base, plus an offset. The start is before the first.
const DELTAS: u8 = 1;

/// Times have mostly whole milliseconds, but are nanoseconds.
const DIVISORS: [i64; 3] = [1_000_000_000, 1_000_000, 1_000];

/// An offset is read as eight bytes, and the next offset may begin within them.
const PADDING: usize = 8;

/// Appends the values: their kind, a divisor, a start, a base, the width of an offset in bytes, and the
/// packed offsets.
pub(super) fn encode(values: &[i64], out: &mut Vec<u8>) {
    let all_divide = |divisor: &&i64| values.iter().all(|value| value % **divisor == 0);
    let divisor = DIVISORS.iter().find(all_divide).copied().unwrap_or(1);
    let divided = values.iter().map(|value| value / divisor);
    let offsets = Offsets::of(divided.clone());
    let deltas = Offsets::of_deltas(divided);
    let (kind, offsets) = match deltas {
        Some(deltas) if deltas.width() < offsets.width() => (DELTAS, deltas),
        _ => (OFFSETS, offsets),
    };
    let width = offsets.width();
    out.push(kind);
    for number in [divisor, offsets.start, offsets.base] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(width as u8);
    let mut bytes = Vec::with_capacity(offsets.values.len() * width);
    for offset in &offsets.values {
        bytes.extend_from_slice(&offset.to_le_bytes()[..width]);
    }
    pack(&bytes, out);
}

/// Reads `count` values that [`encode`] has appended.
pub(super) fn decode(input: &mut Input<'_>, count: usize) -> Option<Vec<i64>> {
    let kind = input.u8()?;
    let (divisor, start, base) = (input.i64()?, input.i64()?, input.i64()?);
    let width = usize::from(input.u8()?);
    if width > 8 {
        return None;
    }
    let bytes = unpack(input, count * width, PADDING)?;
    if bytes.len() != count * width + PADDING {
        return None;
    }
    // The values of a damaged segment are of no use, but computing them must not panic.
    let value = |offset: u64| base.wrapping_add(offset.cast_signed());
    let mut values: Vec<i64> = match width {
        0 => vec![value(0); count],
        1 => bytes[..count].iter().map(|byte| value(u64::from(*byte))).collect(),
        _ => {
            let mask = u64::MAX >> (64 - 8 * width);
            let offsets = (0..count).map(|index| {
                let start = index * width;
                let mut offset = [0; 8];
                offset.copy_from_slice(&bytes[start..start + 8]);
                u64::from_le_bytes(offset) & mask
            });
            offsets.map(value).collect()
        }
    };
    match kind {
        OFFSETS => {}
        DELTAS => {
            let mut last = start;
            for value in &mut values {
                last = last.wrapping_add(*value);
                *value = last;
            }
        }
        _ => return None,
    }
    if divisor != 1 {
        values.iter_mut().for_each(|value| *value = value.wrapping_mul(divisor));
    }
    Some(values)
}

/// Values as offsets from the smallest one.
struct Offsets {
    /// 0 if they are not deltas.
    start: i64,
    base: i64,
    values: Vec<u64>,
}

impl Offsets {
    fn of(values: impl Iterator<Item = i64> + Clone) -> Self {
        let base = values.clone().min().unwrap_or(0);
        // The difference of two integers of 64 bits fits into one without a sign.
        let offset = |value: i64| value.wrapping_sub(base).cast_unsigned();
        Self { start: 0, base, values: values.map(offset).collect() }
    }

    /// The differences of neighbours; `None` if one does not fit, or there is none.
    fn of_deltas(mut values: impl Iterator<Item = i64>) -> Option<Self> {
        let first = values.next()?;
        let (mut last, mut deltas) = (first, Vec::new());
        for value in values {
            deltas.push(value.checked_sub(last)?);
            last = value;
        }
        let mut offsets = Self::of(deltas.into_iter());
        // The first value is the base after the start, because its difference from 0 would be the widest.
        offsets.values.insert(0, 0);
        offsets.start = first.wrapping_sub(offsets.base);
        Some(offsets)
    }

    /// The bytes that the widest offset needs.
    fn width(&self) -> usize {
        let largest = self.values.iter().copied().max().unwrap_or(0);
        (64 - largest.leading_zeros() as usize).div_ceil(8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        bytes
    }

    fn integers() -> impl Strategy<Value = Vec<i64>> {
        let any_value = prop_oneof![any::<i64>(), -300_i64..300, Just(i64::MIN), Just(i64::MAX)];
        let steps = (any::<i64>(), prop::collection::vec(0_i64..100_000, 0..200));
        prop_oneof![
            prop::collection::vec(any_value, 0..200),
            (prop::collection::vec(-1_000_i64..1_000, 0..200), 0_usize..3).prop_map(
                |(values, at)| values.into_iter().map(|value| value * DIVISORS[at]).collect()
            ),
            steps.prop_map(|(start, steps)| {
                let sum = |last: &mut i64, step| {
                    *last = last.wrapping_add(step);
                    Some(*last)
                };
                steps.into_iter().scan(start, sum).collect()
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 1_000, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn integers_come_back(values in integers()) {
            let bytes = encoded(&values);
            let mut input = Input::new(&bytes);
            let decoded = decode(&mut input, values.len());
            prop_assert_eq!(decoded.as_ref(), Some(&values));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn damaged_integers_are_values_or_refused(
            values in integers(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = encoded(&values);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&mut Input::new(&bytes), values.len());
        }
    }

    #[test]
    fn rising_times_take_two_bytes() {
        let times: Vec<i64> =
            (0..8_192).map(|n| 1_776_000_000_000_000_000 + n * 1_234_000_000).collect();
        assert!(encoded(&times).len() < 60, "{}", encoded(&times).len());
        let uneven: Vec<i64> =
            (0..8_192).map(|n| times[n as usize] + (n * n % 977) * 1_000_000).collect();
        assert!(encoded(&uneven).len() <= 2 * 8_192 + 60, "{}", encoded(&uneven).len());
    }
}
