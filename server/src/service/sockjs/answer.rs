//! Answers of SockJS, byte for byte (sockjs.md sections 1 to 6).

use super::route::{Route, Way};
use crate::config::{Origins, SessionCookie, SockJsConfig, SockJsProfile};
use crate::error::Refusal;
use crate::identity::{ConnectRequest, Params};
use crate::service::body::Body;
use crate::service::refuse;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CACHE_CONTROL,
    CONTENT_TYPE, COOKIE, ETAG, EXPIRES, IF_NONE_MATCH, ORIGIN, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, SystemTime};

const TEXT: &str = "text/plain; charset=UTF-8";
const YEAR: Duration = Duration::from_secs(31_536_000);
const FOR_A_YEAR: &str = "public, max-age=31536000";

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(body.into()));
    *response.status_mut() = status;
    response
}

fn put(response: &mut Response<Body>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = answer(status, body);
    put(&mut response, CONTENT_TYPE, TEXT);
    response
}

/// A refusal, with the spelling of the type that the protocol's suite wants.
pub(super) fn refused(refusal: Refusal, profile: SockJsProfile) -> Response<Body> {
    let mut response = refuse(refusal);
    never_cached(&mut response, profile);
    put(&mut response, CONTENT_TYPE, TEXT);
    response
}

pub(super) fn not_found() -> Response<Body> {
    let mut response = text(StatusCode::NOT_FOUND, "404 Error: Page not found\n");
    put(&mut response, CACHE_CONTROL, "no-store");
    response
}

pub(super) fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
    put(&mut response, ALLOW, methods);
    response
}

fn never_cached(response: &mut Response<Body>, profile: SockJsProfile) {
    let value = match profile {
        SockJsProfile::Current => "no-store, no-cache, no-transform, must-revalidate, max-age=0",
        SockJsProfile::V0_3_3 => "no-store, no-cache, must-revalidate, max-age=0",
    };
    put(response, CACHE_CONTROL, value);
}

/// Cached by browsers and whatever stands between, for a year.
fn long_cached(response: &mut Response<Body>) {
    put(response, CACHE_CONTROL, FOR_A_YEAR);
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now() + YEAR)) {
        response.headers_mut().insert(EXPIRES, date);
    }
}

pub(super) fn info(config: &SockJsConfig, websocket: bool, cors: bool, entropy: u32) -> Response<Body> {
    let mut body = String::from("{");
    if let Some(url) = &config.base_url {
        body += "\"base_url\":";
        tsugi_proto::framing::sockjs::quote(&mut body, url);
        body.push(',');
    }
    body += &format!("\"websocket\":{websocket},");
    if cors {
        body += "\"origins\":[\"*:*\"],";
    }
    let cookie = !matches!(config.session_cookie, SessionCookie::Off);
    body += &format!("\"cookie_needed\":{cookie},\"entropy\":{entropy}}}");
    let mut response = answer(StatusCode::OK, body);
    put(&mut response, CONTENT_TYPE, "application/json; charset=UTF-8");
    never_cached(&mut response, config.profile);
    response
}

pub(super) fn preflight(route: &Route, asked: &HeaderMap) -> Response<Body> {
    let mut response = answer(StatusCode::NO_CONTENT, Bytes::new());
    let methods = if *route == Route::Info { "OPTIONS, GET" } else { "OPTIONS, POST" };
    put(&mut response, ACCESS_CONTROL_ALLOW_METHODS, methods);
    put(&mut response, ACCESS_CONTROL_MAX_AGE, "31536000");
    long_cached(&mut response);
    if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|headers| !headers.is_empty()) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
    response
}

/// A 204 with a type, because the protocol's suite wants one.
pub(super) fn sent(profile: SockJsProfile) -> Response<Body> {
    let mut response = text(StatusCode::NO_CONTENT, "");
    never_cached(&mut response, profile);
    response
}

pub(super) fn jsonp_sent(profile: SockJsProfile) -> Response<Body> {
    let mut response = text(StatusCode::OK, "ok");
    never_cached(&mut response, profile);
    response
}

pub(super) fn receiving(way: Way, content_type: &'static str, profile: SockJsProfile, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    put(&mut response, CONTENT_TYPE, content_type);
    never_cached(&mut response, profile);
    match way {
        Way::Jsonp => put(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // nginx collects a response before it hands it on, unless told so.
        Way::XhrStreaming | Way::EventSource | Way::HtmlFile => {
            put(&mut response, HeaderName::from_static("x-accel-buffering"), "no");
        }
        _ => {}
    }
    response
}

/// What a page of another origin may read.
pub(super) struct Cors {
    /// Whether the answer depends on the origin at all.
    varies: bool,
    allow: Option<(HeaderValue, Credentials)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Credentials {
    Allowed,
    Not,
}

impl Cors {
    /// Never `*` together with credentials; never anything with [`Origins::Same`].
    pub(super) fn of(route: &Route, origins: &Origins, profile: SockJsProfile, headers: &HeaderMap) -> Self {
        let none = Self { varies: false, allow: None };
        if !route.is_cors() {
            return none;
        }
        let anybody = || Some((HeaderValue::from_static("*"), Credentials::Not));
        let allow = match (origins, headers.get(ORIGIN)) {
            (Origins::Same, _) => return none,
            (Origins::List(list), Some(origin)) if list.iter().any(|allowed| origin == allowed) => {
                Some((origin.clone(), Credentials::Allowed))
            }
            (Origins::List(_), _) => None,
            (Origins::Any, Some(origin)) if origin == "null" && profile == SockJsProfile::V0_3_3 => anybody(),
            (Origins::Any, Some(origin)) => Some((origin.clone(), Credentials::Allowed)),
            (Origins::Any, None) => anybody(),
        };
        Self { varies: true, allow }
    }
}

/// Adds what belongs to errors too: without it, a page of another origin could not read why it was refused.
pub(super) fn decorate(headers: &mut HeaderMap, cors: &Cors, cookie: Option<HeaderValue>) {
    if cors.varies {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some((origin, credentials)) = &cors.allow {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if *credentials == Credentials::Allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
}

pub(super) fn cookie(option: &SessionCookie, head: &Parts) -> Option<HeaderValue> {
    let echoed = || format!("JSESSIONID={}; path=/", session_id(&head.headers).unwrap_or("dummy"));
    let cookie = match option {
        SessionCookie::Off => return None,
        SessionCookie::On => echoed(),
        SessionCookie::With(attributes) => format!("{}; {attributes}", echoed()),
        SessionCookie::Custom(make) => {
            let params = Params::parse(head.uri.query().unwrap_or_default().as_bytes(), &[]);
            make(&ConnectRequest::new(head.clone(), params, None))?
        }
    };
    // A value with control characters is no header; the cookie is left out then.
    HeaderValue::try_from(cookie).ok()
}

/// The value of the cookie `JSESSIONID`.
fn session_id(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut cookies = values.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(name, _)| *name == "JSESSIONID").map(|(_, value)| value)
}

/// Pages that are made once.
pub(super) struct Pages {
    iframe: Bytes,
    tag: HeaderValue,
}

impl Pages {
    pub(super) fn new(config: &SockJsConfig) -> Self {
        let iframe = iframe(config);
        let mut hasher = DefaultHasher::new();
        hasher.write(iframe.as_bytes());
        let tag = HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish()));
        Self { iframe: Bytes::from(iframe), tag: tag.unwrap_or(HeaderValue::from_static("\"1\"")) }
    }

    pub(super) fn iframe(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = if self.is_known(asked) {
            answer(StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            let mut response = answer(StatusCode::OK, self.iframe.clone());
            put(&mut response, CONTENT_TYPE, "text/html; charset=UTF-8");
            response
        };
        long_cached(&mut response);
        response.headers_mut().insert(ETAG, self.tag.clone());
        response
    }

    fn is_known(&self, asked: &HeaderMap) -> bool {
        let known = asked.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || self.tag == tag.strip_prefix("W/").unwrap_or(tag))
    }
}

fn iframe(config: &SockJsConfig) -> String {
    let url = config.sockjs_url.replace('&', "&amp;");
    let script = match config.profile {
        SockJsProfile::Current => format!(
            "  <script src=\"{url}\"></script>\n  <script>\n    document.domain = document.domain;\n    \
             SockJS.bootstrap_iframe();\n  </script>"
        ),
        SockJsProfile::V0_3_3 => format!(
            "  <script>\n    document.domain = document.domain;\n    \
             _sockjs_onload = function(){{SockJS.bootstrap_iframe();}};\n  </script>\n  <script src=\"{url}\"></script>"
        ),
    };
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n{script}\n</head>\n<body>\n  \
         <h2>Don't panic!</h2>\n  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n</body>\n\
         </html>"
    )
}
