//! What a wocket client sees, byte for byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests: a panic is how they fail")]

use conformance::raw::{Raw, client_frame};
use std::net::SocketAddr;
use std::time::Duration;
use tsugi::codec::transit::{self, Style};
use tsugi::{Message, SocketConfig, Sockets, Value};
use wocket::{Answer, CLOSED, Hall, OPENED, Wocket, read, write};

/// So seldom that no test but one about pings sees a second.
const SELDOM: Duration = Duration::from_secs(600);

async fn add(_: Hall, numbers: Vec<Value>) -> Answer {
    let number = |value: &Value| if let Value::Integer(number) = value { Some(*number) } else { None };
    let sum: Option<i64> = numbers.iter().map(number).sum();
    Some(sum.map(Value::Integer).ok_or("add takes numbers".to_owned()))
}

async fn nothing(_: Hall, _: Vec<Value>) -> Answer {
    Some(Ok(Value::Nil))
}

async fn burst(_: Hall, _: Vec<Value>) -> Answer {
    panic!("the service is broken")
}

/// Answers later the earlier it was called.
async fn late(_: Hall, number: Vec<Value>) -> Answer {
    let Value::Integer(number) = number[0] else { return None };
    tokio::time::sleep(Duration::from_millis(u64::try_from(20 - number).unwrap())).await;
    Some(Ok(Value::Integer(number)))
}

async fn chat(hall: Hall, mut text: Vec<Value>) -> Answer {
    hall.broadcast("chat-broadcast", text.pop()?);
    None
}

async fn tell(hall: Hall, mut news: Vec<Value>) -> Answer {
    hall.publish("news", news.pop()?);
    None
}

async fn opened(hall: Hall, _: Vec<Value>) -> Answer {
    hall.broadcast("opened", Value::Nil);
    None
}

async fn closed(hall: Hall, _: Vec<Value>) -> Answer {
    hall.broadcast("closed", Value::Nil);
    None
}

async fn serve(wocket: Wocket) -> (SocketAddr, Sockets) {
    let sockets = wocket.sockets(SocketConfig::default());
    let app = axum::Router::new().route_service("/ws", sockets.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, sockets)
}

fn all() -> Wocket {
    Wocket::new(SELDOM)
        .on("add", add)
        .on("nothing", nothing)
        .on("burst", burst)
        .on("late", late)
        .on("chat", chat)
        .on("tell", tell)
}

/// A client that had its first ping.
async fn open(address: SocketAddr) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade("/ws").await, 101);
    assert!(client.text().await.starts_with("[\"~:ping\",\"~m"));
    client
}

async fn says(client: &mut Raw, sent: &str, answer: &str) {
    client.send(sent).await;
    assert_eq!(client.text().await, answer);
}

#[test]
fn w3_the_golden_frames_are_written_and_read() {
    let keyword = Value::keyword;
    let many = Value::Map(vec![
        (keyword("name"), Value::string("x")),
        (Value::string("str"), Value::Integer(1)),
        (keyword("long"), Value::Integer(12_345_678_901_234_567)),
        (keyword("set"), Value::Set(vec![Value::Integer(1)])),
        (keyword("nil"), Value::Nil),
    ]);
    let frames = [
        ("chat", Value::string("hi"), r#"["~:chat","hi"]"#),
        ("ping", Value::Instant(1_500_000_000_000), r#"["~:ping","~m1500000000000"]"#),
        ("pong", Value::Instant(1_795_217_764_211), r#"["~:pong","~m1795217764211"]"#),
        (
            "k",
            many,
            r#"["~:k",["^ ","~:name","x","str",1,"~:long","~i12345678901234567","~:set",["~#set",[1]],"~:nil",null]]"#,
        ),
        ("add-return", Value::Integer(3), r#"["~:add-return",3]"#),
        ("nothing-return", Value::Nil, r#"["~:nothing-return",null]"#),
        ("subscribe", keyword("news"), r#"["~:subscribe","~:news"]"#),
        ("news", Value::Integer(7), r#"["~:news",7]"#),
    ];
    for (tag, payload, frame) in frames {
        assert_eq!(write(tag, payload.clone()), Message::text(frame));
        assert_eq!(read(&Message::text(frame)), Some((tag.to_owned(), vec![payload])));
    }
    let call = Value::Vector(vec![keyword("add"), Value::Integer(1), Value::Integer(2)]);
    assert_eq!(transit::write(&call, Style::Json).unwrap(), r#"["~:add",1,2]"#);
    let arguments = vec![Value::Integer(1), Value::Integer(2)];
    assert_eq!(read(&Message::text(r#"["~:add",1,2]"#)), Some(("add".to_owned(), arguments)));
}

#[test]
fn w3_a_name_that_comes_again_is_a_code() {
    let entry = || Value::Map(vec![(Value::keyword("name"), Value::keyword("name"))]);
    let message = write("rows", Value::Vector(vec![entry(), entry()]));
    assert_eq!(message, Message::text(r#"["~:rows",[["^ ","~:name","^1"],["^ ","^1","^1"]]]"#));
}

#[tokio::test]
async fn w13_a_call_is_answered_with_its_result_an_error_or_nil() {
    let (address, _sockets) = serve(all()).await;
    let mut client = open(address).await;
    says(&mut client, r#"["~:add",1,2]"#, r#"["~:add-return",3]"#).await;
    says(&mut client, r#"["~:nothing"]"#, r#"["~:nothing-return",null]"#).await;
    let error = r#"["~:add-return",["^ ","~:error","add takes numbers"]]"#;
    says(&mut client, r#"["~:add","one"]"#, error).await;
    says(&mut client, r#"["~:burst"]"#, r#"["~:burst-return",["^ ","~:error","panicked"]]"#).await;
    says(&mut client, r#"["~:add",1,2]"#, r#"["~:add-return",3]"#).await;
}

#[tokio::test]
async fn w13_overlapping_calls_of_a_client_are_answered_in_their_order() {
    let (address, _sockets) = serve(all()).await;
    let mut client = open(address).await;
    for number in 0..20 {
        client.send(&format!("[\"~:late\",{number}]")).await;
    }
    for number in 0..20 {
        assert_eq!(client.text().await, format!("[\"~:late-return\",{number}]"));
    }
}

#[tokio::test]
async fn w11_a_broadcast_reaches_everybody_and_its_sender() {
    let (address, _sockets) = serve(all()).await;
    let (mut ann, mut bob) = (open(address).await, open(address).await);
    says(&mut ann, r#"["~:chat","hi"]"#, r#"["~:chat-broadcast","hi"]"#).await;
    assert_eq!(bob.text().await, r#"["~:chat-broadcast","hi"]"#);
}

#[tokio::test]
async fn w12_only_subscribers_get_what_is_published_and_each_once() {
    let (address, sockets) = serve(all()).await;
    let (mut ann, mut bob, mut eve) = (open(address).await, open(address).await, open(address).await);
    for client in [&mut ann, &mut bob] {
        client.send(r#"["~:subscribe","~:news"]"#).await;
        client.send(r#"["~:subscribe","~:news"]"#).await;
        // Handled in order: once this is answered, so are they.
        says(client, r#"["~:add",1]"#, r#"["~:add-return",1]"#).await;
    }
    says(&mut ann, r#"["~:tell",7]"#, r#"["~:news",7]"#).await;
    assert_eq!(bob.text().await, r#"["~:news",7]"#);
    bob.send(r#"["~:un-subscribe","~:news"]"#).await;
    says(&mut bob, r#"["~:add",1]"#, r#"["~:add-return",1]"#).await;
    says(&mut ann, r#"["~:tell",8]"#, r#"["~:news",8]"#).await;
    for client in [&mut bob, &mut eve] {
        says(client, r#"["~:add",2]"#, r#"["~:add-return",2]"#).await;
    }
    for client in [ann, bob, eve] {
        drop(client);
    }
    while sockets.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn w14_the_server_hears_of_clients_that_come_and_go() {
    let wocket = Wocket::new(SELDOM).on(OPENED, opened).on(CLOSED, closed).on("add", add);
    let (address, _sockets) = serve(wocket).await;
    let mut watcher = Raw::connect(address).await;
    assert_eq!(watcher.upgrade("/ws").await, 101);
    let mut heard = Vec::new();
    let mut other = Raw::connect(address).await;
    while heard.len() < 2 {
        heard.push(watcher.text().await);
    }
    assert!(heard.contains(&r#"["~:opened",null]"#.to_owned()), "of itself: {heard:?}");
    assert_eq!(other.upgrade("/ws").await, 101);
    assert_eq!(watcher.text().await, r#"["~:opened",null]"#);
    drop(other);
    assert_eq!(watcher.text().await, r#"["~:closed",null]"#);
    // Nobody can make that up.
    watcher.send(&format!("[\"~:{CLOSED}\"]")).await;
    says(&mut watcher, r#"["~:add",1]"#, r#"["~:add-return",1]"#).await;
}

#[tokio::test]
async fn pings_come_at_once_and_then_again_and_a_pong_is_taken() {
    let (address, _sockets) = serve(Wocket::new(Duration::from_millis(20)).on("add", add)).await;
    let mut client = open(address).await;
    for _ in 0..3 {
        assert!(client.text().await.starts_with("[\"~:ping\",\"~m"));
        client.send(r#"["~:pong","~m1795217764211"]"#).await;
    }
}

#[tokio::test]
async fn w18_w19_an_unknown_tag_is_passed_over_and_what_is_no_message_closes_its_connection_only() {
    let (address, _sockets) = serve(all()).await;
    let mut bystander = open(address).await;
    let mut client = open(address).await;
    client.send(r#"["~:unheard-of",1]"#).await;
    says(&mut client, r#"["~:add",1]"#, r#"["~:add-return",1]"#).await;
    for broken in ["hello", "5", "[]", "[1]", r#"["~:add""#] {
        let mut client = open(address).await;
        client.send(broken).await;
        assert_eq!(client.close_code().await, 1007, "{broken}");
    }
    client.write(&client_frame(0x82, b"[]")).await;
    assert_eq!(client.close_code().await, 1007);
    says(&mut bystander, r#"["~:add",1]"#, r#"["~:add-return",1]"#).await;
}

#[tokio::test]
async fn w20_nothing_is_lost_while_a_handler_is_busy() {
    let (address, _sockets) = serve(all()).await;
    let mut client = open(address).await;
    client.send(r#"["~:late",0]"#).await;
    for number in 0..3_000 {
        client.send(&format!("[\"~:add\",{number}]")).await;
    }
    assert_eq!(client.text().await, r#"["~:late-return",0]"#);
    for number in 0..3_000 {
        assert_eq!(client.text().await, format!("[\"~:add-return\",{number}]"));
    }
}

#[tokio::test]
async fn w22_a_plain_get_is_refused_and_counted_nowhere() {
    let (address, sockets) = serve(all()).await;
    let mut client = Raw::connect(address).await;
    client.request(&["GET /ws HTTP/1.1"], "").await;
    assert_eq!(client.answer().await.status, 426);
    assert_eq!(sockets.open(), 0);
}
