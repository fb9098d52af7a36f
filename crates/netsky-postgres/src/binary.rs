//! Values in the binary format.

use crate::sqlstate::Failure;

/// From 1970 to 2000, where PostgreSQL counts from.
const DAYS_TO_2000: i32 = 10_957;
const MICROS_TO_2000: i128 = 946_684_800_000_000;

/// Digits that PostgreSQL keeps together.
const GROUP: usize = 4;
const NEGATIVE: u16 = 0x4000;

/// Writes a date, given in days since 1970.
pub fn date(days: i32, out: &mut Vec<u8>) -> Result<(), Failure> {
    let days = days.checked_sub(DAYS_TO_2000).ok_or_else(|| Failure::out_of_range("date"))?;
    out.extend_from_slice(&days.to_be_bytes());
    Ok(())
}

/// Writes a time in microseconds since 1970.
pub fn timestamp(micros: i128, out: &mut Vec<u8>) -> Result<(), Failure> {
    let micros = i64::try_from(micros - MICROS_TO_2000);
    let micros = micros.map_err(|_| Failure::out_of_range("timestamp"))?;
    out.extend_from_slice(&micros.to_be_bytes());
    Ok(())
}

/// Writes decimal digits.
pub fn numeric(digits: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    let (sign, unsigned) = match digits.strip_prefix('-') {
        Some(unsigned) => (NEGATIVE, unsigned),
        None => (0, digits),
    };
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::out_of_range("numeric"));
    }
    let whole = whole.trim_start_matches('0');
    // Groups begin at the point.
    let lead = (GROUP - whole.len() % GROUP) % GROUP;
    let trail = (GROUP - part.len() % GROUP) % GROUP;
    let mut all = "0".repeat(lead);
    all.push_str(whole);
    all.push_str(part);
    all.push_str(&"0".repeat(trail));
    let groups = all
        .as_bytes()
        .chunks(GROUP)
        .map(|group| group.iter().fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0')));
    let groups: Vec<u16> = groups.collect();
    let whole_groups = whole.len().div_ceil(GROUP);
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    let end = groups.iter().rposition(|group| *group != 0).map_or(zeros, |last| last + 1);
    let kept = groups.get(zeros..end).unwrap_or_default();
    let number = |value: usize| i32::try_from(value).unwrap_or_default();
    let weight = if kept.is_empty() { 0 } else { number(whole_groups) - number(zeros) - 1 };
    let short = |value: i32| i16::try_from(value).map_err(|_| Failure::out_of_range("numeric"));
    out.extend_from_slice(&short(number(kept.len()))?.to_be_bytes());
    out.extend_from_slice(&short(weight)?.to_be_bytes());
    out.extend_from_slice(&(if kept.is_empty() { 0 } else { sign }).to_be_bytes());
    out.extend_from_slice(&short(number(part.len()))?.to_be_bytes());
    for group in kept {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The groups, the weight, the sign and the digits after the point, as a number's digits.
    fn read(bytes: &[u8]) -> String {
        let short = |index: usize| i16::from_be_bytes([bytes[2 * index], bytes[2 * index + 1]]);
        let (count, weight, sign, scale) = (short(0), short(1), short(2), short(3));
        let group = |place: i16| match weight - place {
            index if (0..count).contains(&index) => short(4 + usize::try_from(index).unwrap()),
            _ => 0,
        };
        let whole: String =
            (0..=weight.max(0)).rev().map(|place| format!("{:04}", group(place))).collect();
        let part: String = (1..=20).map(|place| format!("{:04}", group(-place))).collect();
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let sign = if sign == 0 { "" } else { "-" };
        let scale = usize::try_from(scale).unwrap();
        let point = if scale > 0 { "." } else { "" };
        format!("{sign}{whole}{point}{}", &part[..scale])
    }

    proptest! {
        #[test]
        fn decimals_keep_all_digits(number in any::<i128>(), scale in 0_usize..=38) {
            let digits = format!("{:0>1$}", number.unsigned_abs(), scale + 1);
            let (whole, part) = digits.split_at(digits.len() - scale);
            let sign = if number < 0 { "-" } else { "" };
            let point = if scale > 0 { "." } else { "" };
            let text = format!("{sign}{whole}{point}{part}");
            let mut out = Vec::new();
            numeric(&text, &mut out).unwrap();
            prop_assert_eq!(read(&out), text);
        }
    }
}
