//! A codec that writes bytes, made outside of the library from its public trait: rows A13 and B9, and the reverse.

use bytes::Bytes;
use conformance::raw::{Answer, Raw, client_frame, payload};
use std::net::SocketAddr;
use tsugi::{Codec, Data, Event, Identity, Message, Origins, Router, Server, Value};
use tsugi_proto::codec::{DecodeError, Edn, EncodeError, Form, Reader};
use tsugi_proto::packet::{Packet, Received};
use tsugi_proto::{Utf8Bytes, message::NotUtf8};

/// EDN in binary messages.
#[derive(Debug, Default)]
struct Bytewise(Edn);

fn to_binary(message: &Message) -> Message {
    Message::Binary(message.as_bytes().clone())
}

fn to_text(message: &Message) -> Result<Message, DecodeError> {
    match message {
        Message::Binary(bytes) => {
            let text = Utf8Bytes::new(bytes.clone());
            text.map(Message::Text).map_err(|NotUtf8| DecodeError::Syntax { what: "not UTF-8", at: 0 })
        }
        Message::Text(_) => Err(DecodeError::Form { codec: "bytewise", expected: "binary" }),
    }
}

impl Codec for Bytewise {
    fn name(&self) -> &'static str {
        "bytewise"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn content_type(&self) -> &'static str {
        "application/octet-stream"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        self.0.encode(payload, slot).map(|message| to_binary(&message))
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        self.0.encode_event(event)
    }

    fn join(&self, events: &[Bytes]) -> Message {
        to_binary(&self.0.join(events))
    }

    fn concat(&self, messages: &[Message]) -> Message {
        to_binary(&self.0.concat(messages))
    }

    fn decode(&self, message: &Message) -> Result<Packet, DecodeError> {
        self.0.decode(&to_text(message)?)
    }

    fn decode_all(&self, message: &Message) -> Result<Vec<Packet>, DecodeError> {
        self.0.decode_all(&to_text(message)?)
    }

    fn decode_event(&self, message: Message) -> Result<Received, DecodeError> {
        self.0.decode_event(to_text(&message)?)
    }

    fn decode_events(&self, message: &Message) -> Result<Vec<Received>, DecodeError> {
        self.0.decode_events(&to_text(message)?)
    }

    fn deserialize(&self, data: &tsugi_proto::Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.0.deserialize(data, reader)
    }
}

async fn serve() -> SocketAddr {
    let server = Server::builder()
        .codec(Bytewise::default())
        .origins(Origins::Any)
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .router(Router::new().on("test/echo", async |Data(value): Data<Value>| value))
        .build()
        .expect("a server of one binary codec");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().route_service("/chsk", server.service());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn open(address: SocketAddr, path: &str) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade(path).await, 101);
    assert_eq!(binary(&mut client).await, "[[:chsk/handshake [:sente/nil-uid nil nil]] nil]");
    client
}

/// The next frame, which must be binary.
async fn binary(client: &mut Raw) -> String {
    let frame = client.frame().await;
    assert_eq!(frame.first(), Some(&0x82), "a binary frame, not {frame:02x?}");
    String::from_utf8(payload(&frame).to_vec()).expect("text within")
}

async fn echoes(client: &mut Raw) {
    client.write(&client_frame(0x82, b"[[:test/echo :well] \"b\"]")).await;
    assert_eq!(binary(client).await, "[:well \"b\"]");
}

#[tokio::test]
async fn b9_a_text_frame_for_a_binary_codec_closes_with_1003_and_nobody_else_notices() {
    let address = serve().await;
    let mut bystander = open(address, "/chsk?client-id=bystander").await;
    let mut client = open(address, "/chsk?client-id=a").await;
    echoes(&mut client).await;
    client.send("[[:test/echo 1] \"b\"]").await;
    assert_eq!(client.close_code().await, 1003);
    echoes(&mut bystander).await;
    echoes(&mut open(address, "/chsk?client-id=a").await).await;
}

#[tokio::test]
async fn a13_a_binary_post_and_a_text_form_say_which_they_are() {
    let address = serve().await;
    let ask = async |lines: &[&str], body: &str| -> Answer {
        let mut client = Raw::connect(address).await;
        client.request(lines, body).await;
        client.answer().await
    };
    let path = "POST /chsk?client-id=a&binary?=true HTTP/1.1";
    let body = "[[:test/echo {:a 1}] :ajax]";
    let answer = ask(&[path, "Content-Type: application/octet-stream"], body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[{:a 1} nil]"));
    let form = ["POST /chsk?client-id=a HTTP/1.1", "Content-Type: application/x-www-form-urlencoded"];
    assert_eq!(ask(&form, "ppstr=%5B%5B%3Aa%2Fb%5D%20nil%5D").await.status, 400, "text is not its form");
}

#[tokio::test]
async fn sockjs_says_that_it_carries_text() {
    let server = Server::builder().codec(Bytewise::default()).build().expect("a server");
    let refused = server.sockjs_with(tsugi::SockJsConfig::default()).expect_err("no text").to_string();
    assert!(refused.contains("SockJS carries text"), "{refused}");
    // Whoever did not ask gets an answer all the same.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().nest_service("/sockjs", server.sockjs());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut client = Raw::connect(address).await;
    client.request(&["POST /sockjs/0/x/xhr HTTP/1.1"], "").await;
    assert_eq!(client.answer().await.status, 400);
}
