//! Integers as text, which JSON needs without what else is known of numbers.

/// An integer in decimal digits. Slots and most data hold some, and the formatter takes ten times as long.
pub(super) fn write(value: i64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] += (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    #[test]
    fn integers_are_written_as_the_formatter_writes_them() {
        for value in [0, 1, -1, 9, 10, -10, 99, 1_234_567_890, i64::MAX, i64::MIN] {
            let mut out = String::new();
            super::write(value, &mut out);
            assert_eq!(out, value.to_string());
        }
    }
}
