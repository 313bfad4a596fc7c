//! Where the server is, and requests to it by `fetch`.

use super::{TokenSource, global, global_function, text_of};
use crate::error::ConnectError;
use crate::options::Options;
use crate::platform::Answer;
use bytes::{Bytes, BytesMut};
use js_sys::{Promise, Reflect, Uint8Array};
use std::time::Duration;
use tsugi_proto::connection::{Method, Request};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, RequestCache, RequestInit, RequestRedirect, Response,
    ResponseType, Url,
};

/// What requests are made with.
pub(crate) struct Http {
    url: String,
    headers: Vec<(String, String)>,
    max_message: usize,
    pub(crate) token: Option<TokenSource>,
}

/// Ends a request that nobody waits for any more.
struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        for (name, value) in &options.headers {
            let check = Headers::new().and_then(|headers| headers.append(name, value));
            check.map_err(|_| ConnectError::Header(name.clone()))?;
        }
        Ok(Self {
            url: read_url(url).ok_or_else(|| ConnectError::Url(url.to_owned()))?,
            headers: options.headers.clone(),
            max_message: options.max_message,
            token: options.token.clone(),
        })
    }

    /// Makes a request of the connection's and waits for the whole answer.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Answer, String> {
        self.fetch(request).await.map_err(|thrown| text_of(&thrown))
    }

    pub(super) fn web_socket_url(&self, query: &[(String, String)]) -> Result<String, JsValue> {
        let url = self.with(query)?;
        // http becomes ws, https wss.
        Ok(format!("ws{}", url.strip_prefix("http").unwrap_or(&url)))
    }

    fn with(&self, query: &[(String, String)]) -> Result<String, JsValue> {
        let url = Url::new(&self.url)?;
        let params = url.search_params();
        query.iter().for_each(|(name, value)| params.append(name, value));
        Ok(url.href())
    }

    async fn fetch(&self, request: Request) -> Result<Answer, JsValue> {
        let abort = Abort(AbortController::new()?);
        let init = self.init(&request, &abort)?;
        let url = self.with(&request.query)?;
        let asked: Promise = global_function("fetch")?.call2(&JsValue::NULL, &url.into(), &init)?.dyn_into()?;
        let response: Response = JsFuture::from(asked).await?.dyn_into()?;
        if response.type_() == ResponseType::Opaqueredirect {
            return Err("the server sends its clients to another URL".into());
        }
        let retry_after = response.headers().get("retry-after")?.and_then(|value| value.trim().parse().ok());
        let body = read(&response, self.max_message).await?;
        Ok(Answer { status: response.status(), body, retry_after: retry_after.map(Duration::from_secs) })
    }

    fn init(&self, request: &Request, abort: &Abort) -> Result<RequestInit, JsValue> {
        let headers = Headers::new()?;
        for (name, value) in &self.headers {
            headers.append(name, value)?;
        }
        for (name, value) in &request.headers {
            headers.set(name, value)?;
        }
        let init = RequestInit::new();
        init.set_headers(&headers);
        init.set_cache(RequestCache::NoStore);
        // A poll that was sent elsewhere would come back as a page of something else.
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(&abort.0.signal()));
        if request.method == Method::Post {
            init.set_method("POST");
            init.set_body(&Uint8Array::from(&request.body[..]));
        }
        Ok(init)
    }
}

/// The whole body, piece by piece, so that one without an end is noticed.
async fn read(response: &Response, max: usize) -> Result<Bytes, JsValue> {
    let mut body = BytesMut::new();
    let Some(stream) = response.body() else { return Ok(body.freeze()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    loop {
        let piece = JsFuture::from(reader.read()).await?;
        if Reflect::get(&piece, &"done".into())?.is_truthy() {
            return Ok(body.freeze());
        }
        let piece: Uint8Array = Reflect::get(&piece, &"value".into())?.dyn_into()?;
        let (held, more) = (body.len(), piece.length() as usize);
        if held + more > max {
            return Err("the answer is too large".into());
        }
        body.resize(held + more, 0);
        piece.copy_to(&mut body[held..]);
    }
}

/// `http`, `https`, `ws` or `wss`; the latter two are the same server. The page completes what is missing.
fn read_url(text: &str) -> Option<String> {
    let page = global("location").and_then(|place| Reflect::get(&place, &"href".into()).ok()?.as_string());
    let page = page.filter(|page| page.starts_with("http"));
    let url = page.map_or_else(|| Url::new(text), |page| Url::new_with_base(text, &page)).ok()?;
    match url.protocol().as_str() {
        "ws:" => url.set_protocol("http:"),
        "wss:" => url.set_protocol("https:"),
        "http:" | "https:" => {}
        _ => return None,
    }
    url.set_hash("");
    (url.username().is_empty() && url.password().is_empty()).then(|| url.href())
}
