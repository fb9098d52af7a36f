//! Floats in an order.

/// The place of a float in the order of all floats, as [`f64::total_cmp`] has it: -0 is before 0. NaN is first
/// or last, by its sign.
pub(crate) fn float_order(float: f64) -> i64 {
    let bits = float.to_bits().cast_signed();
    // The greater the magnitude of a negative number, the smaller the number.
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn floats_are_in_their_total_order(
            a in prop::num::f64::ANY | prop::num::f64::ZERO, b in prop::num::f64::ANY | prop::num::f64::ZERO,
        ) {
            prop_assert_eq!(float_order(a).cmp(&float_order(b)), a.total_cmp(&b));
        }
    }
}
