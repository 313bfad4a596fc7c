//! Sections 1 and 2.1: what is found where, and by which method.

use super::{PROFILES, ask, get, post, serve, session};

#[tokio::test]
async fn s2_1_the_greeting_greets() {
    let address = serve(PROFILES[0]).await;
    for path in ["/echo", "/echo/", "/echo?x=1"] {
        let reply = get(address, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "Welcome to SockJS!\n"), "{path}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(reply.header("content-length"), Some("19"));
        assert_eq!(reply.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn s1_3_s1_8_what_the_protocol_does_not_name_is_not_found() {
    let address = serve(PROFILES[0]).await;
    for path in ["/a", "/a.html", "//", "///", "/a/a", "/a/a/", "/a/", "//info", "/chunking_test"] {
        let reply = get(address, &format!("/echo{path}")).await;
        assert_eq!((reply.status, reply.body.as_str()), (404, "404 Error: Page not found\n"), "{path}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    }
}

#[tokio::test]
async fn s1_4_s1_5_a_trailing_slash_and_a_query_change_nothing() {
    let address = serve(PROFILES[0]).await;
    assert_eq!(get(address, "/echo/info/").await.status, 200);
    assert_eq!(get(address, "/echo/info?token=x&t=1").await.status, 200);
    let id = session();
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr/?t=1"), "").await.body, "o\n");
}

#[tokio::test]
async fn s1_6_s1_7_ids_are_any_text_without_dots_and_the_server_part_means_nothing() {
    let address = serve(PROFILES[0]).await;
    for path in ["//xhr", "/a./a/xhr", "/a/a./xhr", "/././xhr", "///xhr"] {
        assert_eq!(post(address, &format!("/echo{path}"), "").await.status, 404, "{path}");
        assert_eq!(get(address, &format!("/echo{path}")).await.status, 404, "{path}");
    }
    assert_eq!(post(address, "/echo/abcdefgh_i-j%20/abcdefg_i-j%20/xhr", "").await.body, "o\n");
    for id in ["a%2Eb", "a%2Fb"] {
        assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, "o\n", "{id} is raw");
    }
    let id = session();
    assert_eq!(post(address, &format!("/echo/000/{id}/xhr"), "").await.body, "o\n");
    assert_eq!(post(address, &format!("/echo/999/{id}/xhr_send"), "[\"a\"]").await.status, 204);
    assert_eq!(post(address, &format!("/echo/555/{id}/xhr"), "").await.body, "a[\"a\"]\n");
}

#[tokio::test]
async fn s1_9_a_known_path_with_another_method_says_which_it_has() {
    let address = serve(PROFILES[0]).await;
    let only_get =
        ["", "/iframe.html", "/websocket", "/0/x/websocket", "/0/x/eventsource", "/0/x/htmlfile", "/0/x/jsonp"];
    let all = only_get.map(|path| (path, "GET")).into_iter().chain([
        ("/info", "OPTIONS, GET"),
        ("/0/x/xhr", "POST, OPTIONS"),
        ("/0/x/xhr_send", "POST, OPTIONS"),
        ("/0/x/xhr_streaming", "POST, OPTIONS"),
        ("/0/x/jsonp_send", "POST"),
    ]);
    for (path, allow) in all {
        let reply = ask(address, "PUT", &format!("/echo{path}"), &[], "").await;
        assert_eq!((reply.status, reply.header("allow"), reply.body.as_str()), (405, Some(allow), ""), "{path}");
        assert_eq!(reply.header("content-type"), None, "{path}");
    }
    for path in ["/0/x/eventsource", "/0/x/htmlfile", "/0/x/jsonp", "/websocket"] {
        assert_eq!(ask(address, "OPTIONS", &format!("/echo{path}"), &[], "").await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn s13_3_m12_the_same_id_under_another_prefix_is_another_session() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, "o\n");
    assert_eq!(post(address, &format!("/fast_echo/0/{id}/xhr_send"), "[\"a\"]").await.status, 404);
    assert_eq!(post(address, &format!("/fast_echo/0/{id}/xhr"), "").await.body, "o\n");
}
