//! An outbox in a file of its own, which one client has at a time.
//!
//! It is only appended to, and written anew when more than half of it is over. A lock beside it, and not on it, says whose it
//! is, since writing anew replaces the file.

use super::OutboxError;
use super::record::{Found, Heading, Kept, MAGIC, done, read};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Clients of one scope that may run side by side.
const SLOTS: usize = 16;
/// Numbers are reserved in advance, so many at a time.
const RESERVED: u64 = 1 << 20;
/// … and so many more when something is damaged, which may be the record of a reservation.
const RESERVED_ANEW: u64 = 1 << 32;
/// Bytes that may be over before a file is written anew.
const SLACK: usize = 4 * 1024 * 1024;

/// One client's, until it is dropped.
#[derive(Debug)]
pub(crate) struct OutboxFile {
    path: PathBuf,
    /// Held, never read.
    _lock: File,
    heading: Heading,
    /// The records of what is under way.
    live: BTreeMap<u64, Vec<u8>>,
    live_bytes: usize,
    /// `None` after a failure: then it is written anew before anything else.
    file: Option<File>,
    /// Bytes of the file.
    length: usize,
}

/// An outbox as it was found.
pub(crate) struct Claim {
    pub(crate) file: OutboxFile,
    /// In order.
    pub(crate) items: BTreeMap<u64, Kept>,
    /// The last number that may have been given.
    pub(crate) last: u64,
    pub(crate) damaged: Option<OutboxError>,
}

impl OutboxFile {
    /// The first outbox of this scope that nobody has and that holds something, else the first that nobody has.
    pub(crate) fn claim(directory: &Path, scope: &str) -> Result<Claim, OutboxError> {
        make_directory(directory).map_err(OutboxError::at(directory))?;
        let digest = Sha1::digest(scope.as_bytes());
        let stem: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let mut free = None;
        for slot in 0..SLOTS {
            let path = directory.join(format!("{stem}-{slot}.outbox"));
            // They are made in order.
            let is_last = !path.exists();
            if let Some(lock) = lock(&path)? {
                let found = load(&path).map_err(OutboxError::at(&path))?;
                if !found.items.is_empty() {
                    return Self::take(path, lock, scope, found);
                }
                free.get_or_insert((path, lock, found));
            }
            if is_last && free.is_some() {
                break;
            }
        }
        let (path, lock, found) = free.ok_or_else(|| OutboxError::Busy(directory.to_owned()))?;
        Self::take(path, lock, scope, found)
    }

    /// Reserves numbers above all that were ever given. This is on the disk before any of them is used: they would otherwise be
    /// given twice after a loss of power, and a server would take what is new for what it has.
    fn take(path: PathBuf, lock: File, scope: &str, found: Found) -> Result<Claim, OutboxError> {
        let Found { heading, mut items, damaged } = found;
        let own = heading.filter(|heading| heading.scope == scope);
        let is_foreign = own.is_none() && !items.is_empty();
        let foreign: usize = if is_foreign { items.values().map(|kept| kept.message.len()).sum() } else { 0 };
        let mut heading = match own {
            Some(heading) => heading,
            None => new_heading(scope)?,
        };
        if is_foreign {
            items.clear();
        }
        let is_damaged = damaged > 0 || is_foreign;
        heading.reserved = heading.reserved.saturating_add(if damaged > 0 { RESERVED_ANEW } else { 0 });
        let last = heading.reserved;
        heading.reserved = last.saturating_add(RESERVED);
        heading.lives = heading.lives.saturating_add(if damaged > 0 { 1_000 } else { 1 });
        let damaged = is_damaged.then(|| OutboxError::Damaged { path: path.clone(), bytes: damaged + foreign });
        let live: BTreeMap<_, _> = items.iter().map(|(number, kept)| (*number, kept.record(*number))).collect();
        let live_bytes = live.values().map(Vec::len).sum();
        let mut file = Self { path, _lock: lock, heading, live, live_bytes, file: None, length: 0 };
        file.write_anew()?;
        Ok(Claim { file, items, last, damaged })
    }

    pub(crate) fn name(&self) -> [u8; 16] {
        self.heading.name
    }

    pub(crate) fn lives(&self) -> u32 {
        self.heading.lives
    }

    /// Makes sure that no later client gives this number.
    pub(crate) fn reserve(&mut self, number: u64) -> Result<(), OutboxError> {
        if number <= self.heading.reserved {
            return Ok(());
        }
        let before = self.heading.reserved;
        self.heading.reserved = number.saturating_add(RESERVED);
        let written = self.write_anew();
        if written.is_err() {
            self.heading.reserved = before;
        }
        written
    }

    /// Keeps an item, whose number was reserved. It is with the operating system when this returns.
    pub(crate) fn put(&mut self, number: u64, kept: &Kept) -> Result<(), OutboxError> {
        let record = kept.record(number);
        self.append(&record)?;
        self.live_bytes += record.len();
        self.live.insert(number, record);
        Ok(())
    }

    /// Keeps it no longer. After a failure it may be found again.
    pub(crate) fn done(&mut self, number: u64) -> Result<(), OutboxError> {
        let Some(record) = self.live.remove(&number) else { return Ok(()) };
        self.live_bytes -= record.len();
        if self.file.is_none() {
            return Ok(());
        }
        if self.length > SLACK && self.length / 2 > self.live_bytes {
            return self.write_anew();
        }
        self.append(&done(number))
    }

    fn append(&mut self, record: &[u8]) -> Result<(), OutboxError> {
        if self.file.is_none() {
            self.write_anew()?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(record);
        self.length += record.len();
        // Nothing may stand behind half a record.
        written.inspect_err(|_| self.file = None).map_err(OutboxError::at(&self.path))
    }

    /// What is under way and no more, on the disk, in the place of what there was.
    fn write_anew(&mut self) -> Result<(), OutboxError> {
        self.file = None;
        let mut whole = [MAGIC, &self.heading.record()].concat();
        self.live.values().for_each(|record| whole.extend_from_slice(record));
        self.file = Some(replace(&self.path, &whole).map_err(OutboxError::at(&self.path))?);
        self.length = whole.len();
        Ok(())
    }
}

fn new_heading(scope: &str) -> Result<Heading, OutboxError> {
    let mut name = [0; 16];
    getrandom::fill(&mut name)?;
    Ok(Heading { name, reserved: 0, lives: 0, scope: scope.to_owned() })
}

/// What is in it is nobody else's business.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn make_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// `None` when somebody else has it.
fn lock(path: &Path) -> Result<Option<File>, OutboxError> {
    let path = path.with_extension("lock");
    let opened = private(OpenOptions::new().write(true).create(true).truncate(false)).open(&path);
    let file = opened.map_err(OutboxError::at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(OutboxError::at(&path)(error)),
    }
}

fn load(path: &Path) -> std::io::Result<Found> {
    match std::fs::read(path) {
        Ok(file) => Ok(read(&file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::default()),
        Err(error) => Err(error),
    }
}

/// All of it or nothing, also when the power fails. What is returned appends.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<File> {
    let new = path.with_extension("new");
    let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
    file.write_all(content)?;
    file.sync_data()?;
    std::fs::rename(&new, path)?;
    // The name is in the directory, which no other system lets anybody sync.
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Kind;

    /// A directory that goes when the test ends.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let place = std::env::temp_dir().join(format!("tsugi-outbox-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&place);
            Self(place)
        }

        fn claim(&self) -> Claim {
            OutboxFile::claim(&self.0, "scope").unwrap()
        }

        fn only_file(&self) -> PathBuf {
            let files = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
            files.filter(|path| path.extension().is_some_and(|end| end == "outbox")).min().unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn kept(message: &str) -> Kept {
        Kept { kind: Kind::Event, until: 7, message: message.as_bytes().to_vec() }
    }

    #[test]
    fn what_was_put_and_is_not_done_is_there_again_under_its_name_with_higher_numbers_to_come() {
        let place = Place::new("again");
        let Claim { mut file, items, last, .. } = place.claim();
        assert!(items.is_empty() && last == 0);
        let name = file.name();
        for number in 1..=3 {
            file.put(number, &kept("a")).unwrap();
        }
        file.done(2).unwrap();
        drop(file);
        let again = place.claim();
        assert_eq!(again.items.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!((again.file.name(), again.file.lives(), again.last), (name, 2, RESERVED));
        assert!(again.damaged.is_none());
    }

    #[test]
    fn two_at_once_have_an_outbox_each_and_what_one_left_is_found_first() {
        let place = Place::new("two");
        let first = place.claim();
        let mut second = place.claim();
        assert_ne!(first.file.name(), second.file.name());
        second.file.put(1, &kept("b")).unwrap();
        drop(first);
        drop(second.file);
        assert_eq!(place.claim().items.len(), 1);
        let all: Vec<_> = (0..SLOTS).map(|_| place.claim()).collect();
        assert!(matches!(OutboxFile::claim(&place.0, "scope"), Err(OutboxError::Busy(_))));
        let other = OutboxFile::claim(&place.0, "another").unwrap();
        assert!(all.iter().all(|claim| claim.file.name() != other.file.name()));
    }

    #[test]
    fn it_stays_small_whatever_went_through_it() {
        let place = Place::new("small");
        let mut file = place.claim().file;
        let long = kept(&"x".repeat(100_000));
        for number in 1..=500 {
            file.put(number, &long).unwrap();
            file.done(number - 1).unwrap();
        }
        let size = std::fs::metadata(place.only_file()).unwrap().len();
        assert!(size < 6 << 20, "{size}");
        drop(file);
        assert_eq!(place.claim().items.keys().copied().collect::<Vec<_>>(), [500]);
    }

    #[test]
    fn damage_is_told_and_costs_no_number_and_no_other_item() {
        let place = Place::new("damage");
        let mut file = place.claim().file;
        file.put(1, &kept("a")).unwrap();
        drop(file);
        let path = place.only_file();
        let whole = [std::fs::read(&path).unwrap(), b"\x30\0\0\0torn".to_vec()].concat();
        std::fs::write(&path, whole).unwrap();
        let again = place.claim();
        assert!(matches!(again.damaged, Some(OutboxError::Damaged { bytes: 8, .. })));
        assert_eq!((again.items.len(), again.last), (1, RESERVED + RESERVED_ANEW));
        drop(again);
        for foreign in [&b"somebody else's"[..], b""] {
            std::fs::write(&path, foreign).unwrap();
            let anew = place.claim();
            assert_eq!((anew.items.len(), anew.damaged.is_some()), (0, !foreign.is_empty()));
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_an_error_and_what_it_takes_again_is_kept() {
        let place = Place::new("disk");
        let mut file = place.claim().file;
        file.put(1, &kept("a")).unwrap();
        // As after a write that failed.
        file.file = None;
        std::fs::remove_dir_all(&place.0).unwrap();
        assert!(matches!(file.put(2, &kept("b")), Err(OutboxError::Io { .. })));
        assert!(file.reserve(RESERVED + 1).is_err() && file.done(7).is_ok());
        std::fs::create_dir(&place.0).unwrap();
        file.reserve(RESERVED + 1).unwrap();
        file.put(3, &kept("c")).unwrap();
        drop(file);
        assert_eq!(place.claim().items.keys().copied().collect::<Vec<_>>(), [1, 3]);
    }
}
