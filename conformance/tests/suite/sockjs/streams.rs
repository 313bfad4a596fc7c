//! Sections 7.3 to 7.8, 9 and 10: responses that stream.

use super::{PROFILES, Wire, ask, get, no_cache, post, serve, session, stream};
use tsugi::SockJsProfile;

#[tokio::test]
async fn s7_3_s7_4_a_stream_is_one_chunk_a_frame_and_the_prelude_its_own() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let id = session();
        let (head, mut wire) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
        assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
        assert_eq!(head.header("content-type"), Some("application/javascript; charset=UTF-8"));
        assert_eq!(head.header("cache-control"), Some(no_cache(profile)));
        assert_eq!(head.header("access-control-allow-origin"), Some("http://page.example"));
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert_eq!(wire.chunk().await, Some("h".repeat(2048) + "\n"));
        assert_eq!(wire.chunk().await.as_deref(), Some("o\n"));
        for text in ["a", "b"] {
            post(address, &format!("/echo/0/{id}/xhr_send"), &format!("[\"{text}\"]")).await;
            assert_eq!(wire.chunk().await, Some(format!("a[\"{text}\"]\n")));
        }
    }
}

#[tokio::test]
async fn s7_6_s13_9_m4_a_response_ends_at_its_limit_and_nothing_is_lost() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let (_, mut wire) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
    wire.chunk().await;
    assert_eq!(wire.chunk().await.as_deref(), Some("o\n"));
    let text = "x".repeat(128);
    for _ in 0..31 {
        post(address, &format!("/echo/0/{id}/xhr_send"), &format!("[\"{text}\"]")).await;
        assert_eq!(wire.chunk().await, Some(format!("a[\"{text}\"]\n")));
    }
    assert_eq!(wire.chunk().await, None, "4,156 bytes are more than 4,096");
    post(address, &format!("/echo/0/{id}/xhr_send"), "[\"next\"]").await;
    let (_, mut wire) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
    wire.chunk().await;
    assert_eq!(wire.chunk().await.as_deref(), Some("a[\"next\"]\n"), "and no second open frame");
}

#[tokio::test]
async fn s7_6_m4_a_numbered_stream_survives_a_hundred_roll_overs() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let mut numbers = Vec::new();
    let mut sent = 0;
    for _ in 0..100 {
        let (_, mut wire) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
        let batch: Vec<String> = (sent..sent + 5).map(|n| format!("\"{n} {}\"", "x".repeat(1000))).collect();
        // The first response also opens the session, before which there is nobody to send to.
        wire.chunk().await;
        if sent == 0 {
            assert_eq!(wire.chunk().await.as_deref(), Some("o\n"));
        }
        post(address, &format!("/echo/0/{id}/xhr_send"), &format!("[{}]", batch.join(","))).await;
        sent += 5;
        while let Some(chunk) = wire.chunk().await {
            let frame = chunk.strip_prefix('a').expect("messages");
            let texts: Vec<String> = serde_json::from_str(frame).expect("JSON");
            numbers.extend(texts.iter().map(|text| text.split(' ').next().unwrap().parse::<u32>().unwrap()));
        }
    }
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn s9_1_to_s9_6_events_are_wrapped_and_a_percent_is_encoded() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let id = session();
        let (head, mut wire) = stream(address, "GET", &format!("/echo/0/{id}/eventsource")).await;
        let media = match profile {
            SockJsProfile::Current => "text/event-stream",
            SockJsProfile::V0_3_3 => "text/event-stream; charset=UTF-8",
        };
        assert_eq!(head.header("content-type"), Some(media));
        assert_eq!(head.header("cache-control"), Some(no_cache(profile)));
        assert_eq!(head.header("access-control-allow-origin"), Some("http://page.example"));
        assert_eq!(wire.chunk().await.as_deref(), Some("\r\n"));
        assert_eq!(wire.chunk().await.as_deref(), Some("data: o\r\n\r\n"));
        post(address, &format!("/echo/0/{id}/xhr_send"), r#"["  \u0000\n\r "]"#).await;
        assert_eq!(wire.chunk().await.as_deref(), Some("data: a[\"  \\u0000\\n\\r \"]\r\n\r\n"));
        post(address, &format!("/echo/0/{id}/xhr_send"), "[\"100%\"]").await;
        assert_eq!(wire.chunk().await.as_deref(), Some("data: a[\"100%25\"]\r\n\r\n"));
        post(address, &format!("/echo/0/{id}/xhr_send"), &format!("[\"{}\"]", "x".repeat(4096))).await;
        assert!(wire.chunk().await.is_some());
        assert_eq!(wire.chunk().await, None, "the limit");
    }
}

/// The page of the protocol, for a callback of this name.
fn page(callback: &str) -> String {
    let lines = [
        "<!doctype html>",
        "<html><head>",
        "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />",
        "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />",
        "</head><body><h2>Don't panic!</h2>",
        "  <script>",
        "    document.domain = document.domain;",
        &format!("    var c = parent.{callback};"),
        "    c.start();",
        "    function p(d) {c.message(d);};",
        "    window.onload = function() {c.stop();};",
        "  </script>",
    ];
    lines.join("\n")
}

#[tokio::test]
async fn s10_1_s10_4_to_s10_7_a_page_of_scripts_that_no_message_can_break_out_of() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let id = session();
        let (head, mut wire) = stream(address, "GET", &format!("/echo/0/{id}/htmlfile?c=%63allback")).await;
        assert_eq!(head.header("content-type"), Some("text/html; charset=UTF-8"));
        assert_eq!(head.header("cache-control"), Some(no_cache(profile)));
        let first = wire.chunk().await.expect("the page");
        assert_eq!(first.trim(), page("callback"));
        assert!(first.len() > 1024 && first.ends_with("\r\n\r\n"));
        assert_eq!(wire.chunk().await.as_deref(), Some("<script>\np(\"o\");\n</script>\r\n"));
        post(address, &format!("/echo/0/{id}/xhr_send"), r#"["</script>\u2028"]"#).await;
        let expected = "<script>\np(\"a[\\\"\\u003c/script>\\\\u2028\\\"]\");\n</script>\r\n";
        assert_eq!(wire.chunk().await.as_deref(), Some(expected));
        post(address, &format!("/echo/0/{id}/xhr_send"), &format!("[\"{}\"]", "x".repeat(4096))).await;
        assert!(wire.chunk().await.is_some());
        assert_eq!(wire.chunk().await, None, "the limit");
    }
}

#[tokio::test]
async fn s10_2_s10_3_a_callback_is_a_name_or_refused() {
    let address = serve(PROFILES[0]).await;
    let missing = get(address, &format!("/echo/0/{}/htmlfile", session())).await;
    assert_eq!((missing.status, missing.body.as_str()), (500, "\"callback\" parameter required"));
    for bad in ["%20", "*", "abc(", "abc%28", "", &"x".repeat(33), "a&c=b"] {
        let reply = get(address, &format!("/echo/0/{}/htmlfile?c={bad}", session())).await;
        assert_eq!((reply.status, reply.body.as_str()), (500, "invalid \"callback\" parameter"), "{bad}");
    }
}

#[tokio::test]
async fn s7_3_the_prelude_comes_always_and_s7_8_never_an_empty_response() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let (_, mut first) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
    first.chunk().await;
    first.chunk().await;
    let (_, mut second) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
    assert_eq!(second.chunk().await.map(|chunk| chunk.len()), Some(2049));
    assert_eq!(second.chunk().await.as_deref(), Some("c[2010,\"Another connection still open\"]\n"));
    assert_eq!(second.chunk().await, None);
    let closed = session();
    for opens in [true, false, false] {
        let (_, mut wire) = stream(address, "POST", &format!("/close/0/{closed}/xhr_streaming")).await;
        assert_eq!(wire.chunk().await.map(|chunk| chunk.len()), Some(2049));
        if opens {
            assert_eq!(wire.chunk().await.as_deref(), Some("o\n"));
        }
        assert_eq!(wire.chunk().await.as_deref(), Some("c[3000,\"Go away!\"]\n"));
        assert_eq!(wire.chunk().await, None);
    }
}

#[tokio::test]
async fn s13_1_any_mix_of_transports_serves_one_session() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, "o\n");
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    ask(address, "POST", &format!("/echo/0/{id}/jsonp_send"), &form, "d=%5B%22x%22%5D").await;
    assert_eq!(get(address, &format!("/echo/0/{id}/jsonp?c=cb")).await.body, "/**/cb(\"a[\\\"x\\\"]\");\r\n");
    let mut wire = Wire::connect(address).await;
    wire.request(&format!("GET /echo/0/{id}/eventsource HTTP/1.1"), &[], "").await;
    wire.head().await;
    assert_eq!(wire.chunk().await.as_deref(), Some("\r\n"));
    post(address, &format!("/echo/0/{id}/xhr_send"), "[\"y\"]").await;
    assert_eq!(wire.chunk().await.as_deref(), Some("data: a[\"y\"]\r\n\r\n"));
}
