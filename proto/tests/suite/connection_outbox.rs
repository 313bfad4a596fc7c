//! The client's end of the outbox, rule by rule, on a virtual clock: docs/wire.md, "The outbox".

use super::connection_rules::{HANDSHAKE, NEW, World, event, hello, long, secs, welcome};
use tsugi_proto::Value;
use tsugi_proto::connection::{Connection, ItemId, Method, RequestError, SEND_TIMEOUT, SendError, Wants};

#[test]
fn what_is_said_before_there_is_a_connection_is_said_in_order_when_there_is() {
    let mut world = World::start();
    world.send("a/b", 1).unwrap();
    let request = world.request("a/c", 2, 60);
    assert!(world.socket().sent.is_empty());
    world.opens(NEW);
    world.send("a/b", 3).unwrap();
    let said = [r#"[["a/b",1],-1]"#, r#"[["a/c",2],2]"#, r#"[["a/b",3],-3]"#];
    assert_eq!(world.socket().sent[1..], said);
    world.says(&[r#"["yes",2]"#]);
    assert_eq!(*world.reply(request), Ok(Value::string("yes")));
    assert_eq!(world.connection.pending(), 2);
}

#[test]
fn after_a_loss_it_sends_again_what_the_server_has_not_taken_under_the_same_numbers() {
    let mut world = World::open();
    let items: Vec<_> = (1..=4).map(|n| world.send("a/b", n).unwrap()).collect();
    world.ends(1006);
    world.pass(250);
    world.says(&[HANDSHAKE, &welcome("new", 2, 1)]);
    assert_eq!(world.socket().sent, [hello(0, 4).as_str(), r#"[["a/b",3],-3]"#, r#"[["a/b",4],-4]"#]);
    assert_eq!(*world.reply(items[0]), Ok(Value::Nil), "handled");
    world.says(&[r"[null,-3]"]);
    assert_eq!(*world.reply(items[2]), Ok(Value::Nil));
    assert!(world.no_reply(items[3]));
}

#[test]
fn a_server_that_knows_nothing_of_the_outbox_gets_all_that_was_not_handled() {
    let mut world = World::open();
    world.send("a/b", 1).unwrap();
    let request = world.request("a/c", 2, 60);
    world.says(&[r"[null,-1]"]);
    world.send("a/b", 3).unwrap();
    world.ends(1006);
    world.pass(250);
    world.opens(NEW);
    assert_eq!(world.socket().sent[1..], [r#"[["a/c",2],2]"#, r#"[["a/b",3],-3]"#]);
    world.says(&[r#"["done",2]"#]);
    assert_eq!(*world.reply(request), Ok(Value::string("done")));
}

#[test]
fn a_request_fails_when_the_server_says_that_it_has_no_more_replies() {
    let mut world = World::open();
    let lost = world.request("a/c", 1, 60);
    let (answered, late) = (world.request("a/c", 2, 60), world.request("a/c", 3, 60));
    world.says(&[r#"["done",2]"#, r"[null,-2]"]);
    assert_eq!(*world.reply(lost), Err(RequestError::ReplyLost));
    assert_eq!(*world.reply(answered), Ok(Value::string("done")));
    assert!(world.no_reply(late));
}

#[test]
fn what_is_not_done_in_its_time_fails_and_is_never_sent_then() {
    let mut world = World::start();
    let late = world.act(|connection, now| connection.send(now, &event("a/b", 1), secs(1))).unwrap();
    let kept = world.send("a/b", 2).unwrap();
    world.pass(1_500);
    assert_eq!(*world.reply(late), Err(RequestError::Timeout));
    world.opens(NEW);
    assert_eq!(world.socket().sent[1..], [r#"[["a/b",2],-2]"#]);
    world.says(&[r"[null,-2]"]);
    assert_eq!(*world.reply(kept), Ok(Value::Nil));
}

#[test]
fn what_was_not_sent_can_be_taken_back_and_nothing_else() {
    let mut world = World::start();
    let unsent = world.send("a/b", 1).unwrap();
    assert!(world.act(|connection, _| connection.cancel(unsent)));
    assert_eq!(*world.reply(unsent), Err(RequestError::Cancelled));
    assert!(!world.act(|connection, _| connection.cancel(unsent)));
    world.opens(NEW);
    let sent = world.send("a/b", 2).unwrap();
    assert!(!world.act(|connection, _| connection.cancel(sent)));
    assert_eq!(world.socket().sent[1..], [r#"[["a/b",2],-2]"#]);
}

#[test]
fn what_was_meant_to_be_said_as_ann_is_not_said_as_bob() {
    let mut world = World::open();
    let sent = world.send("a/b", 1).unwrap();
    world.ends(1006);
    let waiting = world.send("a/b", 2).unwrap();
    world.pass(250);
    world.says(&[&HANDSHAKE.replace("ann", "bob"), NEW]);
    assert_eq!(*world.reply(sent), Err(RequestError::OtherUser));
    assert_eq!(*world.reply(waiting), Err(RequestError::OtherUser));
    world.send("a/b", 3).unwrap();
    let (said, name) = (world.socket().sent.clone(), "ab".repeat(16));
    assert!(!said[0].contains(&name) && said[0].contains("\"sent\":0"), "another outbox: {}", said[0]);
    assert_eq!(said[1..], [r#"[["a/b",3],-1]"#]);
}

#[test]
fn what_the_server_turns_out_to_accept_in_no_message_fails_and_the_rest_goes_on() {
    let mut world = World::start();
    let too_large = world.act(|connection, now| connection.send(now, &long(50), SEND_TIMEOUT)).unwrap();
    world.send("a/b", 2).unwrap();
    world.says(&[r#"[["chsk/handshake",["ann",null,null,{"tsugi":1,"max-message":40}]],null]"#, NEW]);
    assert_eq!(*world.reply(too_large), Err(RequestError::TooLarge));
    assert_eq!(world.socket().sent[1..], [r#"[["a/b",2],-2]"#]);
}

#[test]
fn a_driver_that_cannot_write_is_given_no_more_than_it_asked_for() {
    let mut world = World::open();
    let now = world.now();
    for n in 1..=200 {
        world.connection.send(now, &event("a/b", n), SEND_TIMEOUT).unwrap();
    }
    let unsent = world.connection.send(now, &event("a/b", 201), SEND_TIMEOUT).unwrap();
    assert!(world.connection.cancel(unsent), "it is still in the outbox");
    world.act(|_, _| ());
    assert_eq!(world.socket().sent.len(), 201, "hello and the rest, once the driver writes again");
}

#[test]
fn a_volatile_event_leaves_at_once_without_a_number_or_not_at_all() {
    let mut world = World::start();
    let typing = |world: &mut World| world.act(|connection, now| connection.send_volatile(now, &event("a/typing", 1)));
    assert_eq!(typing(&mut world), Err(SendError::Disconnected));
    world.opens(NEW);
    assert_eq!(typing(&mut world), Ok(()));
    assert_eq!(world.socket().sent[1..], [r#"[["a/typing",1],null]"#]);
    assert_eq!(world.connection.pending(), 0);
    let mut world = World::polling();
    assert_eq!(typing(&mut world), Ok(()));
    assert_eq!(world.body(), r#"[["a/typing",1],null]"#);
    assert_eq!(typing(&mut world), Err(SendError::QueueFull), "it waits behind nothing");
}

#[test]
fn a_session_that_is_gone_and_a_reconnect_before_the_next_one_fail_nothing() {
    let mut world = World::polling();
    let request = world.request("a/b", 1, 60);
    world.status(Method::Post, 409, None);
    world.act(Connection::reconnect);
    assert!(world.no_reply(request));
    world.opens(NEW);
    assert_eq!(world.socket().sent[1..], [r#"[["a/b",1],1]"#]);
}

/// A connection that goes on with what an earlier one of Ann's had under way, before it begins to connect.
fn restored(life: u32) -> World {
    let mut world = World::start();
    world.act(|connection, now| {
        connection.begin_outbox([7; 16], Some(Value::string("ann")));
        for (number, wants) in [(3, Wants::Nothing), (9, Wants::Reply)] {
            let item = ItemId::from_number(number).unwrap();
            connection.restore(now, item, &event("a/b", 1), wants, secs(60)).unwrap();
            let twice = connection.restore(now, item, &event("a/b", 1), wants, secs(60));
            assert_eq!(twice, Err(SendError::NumberGiven(item)));
        }
        connection.continue_after(ItemId::from_number(100), life);
    });
    world
}

#[test]
fn what_was_kept_goes_on_under_its_name_and_numbers_and_what_is_new_comes_behind_it() {
    let mut world = restored(2);
    assert_eq!(world.connection.next_item(), ItemId::from_number(101).unwrap());
    world.send("a/c", 2).unwrap();
    world.opens(NEW);
    let said = world.socket().sent.clone();
    assert!(said[0].contains(&"07".repeat(16)) && said[0].contains("\"sent\":9"), "{}", said[0]);
    assert_eq!(said[1..], [r#"[["a/b",1],-3]"#, r#"[["a/b",1],9]"#, r#"[["a/c",2],-101]"#]);
    assert_eq!(world.connection.outbox_name(), [7; 16]);
}

#[test]
fn what_was_kept_for_ann_is_not_said_to_bob_whose_outbox_no_later_life_has_again() {
    let names = [1, 2].map(|life| {
        let mut world = restored(life);
        world.says(&[&HANDSHAKE.replace("ann", "bob"), NEW]);
        let kept = ItemId::from_number(3).unwrap();
        assert_eq!(*world.reply(kept), Err(RequestError::OtherUser));
        assert_eq!(world.socket().sent.len(), 1);
        world.connection.outbox_name()
    });
    assert!(names[0] != names[1] && !names.contains(&[7; 16]));
}
