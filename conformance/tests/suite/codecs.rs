//! Tsugi's own wire in every codec: bodies that hold several packets, text and binary, and the codec that a query chooses.

use conformance::raw::{Answer, Raw, client_frame, payload};
use std::net::SocketAddr;
use std::sync::Arc;
use tsugi::codec::{Codec, Edn, Form, Gzip, Json, MessagePack, Transit};
use tsugi::{Data, Identity, Message, Origins, Router, Server, Value};
use tsugi_proto::Utf8Bytes;

fn codecs() -> [Arc<dyn Codec>; 6] {
    [
        Arc::new(Edn::new()),
        Arc::new(Json::new()),
        Arc::new(Transit::new()),
        Arc::new(Transit::verbose()),
        Arc::new(MessagePack::new()),
        Arc::new(Gzip::new(MessagePack::new())),
    ]
}

async fn serve() -> SocketAddr {
    let server = Server::builder()
        .codec(Edn::new())
        .codec(Json::new())
        .codec(Transit::new())
        .codec(Transit::verbose())
        .codec(MessagePack::new())
        .codec(Gzip::new(MessagePack::new()))
        .origins(Origins::Any)
        .identify(|_| Ok(Identity::user("ann")))
        .router(Router::new().on("test/echo", async |Data(value): Data<Value>| value))
        .build()
        .expect("six codecs of six names");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().route_service("/chsk", server.service());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn event(id: &str, data: Value) -> Value {
    Value::Vector(vec![Value::keyword(id), data])
}

fn hello(codec: &dyn Codec) -> Message {
    // JSON has no keywords; there they are text.
    codec.encode(&event("chsk/hello", Value::Map(vec![])), &Value::Nil).expect("a hello")
}

fn read(codec: &dyn Codec, bytes: Vec<u8>) -> Vec<tsugi_proto::Packet> {
    let message = match codec.form() {
        Form::Text => Message::Text(Utf8Bytes::new(bytes.into()).expect("text")),
        Form::Binary => Message::binary(bytes),
    };
    codec.decode_all(&message).expect("packets")
}

/// Names compare as text: JSON writes them so.
fn session(welcome: &tsugi_proto::Packet) -> String {
    let [name, says] = welcome.payload.as_elements().expect("a vector") else { panic!("{welcome:?}") };
    assert_eq!(name.as_text(), Some("chsk/welcome"));
    says.get("session").and_then(Value::as_text).expect("a session").to_owned()
}

async fn ask(address: SocketAddr, first: &str, session: Option<&str>, body: Option<&Message>) -> Answer {
    let mut client = Raw::connect(address).await;
    let mut lines = vec![first.to_owned(), "X-Requested-With: XMLHttpRequest".to_owned()];
    lines.extend(session.map(|session| format!("Tsugi-Session: {session}")));
    client.request_bytes(&lines, body.map_or(&[][..], |body| body.as_bytes())).await;
    client.answer().await
}

#[tokio::test]
async fn polls_and_posts_hold_several_packets_in_every_codec() {
    let address = serve().await;
    for codec in codecs() {
        let (codec, name) = (codec.as_ref(), codec.name());
        let query = format!("client-id={name}&tsugi=1&codec={name}");
        let (get, post) = (format!("GET /chsk?{query} HTTP/1.1"), format!("POST /chsk?{query} HTTP/1.1"));
        let answer = ask(address, &get, None, None).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(answer.head.contains(&format!("content-type: {}", codec.content_type())), "{name}: {}", answer.head);
        let handshake = read(codec, answer.bytes);
        assert_eq!(handshake[0].payload.as_elements().and_then(|all| all[0].as_text()), Some("chsk/handshake"));
        let answer = ask(address, &post, None, Some(&hello(codec))).await;
        let session = session(&read(codec, answer.bytes)[0]);
        // Two requests in one body, whose data and names come again.
        let said = |n: i64| Value::Map(vec![(Value::string("a-key-that-comes-again"), Value::Integer(n))]);
        let request = |n: i64| codec.encode(&event("test/echo", said(n)), &Value::Integer(n)).expect("a request");
        let body = codec.concat(&[request(1), request(2)]);
        let answer = ask(address, &post, Some(&session), Some(&body)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let mut replies = Vec::new();
        while replies.len() < 2 {
            let answer = ask(address, &get, Some(&session), None).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            replies.extend(read(codec, answer.bytes).into_iter().filter(|packet| !packet.slot.is_nil()));
        }
        let expected = [1, 2].map(|n| tsugi_proto::Packet { payload: said(n), slot: Value::Integer(n) });
        assert_eq!(replies, expected, "{name}");
    }
}

#[tokio::test]
async fn a_websocket_speaks_the_codec_that_its_query_chose() {
    let address = serve().await;
    for codec in codecs() {
        let (codec, name) = (codec.as_ref(), codec.name());
        let mut client = Raw::connect(address).await;
        assert_eq!(client.upgrade(&format!("/chsk?client-id={name}&tsugi=1&codec={name}")).await, 101);
        let first = if codec.form() == Form::Text { 0x81 } else { 0x82 };
        let frames = async |client: &mut Raw| {
            let frame = client.frame().await;
            assert_eq!(frame.first(), Some(&first), "{name}: {frame:02x?}");
            read(codec, payload(&frame).to_vec())
        };
        frames(&mut client).await;
        client.write(&client_frame(first, hello(codec).as_bytes())).await;
        session(&frames(&mut client).await[0]);
        let request = codec.encode(&event("test/echo", Value::string("é😀")), &Value::Integer(7)).expect("a request");
        client.write(&client_frame(first, request.as_bytes())).await;
        let reply = tsugi_proto::Packet { payload: Value::string("é😀"), slot: Value::Integer(7) };
        assert_eq!(frames(&mut client).await, [reply], "{name}");
    }
}

#[tokio::test]
async fn an_unknown_codec_is_a_400_that_lists_the_choices() {
    let answer = ask(serve().await, "GET /chsk?client-id=a&tsugi=1&codec=xml HTTP/1.1", None, None).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.ends_with("edn, json, transit, transit-verbose, msgpack, gz-msgpack"), "{}", answer.body);
}
