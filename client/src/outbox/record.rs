//! How an outbox stands in its file: a line that says so, then records, each with its length and a checksum.
//!
//! ```text
//! file    = "tsugi-outbox 1\n" record*
//! record  = length of the payload (u32) · CRC-32 of the payload (u32) · payload
//! payload = "H" name (16 bytes) · reserved (u64) · lives (u32) · scope (text)   the heading: the first record, and any later one
//!         | "E" or "R" · number (u64) · until (u64, ms since 1970) · message    an event or a request is under way
//!         | "D" · number (u64)                                                  … and not any more
//! ```
//!
//! Numbers are little endian. What follows a heading changes what it says. A record that does not fit its checksum is passed over,
//! and what is cut short is the end.

use crate::shared::Kind;
use std::collections::BTreeMap;

/// The first line, with the version of the format.
pub(crate) const MAGIC: &[u8] = b"tsugi-outbox 1\n";
/// Bytes before each payload.
const FRAME: usize = 8;

/// An outbox, but for its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// What servers know it by; a secret.
    pub(crate) name: [u8; 16],
    /// No greater number was ever given.
    pub(crate) reserved: u64,
    /// How often it was gone on with.
    pub(crate) lives: u32,
    /// Where it belongs.
    pub(crate) scope: String,
}

/// An item that was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    /// Its end, in ms since 1970.
    pub(crate) until: u64,
    /// As it goes over the wire.
    pub(crate) message: Vec<u8>,
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) heading: Option<Heading>,
    pub(crate) items: BTreeMap<u64, Kept>,
    /// Bytes that are none of the above.
    pub(crate) damaged: usize,
}

/// Reads whatever can be read.
pub(crate) fn read(file: &[u8]) -> Found {
    let mut found = Found::default();
    let Some(mut rest) = file.strip_prefix(MAGIC) else {
        found.damaged = file.len();
        return found;
    };
    while !rest.is_empty() {
        let Some((payload, after)) = split(rest) else {
            found.damaged += rest.len();
            break;
        };
        if payload.and_then(|payload| found.take(payload)).is_none() {
            found.damaged += rest.len() - after.len();
        }
        rest = after;
    }
    found
}

/// The first record and what is behind it. The payload is missing where it does not fit its checksum.
fn split(rest: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, checked) = rest.split_first_chunk()?;
    let (checksum, rest) = checked.split_first_chunk()?;
    let (payload, after) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let fits = crc32fast::hash(payload) == u32::from_le_bytes(*checksum);
    Some((fits.then_some(payload), after))
}

impl Found {
    fn take(&mut self, payload: &[u8]) -> Option<()> {
        let (kind, payload) = payload.split_first()?;
        if *kind == b'H' {
            self.heading = Some(read_heading(payload)?);
            return Some(());
        }
        let (number, payload) = split_u64(payload)?;
        let reserved = self.heading.as_ref()?.reserved;
        let is_number = (1..=reserved).contains(&number);
        match kind {
            b'D' if payload.is_empty() => {
                self.items.remove(&number);
            }
            b'E' | b'R' if is_number => {
                let kind = if *kind == b'E' { Kind::Event } else { Kind::Request };
                let (until, message) = split_u64(payload)?;
                self.items.insert(number, Kept { kind, until, message: message.to_vec() });
            }
            _ => return None,
        }
        Some(())
    }
}

fn read_heading(payload: &[u8]) -> Option<Heading> {
    let (name, payload) = payload.split_first_chunk()?;
    let (reserved, payload) = split_u64(payload)?;
    let (lives, scope) = payload.split_first_chunk()?;
    let scope = std::str::from_utf8(scope).ok()?.to_owned();
    Some(Heading { name: *name, reserved, lives: u32::from_le_bytes(*lives), scope })
}

fn split_u64(payload: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = payload.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

impl Heading {
    pub(crate) fn record(&self) -> Vec<u8> {
        let Self { name, reserved, lives, scope } = self;
        frame(&[b"H", name, &reserved.to_le_bytes(), &lives.to_le_bytes(), scope.as_bytes()])
    }
}

impl Kept {
    pub(crate) fn record(&self, number: u64) -> Vec<u8> {
        let kind = if self.kind == Kind::Event { b"E" } else { b"R" };
        frame(&[kind, &number.to_le_bytes(), &self.until.to_le_bytes(), &self.message])
    }
}

/// The record of an end.
pub(crate) fn done(number: u64) -> Vec<u8> {
    frame(&[b"D", &number.to_le_bytes()])
}

fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let mut record = Vec::with_capacity(FRAME + payload.len());
    // A message is at most as large as the outbox, which is far below 4 GiB; one that is not fails its checksum when it is read.
    record.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    record.extend_from_slice(&payload);
    record
}

/// What was read is the same when it is written and read again, whatever the bytes were, and damage is no more than there was.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(data: &[u8]) {
    for file in [data.to_vec(), [MAGIC, data].concat(), [MAGIC, &sealed(data)].concat()] {
        let found = read(&file);
        assert!(found.damaged <= file.len());
        let Some(heading) = &found.heading else { continue };
        let mut again = [MAGIC, &heading.record()].concat();
        found.items.iter().for_each(|(number, kept)| again.extend(kept.record(*number)));
        let items = found.items.iter().filter(|(number, _)| **number <= heading.reserved);
        let read_again = read(&again);
        assert_eq!(read_again.heading.as_ref(), Some(heading));
        assert!(read_again.items.iter().eq(items));
        let torn = read(&again[..again.len() - again.len() / 3]);
        assert!(torn.items.iter().all(|(number, kept)| found.items.get(number) == Some(kept)));
    }
}

/// The lines of an input as payloads with the right checksums, which chance does not find.
#[cfg(any(test, feature = "fuzzing"))]
fn sealed(data: &[u8]) -> Vec<u8> {
    let heading = Heading { name: [7; 16], reserved: u64::MAX, lives: 1, scope: String::new() };
    let lines = data.split(|byte| *byte == b'\n').map(|line| frame(&[line]));
    std::iter::once(heading.record()).chain(lines).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heading() -> Heading {
        Heading { name: [7; 16], reserved: 1 << 20, lives: 3, scope: "http://a/chsk ann".to_owned() }
    }

    fn kept() -> impl Strategy<Value = Kept> {
        let kind = prop_oneof![Just(Kind::Event), Just(Kind::Request)];
        (kind, any::<u64>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(kind, until, message)| Kept {
            kind,
            until,
            message,
        })
    }

    /// What happens to an outbox: an item begins, or one ends.
    fn steps() -> impl Strategy<Value = Vec<(u64, Option<Kept>)>> {
        proptest::collection::vec((1_u64..30, proptest::option::of(kept())), 0..40)
    }

    fn write(steps: &[(u64, Option<Kept>)]) -> (Vec<u8>, BTreeMap<u64, Kept>) {
        let mut file = [MAGIC, &heading().record()].concat();
        let mut items = BTreeMap::new();
        for (number, kept) in steps {
            match kept {
                Some(kept) => {
                    file.extend(kept.record(*number));
                    items.insert(*number, kept.clone());
                }
                None => {
                    file.extend(done(*number));
                    items.remove(number);
                }
            }
        }
        (file, items)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(steps in steps()) {
            let (file, items) = write(&steps);
            prop_assert_eq!(read(&file), Found { heading: Some(heading()), items, damaged: 0 });
        }

        #[test]
        fn a_torn_tail_costs_only_what_it_tore(steps in steps(), last in kept(), cut in any::<prop::sample::Index>()) {
            let (file, items) = write(&steps);
            let record = last.record(99);
            let cut = cut.index(record.len());
            let torn = [&file[..], &record[..cut]].concat();
            prop_assert_eq!(read(&torn), Found { heading: Some(heading()), items, damaged: cut });
        }

        #[test]
        fn a_byte_that_changed_in_one_record_costs_no_other_one(steps in steps(), last in kept(), at in any::<prop::sample::Index>()) {
            let (file, mut items) = write(&steps);
            let mut broken = last.record(99);
            // Its length is the one thing that others hang on.
            let at = 4 + at.index(broken.len() - 4);
            broken[at] ^= 0x20;
            let file = [file, broken.clone(), last.record(100)].concat();
            items.insert(100, last);
            prop_assert_eq!(read(&file), Found { heading: Some(heading()), items, damaged: broken.len() });
        }

        #[test]
        fn no_bytes_are_too_strange(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&data);
        }
    }

    #[test]
    fn what_is_no_outbox_and_what_a_crash_left_empty_is_damage() {
        assert_eq!(read(b"SQLite format 3\0").damaged, 16);
        assert_eq!(read(b""), Found::default());
        let zeros = [MAGIC, &heading().record(), &[0; 64]].concat();
        assert_eq!(read(&zeros), Found { heading: Some(heading()), damaged: 64, ..Found::default() });
    }
}
