//! The behaviour that a server relies on, whichever broker it has.

use super::{Broker, Command, Delivery, Durability, Envelope, Flush, Target};
use crate::identity::UserId;
use crate::topics::Topic;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tsugi_proto::{Close, CloseCode, Event, EventId, Value};

/// A failing broker must not hang a test; a working one is never this slow.
const PATIENCE: Duration = Duration::from_secs(10);

async fn start(broker: &impl Broker) -> UnboundedReceiver<Envelope> {
    let (arrived, inbox) = unbounded_channel();
    let sink = move |envelope| Delivery { sessions: usize::from(arrived.send(envelope).is_ok()) };
    broker.start(Arc::new(sink)).await.expect("the broker starts");
    inbox
}

async fn next(inbox: &mut UnboundedReceiver<Envelope>) -> Envelope {
    let arrived = tokio::time::timeout(PATIENCE, inbox.recv()).await;
    arrived.expect("an envelope arrives in time").expect("the node keeps its sink")
}

fn push(target: Target, n: i64) -> Envelope {
    let id = EventId::new("test/count").expect("an id");
    Envelope::new(target, Command::Push(Event { id, data: Some(Value::Integer(n)) }, Flush::Now, Durability::Kept))
}

pub async fn reaches_every_node_once(one: &impl Broker, other: &impl Broker) {
    let (mut here, mut there) = (start(one).await, start(other).await);
    let targets = [Target::User(UserId::from("ann")), Target::Everyone, Target::Anonymous];
    for (target, n) in targets.into_iter().zip(0..) {
        let envelope = push(target, n);
        let delivery = one.publish(envelope.clone()).await.expect("published");
        assert!(delivery.sessions <= 2, "two nodes with one session each took it");
        assert_eq!(next(&mut here).await, envelope);
        assert_eq!(next(&mut there).await, envelope);
    }
    // Were one delivered twice, it would stand before this one.
    let last = push(Target::Everyone, -1);
    let _ = other.publish(last.clone()).await.expect("published");
    assert_eq!(next(&mut here).await, last);
    assert_eq!(next(&mut there).await, last);
}

pub async fn keeps_order(one: &impl Broker, other: &impl Broker) {
    let (mut here, mut there) = (start(one).await, start(other).await);
    for n in 0..100 {
        let _ = one.publish(push(Target::Everyone, n)).await.expect("published");
    }
    for n in 0..100 {
        assert_eq!(next(&mut here).await, push(Target::Everyone, n));
        assert_eq!(next(&mut there).await, push(Target::Everyone, n));
    }
}

pub async fn topics_reach_subscribers(one: &impl Broker, other: &impl Broker) {
    let (_here, mut there) = (start(one).await, start(other).await);
    let room = Topic::new("room").expect("a topic");
    other.subscribe(&room).await.expect("subscribed");
    let envelope = push(Target::Topic(room.clone()), 1);
    let _ = one.publish(envelope.clone()).await.expect("published");
    assert_eq!(next(&mut there).await, envelope);

    // After unsubscribing it may or may not arrive; subscribing again must work.
    other.unsubscribe(&room).await.expect("unsubscribed");
    other.subscribe(&room).await.expect("subscribed again");
    let again = push(Target::Topic(room), 2);
    let _ = one.publish(again.clone()).await.expect("published");
    assert_eq!(next(&mut there).await, again);
}

pub async fn carries_a_close(one: &impl Broker, other: &impl Broker) {
    let (_here, mut there) = (start(one).await, start(other).await);
    let close = Close::new(CloseCode::app(4500), "signed out").expect("a close");
    let envelope = Envelope::new(Target::User(UserId::from("ann")), Command::Close(close));
    let _ = one.publish(envelope.clone()).await.expect("published");
    assert_eq!(next(&mut there).await, envelope);
}
