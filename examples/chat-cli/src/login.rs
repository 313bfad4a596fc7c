//! What comes before the channel, as the page does it: a name or a code, for a cookie.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use thiserror::Error;

/// More than any answer of the chat.
const MAX_ANSWER: usize = 64 * 1024;

/// Why somebody is not let in.
#[derive(Debug, Error)]
pub(crate) enum LoginError {
    /// The server's own words.
    #[error("{0}")]
    Denied(String),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the server gave no cookie")]
    NoCookie,
    #[error("not a server: {0}")]
    Url(#[from] http::Error),
    #[error("the server cannot be reached: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("the server's answer is broken: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// A new person.
pub(crate) async fn log_in(server: &str, name: &str) -> Result<String, LoginError> {
    ask(&format!("{server}/api/login"), &json!({ "name": name })).await
}

/// Another device of a person.
pub(crate) async fn join(server: &str, code: &str) -> Result<String, LoginError> {
    ask(&format!("{server}/api/join"), &json!({ "code": code })).await
}

async fn ask(url: &str, body: &Value) -> Result<String, LoginError> {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let body = Full::new(Bytes::from(body.to_string()));
    let request = Request::post(url).header(CONTENT_TYPE, "application/json").body(body)?;
    let (head, body) = client.request(request).await?.into_parts();
    if head.status != StatusCode::OK {
        let text = Limited::new(body, MAX_ANSWER).collect().await.map_err(LoginError::Broken)?.to_bytes();
        let problem: Option<Value> = serde_json::from_slice(&text).ok();
        let message = problem.as_ref().and_then(|problem| problem.get("message")?.as_str());
        return Err(message.map_or(LoginError::Status(head.status), |text| LoginError::Denied(text.to_owned())));
    }
    let set = head.headers.get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
    let pair = set.and_then(|set| set.split(';').next()).ok_or(LoginError::NoCookie)?;
    Ok(pair.to_owned())
}
