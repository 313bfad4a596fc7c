//! An HTTP request comes in, is admitted or refused, and finds its session.

pub(crate) mod body;
pub(crate) mod guard;
pub(crate) mod sockjs;

use crate::carrier::ws::{Opening, Settings, WebSocket};
use crate::error::Refusal;
use crate::identity::{ClientId, ConnectRequest, Params};
use body::{Body, BodyError, BoxError};
use bytes::Bytes;
use guard::{Admitted, Guard, Kind, Place};
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tsugi_proto::websocket::accept_key;

/// What gives an HTTP surface its meaning. Plain sockets and the event server each are one.
pub(crate) trait Endpoint: Send + Sync + 'static {
    fn guard(&self) -> &Arc<Guard>;
    fn rules(&self) -> Rules;
    /// The tasks of this endpoint's WebSockets, which shutdown waits for.
    fn tasks(&self) -> &TaskTracker;
    /// A subprotocol out of those that the client offers.
    fn choose_protocol(&self, offered: &HeaderMap) -> Option<HeaderValue>;
    /// A WebSocket asks for its session.
    fn websocket(self: Arc<Self>, admitted: Admitted) -> Result<Opening, Refusal>;
    /// A GET that is no upgrade.
    fn poll(self: Arc<Self>, admitted: Admitted) -> Answer;
    /// A POST; the body was read and, when it is a form, is in the parameters too.
    fn post(self: Arc<Self>, admitted: Admitted, body: Bytes) -> Answer;
}

/// The answer to a request, when it comes.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send>>;

/// What the HTTP surface has to know of its endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    /// Bytes of a POST's body.
    pub(crate) max_body: usize,
    /// How long an upgrade may take.
    pub(crate) handshake: Duration,
    /// Whether there is anything but WebSockets, and a client id with it.
    pub(crate) surface: Surface,
}

/// What an endpoint offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// WebSockets, polls and posts of clients that name themselves.
    Events,
    /// WebSockets and nothing else.
    Sockets,
    /// The WebSockets of SockJS, whose clients may name themselves.
    SockJs,
}

/// What answers a request. It never fails: what cannot be served is a status with a text.
pub(crate) type Served = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Answers one request.
///
/// What can be done before anything is waited for is done here, and a request's head is put where it stays: a future holds whatever it
/// was given for as long as it lives, and a poll lives long.
pub(crate) fn serve<B>(endpoint: Arc<dyn Endpoint>, request: Request<B>) -> Served
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let (head, body) = request.into_parts();
    let surface = endpoint.rules().surface;
    match Door::of(&head, surface) {
        Err(refusal) => served(std::future::ready(Err(refusal))),
        Ok(Door::WebSocket(handshake)) => served(websocket(endpoint, Box::new(head), handshake)),
        Ok(Door::Poll) => served(poll(endpoint, connect_request(surface, head, &[]))),
        Ok(Door::Post) => {
            let head = if is_form(&head.headers) {
                Head::Form(Box::new(head))
            } else {
                Head::Read(connect_request(surface, head, &[]))
            };
            served(post(endpoint, head, body))
        }
    }
}

fn served(answer: impl Future<Output = Result<Response<Body>, Refusal>> + Send + 'static) -> Served {
    Box::pin(async move { Ok(answer.await.unwrap_or_else(refuse)) })
}

/// A refusal as the answer that it is.
pub(crate) fn refuse(refusal: Refusal) -> Response<Body> {
    let (status, headers, text) = refusal.into_parts();
    let mut response = Response::new(Body::full(Bytes::from(text.into_owned())));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn poll(
    endpoint: Arc<dyn Endpoint>,
    request: Result<Arc<ConnectRequest>, Refusal>,
) -> Result<Response<Body>, Refusal> {
    let admitted = endpoint.guard().admit(request?, Kind::Poll).await?;
    endpoint.poll(admitted).await
}

/// The head of a POST, whose parameters may be in its body too.
enum Head {
    Read(Result<Arc<ConnectRequest>, Refusal>),
    Form(Box<http::request::Parts>),
}

async fn post<B>(endpoint: Arc<dyn Endpoint>, head: Head, body: B) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let rules = endpoint.rules();
    let body = body::read(body, rules.max_body).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Message too large"),
        BodyError::Broken => Refusal::new(StatusCode::BAD_REQUEST, "Body cut short"),
    })?;
    let request = match head {
        Head::Read(request) => request,
        Head::Form(head) => connect_request(rules.surface, *head, &body),
    };
    let admitted = endpoint.guard().admit(request?, Kind::Post).await?;
    endpoint.post(admitted, body).await
}

/// Which way a request wants in.
enum Door {
    WebSocket(Handshake),
    Poll,
    Post,
}

/// The two ways to open a WebSocket.
pub(crate) enum Handshake {
    /// RFC 6455: a GET whose connection is upgraded.
    Upgrade { accept: HeaderValue },
    /// RFC 8441: an extended CONNECT on a stream of HTTP/2.
    Connect,
}

impl Handshake {
    /// The handshake that a request begins, if it begins one.
    ///
    /// # Errors
    /// When it does, and is not well formed.
    pub(crate) fn of(head: &http::request::Parts) -> Result<Option<Self>, Refusal> {
        let connect = head.extensions.get::<hyper::ext::Protocol>().is_some_and(|name| name.as_str() == "websocket");
        match head.method {
            Method::CONNECT if connect => {
                check_version(&head.headers)?;
                Ok(Some(Self::Connect))
            }
            Method::GET if asks_for_upgrade(&head.headers) => {
                check_version(&head.headers)?;
                let key = head.headers.get(SEC_WEBSOCKET_KEY);
                let key = key.ok_or_else(|| bad_request("The header Sec-WebSocket-Key is missing"))?;
                let accept = HeaderValue::try_from(accept_key(key.as_bytes()));
                Ok(Some(Self::Upgrade { accept: accept.map_err(|_| bad_request("Bad key"))? }))
            }
            _ => Ok(None),
        }
    }
}

impl Door {
    fn of(head: &http::request::Parts, surface: Surface) -> Result<Self, Refusal> {
        if let Some(handshake) = Handshake::of(head)? {
            return Ok(Self::WebSocket(handshake));
        }
        match (&head.method, surface) {
            (&Method::GET, Surface::Events) => Ok(Self::Poll),
            (&Method::POST, Surface::Events) => Ok(Self::Post),
            (&Method::GET, Surface::Sockets | Surface::SockJs) => {
                let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket: ask for an upgrade");
                Err(refusal.header("upgrade", "websocket").header("connection", "upgrade"))
            }
            (_, surface) => {
                let methods = if surface == Surface::Events { "GET, POST" } else { "GET" };
                Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").header(ALLOW.as_str(), methods))
            }
        }
    }
}

fn bad_request(text: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

/// Whether a header that is a list of words holds this one.
fn has_token(headers: &HeaderMap, name: http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade")
}

fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(SEC_WEBSOCKET_VERSION) {
        Some(version) if version == "13" => Ok(()),
        _ => Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "Only WebSocket version 13 is spoken here")
            .header("sec-websocket-version", "13")),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    const FORM: &str = "application/x-www-form-urlencoded";
    value.and_then(|value| value.trim_start().get(..FORM.len())).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
}

/// Makes the request that hooks see.
///
/// # Errors
/// When its client should name itself and does not.
pub(crate) fn connect_request(
    surface: Surface,
    head: http::request::Parts,
    form: &[u8],
) -> Result<Arc<ConnectRequest>, Refusal> {
    let params = Params::parse(head.uri.query().unwrap_or_default().as_bytes(), form);
    let named = params.find("client-id");
    let client = match surface {
        Surface::Sockets => None,
        Surface::SockJs => named.map(ClientId::new),
        Surface::Events => Some(ClientId::new(named.unwrap_or_default())),
    };
    let client = client.transpose().map_err(|error| {
        tracing::info!(target: "tsugi", %error, "request without a good client id refused");
        Refusal::new(StatusCode::BAD_REQUEST, format!("Bad parameter client-id: {error}{}", hint(&params)))
    })?;
    Ok(Arc::new(ConnectRequest::new(head, params, client)))
}

/// What a client can do that names none. Sente's have named themselves since 1.3; what came before is not spoken here.
fn hint(params: &Params) -> &'static str {
    if params.iter().any(|(name, _)| matches!(name, "client-id" | "tsugi")) {
        return "";
    }
    ". Clients of Sente before 1.3 send none and are not served: update to Sente 1.20 or later"
}

/// Opens a WebSocket of this endpoint.
pub(crate) async fn websocket(
    endpoint: Arc<dyn Endpoint>,
    mut head: Box<http::request::Parts>,
    handshake: Handshake,
) -> Result<Response<Body>, Refusal> {
    let place = endpoint.guard().place()?;
    let Some(upgrade) = head.extensions.remove::<OnUpgrade>() else {
        tracing::error!(target: "tsugi", "a request came without hyper's upgrade extension");
        let text = "This connection cannot be upgraded: a middleware in front (a body or timeout layer that builds a new \
                    request, for example) dropped hyper's upgrade extension";
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text));
    };
    let protocol = endpoint.choose_protocol(&head.headers);
    let rules = endpoint.rules();
    let kind = if rules.surface == Surface::SockJs { Kind::SockJs } else { Kind::WebSocket };
    let admitted = endpoint.guard().admit(connect_request(rules.surface, *head, &[])?, kind).await?;
    let opening = Arc::clone(&endpoint).websocket(admitted)?;
    // Ends when the upgrade has succeeded, failed, or taken too long.
    endpoint.tasks().spawn(carry_websocket(endpoint.tasks().clone(), upgrade, opening, rules, place));
    Ok(accept(handshake, protocol))
}

async fn carry_websocket(tasks: TaskTracker, upgrade: OnUpgrade, opening: Opening, rules: Rules, place: Place) {
    match tokio::time::timeout(rules.handshake, upgrade).await {
        // The one task of this connection from now on, which ends with it or its session. What waited for the upgrade would
        // otherwise stay as long.
        Ok(Ok(upgraded)) => drop(tasks.spawn(WebSocket::new(upgraded, opening, rules.settings, Box::new(place)))),
        Ok(Err(error)) => tracing::debug!(target: "tsugi", %error, "an upgrade failed"),
        Err(_) => tracing::debug!(target: "tsugi", "an upgrade was not finished in time"),
    }
}

fn accept(handshake: Handshake, protocol: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(Body::default());
    let headers = response.headers_mut();
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    if let Handshake::Upgrade { accept } = handshake {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    }
    response
}

/// A 200 that no cache keeps and no proxy rewrites.
pub(crate) fn ok(content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    response
}

/// Makes a `tower::Service` of a handle to an endpoint.
macro_rules! tower_service {
    ($type:ty, $endpoint:expr) => {
        impl<B> tower_service::Service<http::Request<B>> for $type
        where
            B: http_body::Body + Send + 'static,
            B::Data: Send,
            B::Error: Into<$crate::service::body::BoxError>,
        {
            type Response = http::Response<$crate::service::body::Body>;
            type Error = std::convert::Infallible;
            type Future = $crate::service::Served;

            fn poll_ready(
                &mut self,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), std::convert::Infallible>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<B>) -> Self::Future {
                $crate::service::serve($endpoint(self), request)
            }
        }
    };
}
pub(crate) use tower_service;
