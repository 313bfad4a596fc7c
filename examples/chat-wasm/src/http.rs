//! What comes before the channel: plain HTTP and a cookie.

use crate::browser::window;
use crate::wire::Person;
use js_sys::{JSON, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

/// What the server says of who somebody is.
pub(crate) enum Known {
    Person(Person),
    Nobody,
    /// It is not there, or cannot tell.
    Away,
}

/// Whom the cookie belongs to.
pub(crate) async fn who_am_i() -> Known {
    match fetch("/api/me", &RequestInit::new()).await {
        Ok(answer) if answer.status() == 401 => Known::Nobody,
        Ok(answer) => person(&said(&answer).await).filter(|_| answer.ok()).map_or(Known::Away, Known::Person),
        Err(_) => Known::Away,
    }
}

/// Says a name or a code, and becomes somebody. The error is for people.
pub(crate) async fn become_somebody(url: &str, what: &str, text: &str) -> Result<Person, String> {
    let answer = post(url, &[(what, text)]).await?;
    person(&answer).ok_or_else(|| "the server could not do this; try again".to_owned())
}

pub(crate) async fn log_out() -> Result<(), String> {
    post("/api/logout", &[]).await.map(drop)
}

async fn post(url: &str, fields: &[(&str, &str)]) -> Result<JsValue, String> {
    let answer = ask(url, fields).await.map_err(|_| "the server does not answer; try again in a moment".to_owned())?;
    let said = said(&answer).await;
    if answer.ok() {
        return Ok(said);
    }
    let message = field(&said, "message").as_string();
    Err(message.unwrap_or_else(|| "the server could not do this; try again".to_owned()))
}

async fn ask(url: &str, fields: &[(&str, &str)]) -> Result<Response, JsValue> {
    let body = Object::new();
    for (name, value) in fields {
        Reflect::set(&body, &JsValue::from(*name), &JsValue::from(*value))?;
    }
    let headers = Headers::new()?;
    headers.set("content-type", "application/json")?;
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_headers(&headers);
    request.set_body(&JSON::stringify(&body)?.into());
    fetch(url, &request).await
}

async fn fetch(url: &str, request: &RequestInit) -> Result<Response, JsValue> {
    JsFuture::from(window().fetch_with_str_and_init(url, request)).await?.dyn_into()
}

/// An answer without JSON says nothing.
async fn said(answer: &Response) -> JsValue {
    match answer.json() {
        Ok(text) => JsFuture::from(text).await.unwrap_or_default(),
        Err(_) => JsValue::default(),
    }
}

fn person(said: &JsValue) -> Option<Person> {
    // Ids are counted by the server, far below what a number of JavaScript holds exactly.
    let id = field(said, "id").as_f64()? as i64;
    Some(Person { id, name: field(said, "name").as_string()? })
}

fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &JsValue::from(name)).unwrap_or_default()
}
