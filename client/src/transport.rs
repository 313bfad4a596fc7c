//! The ways to a server: one pool of HTTP connections, from which polls, POSTs and upgrades are made.

pub(crate) mod websocket;

use crate::error::ConnectError;
use crate::options::Options;
use crate::platform::{Answer, TokenSource};
use base64::Engine;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::time::Duration;
use tsugi_proto::connection::{Method, Request};
use tsugi_proto::websocket::accept_key;

/// Bytes of a refusal's text that are read.
const MAX_REFUSAL: usize = 4096;
/// Longer than a server holds a poll, so that the connection of a POST is there for the next one.
const IDLE: Duration = Duration::from_secs(60);

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Why there is no WebSocket.
pub(crate) enum Refused {
    /// The server, or something before it, answered.
    Answered(Answer),
    /// Nobody did.
    Failed(String),
}

/// What requests are made with.
pub(crate) struct Http {
    client: Client<Connector, Full<Bytes>>,
    url: Uri,
    headers: HeaderMap,
    max_message: usize,
    pub(crate) token: Option<TokenSource>,
}

impl Http {
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let url = read_url(url)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .build(connector(&url, options)?);
        let headers = options.headers.iter().map(|(name, value)| header(name, value)).collect::<Result<_, _>>()?;
        Ok(Self { client, url, headers, max_message: options.max_message, token: options.token.clone() })
    }

    pub(crate) fn url(&self) -> &Uri {
        &self.url
    }

    /// Makes a request of the connection's and waits for the whole answer.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Answer, String> {
        let method = if request.method == Method::Get { http::Method::GET } else { http::Method::POST };
        let mut asked = http::Request::new(Full::new(request.body));
        *asked.method_mut() = method;
        *asked.uri_mut() = self.uri(&request.query)?;
        asked.headers_mut().extend(self.headers.clone());
        for (name, value) in &request.headers {
            let (name, value) = header(name, value).map_err(|error| error.to_string())?;
            asked.headers_mut().insert(name, value);
        }
        let response = self.client.request(asked).await.map_err(|error| in_full(&error))?;
        read(response, self.max_message).await
    }

    /// Asks for a WebSocket.
    pub(crate) async fn upgrade(&self, query: &[(String, String)]) -> Result<TokioIo<Upgraded>, Refused> {
        let failed = |error: &dyn std::error::Error| Refused::Failed(in_full(error));
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| Refused::Failed(error.to_string()))?;
        let key = base64::engine::general_purpose::STANDARD.encode(nonce);
        let mut asked = http::Request::new(Full::default());
        *asked.uri_mut() = self.uri(query).map_err(Refused::Failed)?;
        asked.headers_mut().extend(self.headers.clone());
        let own = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
        for (name, value) in own.into_iter().chain([("sec-websocket-key", key.as_str())]) {
            let value = HeaderValue::from_str(value).map_err(|error| failed(&error))?;
            asked.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let response = self.client.request(asked).await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let answer = read(response, MAX_REFUSAL).await.map_err(Refused::Failed)?;
            return Err(Refused::Answered(answer));
        }
        check_upgrade(&response, &key).map_err(|error| Refused::Failed(error.to_owned()))?;
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| failed(&error))?;
        Ok(TokioIo::new(upgraded))
    }

    fn uri(&self, query: &[(String, String)]) -> Result<Uri, String> {
        let mut text = form_urlencoded::Serializer::new(self.url.query().unwrap_or_default().to_owned());
        text.extend_pairs(query);
        let mut parts = self.url.clone().into_parts();
        let path = format!("{}?{}", self.url.path(), text.finish());
        parts.path_and_query = Some(path.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?);
        Uri::from_parts(parts).map_err(|error| error.to_string())
    }
}

/// RFC 6455 section 4.1, what a client checks of the answer. Extensions and protocols were not asked for.
fn check_upgrade(response: &http::Response<Incoming>, key: &str) -> Result<(), &'static str> {
    let headers = response.headers();
    let says = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let accept = headers.get("sec-websocket-accept").map(HeaderValue::as_bytes);
    match () {
        () if !says(UPGRADE, "websocket") || !says(CONNECTION, "upgrade") => {
            Err("the server upgrades to something else")
        }
        () if accept != Some(accept_key(key.as_bytes()).as_bytes()) => Err("the server did not read the upgrade"),
        () if headers.contains_key("sec-websocket-extensions") || headers.contains_key("sec-websocket-protocol") => {
            Err("the server chose what was not offered")
        }
        () => Ok(()),
    }
}

async fn read(response: http::Response<Incoming>, max: usize) -> Result<Answer, String> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = Limited::new(response.into_body(), max).collect().await.map_err(|error| in_full(&*error))?;
    Ok(Answer { status, body: body.to_bytes(), retry_after: retry_after.map(Duration::from_secs) })
}

/// `http`, `https`, `ws` or `wss`; the latter two are the same server.
fn read_url(text: &str) -> Result<Uri, ConnectError> {
    let wrong = || ConnectError::Url(text.to_owned());
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let scheme = match url.scheme_str() {
        Some("http" | "ws") => "http",
        Some("https" | "wss") => "https",
        _ => return Err(wrong()),
    };
    if url.host().is_none_or(str::is_empty) || url.authority().is_some_and(|whole| whole.as_str().contains('@')) {
        return Err(wrong());
    }
    let mut parts = url.into_parts();
    parts.scheme = Some(scheme.parse().map_err(|_| wrong())?);
    Uri::from_parts(parts).map_err(|_| wrong())
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ConnectError> {
    let wrong = || ConnectError::Header(name.to_owned());
    let name = HeaderName::try_from(name).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
    // Cookies and tokens; what a body is may be seen.
    value.set_sensitive(name != CONTENT_TYPE);
    Ok((name, value))
}

fn plain_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

/// The provider is named, never the process's: an application that has two in its tree has none of its own, and asking panics.
#[cfg(feature = "tls")]
fn connector(url: &Uri, options: &Options) -> Result<Connector, ConnectError> {
    let builder = hyper_rustls::HttpsConnectorBuilder::new();
    let builder = match &options.tls {
        Some(tls) => {
            let mut tls = rustls::ClientConfig::clone(tls);
            // A WebSocket begins with HTTP/1.1.
            tls.alpn_protocols.clear();
            builder.with_tls_config(tls)
        }
        None => builder.with_tls_config(trusting(url)?),
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(plain_connector()))
}

/// What the features trust.
#[cfg(feature = "tls")]
fn trusting(_url: &Uri) -> Result<rustls::ClientConfig, ConnectError> {
    #[cfg(any(feature = "native-roots", feature = "webpki-roots"))]
    use hyper_rustls::ConfigBuilderExt;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| ConnectError::Roots(std::io::Error::other(error)))?;
    #[cfg(feature = "native-roots")]
    let builder = builder.with_native_roots().map_err(ConnectError::Roots)?;
    #[cfg(all(feature = "webpki-roots", not(feature = "native-roots")))]
    let builder = builder.with_webpki_roots();
    #[cfg(not(any(feature = "native-roots", feature = "webpki-roots")))]
    let builder = match _url.scheme_str() {
        Some("https") => return Err(ConnectError::NoTls),
        _ => builder.with_root_certificates(rustls::RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

#[cfg(not(feature = "tls"))]
fn connector(url: &Uri, _: &Options) -> Result<Connector, ConnectError> {
    if url.scheme_str() == Some("https") { Err(ConnectError::NoTls) } else { Ok(plain_connector()) }
}

/// An error with its causes: hyper's own text does not say what happened.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::read_url;

    #[test]
    fn a_url_names_a_host_and_a_scheme_that_is_known_and_no_password() {
        for right in ["http://a/chsk", "ws://a:1/chsk", "https://[::1]:2/", "wss://a.b?x=1"] {
            assert!(read_url(right).is_ok(), "{right}");
        }
        for wrong in ["", "/chsk", "a/chsk", "ftp://a/", "http://", "http://user:secret@a/"] {
            assert!(read_url(wrong).is_err(), "{wrong}");
        }
    }
}
