//! Decimal numbers compared by what they are, exactly, however they are written.

use std::cmp::Ordering;

/// A decimal number as it is written. It is compared by value: `1.50` is `1.5`, `1e2` is `100`, `-0` is `0`.
///
/// Nothing is rounded, and no number takes more memory than its text, whatever its exponent is. Exponents of more than 37
/// digits count as the largest there is.
///
/// ```
/// use sluice_connector_api::Decimal;
///
/// assert_eq!(Decimal::parse("1e2"), Decimal::parse("100.0"));
/// assert!(Decimal::parse("9007199254740993") > Decimal::parse("9007199254740992"));
/// assert!(Decimal::parse("1e999999999") > Decimal::parse("1e999999998"));
/// assert_eq!(Decimal::parse("12 apples"), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// A power of ten.
    exponent: i128,
}

impl<'a> Decimal<'a> {
    /// Reads a number as JSON writes it, or with a `+` before it, or without digits on one side of the point. `None` where
    /// the text is something else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_digits = !(whole.is_empty() && fraction.is_empty());
        (has_digits && are_digits(whole) && are_digits(fraction)).then_some(Self {
            is_negative,
            whole,
            fraction,
            exponent,
        })
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        match (self.significant().next(), self.is_negative) {
            (None, _) => 0,
            (Some(_), true) => -1,
            (Some(_), false) => 1,
        }
    }

    /// The digits from the first that is not 0 on.
    fn significant(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes()).skip_while(|digit| *digit == b'0')
    }

    /// Where the first significant digit stands: 0 for the first behind the point, 1 for ones, 2 for tens.
    fn magnitude(&self) -> i128 {
        let length = |count: usize| i128::try_from(count).unwrap_or(i128::MAX / 4);
        let digits = self.whole.len() + self.fraction.len();
        let leading_zeros = digits - self.significant().count();
        self.exponent + length(self.whole.len()) - length(leading_zeros)
    }

    /// Compares what two numbers are without their signs, where neither is 0.
    fn compare_sizes(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let (mut ours, mut theirs) = (self.significant(), other.significant());
            loop {
                let digits = (ours.next(), theirs.next());
                if digits == (None, None) {
                    return Ordering::Equal;
                }
                let order = digits.0.unwrap_or(b'0').cmp(&digits.1.unwrap_or(b'0'));
                if order.is_ne() {
                    return order;
                }
            }
        })
    }
}

fn parse_exponent(text: &str) -> Option<i128> {
    const LARGEST: i128 = 10_i128.pow(37);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(LARGEST).min(LARGEST);
    Some(if text.starts_with('-') { -size } else { size })
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = self.sign();
        sign.cmp(&other.sign()).then_with(|| match sign {
            0 => Ordering::Equal,
            1 => self.compare_sizes(other),
            _ => other.compare_sizes(self),
        })
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal<'_> {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal<'_> {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for group in [
            vec!["0", "-0", "0.0", "0e5", "-0.000", "0E-99999999999", "+0", ".0", "0."],
            vec!["100", "1e2", "1E+2", "100.00", "0.001e5", "1000e-1", "0100"],
            vec!["1.5", "1.50", "15e-1", "+1.5"],
            vec!["-2.25", "-225e-2", "-0.225E1"],
            vec!["1e999999999", "10e999999998", "0.1e1000000000"],
        ] {
            for (a, b) in group.iter().flat_map(|a| group.iter().map(move |b| (a, b))) {
                assert_eq!(decimal(a), decimal(b), "{a} {b}");
            }
        }
    }

    #[test]
    fn numbers_are_ordered_without_rounding() {
        let ascending = [
            "-1e999999999999999999999999999999999999999999",
            "-1e999999999",
            "-9007199254740993",
            "-9007199254740992",
            "-1",
            "-1e-999999999",
            "0",
            "1e-999999999999999999999999999999999999999999",
            "1e-5",
            "0.1",
            "0.10000000000000000000000000000000000000001",
            "1",
            "9007199254740992",
            "9007199254740993",
            "123456789012345678901234567890",
            "123456789012345678901234567890.1",
            "1e400",
            "1e999999999",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(decimal(a).cmp(&decimal(b)), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_none() {
        for text in [
            "", "-", "+", ".", "e5", "1e", "1e+", "--1", "+-1", "1 ", " 1", "1.2.3", "1e5.0", "0x1", "NaN",
            "inf", "١",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_huge_exponent_takes_no_time() {
        let start = Instant::now();
        let huge = format!("1e{}", "9".repeat(100_000));
        assert!(decimal(&huge) > decimal("1e999999999"));
        assert!(decimal("1e999999999") != decimal("1"));
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    proptest! {
        /// All brought to one exponent, they are whole numbers.
        #[test]
        fn the_order_is_that_of_whole_numbers(
            a in -10_000_i64..10_000, b in -10_000_i64..10_000, power_a in 0..6_u32, power_b in 0..6_u32, zeros in 0..3_u8,
        ) {
            let value = |number: i64, power: u32| i128::from(number) * 10_i128.pow(power);
            let padding = "0".repeat(zeros.into());
            let text_a = format!("{a}.{padding}e{power_a}");
            let text_b = format!("{b}{padding}e{}", i64::from(power_b) - i64::from(zeros));
            prop_assert_eq!(decimal(&text_a).cmp(&decimal(&text_b)), value(a, power_a).cmp(&value(b, power_b)));
        }

        #[test]
        fn any_text_is_read_or_not(a in "[-+0-9.eE]{0,12}", b in "[-+0-9.eE]{0,12}") {
            if let (Some(a), Some(b)) = (Decimal::parse(&a), Decimal::parse(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            }
        }
    }
}
