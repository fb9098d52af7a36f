//! Sets of 64-bit values as ranges. A filter on the id or the time column selects such a set.

use std::ops::RangeInclusive;

/// Ranges in ascending order that are disjoint and not adjacent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeSet(Vec<RangeInclusive<i64>>);

impl RangeSet {
    pub(super) fn all() -> Self {
        Self(vec![i64::MIN..=i64::MAX])
    }

    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// The set of these values.
    pub(super) fn of_values(values: impl IntoIterator<Item = i64>) -> Self {
        Self::any_of(values.into_iter().map(|value| Self::between(value, value)))
    }

    /// The values from `first` to `last`, both included; empty if `first` is greater than `last`.
    pub(super) fn between(first: i64, last: i64) -> Self {
        if first <= last { Self(vec![first..=last]) } else { Self::none() }
    }

    pub(super) fn at_least(first: i64) -> Self {
        Self::between(first, i64::MAX)
    }

    /// The parts of the set between `first` and `last`, both included.
    pub(super) fn ranges_between(&self, first: i64, last: i64) -> Vec<RangeInclusive<i64>> {
        // By binary search, because a scan calls this for every block.
        let from = self.0.partition_point(|range| *range.end() < first);
        let until = self.0.partition_point(|range| *range.start() <= last);
        let parts = self.0.get(from..until).unwrap_or_default().iter();
        parts.map(|range| first.max(*range.start())..=last.min(*range.end())).collect()
    }

    pub(super) fn is_all(&self) -> bool {
        self.covers(i64::MIN, i64::MAX)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, value: i64) -> bool {
        self.covers(value, value)
    }

    /// Whether every value from `first` to `last` is in the set.
    pub(super) fn covers(&self, first: i64, last: i64) -> bool {
        let after = self.0.partition_point(|range| *range.end() < first);
        self.0.get(after).is_some_and(|range| *range.start() <= first && last <= *range.end())
    }

    /// Whether any value from `first` to `last` is in the set.
    pub(super) fn overlaps(&self, first: i64, last: i64) -> bool {
        let after = self.0.partition_point(|range| *range.end() < first);
        self.0.get(after).is_some_and(|range| *range.start() <= last)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            let (first, last) = (*a.start().max(b.start()), *a.end().min(b.end()));
            if first <= last {
                both.push(first..=last);
            }
            if a.end() <= b.end() {
                mine.next()
            } else {
                theirs.next()
            };
        }
        Self(both)
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self::any_of([self.clone(), other.clone()])
    }

    /// The union of the sets. Sorting once takes n log n steps for an `IN` list of n values; joining
    /// the sets one by one took n times as long.
    pub(super) fn any_of(sets: impl IntoIterator<Item = Self>) -> Self {
        let mut ranges: Vec<_> = sets.into_iter().flat_map(|set| set.0).collect();
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut either: Vec<RangeInclusive<i64>> = Vec::new();
        for range in ranges {
            match either.last_mut() {
                Some(last)
                    if range.start().checked_sub(1).is_none_or(|before| before <= *last.end()) =>
                {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => either.push(range),
            }
        }
        Self(either)
    }

    pub(super) fn not(&self) -> Self {
        let mut gaps = Vec::new();
        let mut next = Some(i64::MIN);
        for range in &self.0 {
            if let (Some(first), Some(last)) = (next, range.start().checked_sub(1))
                && first <= last
            {
                gaps.push(first..=last);
            }
            next = range.end().checked_add(1);
        }
        gaps.extend(next.map(|first| first..=i64::MAX));
        Self(gaps)
    }
}

impl RangeSet {
    /// The ranges as `[first..=last, ..]`, with `value` formatting each value. Open ends are left
    /// blank.
    pub(super) fn display(&self, value: impl Fn(i64) -> String) -> String {
        let end = |end, open| if end == open { String::new() } else { value(end) };
        let range = |range: &RangeInclusive<i64>| match range.start() == range.end() {
            true => value(*range.start()),
            false => format!("{}..={}", end(*range.start(), i64::MIN), end(*range.end(), i64::MAX)),
        };
        let ranges: Vec<String> = self.0.iter().map(range).collect();
        format!("[{}]", ranges.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Small values, so that ranges meet, and the smallest and largest integers.
    fn value() -> impl Strategy<Value = i64> {
        prop_oneof![
            -8..8_i64,
            Just(i64::MIN),
            Just(i64::MIN + 1),
            Just(i64::MAX - 1),
            Just(i64::MAX)
        ]
    }

    fn set() -> impl Strategy<Value = RangeSet> {
        let ranges = prop::collection::vec((value(), value()), 0..5);
        ranges.prop_map(|ranges| {
            let ranges = ranges.into_iter().map(|(a, b)| RangeSet::between(a, b));
            ranges.fold(RangeSet::none(), |set, range| set.or(&range))
        })
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_membership(a in set(), b in set(), v in value(), w in value()) {
            prop_assert_eq!(a.and(&b).contains(v), a.contains(v) && b.contains(v));
            prop_assert_eq!(a.or(&b).contains(v), a.contains(v) || b.contains(v));
            prop_assert_eq!(a.not().contains(v), !a.contains(v));
            prop_assert_eq!(a.not().not(), a.clone());
            for set in [&a, &a.and(&b), &a.or(&b), &a.not()] {
                for pair in set.0.windows(2) {
                    prop_assert!(pair[0].end().checked_add(1).unwrap() < *pair[1].start());
                }
                if let Some(range) = set.0.iter().find(|range| range.contains(&v)) {
                    prop_assert_eq!(set.covers(v, w.max(v)), w.max(v) <= *range.end());
                }
            }
            let values = RangeSet::of_values([v, w, v]);
            prop_assert_eq!(values, RangeSet::between(v, v).or(&RangeSet::between(w, w)));
            let (first, last) = (v.min(w), v.max(w));
            prop_assert_eq!(a.ranges_between(first, last), a.and(&RangeSet::between(first, last)).0);
            prop_assert_eq!(a.overlaps(first, last), !a.and(&RangeSet::between(first, last)).is_none());
        }
    }
}
