//! Who is let in.

use crate::support::{Client, builder, get, post_form, request, serve_events};
use tsugi::{Limits, Origins, Refusal};

#[tokio::test]
async fn a_request_without_a_client_id_is_a_400() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    for path in ["/chsk", "/chsk?client-id=", "/chsk?client-id=%20"] {
        assert_eq!(get(address, path).await.status, 400, "{path}");
        assert_eq!(Client::try_connect(address, path, "").await.err(), Some(400), "{path}");
    }
    assert_eq!(post_form(address, "/chsk", "ppstr=%5B%5B%3Aa%2Fb%5D%20nil%5D").await.status, 400);
    assert_eq!(server.sessions(), 0);
}

#[tokio::test]
async fn a_csrf_token_is_wanted_everywhere_and_taken_in_three_places() {
    let server = builder().csrf(|_| Some("tok".to_owned())).build().unwrap();
    let address = serve_events(&server).await;
    assert_eq!(get(address, "/chsk?client-id=a").await.body, "Bad CSRF token");
    assert_eq!(get(address, "/chsk?client-id=a&csrf-token=bad").await.status, 403);
    assert_eq!(Client::try_connect(address, "/chsk?client-id=a", "").await.err(), Some(403));
    for headers in ["X-CSRF-Token: tok\r\n", "X-XSRF-Token: tok\r\n"] {
        assert_eq!(request(address, "GET", "/chsk?client-id=a&handshake%3F=1", headers, "").await.status, 200);
    }
    assert!(Client::try_connect(address, "/chsk?client-id=a&csrf-token=tok", "").await.is_ok());
    // A blank parameter shadows a right header, as in Sente.
    assert_eq!(
        request(address, "GET", "/chsk?client-id=a&handshake%3F=1&csrf-token=", "X-CSRF-Token: tok\r\n", "")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_tsugi_websocket_brings_its_token_in_hello() {
    let server = builder().csrf(|_| Some("tok".to_owned())).build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&tsugi=1&codec=json";
    let mut good = Client::connect(address, path).await;
    good.text().await;
    good.send("[[\"chsk/hello\",{\"csrf\":\"tok\"}],null]").await;
    assert!(good.text().await.contains("chsk/welcome"));
    for hello in ["{\"csrf\":\"bad\"}", "{}"] {
        let mut bad = Client::connect(address, path).await;
        bad.text().await;
        bad.send(&format!("[[\"chsk/hello\",{hello}],null]")).await;
        assert_eq!(bad.close().await.0, 1008, "{hello}");
    }
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn without_settings_only_pages_of_the_same_host_come_in() {
    let server = builder().origins(Origins::Same).build().unwrap();
    let address = serve_events(&server).await;
    let status =
        async |headers: &str| request(address, "GET", "/chsk?client-id=a&handshake%3F=1", headers, "").await.status;
    let ajax = "X-Requested-With: XMLHttpRequest\r\n";
    assert_eq!(status(&format!("{ajax}Origin: http://{address}\r\n")).await, 200);
    assert_eq!(status(ajax).await, 200);
    assert_eq!(status("").await, 403);
    for foreign in
        ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Referer: http://evil.example/"]
    {
        assert_eq!(status(&format!("{ajax}{foreign}\r\n")).await, 403, "{foreign}");
        let headers = format!("{foreign}\r\n");
        assert_eq!(Client::try_connect(address, "/chsk?client-id=a", &headers).await.err(), Some(403), "{foreign}");
    }
}

#[tokio::test]
async fn a_hook_refuses_with_an_answer_of_its_own() {
    let refuse =
        |_: &tsugi::ConnectRequest| Some(Refusal::new(http::StatusCode::PAYMENT_REQUIRED, "pay").header("x-foo", "1"));
    let server = builder().csrf(|_| None).reject(refuse).build().unwrap();
    let address = serve_events(&server).await;
    let answer = get(address, "/chsk?client-id=a").await;
    assert_eq!((answer.status, answer.body.as_str()), (402, "pay"));
    assert!(answer.head.contains("x-foo: 1"));
}

#[tokio::test]
async fn too_many_sessions_are_told_to_come_back() {
    let server = builder().limits(Limits::default().max_sessions(1)).build().unwrap();
    let address = serve_events(&server).await;
    assert_eq!(get(address, "/chsk?client-id=a").await.status, 200);
    let refused = get(address, "/chsk?client-id=b").await;
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 2"));
}

#[tokio::test]
async fn an_unknown_codec_is_told_the_choices() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let answer = get(address, "/chsk?client-id=a&tsugi=1&codec=xml").await;
    assert_eq!((answer.status, answer.body.as_str()), (400, "Unknown codec; choose one of: edn, json"));
}

#[tokio::test]
async fn a_websocket_that_says_no_hello_holds_its_place_among_the_handshakes() {
    let server = builder().limits(Limits::default().max_handshakes(1)).build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&tsugi=1&codec=json";
    let mut silent = Client::connect(address, path).await;
    silent.text().await;
    assert_eq!(Client::try_connect(address, path, "").await.err(), Some(503));
    silent.send("[[\"chsk/hello\",{}],null]").await;
    silent.text().await;
    assert!(Client::try_connect(address, path, "").await.is_ok());
}
