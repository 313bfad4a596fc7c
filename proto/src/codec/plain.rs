//! Numbers of few digits, which EDN and JSON write alike and most data consists of.

use crate::value::shortcuts::Number;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 17] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];

/// Digits that an integer of 64 bits holds, whichever they are.
const MOST: usize = 18;

/// The number at `from` and where it ends: `12`, `-12` or `12.5`, but not `-0`, in which formats differ. What follows,
/// which may make it another number, is left to the caller.
#[inline]
pub(super) fn number(bytes: &[u8], from: usize) -> Option<(Number, usize)> {
    let is_negative = *bytes.get(from)? == b'-';
    let start = from + usize::from(is_negative);
    let (whole, end) = digits(bytes, start, 0);
    if end == start || end - start > MOST || (bytes[start] == b'0' && end - start > 1) {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        let (value, end) = fraction(bytes, start, end, whole)?;
        return Some((Number::Float(if is_negative { -value } else { value }), end));
    }
    if !is_negative {
        return Some((Number::Integer(whole), end));
    }
    (whole != 0).then_some((Number::Integer(-whole), end))
}

/// A double is the nearest to a quotient of two that are exact.
fn fraction(bytes: &[u8], start: usize, point: usize, whole: i64) -> Option<(f64, usize)> {
    let (all, end) = digits(bytes, point + 1, whole);
    let places = end - point - 1;
    if places == 0 || end - start > MOST || all > 1 << 53 {
        return None;
    }
    Some((all as f64 / POWERS.get(places)?, end))
}

/// Digits from `at` on appended to `value`, which is wrong when there are more than [`MOST`], and where they end.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut value: i64) -> (i64, usize) {
    while let Some(byte) = bytes.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        at += 1;
    }
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_plain_is_left_to_others() {
        let left = ["", "-", "a", "+1", "01", "-01", "-0", "1.", ".5", "1234567890123456789", "1.00000000000000000"];
        for text in left {
            assert_eq!(number(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(number(b"0", 0), Some((Number::Integer(0), 1)));
        assert_eq!(number(b"[-12]", 1), Some((Number::Integer(-12), 4)));
        assert_eq!(number(b"999999999999999999", 0), Some((Number::Integer(999_999_999_999_999_999), 18)));
        assert!(matches!(number(b"-0.0", 0), Some((Number::Float(zero), 4)) if zero.is_sign_negative()));
    }

    proptest! {
        #[test]
        fn a_float_is_what_the_standard_library_reads(text in "-?(0|[1-9][0-9]{0,16})\\.[0-9]{1,16}") {
            if let Some((Number::Float(value), length)) = number(text.as_bytes(), 0) {
                prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
                prop_assert_eq!(length, text.len());
            }
        }
    }
}
