//! Logging in, joining, logging out, and what is refused.

use bytes::Bytes;
use chat::store::Store;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tsugi::Server;

struct Chat {
    address: SocketAddr,
    file: PathBuf,
    _server: Server,
}

impl Drop for Chat {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            // Not every one of them exists.
            let _ = std::fs::remove_file(format!("{}{ending}", self.file.display()));
        }
    }
}

async fn start() -> Chat {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("tsugi-chat-http-{}-{number}.db", std::process::id()));
    let (app, server) = chat::app(Store::open(&file).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Chat { address, file, _server: server }
}

impl Chat {
    async fn send(&self, request: http::request::Builder, body: &str) -> Response<Bytes> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = request.header("host", self.address.to_string());
        let response = sender.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await;
        let (head, body) = response.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    async fn get(&self, path: &str, cookie: &str) -> Response<Bytes> {
        self.send(Request::get(path).header("cookie", cookie), "").await
    }

    async fn post(&self, path: &str, body: &str) -> Response<Bytes> {
        self.send(Request::post(path).header("content-type", "application/json"), body).await
    }

    /// Logs somebody in and returns the cookie.
    async fn log_in(&self, name: &str) -> String {
        let response = self.post("/api/login", &format!(r#"{{"name":"{name}"}}"#)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let set = response.headers()["set-cookie"].to_str().unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        set.split(';').next().unwrap().to_owned()
    }
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn the_page_comes_with_a_policy_that_allows_no_script_but_ours() {
    let chat = start().await;
    for (path, kind) in [("/", "text/html"), ("/chat.js", "text/javascript"), ("/chat.css", "text/css")] {
        let response = chat.get(path, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind), "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self'"), "{policy}");
    }
    let page = chat.get("/", "").await;
    let page = std::str::from_utf8(page.body()).unwrap();
    assert!(!page.contains("<script>") && !page.contains(" style="), "the policy would stop it");
}

#[tokio::test]
async fn a_login_is_remembered_until_it_is_given_up() {
    let chat = start().await;
    let cookie = chat.log_in("Ann").await;
    assert_eq!(json(&chat.get("/api/me", &cookie).await)["name"], "Ann");
    let out = Request::post("/api/logout").header("cookie", &cookie);
    assert_eq!(chat.send(out, "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(chat.get("/api/me", &cookie).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_name_that_cannot_be_had_is_refused_in_words() {
    let chat = start().await;
    chat.log_in("Ann").await;
    let taken = chat.post("/api/login", r#"{"name":"ann"}"#).await;
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert!(json(&taken)["message"].as_str().unwrap().contains("choose another"));
    let empty = chat.post("/api/login", r#"{"name":" "}"#).await;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let code = chat.post("/api/join", r#"{"code":"AAAAA-AAAAA"}"#).await;
    assert_eq!(code.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_form_of_another_site_cannot_log_anybody_in() {
    let chat = start().await;
    let form = Request::post("/api/login").header("content-type", "text/plain");
    let refused = chat.send(form, r#"{"name":"Mallory"}"#).await;
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_channel_is_for_those_who_logged_in() {
    let chat = start().await;
    let path = "/chsk?client-id=c1&tsugi=1&codec=json";
    let poll = |cookie: &str| {
        Request::get(path).header("cookie", cookie.to_owned()).header("x-requested-with", "XMLHttpRequest")
    };
    for stranger in ["", "chat=00000000000000000000000000000000"] {
        assert_eq!(chat.send(poll(stranger), "").await.status(), StatusCode::UNAUTHORIZED, "{stranger:?}");
    }
    let cookie = chat.log_in("Ann").await;
    let me = json(&chat.get("/api/me", &cookie).await)["id"].to_string();
    let handshake = chat.send(poll(&cookie), "").await;
    assert_eq!(handshake.status(), StatusCode::OK);
    let packet = json(&handshake);
    assert_eq!((&packet[0][0], &packet[0][1][0]), (&Value::from("chsk/handshake"), &Value::from(me)));
}

#[tokio::test]
async fn a_cookie_that_was_given_over_https_stays_there() {
    let chat = start().await;
    let body = r#"{"name":"Zoe"}"#;
    let over_https = Request::post("/api/login").header("content-type", "application/json");
    let response = chat.send(over_https.header("origin", "https://chat.example"), body).await;
    assert!(response.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    let plain = chat.post("/api/login", r#"{"name":"Yan"}"#).await;
    assert!(!plain.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
}
