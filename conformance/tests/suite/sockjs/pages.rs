//! Sections 2, 3, 5 and 6: `/info`, the iframe page, what other origins may read, and the cookie.

use super::{PROFILES, Reply, Wire, ask, get, no_cache, post, serve, session, stream};
use tsugi::SockJsProfile;

#[tokio::test]
async fn s2_2_to_s2_4_info_tells_what_there_is() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let reply = get(address, "/echo/info").await;
        assert_eq!(reply.header("content-type"), Some("application/json; charset=UTF-8"));
        assert_eq!(reply.header("cache-control"), Some(no_cache(profile)));
        assert!(["expires", "last-modified", "set-cookie"].iter().all(|name| reply.header(name).is_none()));
        let info: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!((&info["websocket"], &info["cookie_needed"]), (&true.into(), &false.into()));
        assert_eq!(info["origins"], serde_json::json!(["*:*"]));
        assert!(info["entropy"].as_u64().is_some_and(|entropy| entropy <= u64::from(u32::MAX)));
        let again: serde_json::Value = serde_json::from_str(&get(address, "/echo/info").await.body).expect("JSON");
        assert_ne!(info["entropy"], again["entropy"]);
    }
    let address = serve(PROFILES[0]).await;
    assert!(get(address, "/disabled_websocket_echo/info").await.body.contains("\"websocket\":false"));
    assert!(get(address, "/cookie_needed_echo/info").await.body.contains("\"cookie_needed\":true"));
    assert!(!get(address, "/nocors/info").await.body.contains("origins"));
}

#[tokio::test]
async fn s3_1_to_s3_7_the_iframe_page_is_the_same_for_every_version_and_cached() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let page = get(address, "/echo/iframe.html").await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=UTF-8")));
        assert_eq!(page.header("cache-control"), Some("public, max-age=31536000"));
        assert!(page.header("expires").is_some_and(|date| date.ends_with(" GMT")));
        assert!(page.header("last-modified").is_none() && page.header("set-cookie").is_none());
        let (src, boot) = (page.body.find("<script src=").unwrap(), page.body.find("bootstrap_iframe").unwrap());
        assert_eq!(src < boot, profile == SockJsProfile::Current, "which script comes first");
        assert_eq!(page.body.contains("_sockjs_onload"), profile == SockJsProfile::V0_3_3);
        for name in ["iframe-.html", "iframe-0.1.2abc-dirty.2144.html", "iframe-a.html?t=1"] {
            assert_eq!(get(address, &format!("/echo/{name}")).await.body, page.body, "{name}");
        }
        for name in ["iframe.htm", "iframe", "IFRAME.HTML", "iframe.HTML", "iframe.xml", "iframe-/.html"] {
            assert_eq!(get(address, &format!("/echo/{name}")).await.status, 404, "{name}");
        }
        let tag = page.header("etag").expect("a tag").to_owned();
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let header = format!("If-None-Match: {known}");
            let again = ask(address, "GET", "/echo/iframe.html", &[&header], "").await;
            assert_eq!((again.status, again.body.as_str(), again.header("content-type")), (304, "", None), "{known}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
        }
        let foreign = ask(address, "GET", "/echo/iframe.html", &["If-None-Match: \"foreign\""], "").await;
        assert_eq!(foreign.status, 200);
    }
}

#[tokio::test]
async fn s3_3_the_iframe_page_is_that_of_the_protocol_to_the_space() {
    for profile in PROFILES {
        let page = get(serve(profile).await, "/echo/iframe.html").await.body;
        let (_, after) = page.split_once("src=\"").expect("a library");
        let (url, _) = after.split_once('"').expect("its end");
        assert!(url.starts_with('/') || url.starts_with("http"), "{url}");
        let library = format!("  <script src=\"{url}\"></script>");
        let start = match profile {
            SockJsProfile::Current => "    SockJS.bootstrap_iframe();",
            SockJsProfile::V0_3_3 => "    _sockjs_onload = function(){SockJS.bootstrap_iframe();};",
        };
        let inline = ["  <script>", "    document.domain = document.domain;", start, "  </script>"].join("\n");
        let scripts = match profile {
            SockJsProfile::Current => [library, inline],
            SockJsProfile::V0_3_3 => [inline, library],
        };
        let lines = [
            "<!DOCTYPE html>",
            "<html>",
            "<head>",
            "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />",
            "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />",
            &scripts.join("\n"),
            "</head>",
            "<body>",
            "  <h2>Don't panic!</h2>",
            "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>",
            "</body>",
            "</html>",
        ];
        assert_eq!(page.trim(), lines.join("\n"));
    }
}

#[tokio::test]
async fn s6_3_streams_set_the_cookie_and_websockets_never() {
    let address = serve(PROFILES[0]).await;
    for (method, way) in [("POST", "xhr_streaming"), ("GET", "eventsource"), ("GET", "htmlfile?c=cb")] {
        let (head, _wire) = stream(address, method, &format!("/cookie_needed_echo/0/{}/{way}", session())).await;
        assert_eq!(head.header("set-cookie"), Some("JSESSIONID=dummy; path=/"), "{way}");
    }
    let upgrade = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
    ];
    for path in ["/cookie_needed_echo/websocket", "/cookie_needed_echo/0/x/websocket"] {
        let mut wire = Wire::connect(address).await;
        wire.request(&format!("GET {path} HTTP/1.1"), &upgrade, "").await;
        let head = wire.head().await;
        assert_eq!((head.status, head.header("set-cookie")), (101, None), "{path}");
    }
}

fn allowed(reply: &Reply) -> (Option<&str>, Option<&str>) {
    (reply.header("access-control-allow-origin"), reply.header("access-control-allow-credentials"))
}

#[tokio::test]
async fn s5_1_s5_2_s5_5_an_origin_is_echoed_and_a_star_never_has_credentials() {
    for profile in PROFILES {
        let address = serve(profile).await;
        for (method, path) in [("GET", "info"), ("POST", "0/cors1/xhr"), ("OPTIONS", "0/cors2/xhr_send")] {
            let path = format!("/echo/{path}");
            let reply = ask(address, method, &path, &["Origin: http://a.example"], "").await;
            assert_eq!(allowed(&reply), (Some("http://a.example"), Some("true")), "{path}");
            assert_eq!(reply.header("vary"), Some("Origin"));
            let none = ask(address, "OPTIONS", "/echo/0/cors3/xhr", &[], "").await;
            assert_eq!(allowed(&none), (Some("*"), None));
            let null = ask(address, "OPTIONS", "/echo/0/cors3/xhr", &["Origin: null"], "").await;
            let expected = match profile {
                SockJsProfile::Current => (Some("null"), Some("true")),
                SockJsProfile::V0_3_3 => (Some("*"), None),
            };
            assert_eq!(allowed(&null), expected);
        }
    }
}

#[tokio::test]
async fn s2_7_s5_3_s5_4_a_preflight_says_what_may_be_sent_and_opens_nothing() {
    let address = serve(PROFILES[0]).await;
    for (path, methods) in [
        ("/info", "OPTIONS, GET"),
        ("/0/pre/xhr", "OPTIONS, POST"),
        ("/0/pre/xhr_send", "OPTIONS, POST"),
        ("/0/pre/xhr_streaming", "OPTIONS, POST"),
    ] {
        let headers = ["Origin: http://a.example", "Access-Control-Request-Headers: a, b, c"];
        let reply = ask(address, "OPTIONS", &format!("/echo{path}"), &headers, "").await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
        assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000"));
        assert!(reply.header("expires").is_some());
        assert_eq!(reply.header("access-control-max-age"), Some("31536000"));
        assert_eq!(reply.header("access-control-allow-methods"), Some(methods));
        assert_eq!(reply.header("access-control-allow-headers"), Some("a, b, c"));
        let bare = ask(address, "OPTIONS", &format!("/echo{path}"), &["Access-Control-Request-Headers:"], "").await;
        assert_eq!(bare.header("access-control-allow-headers"), None);
    }
    assert_eq!(post(address, "/echo/0/pre/xhr_send", "[\"a\"]").await.status, 404);
}

#[tokio::test]
async fn s5_6_s5_7_errors_can_be_read_by_the_page_that_caused_them_and_are_not_cached() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let id = session();
        let headers = ["Origin: http://a.example", "Content-Type: text/plain"];
        for (body, status) in [("[\"x", 500), ("[\"x\"]", 404)] {
            let reply = ask(address, "POST", &format!("/echo/0/{id}/xhr_send"), &headers, body).await;
            assert_eq!(reply.status, status);
            assert_eq!(allowed(&reply), (Some("http://a.example"), Some("true")));
            assert!(reply.header("cache-control").is_some_and(|value| value.starts_with("no-store")));
        }
    }
}

#[tokio::test]
async fn s6_1_to_s6_3_the_cookie_is_set_where_a_balancer_needs_it() {
    let address = serve(PROFILES[0]).await;
    let cookie = "Cookie: a=b; JSESSIONID=x=y; c=d";
    let id = session();
    for (method, path) in [
        ("POST", format!("0/{id}/xhr")),
        ("POST", format!("0/{id}/xhr_send")),
        ("GET", format!("0/{id}j/jsonp?c=cb")),
        ("OPTIONS", format!("0/{id}/xhr")),
        ("OPTIONS", "info".to_owned()),
    ] {
        let path = format!("/cookie_needed_echo/{path}");
        let body = if path.ends_with("send") { "[\"a\"]" } else { "" };
        let reply = ask(address, method, &path, &[cookie], body).await;
        assert_eq!(reply.header("set-cookie"), Some("JSESSIONID=x=y; path=/"), "{method} {path}");
    }
    let first = post(address, &format!("/cookie_needed_echo/0/{}/xhr", session()), "").await;
    assert_eq!(first.header("set-cookie"), Some("JSESSIONID=dummy; path=/"));
    for path in ["", "/info", "/iframe.html"] {
        let reply = ask(address, "GET", &format!("/cookie_needed_echo{path}"), &[cookie], "").await;
        assert_eq!(reply.header("set-cookie"), None, "{path}");
    }
    let off = ask(address, "POST", &format!("/echo/0/{}/xhr", session()), &[cookie], "").await;
    assert_eq!(off.header("set-cookie"), None);
}

#[tokio::test]
async fn s3_9_s16_5_m10_without_open_origins_what_they_cannot_protect_is_off() {
    let address = serve(PROFILES[0]).await;
    for path in ["iframe.html", "0/n/htmlfile?c=cb", "0/n/jsonp?c=cb"] {
        assert_eq!(get(address, &format!("/nocors/{path}")).await.status, 404, "{path}");
    }
    assert_eq!(post(address, "/nocors/0/n/jsonp_send", "[\"a\"]").await.status, 404);
    let foreign = ["Origin: http://evil.example"];
    assert_eq!(ask(address, "POST", "/nocors/0/n/xhr", &foreign, "").await.status, 403);
    assert_eq!(allowed(&ask(address, "GET", "/nocors/info", &foreign, "").await), (None, None));
    let own = ["Origin: http://server.example"];
    assert_eq!(ask(address, "POST", "/nocors/0/n/xhr", &own, "").await.body, "o\n");
}
