//! Events, and what happens to them under abuse: the rows W1–W24 that a server can show by itself.

use crate::support::{Client, builder, eventually, get, serve_events, soon};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tsugi::broker::memory::Memory;
use tsugi::broker::{BrokerError, Envelope, Sink};
use tsugi::{
    BoxFuture, Broker, Client as From, Data, Delivery, Event, EventId, Failure, Limits, NoReply, Origins, Responder,
    Router, Server, Target, Times, Topic, UserId, Value,
};
use tsugi_proto::Message;
use tsugi_proto::codec::{Codec, edn::Edn};
use tsugi_proto::websocket::Incoming;

/// Sessions end as soon as their connection does.
fn at_once() -> Times {
    Times::default().grace_websocket(Duration::ZERO).grace_poll(Duration::ZERO).expire(Duration::ZERO)
}

/// A client that has read its handshake.
async fn greeted(address: std::net::SocketAddr, query: &str) -> Client {
    let mut client = Client::connect(address, &format!("/chsk?{query}")).await;
    assert!(client.text().await.starts_with("[[:chsk/handshake "));
    client
}

/// Everything the server had to say before this reply has been read: there is nothing between.
async fn nothing_more(client: &mut Client) {
    client.send("[[:test/echo :end] :end]").await;
    assert_eq!(client.text().await, "[:end :end]");
}

#[tokio::test]
async fn w1_a_tag_runs_its_handler_with_the_client_and_the_payload() {
    let (told, mut handled) = mpsc::unbounded_channel();
    let router = Router::new().on("chat/say", move |who: From, Data(text): Data<String>| {
        let told = told.clone();
        async move { told.send((who, text)).unwrap() }
    });
    let server = builder().router(router).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a&uid=ann").await;
    client.send("[[:chat/say \"hi\"] nil]").await;
    let (who, text) = soon(handled.recv()).await.unwrap();
    assert_eq!((who.user, who.id.as_str(), text.as_str()), (Some(UserId::from("ann")), "a", "hi"));
}

#[tokio::test]
async fn w2_what_is_sent_comes_back_as_it_was() {
    let server = builder().build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a").await;
    let values = [
        "nil",
        "true",
        "false",
        ":a",
        ":ns/a",
        "\"quotes \\\" and ☃ and 🦀\"",
        "0",
        "9007199254740993",
        "-9223372036854775808",
        "9223372036854775807",
        "123456789012345678901234567890N",
        "1.5",
        "1.25M",
        "22/7",
        "\\x",
        "[1 [2 [3]]]",
        "(1 2)",
        "#{1 2}",
        "{:a 1, \"b\" nil, [1] 2}",
        "#inst \"2020-01-02T03:04:05.678Z\"",
        "#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"",
        "#bytes \"AQID\"",
        "#my/tag [1]",
    ];
    let read = |text: &str| Edn::new().decode(&Message::text(text)).unwrap();
    for (slot, value) in values.into_iter().enumerate() {
        client.send(&format!("[[:test/echo {value}] {slot}]")).await;
        assert_eq!(read(&client.text().await), read(&format!("[{value} {slot}]")));
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        any::<String>().prop_map(|text| Value::String(text.into())),
        "[a-z]{1,6}(/[a-z]{1,6})?".prop_map(|name| Value::Keyword(format!("k{name}").into())),
        "-?[1-9][0-9]{19,30}".prop_map(|digits| Value::BigInteger(digits.into())),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(bytes.into())),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Vector),
            vec(inner.clone(), 0..5).prop_map(Value::List),
            proptest::collection::btree_map(any::<i64>(), inner, 0..5).prop_map(|entries| Value::Map(
                entries.into_iter().map(|(key, value)| (Value::Integer(key), value)).collect()
            )),
        ]
    })
}

#[test]
fn w2_any_value_comes_back_equal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let server = builder().build().unwrap();
        greeted(serve_events(&server).await, "client-id=a").await
    });
    let client = std::cell::RefCell::new(client);
    let codec = Edn::new();
    let echoes = |value: Value| {
        let event = Value::Vector(vec![Value::keyword("test/echo"), value.clone()]);
        let Ok(Message::Text(sent)) = codec.encode(&event, &Value::Integer(1)) else { panic!("EDN is text") };
        let mut client = client.borrow_mut();
        let answer = runtime.block_on(async {
            client.send(&sent).await;
            client.text().await
        });
        let answer = codec.decode(&Message::text(answer)).unwrap();
        prop_assert_eq!((answer.payload, answer.slot), (value, Value::Integer(1)));
        Ok(())
    };
    TestRunner::default().run(&any_value(), echoes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w11_a_thousand_clients_get_one_copy_each_whoever_dies_meanwhile() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut clients = Vec::new();
    for n in 0..1_000 {
        clients.push(greeted(address, &format!("client-id={n}")).await);
    }
    // A fixed shuffle, so that a failure can be repeated.
    let mut seed = 42_u64;
    let mut doomed = Vec::new();
    for _ in 0..100 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        doomed.push(clients.swap_remove((seed >> 33) as usize % clients.len()));
    }
    // They die on one thread while the broadcast runs on another.
    let dying = tokio::spawn(async move { doomed.into_iter().for_each(drop) });
    let delivery = server.broadcast(Event::new("srv/all", &7)).await.unwrap();
    assert!(delivery.sessions >= 900);
    dying.await.unwrap();
    for client in &mut clients {
        assert_eq!(client.text().await, "[[[:srv/all 7]] nil]");
        nothing_more(client).await;
    }
    assert_eq!(clients.len(), 900);
}

#[tokio::test]
async fn a_broadcast_reaches_whoever_came_since_the_one_before_and_holds_nobody_who_left() {
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let identify = move |_: &tsugi::ConnectRequest| Ok(tsugi::Identity::anonymous().with(Arc::clone(&held)));
    let server = builder().identify(identify).times(at_once()).build().unwrap();
    let address = serve_events(&server).await;
    let nobody = Arc::strong_count(&token);
    let mut clients = Vec::new();
    // More than there are shards of the list of them.
    for count in 1..=40 {
        let mut client = Client::connect(address, &format!("/chsk?client-id=c{count}")).await;
        client.text().await;
        clients.push(client);
        assert_eq!(server.broadcast(Event::new("srv/all", &count)).await.unwrap().sessions, count);
    }
    drop(clients);
    eventually(|| Arc::strong_count(&token) == nobody).await;
}

#[tokio::test]
async fn a_client_is_told_to_ping_later_than_the_server_does() {
    let server = builder().times(Times::default().keep_alive(Some(Duration::from_secs(4)))).build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a&tsugi=1&codec=json").await;
    assert!(client.text().await.contains("\"ping-ms\":4800"));
}

/// Hears of topics that come and go.
struct Topics(Memory, mpsc::UnboundedSender<String>);

impl Broker for Topics {
    fn start(&self, sink: Sink) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.start(sink)
    }

    fn publish(&self, envelope: Envelope) -> BoxFuture<'_, Result<Delivery, BrokerError>> {
        self.0.publish(envelope)
    }

    fn subscribe<'b>(&'b self, topic: &'b Topic) -> BoxFuture<'b, Result<(), BrokerError>> {
        self.1.send(format!("+{topic}")).unwrap();
        self.0.subscribe(topic)
    }

    fn unsubscribe<'b>(&'b self, topic: &'b Topic) -> BoxFuture<'b, Result<(), BrokerError>> {
        self.1.send(format!("-{topic}")).unwrap();
        self.0.unsubscribe(topic)
    }
}

#[tokio::test]
async fn w12_subscribers_get_one_copy_until_they_leave_and_leave_nothing_behind() {
    let (told, mut topics) = mpsc::unbounded_channel();
    let server = builder().times(at_once()).broker(Topics(Memory::new(), told)).build().unwrap();
    let address = serve_events(&server).await;
    let room = Topic::new("room").unwrap();
    let mut ann = greeted(address, "client-id=a&uid=ann").await;
    let mut bob = greeted(address, "client-id=b&uid=bob").await;
    let mut eve = greeted(address, "client-id=e&uid=eve").await;
    for user in ["ann", "ann", "bob"] {
        assert_eq!(server.subscribe(&UserId::from(user), &room).await.unwrap().sessions, 1);
    }
    assert_eq!(server.publish(&room, Event::new("room/said", &1)).await.unwrap().sessions, 2);
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.text().await, "[[[:room/said 1]] nil]");
        nothing_more(client).await;
    }
    server.unsubscribe(&UserId::from("ann"), &room).await;
    assert_eq!(server.publish(&room, Event::new("room/said", &2)).await.unwrap().sessions, 1);
    assert_eq!(bob.text().await, "[[[:room/said 2]] nil]");
    nothing_more(&mut ann).await;
    nothing_more(&mut eve).await;

    drop(bob);
    // Once for all: the first subscriber came, and the last one went with its connection.
    assert_eq!(soon(topics.recv()).await.as_deref(), Some("+room"));
    assert_eq!(soon(topics.recv()).await.as_deref(), Some("-room"));
    assert_eq!(server.publish(&room, Event::new("room/said", &3)).await.unwrap().sessions, 0);
    assert_eq!(server.sessions(), 2);
}

#[tokio::test]
async fn w13_a_hundred_overlapping_requests_are_answered_each_in_its_slot() {
    let (keep, mut kept) = mpsc::unbounded_channel();
    let router = Router::new().on("test/later", move |Data(n): Data<i64>, responder: Responder| {
        keep.send((n, responder)).unwrap();
        async { NoReply }
    });
    let server = builder().router(router).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a").await;
    let mut asked = Vec::new();
    for n in 0..100 {
        client.send(&format!("[[:test/later {n}] \"slot{n}\"]")).await;
        asked.push(soon(kept.recv()).await.unwrap());
    }
    for (n, responder) in asked.into_iter().rev() {
        responder.reply(Value::Integer(n * 2)).unwrap();
    }
    for n in (0..100).rev() {
        assert_eq!(client.text().await, format!("[{} \"slot{n}\"]", n * 2));
    }
}

#[tokio::test]
async fn w13_a_failure_a_panic_nothing_and_a_forgotten_answer_each_have_their_outcome() {
    let router = Router::new()
        .on("test/echo", async |Data(value): Data<Value>| value)
        .on("test/fail", async || Err::<(), _>(Failure::new("muted", "hush")))
        .on("test/panic", async || {
            if true {
                panic!("on purpose")
            }
        })
        .on("test/nil", async || ())
        .on("test/forget", async |responder: Responder| {
            drop(responder);
            NoReply
        })
        .on("test/number", async |Data(n): Data<i64>| Value::Integer(n));
    let server = builder().router(router).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a").await;
    let failed = "[[:chsk/error {:code \"failed\", :message \"the server could not handle this\"}] 1]";
    let outcomes = [
        ("[[:test/fail] 1]", "[[:chsk/error {:code \"muted\", :message \"hush\"}] 1]"),
        ("[[:test/panic] 1]", failed),
        ("[[:test/nil] 1]", "[nil 1]"),
        ("[[:test/forget] 1]", failed),
    ];
    for (request, expected) in outcomes {
        client.send(request).await;
        assert_eq!(client.text().await, expected);
        nothing_more(&mut client).await;
    }
    client.send("[[:test/number \"x\"] 1]").await;
    assert!(client.text().await.starts_with("[[:chsk/error {:code \"bad-data\""));
    client.send("[5 1]").await;
    assert!(client.text().await.starts_with("[[:chsk/error {:code \"bad-event\""));
}

// The clock jumps to the next timer whenever nothing is on its way, so a period takes no time.
#[tokio::test(start_paused = true)]
async fn w17_a_peer_that_stops_answering_is_gone_within_two_periods() {
    let period = Duration::from_secs(4);
    let times = at_once().keep_alive(Some(period)).ping_timeout(Some(Duration::from_secs(2)));
    let server = builder().times(times).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a&uid=ann").await;
    let start = tokio::time::Instant::now();
    assert_eq!(client.text().await, "[:chsk/ws-ping nil]");
    client.close().await;
    assert!(start.elapsed() <= 2 * period, "{:?}", start.elapsed());
    eventually(|| server.sessions() == 0).await;
    assert!(!server.users().is_online(&UserId::from("ann")));
}

#[tokio::test]
async fn w18_an_unknown_event_harms_nothing_and_a_fallback_hears_of_it() {
    let (told, mut unknown) = mpsc::unbounded_channel();
    let router = Router::new().on("test/echo", async |Data(value): Data<Value>| value).fallback(move |id: EventId| {
        told.send(id.as_str().to_owned()).unwrap();
        async { NoReply }
    });
    for router in [None, Some(router)] {
        let falls_back = router.is_some();
        let server = router.into_iter().fold(builder(), tsugi::ServerBuilder::router).build().unwrap();
        let mut client = greeted(serve_events(&server).await, "client-id=a").await;
        client.send("[[:no/such 1] nil]").await;
        nothing_more(&mut client).await;
        assert_eq!(unknown.try_recv().ok(), falls_back.then(|| "no/such".to_owned()));
    }
}

#[tokio::test]
async fn w19_a_bad_frame_costs_its_sender_the_connection_and_nobody_else_anything() {
    let server = builder().times(at_once()).build().unwrap();
    let address = serve_events(&server).await;
    let mut bystander = greeted(address, "client-id=good").await;
    let deep = format!("[[:test/echo {}{}] nil]", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&str, u8, &[u8], u16); 7] = [
        ("garbage", 0x1, b"not ] edn", 1007),
        ("five", 0x1, b"5", 1007),
        ("truncated", 0x1, b"[[:test/echo {:a", 1007),
        ("nothing", 0x1, b"", 1007),
        ("deep", 0x1, deep.as_bytes(), 1007),
        ("not UTF-8", 0x1, b"[[:test/echo \"\xff\"] nil]", 1007),
        ("binary for a text codec", 0x2, b"[[:test/echo 1] nil]", 1003),
    ];
    for (case, opcode, payload, code) in cases {
        let mut client = greeted(address, "client-id=bad").await;
        client.send_frame(opcode, payload).await;
        assert_eq!(client.close().await.0, code, "{case}");
        eventually(|| server.sessions() == 1).await;
        nothing_more(&mut bystander).await;
    }
    let mut client = greeted(address, "client-id=bad").await;
    client.send_raw(b"\x81\xfe\x10\x00half a frame, and then nothing").await;
    drop(client);
    eventually(|| server.sessions() == 1).await;
    nothing_more(&mut bystander).await;
}

#[tokio::test]
async fn w20_while_a_handler_is_blocked_reading_stops_and_nothing_is_lost() {
    const MESSAGES: usize = 3_000;
    let gate = Arc::new(Semaphore::new(0));
    let handled = Arc::new(AtomicUsize::new(0));
    let (at, count) = (Arc::clone(&gate), Arc::clone(&handled));
    let router = Router::new().on("test/slow", move || {
        let (gate, handled) = (Arc::clone(&at), Arc::clone(&count));
        async move {
            drop(gate.acquire().await);
            handled.fetch_add(1, Ordering::Relaxed);
            NoReply
        }
    });
    let server = builder().router(router).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a").await;
    let frame = tsugi_proto::websocket::client_frame(
        0x1,
        format!("[[:test/slow \"{}\"] nil]", "x".repeat(5_000)).as_bytes(),
        [0; 4],
    );
    let sent = Arc::new(AtomicUsize::new(0));
    let written = Arc::clone(&sent);
    let writer = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            client.send_raw(&frame).await;
            written.fetch_add(1, Ordering::Relaxed);
        }
        client
    });
    tokio::pin!(writer);
    // Together they are more than the buffers of a TCP connection hold, so the writer must come to a stop before its end.
    loop {
        let before = sent.load(Ordering::Relaxed);
        let stopped = tokio::time::timeout(Duration::from_millis(150), &mut writer).await.is_err();
        assert!(stopped, "everything was read while the handler was blocked");
        if sent.load(Ordering::Relaxed) == before {
            break;
        }
    }
    assert_eq!(handled.load(Ordering::Relaxed), 0);
    gate.add_permits(1);
    let _client = soon(writer).await.unwrap();
    eventually(|| handled.load(Ordering::Relaxed) == MESSAGES).await;
}

#[tokio::test]
async fn w21_a_client_that_never_reads_is_closed_by_name_and_the_others_are_served() {
    let limits = Limits::default().max_queue_bytes(256 * 1024);
    let server = builder().times(at_once()).limits(limits).build().unwrap();
    let address = serve_events(&server).await;
    let mut slow = greeted(address, "client-id=slow").await;
    let mut good = greeted(address, "client-id=good").await;
    let event = Event::new("srv/much", &"x".repeat(64 * 1024)).unwrap();
    let mut broadcasts = 0;
    loop {
        let delivery = server.push_now(Target::Everyone, event.clone()).await.unwrap();
        assert!(good.text().await.starts_with("[[[:srv/much "));
        if delivery.sessions == 1 {
            break;
        }
        broadcasts += 1;
        // The buffers of a TCP connection hold a few MB, the queue a quarter of one: 64 MB are far beyond both.
        assert!(broadcasts < 1_000, "the queue is not bounded");
    }
    let mut read = 0;
    let close = loop {
        match slow.next().await {
            Some(Incoming::Message(_)) => read += 1,
            Some(Incoming::Close(Some(close))) => break close,
            other => panic!("expected to be told why, got {other:?}"),
        }
    };
    assert_eq!(close.code.get(), 3002);
    assert!(read <= broadcasts);
    eventually(|| server.sessions() == 1).await;
    nothing_more(&mut good).await;
}

#[tokio::test]
async fn w22_plain_http_is_answered_at_once_and_never_counted() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    assert_eq!(get(address, "/chsk?client-id=a&uid=ann").await.status, 200);
    assert_eq!(get(address, "/chsk").await.status, 400);
    assert_eq!(server.users().snapshot(), tsugi::users::Online::default());
}

#[tokio::test]
async fn w24_a_foreign_origin_is_refused() {
    let server = Server::builder().origins(Origins::Same).build().unwrap();
    let address = serve_events(&server).await;
    let connect = async |origin: String| {
        Client::try_connect(address, "/chsk?client-id=a", &format!("Origin: {origin}\r\n")).await.err()
    };
    assert_eq!(connect("http://evil.example".to_owned()).await, Some(403));
    assert_eq!(server.sessions(), 0);
    assert_eq!(connect(format!("http://{address}")).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w23_after_thousands_of_connects_and_disconnects_nothing_is_left_and_a_broadcast_works() {
    // No pings: on a slow machine one would come before the broadcast.
    let times = Times::default().expire(Duration::ZERO).grace_websocket(Duration::ZERO).keep_alive(None);
    let server = builder().times(times).limits(Limits::default().max_sessions_per_user(1_000)).build().unwrap();
    let address = serve_events(&server).await;
    let mut stays = Client::connect(address, "/chsk?client-id=stays&uid=stays").await;
    stays.text().await;
    let churn = (0..8).map(|worker| {
        tokio::spawn(async move {
            for n in 0..500 {
                // Ids are used again and again, some by two workers at once.
                let path = format!("/chsk?client-id=c{}&uid=u{}", n % 7, (worker + n) % 5);
                let mut client = Client::connect(address, &path).await;
                // The handshake, or the close of who was replaced by then.
                if n % 2 == 0 {
                    client.next().await;
                }
            }
        })
    });
    for worker in churn.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    eventually(|| server.sessions() == 1).await;
    let online = server.users().snapshot();
    assert_eq!((online.any.len(), online.anonymous), (1, 0));
    assert_eq!(server.broadcast(Event::new("srv/all", &1)).await.unwrap().sessions, 1);
    assert_eq!(stays.text().await, "[[[:srv/all 1]] nil]");
}

#[tokio::test]
async fn the_server_counts_what_operators_ask_for() {
    let times = Times::default().expire(Duration::ZERO).grace_websocket(Duration::ZERO);
    let out = |request: &tsugi::ConnectRequest| request.param("out").map(|_| tsugi::Refusal::forbidden());
    let server = builder().times(times).reject(out).build().unwrap();
    let address = serve_events(&server).await;
    assert_eq!(server.metrics(), tsugi::Metrics::default());
    let mut client = Client::connect(address, "/chsk?client-id=a&uid=u").await;
    client.text().await;
    assert_eq!(server.broadcast(Event::new("srv/all", &1)).await.unwrap().sessions, 1);
    client.text().await;
    client.send("[[:test/echo 1] \"a\"]").await;
    client.text().await;
    client.send("[[:chsk/made-up 1] \"b\"]").await;
    client.text().await;
    client.send("[[[").await;
    assert_eq!(client.close().await.0, 1007);
    assert_eq!(get(address, "/chsk?client-id=b&out=1").await.status, 403);
    eventually(|| server.sessions() == 0).await;
    let seen = server.metrics();
    assert_eq!((seen.sessions, seen.sessions_opened, seen.sessions_closed), (0, 1, 1));
    assert_eq!((seen.events_received, seen.events_pushed), (1, 1));
    assert_eq!((seen.reserved, seen.undecodable, seen.requests_refused), (1, 1, 1));
    assert_eq!((seen.queue_overflows, seen.gaps), (0, 0));
}
