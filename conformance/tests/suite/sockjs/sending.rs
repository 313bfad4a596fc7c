//! Sections 4, 7.1 to 7.5 and 8: polls, and what is posted.

use super::{PROFILES, Wire, ask, no_cache, post, serve, session};

#[tokio::test]
async fn s7_1_s7_2_s8_1_a_poll_brings_one_frame_and_a_post_is_a_204() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let id = session();
        let open = post(address, &format!("/echo/000/{id}/xhr"), "").await;
        assert_eq!((open.status, open.body.as_str()), (200, "o\n"));
        assert_eq!(open.header("content-type"), Some("application/javascript; charset=UTF-8"));
        assert_eq!(open.header("cache-control"), Some(no_cache(profile)));
        let sent = post(address, &format!("/echo/000/{id}/xhr_send"), "[\"a\"]").await;
        assert_eq!((sent.status, sent.body.as_str()), (204, ""));
        assert_eq!(sent.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(sent.header("cache-control"), Some(no_cache(profile)));
        assert_eq!(post(address, &format!("/echo/000/{id}/xhr"), "").await.body, "a[\"a\"]\n");
    }
}

#[tokio::test]
async fn s4_9_s7_5_what_was_sent_singly_waits_as_one_frame() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    for _ in 0..8 {
        assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), "[\"a\"]").await.status, 204);
    }
    let expected = format!("a[{}]\n", ["\"a\""; 8].join(","));
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, expected);
}

#[tokio::test]
async fn s7_2_m2_an_idle_poll_is_held_until_there_is_something() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let mut poll = Wire::connect(address).await;
    poll.request(&format!("POST /echo/0/{id}/xhr HTTP/1.1"), &["Content-Length: 0"], "").await;
    post(address, &format!("/echo/0/{id}/xhr_send"), "[\"now\"]").await;
    assert_eq!(poll.answer().await.body, "a[\"now\"]\n");
}

#[tokio::test]
async fn s8_3_the_type_of_a_body_means_nothing_unless_it_is_a_forms() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let path = format!("/echo/0/{id}/xhr_send");
    let types = ["text/plain", "T", "application/json", "application/xml", "text/xml", "", "text/plain; charset=UTF-8"];
    for media in types {
        let header = format!("Content-Type: {media}");
        assert_eq!(ask(address, "POST", &path, &[&header], "[\"a\"]").await.status, 204, "{media}");
    }
    assert_eq!(ask(address, "POST", &path, &[], "[\"a\"]").await.status, 204);
    for media in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let header = format!("Content-Type: {media}");
        let reply = ask(address, "POST", &path, &[&header], "[\"a\"]").await;
        assert_eq!((reply.status, reply.body.as_str()), (500, "Payload expected."), "{media}");
    }
}

#[tokio::test]
async fn s8_4_m8_bad_payloads_are_named_and_the_session_lives_on() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let path = format!("/echo/0/{id}/xhr_send");
    for (body, why) in [
        ("null", "Payload expected."),
        ("{}", "Payload expected."),
        ("\"x\"", "Payload expected."),
        ("[\"x", "Broken JSON encoding."),
        ("[\"x\"", "Broken JSON encoding."),
        ("[1]", "Broken JSON encoding."),
    ] {
        let reply = post(address, &path, body).await;
        assert_eq!((reply.status, reply.body.as_str()), (500, why), "{body}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    }
    let empty = ask(address, "POST", &path, &["Content-Length: 0"], "").await;
    assert_eq!((empty.status, empty.body.as_str()), (500, "Payload expected."));
    assert_eq!(post(address, &path, "[]").await.status, 204);
    assert_eq!(post(address, &path, "[\"well\"]").await.status, 204);
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, "a[\"well\"]\n");
}

#[tokio::test]
async fn s8_5_an_unknown_session_is_not_found_and_is_not_made() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), "[\"a\"]").await.status, 404);
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), "[\"a").await.status, 500, "the payload comes first");
    assert_eq!(post(address, &format!("/echo/0/{id}/jsonp_send"), "[\"a\"]").await.status, 404);
}

#[tokio::test]
async fn s8_7_a_body_that_is_too_large_is_a_413_and_not_utf_8_is_broken() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let mut wire = Wire::connect(address).await;
    let head = format!("POST /echo/0/{id}/xhr_send HTTP/1.1\r\nHost: s\r\nContent-Length: 3000000\r\n\r\n");
    wire.write(head.as_bytes()).await;
    // It answers as soon as there is too much, and need not read the rest.
    wire.write(&vec![b'x'; 2 * 1024 * 1024 + 1]).await;
    assert_eq!(wire.head().await.status, 413);
    let mut wire = Wire::connect(address).await;
    wire.write(format!("POST /echo/0/{id}/xhr_send HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\n").as_bytes()).await;
    wire.write(b"[\"\xff\"]").await;
    let reply = wire.answer().await;
    assert_eq!((reply.status, reply.body.as_str()), (500, "Broken JSON encoding."));
}

#[tokio::test]
async fn s4_3_s4_4_s4_6_s4_7_m11_text_comes_back_and_what_gets_lost_is_escaped() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let body = r#"["\"\\\u0000\u001f\u200c\u2028\u206f\uffff\ud83d\ude00\u00ad\ufeff/\ud800"]"#;
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr_send"), body).await.status, 204);
    let back = post(address, &format!("/echo/0/{id}/xhr"), "").await.body;
    let expected = "a[\"\\\"\\\\\\u0000\\u001f\\u200c\\u2028\\u206f\\uffff\\ud83d\\ude00\u{ad}\u{feff}/\\ufffd\"]\n";
    assert_eq!(back, expected);
}

#[tokio::test]
async fn s15_5_a_body_in_chunks_is_a_body() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    post(address, &format!("/echo/0/{id}/xhr"), "").await;
    let mut wire = Wire::connect(address).await;
    let head = format!("POST /echo/0/{id}/xhr_send HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.write(format!("{head}3\r\n[\"a\r\n2\r\n\"]\r\n0\r\n\r\n").as_bytes()).await;
    assert_eq!(wire.answer().await.status, 204);
}
