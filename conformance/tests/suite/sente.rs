//! Sente 1.22.0-RC1 as it was recorded, and real clients of it. Each test names the rows of `sente/ROWS.md` it holds.

use crate::{listen, serve, until};
use conformance::raw::{Raw, client_frame};
use conformance::replay::{replay, replay_with_pauses};
use std::time::Duration;

macro_rules! replays {
    ($($name:ident: $script:literal),+ $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            replay(serve().await, $script).await;
        })+
    };
}

replays! {
    a1_a2_a3_the_handshake_comes_first_with_uid_data_and_no_token: "01-ws-handshake",
    a1_an_anonymous_client_is_given_the_nil_uid: "02-ws-handshake-nil-uid-no-hsdata",
    c8_c9_a_ping_is_answered_when_an_answer_is_wanted: "03-ws-client-ping",
    c10_c11_c12_a_silent_client_is_pinged_and_closed_when_it_stays_silent: "04-ws-server-ping",
    b1_an_event_without_callback_gets_no_frame: "05-ws-event-no-cb",
    b1_b2_b3_a_reply_carries_its_slot_and_nil_is_one: "06-ws-event-cb-reply",
    d1_an_event_is_pushed_with_and_without_data: "07-ws-push",
    d2_d4_a_burst_is_one_frame_unless_flushed: "08-ws-push-buffered",
    a4_a5_a6_a8_a9_d3_a_poll_is_held_until_a_push: "09-ajax-handshake-poll-push",
    a7_a_poll_ends_with_a_timeout: "10-ajax-lp-timeout",
    a9_a_post_without_callback_is_answered_at_once: "11-ajax-post-no-cb",
    a10_a11_a_post_waits_for_its_reply_but_not_for_ever: "12-ajax-post-cb",
    e3_e4_e5_a_token_is_wanted_on_every_request: "13-bad-csrf",
    a15_a_request_without_client_id_is_a_400: "14-missing-client-id",
    e7_e8_e10_who_is_not_authorized_is_told_so: "15-unauthorized",
    e6_e10_only_listed_origins_come_in: "16-bad-origin",
    a16_a_post_without_a_readable_event_is_a_400: "17-bad-package",
    c1_what_is_no_event_gets_no_frame: "18-bad-event",
    d9_d10_d11_a_close_reaches_sockets_and_polls_after_what_was_pushed: "19-chsk-close",
    d13_a_client_comes_back_within_its_grace: "20-ws-disconnect-grace",
    d6_a_push_waits_for_a_client_that_reconnects: "23-push-during-reconnect",
    c7_forged_events_get_no_answer: "24-spoofed-internal-events",
    e1_the_user_may_be_the_client: "27-uid-from-client-id",
    b4_b5_b6_values_come_back_as_they_were: "29-edn-values",
    d8_anonymous_clients_are_pushed_to_and_an_event_of_the_protocol_is_not: "26-push-nouid-and-chsk",
    d10_a_push_before_a_close_is_delivered: "b2-close-flush-loses-buffer",
    a12_a_post_needs_no_handshake: "b6-post-before-handshake",
    f1_f2_f4_f16_f17_f18_a_real_client_over_websocket: "client-ws-edn",
    f14_a_real_client_that_was_refused_its_websocket: "client-auto-ws-refused",
    f25_a_real_client_of_the_jvm_without_an_origin: "client-jvm-edn",
    b12_b13_b14_b16_messagepack_in_binary_frames: "p1-msgpack-ws",
    a13_b12_messagepack_over_ajax: "p2-msgpack-ajax",
    b10_b11_transit_in_both_its_forms: "p3-transit-ws",
    b10_transit_over_ajax: "p4-transit-ajax",
    b17_gzip_around_edn_and_messagepack: "p5-gzip-ws",
    b12_b13_a_real_client_with_messagepack: "client-ws-msgpack",
    a14_b12_a_real_client_that_pads_what_it_posts: "client-ajax-msgpack",
    b17_a_real_client_with_gzip_around_messagepack: "client-ws-gz-msgpack",
    b17_a_real_client_with_gzip_over_ajax: "client-ajax-gz-edn",
    b10_a_real_client_with_transit: "client-ws-transit",
}

/// Six polls of this client end with their time-out and five pauses lie between its reconnects: polls of a fifth of the recorded
/// time, and pauses shorter than those so that the polls are still held when it hangs up.
#[tokio::test]
async fn f1_f3_f20_a_real_client_over_ajax() {
    let interop = interop::Interop::with_poll_timeout(Duration::from_millis(400)).expect("the settings are good");
    replay_with_pauses(listen(interop).await, "client-ajax-edn", Duration::from_millis(100)).await;
}

async fn open(address: std::net::SocketAddr, path: &str) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade(path).await, 101);
    assert!(client.text().await.starts_with("[[:chsk/handshake "));
    client
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut client = Raw::connect(address).await;
    client.request(&[format!("GET {path} HTTP/1.1")], "").await;
    client.answer().await.body
}

#[tokio::test]
async fn d5_d12_a_push_reaches_every_client_of_a_user_on_both_transports() {
    let address = serve().await;
    let mut socket = open(address, "/chsk-open?client-id=a&uid=u").await;
    let mut other = open(address, "/chsk-open?client-id=b&uid=u").await;
    let _ = get(address, "/chsk-open?client-id=c&uid=u&handshake%3F=1").await;
    let mut poll = Raw::connect(address).await;
    poll.request(&["GET /chsk-open?client-id=c&uid=u HTTP/1.1"], "").await;
    // The poll is held once its user counts as polling.
    until(async || get(address, "/conns").await, |online| online.contains("ajax=[u]")).await;
    socket.send("[[:test/push 2] nil]").await;
    let batch = "[[[:srv/n 0] [:srv/n 1]] nil]";
    assert_eq!(socket.text().await, batch);
    assert_eq!(other.text().await, batch);
    assert_eq!(poll.answer().await.body, batch);
}

#[tokio::test]
async fn c4_c6_e14_a_user_comes_with_the_first_client_and_goes_after_the_grace_of_the_last() {
    let address = serve().await;
    let first = open(address, "/chsk-fast?client-id=a&uid=u").await;
    let second = open(address, "/chsk-fast?client-id=b&uid=u").await;
    drop(first);
    drop(second);
    let mut told = String::new();
    let mut more = async || {
        told += &get(address, "/log").await;
        told.clone()
    };
    let log = until(&mut more, |log| log.contains("chsk/uidport-close \"u\"")).await;
    assert_eq!(log.matches("chsk/uidport-open \"u\"").count(), 1, "{log}");
    assert_eq!(log.matches("chsk/uidport-close \"u\"").count(), 1, "{log}");
    assert!(get(address, "/conns").await.contains("/chsk-fast ws=[] ajax=[] any=[]"));
}

#[tokio::test]
async fn a19_the_first_of_two_polls_is_answered_at_once_and_the_second_gets_the_push() {
    let address = serve().await;
    let _ = get(address, "/chsk-open?client-id=a&uid=u&handshake%3F=1").await;
    let mut first = Raw::connect(address).await;
    first.request(&["GET /chsk-open?client-id=a&uid=u HTTP/1.1"], "").await;
    until(async || get(address, "/conns").await, |online| online.contains("ajax=[u]")).await;
    let mut second = Raw::connect(address).await;
    second.request(&["GET /chsk-open?client-id=a&uid=u HTTP/1.1"], "").await;
    assert_eq!(first.answer().await.status, 200);
    let mut socket = open(address, "/chsk-open?client-id=b&uid=u").await;
    socket.send("[[:test/push 1] nil]").await;
    assert_eq!(second.answer().await.body, "[[[:srv/n 0]] nil]");
}

#[tokio::test]
async fn b3_d14_d15_a_second_socket_of_a_client_takes_the_place_of_the_first() {
    let address = serve().await;
    let mut first = open(address, "/chsk-fast?client-id=a&uid=u").await;
    let mut second = open(address, "/chsk-fast?client-id=a&uid=u").await;
    let mut closed = async || while first.frame().await.first().is_some_and(|first| *first != 0x88) {};
    tokio::time::timeout(crate::PATIENCE, closed()).await.expect("the older is closed");
    second.send("[[:test/push 1] nil]").await;
    assert_eq!(second.text().await, "[[[:srv/n 0]] nil]");
    drop(second);
    until(async || get(address, "/conns").await, |online| online.contains("/chsk-fast ws=[] ajax=[] any=[]")).await;
}

#[tokio::test]
async fn d16_a_client_that_logs_in_is_two_users_until_the_old_one_is_gone() {
    let address = serve().await;
    drop(open(address, "/chsk-fast?client-id=a&uid=anon").await);
    let _alice = open(address, "/chsk-fast?client-id=a&uid=alice").await;
    until(async || get(address, "/conns").await, |online| online.contains("any=[alice]")).await;
}

#[tokio::test]
async fn d17_ten_thousand_pushes_arrive_in_order() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=u").await;
    client.send("[[:test/push 10000] nil]").await;
    let mut next = 0;
    while next < 10_000 {
        for event in client.text().await.split(":srv/n ").skip(1) {
            let number: u32 = event.split(']').next().unwrap().parse().unwrap();
            assert_eq!(number, next);
            next += 1;
        }
    }
}

#[tokio::test]
async fn d8_anonymous_clients_are_pushed_to_together() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a").await;
    client.send("[[:test/push-nouid] nil]").await;
    assert_eq!(client.text().await, "[[[:srv/nouid 1]] nil]");
}

#[tokio::test]
async fn b20_a_message_in_fragments_with_a_ping_between_is_one_message() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=u").await;
    client.write(&client_frame(0x01, b"[[:test/")).await;
    client.write(&client_frame(0x89, b"hi")).await;
    client.write(&client_frame(0x80, b"echo 1] \"F\"]")).await;
    assert_eq!(client.frame().await, b"\x8a\x02hi");
    assert_eq!(client.text().await, "[{:echo 1} \"F\"]");
}

#[tokio::test]
async fn b8_what_follows_the_first_form_is_ignored() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=u").await;
    client.send("[[:test/echo 1] \"q\"]garbage").await;
    assert_eq!(client.text().await, "[{:echo 1} \"q\"]");
}

#[tokio::test]
async fn b7_an_unknown_tag_comes_back_as_it_was() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=u").await;
    client.send("[[:test/echo #my/tag [1 2]] \"q\"]").await;
    assert_eq!(client.text().await, "[{:echo #my/tag [1 2]} \"q\"]");
}

#[tokio::test]
async fn c2_the_application_is_told_what_was_no_event() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=u").await;
    client.send("[[:foo 1] nil]").await;
    client.send("[[:test/echo 1] \"q\"]").await;
    assert_eq!(client.text().await, "[{:echo 1} \"q\"]");
    let log = get(address, "/log").await;
    assert!(log.contains("[:chsk/bad-event [:foo 1]]"), "{log}");
}
