//! `\uXXXX`, which EDN and JSON share.

/// Reads `uXXXX` after a backslash, or two of them for a character beyond the basic plane, and how many bytes that took.
pub(super) fn escape(text: &str) -> Result<(char, usize), &'static str> {
    const UNPAIRED: &str = "half of a surrogate pair";
    let high = unit(text).ok_or("an escape that is not four hex digits")?;
    if let Some(character) = char::from_u32(high) {
        return Ok((character, 5));
    }
    let low = text[5..].strip_prefix('\\').and_then(unit).filter(|low| (0xdc00..0xe000).contains(low));
    let low = low.filter(|_| high < 0xdc00).ok_or(UNPAIRED)?;
    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    Ok((char::from_u32(code).ok_or(UNPAIRED)?, 11))
}

fn unit(text: &str) -> Option<u32> {
    radix(text.strip_prefix('u')?.get(..4)?, 16)
}

/// Digits alone: `from_str_radix` would take a sign too.
pub(super) fn radix(digits: &str, radix: u32) -> Option<u32> {
    digits.chars().try_fold(0, |sum, digit| Some(sum * radix + digit.to_digit(radix)?))
}
