//! Finding the end of plain text, many bytes at a time: most of what a text codec reads and writes is inside of strings.

const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where the first quote or backslash is.
#[cfg(feature = "edn")]
pub(super) fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    find(text, |word| equal(word, b'"') | equal(word, b'\\'), |byte| (byte == b'"') | (byte == b'\\'))
}

/// Where the first quote, backslash or control character below the space is.
pub(super) fn quote_backslash_or_control(text: &[u8]) -> Option<usize> {
    find(
        text,
        |word| equal(word, b'"') | equal(word, b'\\') | below_space(word),
        |byte| (byte == b'"') | (byte == b'\\') | (byte < 0x20),
    )
}

/// `mark` sets the high bit of bytes that are meant. It may also set it in bytes behind one that is, never before.
#[inline(always)]
fn find(text: &[u8], mark: impl Fn(u64) -> u64, is_meant: impl Fn(u8) -> bool) -> Option<usize> {
    // Most text is short, keys are: it ends before more at a time would pay.
    for (index, word) in text.as_chunks::<8>().0.iter().take(2).enumerate() {
        let marked = mark(u64::from_le_bytes(*word));
        if marked != 0 {
            return Some(index * 8 + marked.trailing_zeros() as usize / 8);
        }
    }
    find_far(text, mark, is_meant)
}

#[inline(always)]
fn find_far(text: &[u8], mark: impl Fn(u64) -> u64, is_meant: impl Fn(u8) -> bool) -> Option<usize> {
    let Some(last) = text.last_chunk() else { return text.iter().position(|byte| is_meant(*byte)) };
    // Without an early end inside of a run, compilers look at all its bytes with a few vector instructions.
    let is_plain = |run: &&[u8; 32]| !run.iter().fold(false, |found, byte| found | is_meant(*byte));
    let plain = 32 * text.as_chunks::<32>().0.iter().take_while(is_plain).count();
    for (index, word) in text[plain..].as_chunks::<8>().0.iter().enumerate() {
        // Little-endian, so that the first byte is the lowest.
        let marked = mark(u64::from_le_bytes(*word));
        if marked != 0 {
            return Some(plain + index * 8 + marked.trailing_zeros() as usize / 8);
        }
    }
    // What is left begins in the last word, and nothing before it is meant.
    let marked = mark(u64::from_le_bytes(*last));
    (marked != 0).then(|| text.len() - last.len() + marked.trailing_zeros() as usize / 8)
}

/// Marks bytes that are `byte`: what is zero after the exclusive or, borrows from its high bit.
const fn equal(word: u64, byte: u8) -> u64 {
    let differing = word ^ u64::from_ne_bytes([byte; 8]);
    differing.wrapping_sub(LOW) & !differing & HIGH
}

const fn below_space(word: u64) -> u64 {
    word.wrapping_sub(LOW * 0x20) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place among others that are nearly it.
    fn agrees(found: fn(&[u8]) -> Option<usize>, is_meant: fn(u8) -> bool) {
        for byte in 0..=255_u8 {
            for place in 0..51 {
                for other in [b'x', 0x80, 0xff, b'!', b'#', b'[', b']', b' ', 0xa2, 0xdc] {
                    let mut text = [other; 51];
                    text[place] = byte;
                    assert_eq!(found(&text), text.iter().position(|byte| is_meant(*byte)), "{text:x?}");
                }
            }
        }
        for length in 0..51 {
            let text = [b'x'; 51];
            assert_eq!(found(&text[..length]), None);
            for place in 0..length {
                let mut text = text;
                text[place..].fill(b'"');
                assert_eq!(found(&text[..length]), Some(place), "{place} of {length}");
            }
        }
        assert_eq!(found(b"\"\"\"\"\"\"\"\"\""), Some(0));
    }

    #[cfg(feature = "edn")]
    #[test]
    fn quotes_and_backslashes_are_found_wherever_they_stand() {
        agrees(quote_or_backslash, |byte| byte == b'"' || byte == b'\\');
    }

    #[test]
    fn control_characters_are_found_too() {
        agrees(quote_backslash_or_control, |byte| byte == b'"' || byte == b'\\' || byte < 0x20);
    }
}
