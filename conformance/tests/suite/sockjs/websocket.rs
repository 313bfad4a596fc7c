//! Section 14, and 16.2: WebSockets, with frames and without.

use super::{PROFILES, Wire, ask, serve, serve_app, session};
use conformance::raw::{Raw, client_frame};
use std::net::SocketAddr;
use std::time::Duration;
use tsugi::{BoxError, Origins, SockJsConfig, SockJsHeartbeat, Socket, SocketConfig, Sockets};

async fn open(address: SocketAddr, path: &str) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade(path).await, 101, "{path}");
    client
}

#[tokio::test]
async fn s14_1_the_handshake_is_that_of_the_standard() {
    let address = serve(PROFILES[0]).await;
    for connection in ["Connection: Upgrade", "Connection: keep-alive, Upgrade"] {
        let mut wire = Wire::connect(address).await;
        let headers = [
            "Upgrade: WebSocket",
            connection,
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "Sec-WebSocket-Protocol: chat",
        ];
        wire.request(&format!("GET /echo/0/{}/websocket HTTP/1.1", session()), &headers, "").await;
        let head = wire.head().await;
        assert_eq!(head.status, 101);
        assert_eq!(head.header("sec-websocket-accept"), Some("HSmrc0sMlYUkAGmm5OPpG2HaGWk="));
        assert!(head.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")));
        assert!(head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
        assert!(
            ["content-length", "sec-websocket-protocol", "sec-websocket-extensions"]
                .iter()
                .all(|name| head.header(name).is_none())
        );
    }
}

#[tokio::test]
async fn s14_2_what_is_no_upgrade_is_a_400() {
    for profile in PROFILES {
        let address = serve(profile).await;
        for path in ["/echo/websocket", "/echo/0/x/websocket"] {
            let upgrade = ["Upgrade: websocket", "Connection: close", "Sec-WebSocket-Version: 13"];
            for headers in [&[][..], &upgrade[..], &["Upgrade: other", "Connection: Upgrade"][..]] {
                let reply = ask(address, "GET", path, headers, "").await;
                let expected = (400, "Can \"Upgrade\" only to \"WebSocket\".");
                assert_eq!((reply.status, reply.body.as_str()), expected, "{headers:?}");
            }
            let no_key = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
            assert_eq!(ask(address, "GET", path, &no_key, "").await.status, 400);
            let posted =
                ask(address, "POST", path, &["Upgrade: websocket", "Connection: Upgrade", "Content-Length: 0"], "")
                    .await;
            assert_eq!((posted.status, posted.header("allow")), (405, Some("GET")));
        }
    }
}

#[tokio::test]
async fn s14_3_frames_come_as_text_and_arrays_strings_and_nothing_are_taken() {
    let address = serve(PROFILES[0]).await;
    let mut client = open(address, "/echo/0/ws3/websocket").await;
    assert_eq!(client.text().await, "o");
    client.send("[\"a\"]").await;
    assert_eq!(client.text().await, "a[\"a\"]");
    client.send("\"one\"").await;
    assert_eq!(client.text().await, "a[\"one\"]");
    client.send("").await;
    client.send("[]").await;
    client.send("[\"x\",\"y\"]").await;
    let mut both = client.text().await;
    if both == "a[\"x\"]" {
        both = format!("a[\"x\",{}", &client.text().await[2..]);
    }
    assert_eq!(both, "a[\"x\",\"y\"]");
}

#[tokio::test]
async fn s14_4_a_frame_that_is_no_json_closes_with_3000_and_nobody_else_notices() {
    let address = serve(PROFILES[0]).await;
    let mut bystander = open(address, "/echo/0/by/websocket").await;
    bystander.text().await;
    for broken in ["[\"a", "{}", "[1]"] {
        let mut client = open(address, "/echo/0/ws4/websocket").await;
        client.text().await;
        client.send(broken).await;
        assert_eq!(client.close_code().await, 3000, "{broken}");
    }
    let mut client = open(address, "/echo/0/ws4/websocket").await;
    client.text().await;
    client.write(&client_frame(0x82, b"[\"binary\"]")).await;
    assert_eq!(client.close_code().await, 3000);
    bystander.send("[\"well\"]").await;
    assert_eq!(bystander.text().await, "a[\"well\"]");
}

#[tokio::test]
async fn s14_5_s16_3_a_close_is_said_in_a_frame_and_then_with_1000() {
    let address = serve(PROFILES[0]).await;
    let mut client = open(address, "/close/0/ws5/websocket").await;
    assert_eq!(client.text().await, "o");
    assert_eq!(client.text().await, "c[3000,\"Go away!\"]");
    assert_eq!(client.close_code().await, 1000);
    let mut later = open(address, "/close_later/0/ws5/websocket").await;
    assert_eq!(later.text().await, "o");
    later.send("[\"X\",\"dropped\",\"dropped\"]").await;
    assert_eq!(later.text().await, "a[\"got X\"]");
    assert_eq!(later.text().await, "c[3001,\"bye\"]");
    assert_eq!(later.close_code().await, 1000);
}

#[tokio::test]
async fn s14_6_a_silent_client_gets_heartbeats() {
    let address = serve(PROFILES[0]).await;
    let mut client = open(address, "/fast_echo/0/ws6/websocket").await;
    assert_eq!(client.text().await, "o");
    for _ in 0..2 {
        assert_eq!(client.frame().await, [0x89, 0], "a ping, whose answer proves the client");
        assert_eq!(client.text().await, "h", "and a heartbeat that its script can see");
    }
}

#[tokio::test]
async fn s14_7_a_mebibyte_goes_both_ways() {
    let address = serve(PROFILES[0]).await;
    let mut client = open(address, "/echo/0/ws7/websocket").await;
    client.text().await;
    let large = "x".repeat(1024 * 1024);
    client.send(&format!("[\"{large}\"]")).await;
    assert_eq!(client.text().await.len(), large.len() + 5);
    let mut greedy = open(address, "/echo/0/ws7/websocket").await;
    greedy.text().await;
    greedy.send(&format!("[\"{}\"]", "x".repeat(2 * 1024 * 1024))).await;
    assert_eq!(greedy.close_code().await, 1009);
}

#[tokio::test]
async fn s14_7_pings_are_answered_and_fragments_are_one_message() {
    let address = serve(PROFILES[0]).await;
    let mut client = open(address, "/echo/0/ws7/websocket").await;
    assert_eq!(client.text().await, "o");
    client.write(&client_frame(0x01, b"[\"frag")).await;
    client.write(&client_frame(0x89, b"still there")).await;
    assert_eq!(client.frame().await, [&[0x8a, 11][..], b"still there"].concat(), "between the fragments");
    client.write(&client_frame(0x80, b"ments\"]")).await;
    assert_eq!(client.text().await, "a[\"fragments\"]");
}

#[tokio::test]
async fn s14_6_a_client_that_answers_no_ping_is_told_and_closed() {
    let config = SocketConfig::default().origins(Origins::Any);
    let idle = Sockets::new(config, |socket: Socket| async move {
        let (mut incoming, _outgoing, _errors) = socket.split();
        while incoming.recv().await.is_some() {}
        Ok::<(), BoxError>(())
    });
    let beat = Duration::from_millis(100);
    let config = SockJsConfig::default().heartbeat(beat).ping_timeout(beat).websocket_heartbeat(SockJsHeartbeat::Ping);
    let app = axum::Router::new().nest_service("/s", idle.sockjs_with(config).expect("good options"));
    let address = serve_app(app).await;
    let mut client = open(address, "/s/0/ws6/websocket").await;
    assert_eq!(client.text().await, "o");
    let mut frame = client.frame().await;
    while frame == [0x89, 0] {
        frame = client.frame().await;
    }
    assert_eq!(String::from_utf8_lossy(&frame[2..]), "c[3000,\"No response from heartbeat\"]");
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn s14_8_the_session_id_of_a_websocket_means_nothing() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let mut first = open(address, &format!("/echo/0/{id}/websocket")).await;
    let mut second = open(address, &format!("/echo/0/{id}/websocket")).await;
    assert_eq!((first.text().await, second.text().await), ("o".to_owned(), "o".to_owned()));
    for (client, text) in [(&mut first, "first"), (&mut second, "second")] {
        client.send(&format!("[\"{text}\"]")).await;
        assert_eq!(client.text().await, format!("a[\"{text}\"]"));
    }
    assert_eq!(super::post(address, &format!("/echo/0/{id}/xhr_send"), "[\"a\"]").await.status, 404);
}

#[tokio::test]
async fn s14_9_s14_10_the_raw_websocket_has_no_frames_of_its_own() {
    let address = serve(PROFILES[0]).await;
    let mut client = open(address, "/echo/websocket").await;
    for text in ["Hello world!\u{ffff}", "[\"a\"]", "", "o"] {
        client.send(text).await;
        assert_eq!(client.text().await, text);
    }
    let mut closed = open(address, "/close/websocket").await;
    assert_eq!(closed.frame().await, [&[0x88, 10, 0x0b, 0xb8][..], b"Go away!"].concat(), "3000 and the reason");
}

#[tokio::test]
async fn s14_11_m10_where_websockets_are_off_both_are_not_found() {
    let address = serve(PROFILES[0]).await;
    for path in ["/disabled_websocket_echo/websocket", "/disabled_websocket_echo/0/x/websocket"] {
        assert_eq!(Raw::connect(address).await.upgrade(path).await, 404);
    }
}

#[tokio::test]
async fn s14_12_s16_5_a_foreign_origin_is_refused_before_the_upgrade() {
    let address = serve(PROFILES[0]).await;
    for path in ["/nocors/websocket", "/nocors/0/x/websocket"] {
        let headers = [
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
            "Origin: http://evil.example",
        ];
        assert_eq!(ask(address, "GET", path, &headers, "").await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn s16_2_an_upgrade_of_any_route_disturbs_nobody() {
    let address = serve(PROFILES[0]).await;
    let headers = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
    ];
    for (path, status) in
        [("/echo", 200), ("/echo/info", 200), ("/echo/iframe.html", 200), ("/echo/a", 404), ("/echo/0/x/xhr", 405)]
    {
        assert_eq!(ask(address, "GET", path, &headers, "").await.status, status, "{path}");
    }
    for path in ["/echo", "/echo/0/x/xhr", "/echo/a/b/c/d"] {
        let mut wire = Wire::connect(address).await;
        wire.request(&format!("POST {path} HTTP/1.1"), &headers, "").await;
        // Gone before the answer.
        drop(wire);
    }
    assert_eq!(super::get(address, "/echo").await.status, 200);
}
