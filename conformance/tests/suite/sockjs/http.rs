//! Section 15, and 16.4: versions of HTTP, and what no client should send.

use super::{PROFILES, Wire, get, post, serve, session};

#[tokio::test]
async fn s15_1_http_1_0_gets_a_length_and_no_chunks() {
    let address = serve(PROFILES[0]).await;
    let mut wire = Wire::connect(address).await;
    wire.request("GET /echo HTTP/1.0", &["Connection: Keep-Alive"], "").await;
    let head = wire.head().await;
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(head.header("content-length"), Some("19"));
    assert_eq!(wire.take(19).await, "Welcome to SockJS!\n");
    if head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")) {
        wire.request("GET /echo HTTP/1.0", &["Connection: Keep-Alive"], "").await;
        assert_eq!(wire.head().await.status, 200);
    }
}

#[tokio::test]
async fn s15_2_a_stream_of_http_1_0_is_raw_and_ends_with_the_connection() {
    let address = serve(PROFILES[0]).await;
    let mut wire = Wire::connect(address).await;
    let path = format!("/close/0/{}/xhr_streaming", session());
    wire.request(&format!("POST {path} HTTP/1.0"), &["Connection: Keep-Alive", "Content-Length: 0"], "").await;
    let head = wire.head().await;
    assert!(head.header("transfer-encoding").is_none() && head.header("content-length").is_none());
    assert_eq!(wire.rest().await, "h".repeat(2048) + "\no\nc[3000,\"Go away!\"]\n");
}

#[tokio::test]
async fn s15_3_s15_4_a_connection_of_http_1_1_is_used_again() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let mut wire = Wire::connect(address).await;
    wire.request("GET /echo HTTP/1.1", &[], "").await;
    assert_eq!(wire.answer().await.body, "Welcome to SockJS!\n");
    wire.request(&format!("POST /echo/0/{id}/xhr HTTP/1.1"), &["Content-Length: 0"], "").await;
    assert_eq!(wire.answer().await.body, "o\n");
    wire.request(&format!("POST /echo/0/{id}/xhr_send HTTP/1.1"), &[], "[\"x\"]").await;
    assert_eq!(wire.answer().await.status, 204);
    wire.request(&format!("POST /echo/0/{id}/xhr HTTP/1.1"), &["Content-Length: 0"], "").await;
    assert_eq!(wire.answer().await.body, "a[\"x\"]\n");
    let path = format!("/close/0/{}/xhr_streaming", session());
    wire.request(&format!("POST {path} HTTP/1.1"), &["Content-Length: 0"], "").await;
    let head = wire.head().await;
    assert_eq!((head.header("transfer-encoding"), head.header("content-length")), (Some("chunked"), None));
    while wire.chunk().await.is_some() {}
    wire.request("GET /echo HTTP/1.1", &[], "").await;
    assert_eq!(wire.answer().await.status, 200, "after the last chunk of nothing");
}

#[tokio::test]
async fn s7_1_s15_6_a_post_without_a_length_has_an_empty_body() {
    let address = serve(PROFILES[0]).await;
    let mut wire = Wire::connect(address).await;
    wire.request(&format!("POST /echo/0/{}/xhr HTTP/1.1", session()), &[], "").await;
    assert_eq!(wire.answer().await.body, "o\n");
}

#[tokio::test]
async fn s16_4_what_no_client_should_send_has_an_answer_and_hurts_nobody() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let deep = "[".repeat(100_000);
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), &deep).await.status, 500);
    let many = format!("[{}]", vec!["\"\""; 20_000].join(","));
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), &many).await.status, 413);
    assert_eq!(get(address, &format!("/echo/{}", "a/".repeat(2_000))).await.status, 404);
    assert_eq!(get(address, &format!("/echo/0/{}/eventsource", "x".repeat(4_000))).await.status, 404);
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), "[\"well\"]").await.status, 204);
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, "a[\"well\"]\n");
}
