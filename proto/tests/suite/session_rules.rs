//! The server's end of a connection, rule by rule, on a virtual clock.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::session::{
    AfterLoss, Capacity, CarrierId, ClosedBy, Config, EncodedEvent, Flush, Heartbeat, Item, Joiner, Profile, Rhythm,
    SendError, SessionEvent, Transmit, Transport,
};
use tsugi_proto::{Close, CloseCode, Frame, Instant, Message, Session};

#[derive(Debug)]
struct Commas;

impl Joiner for Commas {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
        frame(&texts.join(","))
    }
}

pub(crate) fn frame(text: &str) -> Frame {
    Frame::message(&Message::text(text))
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::after_origin(Duration::from_millis(millis))
}

pub(crate) fn event(text: &str, flush: Flush) -> Item {
    Item::Event(encoded(text), flush)
}

pub(crate) fn encoded(text: &str) -> Arc<EncodedEvent> {
    Arc::new(EncodedEvent { frame: frame(text), body: Bytes::copy_from_slice(text.as_bytes()) })
}

fn session() -> Session {
    let config = Config {
        max_queue_items: 5,
        max_queue_bytes: 10_000,
        max_inbox: 2,
        expire: Duration::from_secs(120),
        joiner: Arc::new(Commas),
    };
    Session::new(at(0), Arc::new(config))
}

pub(crate) fn websocket() -> Arc<Profile> {
    Arc::new(Profile {
        transport: Transport::WebSocket,
        capacity: Capacity::Unlimited,
        heartbeat: Some(Heartbeat {
            every: Duration::from_millis(500),
            rhythm: Rhythm::WhenIdle,
            timeout: Some(Duration::from_millis(500)),
            frames: vec![frame("ping")],
            close: Close::because(CloseCode::NORMAL, ""),
        }),
        window: Duration::from_millis(30),
        grace: Duration::from_millis(2_500),
        after_loss: AfterLoss::Wait,
    })
}

fn poll(capacity: Capacity) -> Arc<Profile> {
    Arc::new(Profile {
        transport: Transport::Poll,
        capacity,
        heartbeat: Some(Heartbeat {
            every: Duration::from_secs(20),
            rhythm: Rhythm::WhenIdle,
            timeout: None,
            frames: vec![frame("timeout")],
            close: Close::because(CloseCode::NORMAL, ""),
        }),
        window: Duration::from_millis(100),
        grace: Duration::from_secs(5),
        after_loss: AfterLoss::Wait,
    })
}

/// Everything the carrier is told now, as text.
fn drain(session: &mut Session, now: Instant, carrier: CarrierId) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        match session.poll_transmit(now, carrier) {
            Transmit::Frame { frame, last } => {
                told.push(String::from_utf8_lossy(&frame.payload()).into_owned());
                if last {
                    return told;
                }
            }
            Transmit::Close(close) => {
                told.push(format!("close {}", close.code));
                return told;
            }
            Transmit::Pending => return told,
            Transmit::Fenced => {
                told.push("fenced".to_owned());
                return told;
            }
        }
    }
}

fn events(session: &mut Session) -> Vec<SessionEvent> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

#[test]
fn the_greeting_goes_before_what_waited() {
    let mut session = session();
    session.send(at(0), event("a", Flush::Batched)).unwrap();
    session.send(at(0), event("b", Flush::Batched)).unwrap();
    let carrier = session.attach(at(5), websocket(), Some(frame("hello")));
    assert_eq!(drain(&mut session, at(5), carrier), ["hello", "a,b"]);
}

#[test]
fn events_wait_for_the_window_of_the_first() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.send(at(0), event("a", Flush::Batched)).unwrap();
    session.send(at(20), event("b", Flush::Batched)).unwrap();
    assert!(drain(&mut session, at(20), carrier).is_empty());
    assert_eq!(session.poll_timeout(), Some(at(30)));
    session.handle_timeout(at(30));
    assert_eq!(drain(&mut session, at(30), carrier), ["a,b"]);
}

#[test]
fn a_message_takes_earlier_events_with_it() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.send(at(0), event("a", Flush::Batched)).unwrap();
    session.send(at(1), Item::Message(frame("reply"))).unwrap();
    session.send(at(1), event("b", Flush::Batched)).unwrap();
    assert_eq!(drain(&mut session, at(1), carrier), ["a", "reply", "b"]);
}

#[test]
fn flushed_events_are_frames_of_their_own() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    for text in ["a", "b", "c"] {
        session.send(at(0), event(text, Flush::Now)).unwrap();
    }
    assert_eq!(drain(&mut session, at(0), carrier), ["a", "b", "c"]);
}

#[test]
fn a_poll_of_one_frame_ends_with_it_and_the_rest_waits() {
    let mut session = session();
    let first = session.attach(at(0), poll(Capacity::One), None);
    session.send(at(0), Item::Message(frame("one"))).unwrap();
    session.send(at(0), Item::Message(frame("two"))).unwrap();
    assert_eq!(drain(&mut session, at(0), first), ["one"]);
    assert_eq!(session.carrier(), None);
    assert_eq!(drain(&mut session, at(0), first), ["fenced"]);
    let second = session.attach(at(1), poll(Capacity::One), None);
    assert_eq!(drain(&mut session, at(1), second), ["two"]);
}

#[test]
fn a_poll_of_many_bytes_takes_all_that_waits() {
    let mut session = session();
    session.send(at(0), Item::Message(frame("one"))).unwrap();
    session.send(at(0), Item::Message(frame("two"))).unwrap();
    let carrier = session.attach(at(1), poll(Capacity::Bytes(1_000)), None);
    assert_eq!(drain(&mut session, at(1), carrier), ["one", "two"]);
    assert_eq!(session.carrier(), None);
}

#[test]
fn the_last_poll_of_a_session_takes_what_waits_and_the_close() {
    let mut session = session();
    let carrier = session.attach(at(0), poll(Capacity::Bytes(1_000)), None);
    session.send(at(0), Item::Control(frame("last words"))).unwrap();
    session.close(at(0), Close::because(CloseCode::GOING_AWAY, ""));
    assert_eq!(drain(&mut session, at(0), carrier), ["last words", "close 1001"]);
    assert!(session.is_closed());
}

#[test]
fn an_idle_poll_is_answered_at_its_timeout() {
    let mut session = session();
    let carrier = session.attach(at(0), poll(Capacity::One), None);
    session.handle_timeout(at(19_999));
    assert!(drain(&mut session, at(19_999), carrier).is_empty());
    session.handle_timeout(at(20_000));
    assert_eq!(drain(&mut session, at(20_000), carrier), ["timeout"]);
}

#[test]
fn a_silent_peer_is_pinged_and_then_loses_its_carrier_but_not_its_session() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.handle_timeout(at(500));
    assert_eq!(drain(&mut session, at(500), carrier), ["ping"]);
    session.handle_heard(at(501), carrier);
    session.handle_timeout(at(1_000));
    assert!(drain(&mut session, at(1_000), carrier).is_empty());
    session.handle_timeout(at(1_500));
    assert_eq!(drain(&mut session, at(1_500), carrier), ["ping"]);
    session.handle_timeout(at(2_000));
    assert_eq!(drain(&mut session, at(2_000), carrier), ["close 1000"]);
    assert!(!session.is_closed());
    session.send(at(2_001), event("kept", Flush::Now)).unwrap();
    let again = session.attach(at(2_002), websocket(), None);
    assert_eq!(drain(&mut session, at(2_002), again), ["kept"]);
}

/// The profile of a WebSocket that is pinged after so many milliseconds of silence, and closed after as many more.
fn after_silence(millis: u64) -> Arc<Profile> {
    let mut profile = Profile::clone(&websocket());
    profile.heartbeat = profile.heartbeat.map(|heartbeat| Heartbeat {
        every: Duration::from_millis(millis),
        rhythm: Rhythm::AfterSilence,
        timeout: Some(Duration::from_millis(millis)),
        ..heartbeat
    });
    Arc::new(profile)
}

#[test]
fn a_peer_is_pinged_so_long_after_it_was_heard_last_and_no_sooner() {
    let mut session = session();
    let carrier = session.attach(at(0), after_silence(500), None);
    session.handle_message(at(400), carrier, Message::text("still here"));
    for (now, said) in [(500, vec![]), (899, vec![]), (900, vec!["ping"])] {
        session.handle_timeout(at(now));
        assert_eq!(drain(&mut session, at(now), carrier), said, "at {now}");
    }
    // The answer begins the next silence: nothing is left to wake up for before that ends.
    session.handle_heard(at(950), carrier);
    assert_eq!(session.poll_timeout(), Some(at(1_450)));
    session.handle_timeout(at(1_450));
    assert_eq!(drain(&mut session, at(1_450), carrier), ["ping"]);
    session.handle_timeout(at(1_949));
    assert!(drain(&mut session, at(1_949), carrier).is_empty());
    session.handle_timeout(at(1_950));
    assert_eq!(drain(&mut session, at(1_950), carrier), ["close 1000"]);
}

#[test]
fn a_silent_peer_is_pinged_even_while_something_waits_for_it() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.send(at(470), event("a", Flush::Batched)).unwrap();
    // The window of the event closes when the ping falls due.
    session.handle_timeout(at(500));
    assert_eq!(drain(&mut session, at(500), carrier), ["a", "ping"]);
    session.handle_heard(at(501), carrier);
    session.handle_timeout(at(1_000));
    assert_eq!(session.carrier(), Some(carrier));
}

#[test]
fn pings_do_not_heap_up_for_a_carrier_that_takes_nothing() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    for period in 1..=4 {
        session.handle_timeout(at(500 * period));
        session.handle_heard(at(500 * period), carrier);
    }
    assert_eq!(drain(&mut session, at(2_000), carrier), ["ping"]);
}

#[test]
fn a_new_carrier_fences_the_old_one_even_if_it_still_looks_open() {
    let mut session = session();
    let old = session.attach(at(0), websocket(), None);
    let new = session.attach(at(1), websocket(), None);
    session.handle_message(at(1), old, Message::text("late"));
    session.handle_close(at(1), old, None, tsugi_proto::session::AfterClose::End);
    session.detach(at(1), old);
    assert_eq!(session.receive(), None);
    assert_eq!(session.carrier(), Some(new));
    assert_eq!(drain(&mut session, at(1), old), ["fenced"]);
}

#[test]
fn coming_back_within_the_grace_is_no_departure() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.detach(at(10), carrier);
    session.handle_timeout(at(2_509));
    session.attach(at(2_509), websocket(), None);
    assert_eq!(events(&mut session), [SessionEvent::Online(Transport::WebSocket)]);
}

#[test]
fn away_is_offline_and_later_expired() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.detach(at(0), carrier);
    session.handle_timeout(at(2_500));
    assert_eq!(events(&mut session), [SessionEvent::Online(Transport::WebSocket), SessionEvent::Offline]);
    session.handle_timeout(at(120_000));
    let told = events(&mut session);
    assert!(matches!(&told[..], [SessionEvent::Closed(closed)] if closed.by == ClosedBy::Nobody), "{told:?}");
    assert_eq!(session.send(at(120_001), event("a", Flush::Now)), Err(SendError::Closed));
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_close_lets_what_is_queued_out_first() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.send(at(0), event("last words", Flush::Batched)).unwrap();
    session.close(at(0), Close::because(CloseCode::app(4500), "bye"));
    assert_eq!(session.send(at(0), event("too late", Flush::Now)), Err(SendError::Closed));
    assert_eq!(drain(&mut session, at(0), carrier), ["last words", "close 4500"]);
    assert!(session.is_closed());
    let told = events(&mut session);
    assert!(matches!(&told[1..], [SessionEvent::Offline, SessionEvent::Closed(closed)] if closed.by == ClosedBy::Us));
}

#[test]
fn a_close_between_two_polls_reaches_the_next_one() {
    let mut session = session();
    session.close(at(0), Close::because(CloseCode::app(4500), "bye"));
    assert!(!session.is_closed());
    let carrier = session.attach(at(1), poll(Capacity::One), None);
    assert_eq!(drain(&mut session, at(1), carrier), ["close 4500"]);
}

#[test]
fn a_close_does_not_wait_for_a_carrier_that_takes_nothing() {
    let mut session = session();
    let carrier = session.attach(at(0), poll(Capacity::Unlimited), None);
    for text in ["one", "two"] {
        session.send(at(0), event(text, Flush::Now)).unwrap();
    }
    session.close(at(1_000), Close::because(CloseCode::app(4500), "bye"));
    session.handle_timeout(at(5_999));
    assert!(matches!(session.poll_transmit(at(5_999), carrier), Transmit::Frame { .. }), "still time");
    session.handle_timeout(at(10_998));
    assert!(!session.is_closed(), "each frame that is taken gives it as long again");
    session.handle_timeout(at(10_999));
    assert!(session.is_closed());
    assert_eq!(drain(&mut session, at(10_999), carrier), ["close 4500"]);
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_full_queue_closes_by_name() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    for _ in 0..5 {
        session.send(at(0), event("x", Flush::Batched)).unwrap();
    }
    assert!(matches!(session.send(at(0), event("x", Flush::Batched)), Err(SendError::Full(_))));
    assert_eq!(drain(&mut session, at(0), carrier), ["close 3002"]);
    assert_eq!(session.queued_bytes(), 0);
}

#[test]
fn a_full_inbox_says_so() {
    let mut session = session();
    let carrier = session.attach(at(0), websocket(), None);
    session.handle_message(at(1), carrier, Message::text("1"));
    assert!(!session.inbox_is_full());
    session.handle_message(at(1), carrier, Message::text("2"));
    assert!(session.inbox_is_full());
    assert_eq!(session.receive(), Some(Message::text("1")));
    assert!(!session.inbox_is_full());
    session.handle_message(at(1), carrier, Message::text("3"));
    assert_eq!(session.receive_all(), [Message::text("2"), Message::text("3")]);
    assert!(session.inbox_is_full(), "what was taken together may not be handled yet");
    session.still_taken(1);
    assert!(!session.inbox_is_full());
    session.handle_message(at(1), carrier, Message::text("4"));
    assert!(session.inbox_is_full());
    assert_eq!(session.receive_all(), [Message::text("4")]);
    assert!(!session.inbox_is_full());
}

#[test]
fn replies_that_are_nobodys_any_more_give_way_to_nothing_and_are_not_handed_back() {
    let mut session = session();
    let (carrier, _) = session.resume(at(0), websocket(), 0, |_| None).unwrap();
    session.send(at(0), event("a", Flush::Now)).unwrap();
    session.send(at(0), Item::Reply(7, frame("a long reply"))).unwrap();
    assert_eq!(drain(&mut session, at(0), carrier), ["a", "a long reply"]);
    session.send(at(0), Item::Reply(0, frame("all until 7"))).unwrap();
    session.send(at(0), event("b", Flush::Now)).unwrap();
    session.disown_replies(&frame("nothing"));
    assert_eq!(session.queued_bytes(), frame("nothing").len() + frame("b").len());
    let (carrier, resumed) = session.resume(at(1), websocket(), 1, |_| None).unwrap();
    assert_eq!((resumed.next, resumed.gap), (2, None), "each is still counted");
    assert_eq!(drain(&mut session, at(1), carrier), ["nothing", "nothing", "b"]);
    events(&mut session);
    session.abort(Close::because(CloseCode::NORMAL, ""));
    let ended = events(&mut session);
    assert!(ended.iter().all(|event| !matches!(event, SessionEvent::Undelivered(_))), "{ended:?}");
}
