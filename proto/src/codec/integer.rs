//! Integers as text, which JSON needs without what else is known of numbers.

/// An integer in decimal digits. Slots and most data hold some, and the formatter takes ten times as long.
pub(super) fn write(value: i64, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(value));
}
