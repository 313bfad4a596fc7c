//! Events over long-polling.

use crate::support::{builder, get, post_form, request, serve_events};
use std::time::Duration;
use tsugi::{Event, Times, UserId};

const AJAX: &str = "X-Requested-With: XMLHttpRequest\r\nContent-Type: application/json\r\n";

#[tokio::test]
async fn a_sente_client_polls_posts_and_is_pushed_to() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&uid=ann";
    assert_eq!(get(address, path).await.body, "[[:chsk/handshake [\"ann\" nil nil]] nil]");
    let held = tokio::spawn(async move { get(address, path).await });
    let posted = post_form(address, "/chsk", "client-id=a&uid=ann&ppstr=%5B%5B%3Atest%2Fpush%202%5D%20nil%5D").await;
    assert_eq!((posted.status, posted.body.as_str()), (200, "[:chsk/dummy-cb-200 nil]"));
    assert_eq!(held.await.unwrap().body, "[[[:srv/n 0] [:srv/n 1]] nil]");
    let replied =
        post_form(address, "/chsk", "client-id=a&uid=ann&ppstr=%5B%5B%3Atest%2Fecho%202%5D%20%3Aajax%5D").await;
    assert_eq!(replied.body, "[2 nil]");
}

#[tokio::test]
async fn an_idle_poll_times_out_and_a_second_one_ends_the_first() {
    let times = Times::default().poll_timeout(Duration::from_millis(200));
    let server = builder().times(times).build().unwrap();
    let address = serve_events(&server).await;
    get(address, "/chsk?client-id=a").await;
    assert_eq!(get(address, "/chsk?client-id=a").await.body, "[:chsk/timeout nil]");
    let (first, second) = tokio::join!(get(address, "/chsk?client-id=a"), get(address, "/chsk?client-id=a"));
    let mut bodies = [first.body, second.body];
    bodies.sort();
    assert_eq!(bodies, ["[:chsk/timeout nil]", "[[] nil]"]);
}

#[tokio::test]
async fn a_tsugi_client_polls_with_its_session_in_a_header() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&uid=ann&tsugi=1&codec=json";
    assert!(get(address, path).await.body.starts_with("[[\"chsk/handshake\",[\"ann\",null,null,{"));
    let welcome = request(address, "POST", path, AJAX, "[[\"chsk/hello\",{}],null]").await;
    let welcome: serde_json::Value = serde_json::from_str(&welcome.body).unwrap();
    let session = welcome[0][1]["session"].as_str().unwrap().to_owned();
    let headers = format!("{AJAX}Tsugi-Session: {session}\r\n");

    let body = "[[\"test/echo\",1],1]\n[[\"test/echo\",2],2]";
    let posted = request(address, "POST", path, &headers, body).await;
    assert_eq!((posted.status, posted.body.as_str()), (200, "[\"chsk/dummy-cb-200\",null]"));
    let delivery = server.push(&UserId::from("ann"), Event::new("srv/hi", "there")).await.unwrap();
    assert_eq!(delivery.sessions, 1);
    let polled = request(address, "GET", path, &headers, "").await;
    assert_eq!(polled.body, "[1,1]\n[2,2]\n[[[\"srv/hi\",\"there\"]],null]");
    assert!(polled.head.contains("cache-control: no-store, no-transform"));

    let stranger = format!("{AJAX}Tsugi-Session: {}\r\n", "0".repeat(40));
    assert_eq!(request(address, "POST", path, &stranger, body).await.status, 409);
    let other = "/chsk?client-id=a&uid=bob&tsugi=1&codec=json";
    assert_eq!(request(address, "GET", other, &headers, "").await.status, 409);
}

#[tokio::test]
async fn a_poll_still_on_its_way_does_not_take_the_session_back_from_a_websocket() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&uid=ann&tsugi=1&codec=json";
    let mut client = crate::support::Client::connect(address, path).await;
    client.text().await;
    client.send("[[\"chsk/hello\",{}],null]").await;
    let welcome: serde_json::Value = serde_json::from_str(&client.text().await).unwrap();
    let headers = format!("{AJAX}Tsugi-Session: {}\r\n", welcome[0][1]["session"].as_str().unwrap());
    assert_eq!(request(address, "GET", path, &headers, "").await.body, "[[],null]");
    client.send("[[\"test/echo\",1],1]").await;
    assert_eq!(client.text().await, "[1,1]");
}
