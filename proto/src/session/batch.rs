//! Several events as one frame. A crowd that gets the same events gathers the same ones, so the frame is made once and shared, as that of
//! a single event is.

use super::{EncodedEvent, Joiner};
use crate::framing::Frame;
use std::cell::RefCell;
use std::sync::Arc;

/// A larger frame is not held for the next session: it would be kept until there is another.
const SHARED_BYTES: usize = 256 * 1024;

thread_local! {
    /// What this thread joined last.
    static LAST: RefCell<Option<Batch>> = const { RefCell::new(None) };
}

struct Batch {
    joiner: Arc<dyn Joiner>,
    /// Held, so that no other event can come to have the address of one of these.
    events: Vec<Arc<EncodedEvent>>,
    frame: Frame,
}

impl Batch {
    fn join<'e>(joiner: &Arc<dyn Joiner>, events: impl Iterator<Item = &'e Arc<EncodedEvent>>) -> Self {
        let events: Vec<_> = events.cloned().collect();
        let bodies: Vec<_> = events.iter().map(|event| event.body.clone()).collect();
        Self { frame: joiner.join(&bodies), joiner: Arc::clone(joiner), events }
    }

    fn is_of<'e>(&self, joiner: &Arc<dyn Joiner>, events: impl Iterator<Item = &'e Arc<EncodedEvent>>) -> bool {
        Arc::ptr_eq(&self.joiner, joiner) && self.events.iter().map(Arc::as_ptr).eq(events.map(Arc::as_ptr))
    }
}

/// The frame of these events.
pub(super) fn frame<'e>(
    joiner: &Arc<dyn Joiner>,
    events: impl Iterator<Item = &'e Arc<EncodedEvent>> + Clone,
) -> Frame {
    let shared = LAST.with_borrow(|last| {
        let batch = last.as_ref().filter(|batch| batch.is_of(joiner, events.clone()))?;
        Some(batch.frame.clone())
    });
    shared.unwrap_or_else(|| {
        let batch = Batch::join(joiner, events);
        let frame = batch.frame.clone();
        let before = LAST.replace(Some(batch).filter(|batch| batch.frame.len() <= SHARED_BYTES));
        // Not while the cell is borrowed: what is dropped may be anything that a codec made.
        drop(before);
        frame
    })
}
