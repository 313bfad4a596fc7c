//! A WebSocket over HTTP/2: extended CONNECT (RFC 8441).

use crate::support::builder;
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn an_extended_connect_is_answered_200_and_then_speaks_frames() {
    let server = builder().build().unwrap();
    let app = axum::Router::new().route_service("/chsk", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(app);
        let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http.enable_connect_protocol();
        http.serve_connection(TokioIo::new(stream), service).await
    });

    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::builder()
        .method("CONNECT")
        .uri(format!("http://{address}/chsk?client-id=a&uid=ann"))
        .header("sec-websocket-version", "13")
        .body(Empty::<Bytes>::new())
        .unwrap();
    request.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"));
    // The server's settings, which allow the extended CONNECT, arrive with its first answer.
    let plain = http::Request::get(format!("http://{address}/chsk?client-id=b")).body(Empty::new()).unwrap();
    assert_eq!(sender.send_request(plain).await.unwrap().status(), 200);

    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let mut socket = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let expected = b"\x81\x27[[:chsk/handshake [\"ann\" nil nil]] nil]";
    let mut frame = vec![0; expected.len()];
    socket.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, expected);
}
