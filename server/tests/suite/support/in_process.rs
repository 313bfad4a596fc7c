//! A server asked without a network.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tower_service::Service as _;
use tsugi::Server;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: String,
}

/// A request that no network carries: a thousand of them are no matter.
pub(crate) async fn ask(
    server: &Server,
    method: Method,
    client: usize,
    rest: &str,
    session: &str,
    body: &'static str,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/chsk?client-id={client}&tsugi=1&codec=json{rest}"))
        .header("host", "a.example")
        .header("x-requested-with", "XMLHttpRequest")
        .header("content-type", "application/json")
        .header("tsugi-session", session);
    let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
    let response = server.service().call(request).await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, retry_after, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub(crate) fn between<'t>(text: &'t str, before: &str, after: char) -> &'t str {
    text.split(before)
        .nth(1)
        .and_then(|rest| rest.split(after).next())
        .unwrap_or_else(|| panic!("no {before} in {text}"))
}
