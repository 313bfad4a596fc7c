//! The collections around the innermost.

/// Four bits for each of them. Up to 16 levels need no memory beside, and few messages have more.
#[derive(Clone, Default)]
pub(super) struct Levels {
    count: usize,
    /// Of the last up to 16; the lowest are the last's.
    last: u64,
    further: Vec<u64>,
}

impl Levels {
    const EACH: usize = 16;

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn push(&mut self, bits: u8) {
        if self.count > 0 && self.count.is_multiple_of(Self::EACH) {
            self.further.push(self.last);
        }
        self.count += 1;
        self.last = self.last << 4 | u64::from(bits & 0xf);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<u8> {
        self.count = self.count.checked_sub(1)?;
        let bits = (self.last & 0xf) as u8;
        self.last >>= 4;
        if self.count > 0 && self.count.is_multiple_of(Self::EACH) {
            self.last = self.further.pop().unwrap_or_default();
        }
        Some(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::Levels;

    #[test]
    fn what_is_popped_is_what_was_pushed_however_deep() {
        let bits = |index: usize| (index * 7 % 16) as u8;
        let mut levels = Levels::default();
        for depth in [1, 15, 16, 17, 31, 32, 33, 100] {
            for index in levels.len()..depth {
                levels.push(bits(index));
            }
            // Down to the half and up again, over the borders in both directions.
            for index in (depth / 2..depth).rev() {
                assert_eq!(levels.pop(), Some(bits(index)), "{index} of {depth}");
            }
        }
        while levels.len() > 0 {
            assert_eq!(levels.pop(), Some(bits(levels.len())));
        }
        assert_eq!(levels.pop(), None);
    }
}
