//! The buckets of an axis: if positions are evenly spaced, those without a point are gaps.

use crate::chart::data::Lines;

/// Day buckets of a time zone have 23 to 25 hours, and months 28 to 31 days.
const LONG: f64 = 20.0 * 3_600.0;
/// How far a distance may be from a multiple of the step, as a share of it.
const LONG_TOLERANCE: f64 = 0.12;
const TOLERANCE: f64 = 0.001;

/// Evenly spaced positions.
#[derive(Debug)]
pub struct Buckets {
    /// The distance between two neighbours, on average.
    step: f64,
    /// The positions that have points, ascending, and the number of the bucket of each.
    numbered: Vec<(f64, usize)>,
}

impl Buckets {
    /// The buckets of the points of all lines. `None` if they are not evenly spaced.
    pub fn of(lines: &Lines) -> Option<Self> {
        let points = lines.lines.iter().flat_map(|(_, points)| points);
        let mut positions: Vec<f64> = points.map(|(x, _)| *x).collect();
        positions.sort_by(f64::total_cmp);
        positions.dedup();
        let distances = || positions.windows(2).map(|pair| pair[1] - pair[0]);
        let least = distances().fold(f64::INFINITY, f64::min);
        let tolerance = if lines.x.is_time && least >= LONG { LONG_TOLERANCE } else { TOLERANCE };
        let single = distances().filter(|distance| *distance <= least * (1.0 + tolerance));
        let (sum, count) =
            single.fold((0.0, 0_u32), |(sum, count), distance| (sum + distance, count + 1));
        let step = if count > 0 { sum / f64::from(count) } else { 1.0 };
        let mut number = 0;
        let mut numbered: Vec<_> = positions.first().map(|first| (*first, 0)).into_iter().collect();
        for (distance, position) in distances().zip(positions.iter().skip(1)) {
            let steps = (distance / step).round();
            if ((distance / step) - steps).abs() > (tolerance * steps).min(0.34) || steps > 1e6 {
                return None;
            }
            number += steps as usize;
            numbered.push((*position, number));
        }
        Some(Self { step, numbered })
    }

    /// The number of buckets, with and without points.
    pub fn count(&self) -> usize {
        self.numbered.last().map_or(0, |(_, number)| number + 1)
    }

    /// The number of the bucket at a position that has a point.
    pub fn number(&self, position: f64) -> usize {
        let at = self.numbered.partition_point(|(start, _)| *start <= position);
        at.checked_sub(1).map_or(0, |at| self.numbered[at].1)
    }

    /// Whether a bucket is missing between two positions.
    fn is_gap(&self, before: f64, after: f64) -> bool {
        after - before > 1.5 * self.step
    }
}

/// The parts of a line between missing buckets. Only times have buckets: a line over numbers, such as sizes,
/// is whole.
pub fn parts<'a>(
    buckets: Option<&Buckets>,
    points: &'a [(f64, f64)],
) -> impl Iterator<Item = &'a [(f64, f64)]> {
    points.chunk_by(move |(before, _), (after, _)| {
        buckets.is_none_or(|buckets| !buckets.is_gap(*before, *after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::data::Axis;

    fn lines(is_time: bool, positions: &[f64]) -> Lines {
        let axis = || Axis { name: String::new(), is_time };
        let points = positions.iter().map(|x| (*x, 1.0)).collect();
        let lines = vec![(String::new(), points)];
        Lines { x: axis(), y: Axis { is_time: false, ..axis() }, lines, left_out: 0 }
    }

    fn numbers(is_time: bool, positions: &[f64]) -> Option<Vec<usize>> {
        let buckets = Buckets::of(&lines(is_time, positions))?;
        Some(positions.iter().map(|position| buckets.number(*position)).collect())
    }

    #[test]
    fn evenly_spaced_positions_are_numbered_with_gaps() {
        let hours = [0.0, 1.0, 2.0, 5.0].map(|hour| 1.7e9 + hour * 3_600.0);
        assert_eq!(numbers(true, &hours), Some(vec![0, 1, 2, 5]));
        let months = [0.0, 31.0, 59.0, 120.0, 151.0, 365.0].map(|day| day * 86_400.0);
        assert_eq!(numbers(true, &months), Some(vec![0, 1, 2, 4, 5, 12]));
        // A day of 23 hours in spring.
        let days = [0.0, 24.0, 47.0, 71.0].map(|hour| hour * 3_600.0);
        assert_eq!(numbers(true, &days), Some(vec![0, 1, 2, 3]));
        assert_eq!(numbers(false, &[1.0, 2.0, 4.0]), Some(vec![0, 1, 3]));
        assert_eq!(numbers(true, &[]), Some(vec![]));
        assert_eq!(numbers(true, &[7.0]), Some(vec![0]));
        assert_eq!(numbers(true, &[0.0, 17.3, 40.1, 41.2]), None);
        assert_eq!(numbers(false, &[0.0, 1e-300, 1e300]), None);
    }

    #[test]
    fn lines_break_where_buckets_are_missing() {
        let lines = lines(true, &[0.0, 3_600.0, 10_800.0, 14_400.0]);
        let buckets = Buckets::of(&lines);
        let lengths =
            |buckets| -> Vec<usize> { parts(buckets, &lines.lines[0].1).map(<[_]>::len).collect() };
        assert_eq!(lengths(buckets.as_ref()), [2, 2]);
        assert_eq!(lengths(None), [4]);
    }
}
