//! Sessions in which the same events waited share the frame of them all.

use crate::session_rules::{at, encoded, frame, websocket};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::Frame;
use tsugi_proto::session::{Config, EncodedEvent, Flush, Item, Joiner, Session, Transmit};

/// Puts a text between the events.
#[derive(Debug)]
struct With(&'static str);

impl Joiner for With {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
        frame(&texts.join(self.0))
    }
}

/// What a session sends that has these events, with a batch window that has passed.
fn sent(joiner: &Arc<dyn Joiner>, events: &[&Arc<EncodedEvent>]) -> Frame {
    let config = Config {
        max_queue_items: 100,
        max_queue_bytes: 1 << 20,
        max_inbox: 8,
        expire: Duration::from_secs(120),
        joiner: Arc::clone(joiner),
    };
    let mut session = Session::new(at(0), Arc::new(config));
    let carrier = session.attach(at(0), websocket(), None);
    for event in events {
        session.send(at(0), Item::Event(Arc::clone(event), Flush::Batched)).unwrap();
    }
    let later = at(30);
    session.handle_timeout(later);
    let Transmit::Frame { frame, .. } = session.poll_transmit(later, carrier) else { panic!("nothing was sent") };
    assert!(matches!(session.poll_transmit(later, carrier), Transmit::Pending));
    frame
}

fn text(frame: &Frame) -> String {
    String::from_utf8_lossy(&frame.payload()).into_owned()
}

fn joiner(between: &'static str) -> Arc<dyn Joiner> {
    Arc::new(With(between))
}

#[test]
fn sessions_with_the_same_events_share_the_memory_of_their_frame() {
    let (joiner, a, b, c) = (joiner(","), encoded("a"), encoded("b"), encoded("c"));
    let first = sent(&joiner, &[&a, &b, &c]);
    let second = sent(&joiner, &[&a, &b, &c]);
    assert_eq!(text(&first), "a,b,c");
    assert_eq!(first.wire().as_ptr(), second.wire().as_ptr());
}

#[test]
fn a_session_with_other_events_has_a_frame_of_its_own() {
    let (joiner, a, b, c) = (joiner(","), encoded("a"), encoded("b"), encoded("c"));
    let all = [vec![&a, &b, &c], vec![&a, &b], vec![&a, &c], vec![&b, &a], vec![&a, &b, &c, &a], vec![&c]];
    let texts = all.map(|events| text(&sent(&joiner, &events)));
    assert_eq!(texts, ["a,b,c", "a,b", "a,c", "b,a", "a,b,c,a", "c"]);
}

#[test]
fn events_that_look_the_same_are_not_taken_for_each_other_nor_is_another_way_to_join_them() {
    let (comma, dash, a, b) = (joiner(","), joiner("-"), encoded("a"), encoded("b"));
    assert_eq!(text(&sent(&comma, &[&a, &b])), "a,b");
    assert_eq!(text(&sent(&dash, &[&a, &b])), "a-b");
    let first = sent(&comma, &[&a, &b]);
    let other = sent(&comma, &[&encoded("a"), &encoded("b")]);
    assert_eq!(first, other);
    assert_ne!(first.wire().as_ptr(), other.wire().as_ptr());
}

#[test]
fn a_frame_too_large_to_be_kept_is_whole() {
    let (joiner, large, b) = (joiner(","), encoded(&"x".repeat(300 * 1024)), encoded("b"));
    for _ in 0..2 {
        assert_eq!(text(&sent(&joiner, &[&b, &large])).len(), 300 * 1024 + 2);
    }
}
