//! Decimals: an unscaled whole number in two's complement, and a scale.

/// The most bytes of an unscaled number: 2,466 digits. What is longer would take quadratic time to write.
const MAX_UNSCALED_BYTES: usize = 1024;

/// The greatest scale, and the least below zero.
const MAX_SCALE: i64 = 4096;

/// Writes a decimal with all digits of its scale: 4450 with the scale 2 is `44.50`. A scale below zero adds zeros. `None`
/// where a number is longer than anybody's.
pub(crate) fn decimal_text(unscaled: &[u8], scale: i64) -> Option<String> {
    if unscaled.len() > MAX_UNSCALED_BYTES || scale.abs() > MAX_SCALE {
        return None;
    }
    let (is_negative, digits) = digits(unscaled);
    let sign = if is_negative { "-" } else { "" };
    let Ok(scale) = usize::try_from(scale) else {
        let mut text = format!("{sign}{digits}");
        if digits != "0" {
            text.extend(std::iter::repeat_n('0', usize::try_from(-scale).unwrap_or_default()));
        }
        return Some(text);
    };
    // At least one digit stands before the point.
    let zeros = (scale + 1).saturating_sub(digits.len());
    let mut text = String::with_capacity(sign.len() + zeros + digits.len() + ".".len());
    text.push_str(sign);
    text.extend(std::iter::repeat_n('0', zeros));
    text.push_str(&digits);
    if scale > 0 {
        text.insert(text.len().checked_sub(scale)?, '.');
    }
    Some(text)
}

/// Returns the unscaled number and the scale of a decimal, as most are: of 64 bits, and with a scale of no more digits than those
/// have.
pub(crate) fn short_decimal(unscaled: &[u8], scale: i64) -> Option<(i64, u16)> {
    let scale = u16::try_from(scale).ok().filter(|scale| *scale < 20)?;
    if unscaled.len() > size_of::<i64>() {
        return None;
    }
    let fill = if is_negative(unscaled) { -1_i64 } else { 0 };
    Some((unscaled.iter().fold(fill, |number, byte| number << 8 | i64::from(*byte)), scale))
}

/// Returns the unscaled number of a decimal in as few bytes as hold it: `44.5` with the scale 2 is 4450. `None` where the text is
/// no number, has more digits behind the point than the scale, or is longer than 38 digits.
pub(crate) fn unscaled_bytes(text: &str, scale: usize) -> Option<Vec<u8>> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !mantissa.contains(|character: char| character.is_ascii_digit()) {
        return None;
    }
    let behind = i64::try_from(fraction.len()).ok()?;
    let zeros = i64::try_from(scale).ok()?.checked_sub(behind)?.checked_add(exponent)?;
    let mut digits = format!("{whole}{fraction}");
    for _ in 0..zeros.clamp(0, 40) {
        digits.push('0');
    }
    for _ in 0..zeros.clamp(-4096, 0).unsigned_abs() {
        // What is cut off must be nothing.
        if digits.pop()? != '0' {
            return None;
        }
    }
    let number: i128 = digits.parse().ok()?;
    let bytes = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let mut kept = bytes.as_slice();
    while let [first, rest @ ..] = kept
        && *first == sign
        && rest.first().is_some_and(|next| (next & 0x80) == (sign & 0x80))
    {
        kept = rest;
    }
    Some(kept.to_vec())
}

/// Returns the sign and the decimal digits of a big-endian number in two's complement; no bytes are zero.
fn digits(unscaled: &[u8]) -> (bool, String) {
    let is_negative = is_negative(unscaled);
    if unscaled.len() <= 16 {
        let fill = if is_negative { -1_i128 } else { 0 };
        let number = unscaled.iter().fold(fill, |number, byte| number << 8 | i128::from(*byte));
        let magnitude = number.unsigned_abs();
        // Most fit, and dividing 64 bits is quicker.
        let digits =
            u64::try_from(magnitude).map_or_else(|_| magnitude.to_string(), |short| short.to_string());
        return (is_negative, digits);
    }
    let mut magnitude = unscaled.to_vec();
    if is_negative {
        negate(&mut magnitude);
    }
    (is_negative, long_digits(&magnitude))
}

fn is_negative(unscaled: &[u8]) -> bool {
    unscaled.first().is_some_and(|byte| byte & 0x80 != 0)
}

fn negate(number: &mut [u8]) {
    let mut carry = true;
    for byte in number.iter_mut().rev() {
        let (sum, overflows) = (!*byte).overflowing_add(u8::from(carry));
        *byte = sum;
        carry = overflows;
    }
}

/// Nine digits at a time, the lowest first.
const BASE: u64 = 1_000_000_000;

fn long_digits(magnitude: &[u8]) -> String {
    let mut groups: Vec<u64> = vec![0];
    for byte in magnitude {
        let mut carry = u64::from(*byte);
        for group in &mut groups {
            let sum = *group * 256 + carry;
            *group = sum % BASE;
            carry = sum / BASE;
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    let padded: Vec<String> = groups.iter().rev().map(|group| format!("{group:09}")).collect();
    let text = padded.concat();
    match text.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(unscaled: &[u8], scale: i64) -> String {
        decimal_text(unscaled, scale).unwrap()
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(text(&[0x11, 0x62], 2), "44.50");
        assert_eq!(text(&[0xee, 0x9e], 2), "-44.50");
        assert_eq!(text(&[0xff], 3), "-0.001");
        assert_eq!(text(&[], 2), "0.00");
        assert_eq!(text(&[0], 0), "0");
        assert_eq!(text(&[5], -3), "5000");
        assert_eq!(text(&[0], -3), "0");
        assert_eq!(text(&[0x80], 0), "-128");
    }

    #[test]
    fn what_is_longer_than_a_number_is_none() {
        assert_eq!(decimal_text(&[1; 1025], 0), None);
        assert_eq!(decimal_text(&[1], i64::from(i32::MAX)), None);
        assert_eq!(decimal_text(&[1], i64::MIN + 1), None);
        assert!(decimal_text(&[0x7f; 1024], 4096).is_some());
    }

    #[test]
    fn decimals_are_read_with_the_scale_of_the_schema() {
        let read = |text: &str, scale| unscaled_bytes(text, scale);
        assert_eq!(read("44.5", 2), Some(vec![0x11, 0x62]));
        assert_eq!(read("-44.50", 2), Some(vec![0xee, 0x9e]));
        assert_eq!(read("-0.001", 3), Some(vec![0xff]));
        assert_eq!(read("0", 0), Some(vec![0]));
        assert_eq!(read("128", 0), Some(vec![0, 0x80]));
        assert_eq!(read("-128", 0), Some(vec![0x80]));
        assert_eq!(read("1.5e1", 0), Some(vec![15]));
        assert_eq!(read("1.20", 1), Some(vec![12]));
        assert_eq!(read("1.25", 1), None);
        for text in ["", "x", "1,5", "1.5.5", "--1", "1e999999999999", &"9".repeat(50)] {
            assert_eq!(read(text, 2), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn short_decimals_are_written_as_the_others(unscaled in prop::collection::vec(any::<u8>(), 0..10), scale in -2_i64..25) {
            let Some((number, places)) = short_decimal(&unscaled, scale) else {
                prop_assert!(unscaled.len() > 8 || !(0..20).contains(&scale));
                return Ok(());
            };
            let mut writer = sluice_connector_api::JsonWriter::with_capacity(0);
            writer.scaled(number, places);
            prop_assert_eq!(writer.finish().unwrap().to_bytes(), text(&unscaled, scale));
        }

        #[test]
        fn a_decimal_that_was_written_is_read(number in -1_000_000_000_000_i64..1_000_000_000_000, scale in 0_usize..6) {
            let written = text(&number.to_be_bytes(), i64::try_from(scale).unwrap());
            let read = unscaled_bytes(&written, scale).unwrap();
            prop_assert_eq!(text(&read, 0), number.to_string());
        }

        #[test]
        fn long_numbers_are_as_short_ones(number: i128, sign_bytes in 1_usize..40) {
            let fill = if number < 0 { 0xff } else { 0 };
            let mut long = vec![fill; sign_bytes];
            long.extend(number.to_be_bytes());
            prop_assert_eq!(text(&long, 0), number.to_string());
            prop_assert_eq!(text(&number.to_be_bytes(), 0), number.to_string());
        }
    }
}
