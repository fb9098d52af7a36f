//! The place of a key in a packed number.

use arrow::array::{Array, Int64Array};
use arrow::compute::{SortOptions, max, min};

/// How the values of a key are written as numbers from 0 on, in the order of the sort.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    least: i64,
    greatest: i64,
    has_nulls: bool,
    options: SortOptions,
}

impl Layout {
    /// For these values.
    pub(super) fn of<'a>(
        values: impl Iterator<Item = &'a Int64Array> + Clone,
        options: SortOptions,
    ) -> Self {
        let least = values.clone().filter_map(min).min().unwrap_or(0);
        let greatest = values.clone().filter_map(max).max().unwrap_or(0);
        let has_nulls = values.into_iter().any(|values| values.null_count() > 0);
        Self { least, greatest, has_nulls, options }
    }

    /// The number of bits that a value takes.
    pub(super) fn bits(&self) -> u32 {
        u128::BITS - (self.span() + u128::from(self.has_nulls)).leading_zeros()
    }

    /// Adds the values at the low end of the packed numbers.
    pub(super) fn pack(&self, values: &Int64Array, packed: &mut [u128]) {
        let bits = self.bits();
        if values.null_count() == 0 {
            for (packed, value) in packed.iter_mut().zip(values.values()) {
                *packed = *packed << bits | self.code(*value);
            }
        } else {
            for (packed, value) in packed.iter_mut().zip(values) {
                *packed = *packed << bits | value.map_or(self.null(), |value| self.code(value));
            }
        }
    }

    /// Returns the value of a packed number that the key ends `shift` bits above the low end of.
    pub(super) fn unpack(&self, packed: u128, shift: u32) -> Option<i64> {
        let code = packed >> shift & ((1 << self.bits()) - 1);
        if self.has_nulls && code == self.null() {
            return None;
        }
        let distance = (code - u128::from(self.nulls_are_first())) as i64;
        Some(if self.options.descending {
            self.greatest.wrapping_sub(distance)
        } else {
            self.least.wrapping_add(distance)
        })
    }

    fn code(&self, value: i64) -> u128 {
        let distance = if self.options.descending {
            self.greatest.wrapping_sub(value)
        } else {
            value.wrapping_sub(self.least)
        };
        // A distance of two numbers of 64 bits can be too large for a signed one.
        u128::from(distance as u64) + u128::from(self.nulls_are_first())
    }

    /// The code of NULL.
    fn null(&self) -> u128 {
        if self.options.nulls_first { 0 } else { self.span() + 1 }
    }

    fn nulls_are_first(&self) -> bool {
        self.has_nulls && self.options.nulls_first
    }

    fn span(&self) -> u128 {
        u128::from(self.greatest.wrapping_sub(self.least) as u64)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    #[test]
    fn codes_have_the_order_of_the_sort_and_are_found_again() {
        let values = [None, Some(i64::MIN), Some(-1), Some(0), Some(1), Some(i64::MAX)];
        for (descending, nulls_first) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            for values in [&values[..], &values[1..], &values[2..5], &values[3..4], &values[..1]] {
                let numbers = Int64Array::from(values.to_vec());
                let options = SortOptions { descending, nulls_first };
                let layout = Layout::of([&numbers].into_iter(), options);
                let mut packed = vec![1; numbers.len()];
                layout.pack(&numbers, &mut packed);
                let found = packed.iter().map(|packed| layout.unpack(*packed, 0));
                assert_eq!(found.collect::<Vec<_>>(), values);
                assert!(packed.iter().all(|packed| packed >> layout.bits() == 1));
                let sorted = arrow::compute::sort(&numbers, Some(options)).unwrap();
                packed.sort_unstable();
                let found = packed.iter().map(|packed| layout.unpack(*packed, 0));
                assert_eq!(&found.collect::<Int64Array>(), sorted.as_primitive());
            }
        }
    }

    #[test]
    fn near_numbers_take_few_bits() {
        let bits = |values: Vec<Option<i64>>| {
            let numbers = Int64Array::from(values);
            Layout::of([&numbers].into_iter(), SortOptions::default()).bits()
        };
        assert_eq!(bits(vec![Some(7), Some(7)]), 0);
        assert_eq!(bits(vec![Some(1_000), Some(1_003)]), 2);
        assert_eq!(bits(vec![Some(1_000), Some(1_003), None]), 3);
        assert_eq!(bits(vec![Some(i64::MIN), Some(i64::MAX)]), 64);
        assert_eq!(bits(vec![Some(i64::MIN), Some(i64::MAX), None]), 65);
    }
}
