//! Options with their defaults, and the builder that sets them.

use crate::client::Client;
use crate::error::ConnectError;
#[cfg(not(target_arch = "wasm32"))]
use crate::error::WebSocketError;
use crate::platform::{MaybeSend, MaybeSync, Persistent, TokenSource};
#[cfg(not(target_arch = "wasm32"))]
use crate::websocket::WebSocket;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::Codec;
use tsugi_proto::connection::{Config, Paths, REQUEST_TIMEOUT, SEND_TIMEOUT, WhileDown, Wire};

/// What [`ClientBuilder`] gathers.
#[derive(Clone)]
pub(crate) struct Options {
    codec: Option<Arc<dyn Codec>>,
    client_id: Option<String>,
    wire: Wire,
    paths: Paths,
    while_down: WhileDown,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) handshake_timeout: Duration,
    max_queue: usize,
    max_queue_bytes: usize,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) token: Option<TokenSource>,
    pub(crate) request_timeout: Duration,
    pub(crate) send_timeout: Duration,
    pub(crate) max_message: usize,
    pub(crate) events: usize,
    pub(crate) outbox: Option<Persistent>,
    #[cfg(all(feature = "tls", not(target_arch = "wasm32")))]
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

impl Options {
    pub(crate) fn config(&self) -> Result<Config, ConnectError> {
        let codec = self.codec.clone().or_else(default_codec).ok_or(ConnectError::NoCodec)?;
        let mut secrets = [0; 32];
        getrandom::fill(&mut secrets)?;
        let (id, mut outbox) = (&secrets[..16], [0; 16]);
        outbox.copy_from_slice(&secrets[16..]);
        let random = || id.iter().map(|byte| format!("{byte:02x}")).collect();
        let client_id: String = self.client_id.clone().unwrap_or_else(random);
        let mut config = Config::new(codec, &client_id, outbox)?;
        config.wire = self.wire;
        config.paths = self.paths;
        config.while_down = self.while_down;
        config.params.clone_from(&self.params);
        config.handshake_timeout = self.handshake_timeout;
        config.max_queue = self.max_queue;
        config.max_queue_bytes = self.max_queue_bytes;
        Ok(config)
    }

    /// What a kept outbox belongs to: the URL with the application's own parameters.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn endpoint(&self, url: &http::Uri) -> String {
        let params = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.params).finish();
        format!("{url} {params}")
    }
}

#[cfg(feature = "json")]
fn default_codec() -> Option<Arc<dyn Codec>> {
    Some(Arc::new(tsugi_proto::codec::Json::new()))
}

#[cfg(not(feature = "json"))]
fn default_codec() -> Option<Arc<dyn Codec>> {
    None
}

/// Makes a [`Client`]. Every option has a default.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tsugi_client::ConnectError> {
/// use std::time::Duration;
/// let client = tsugi_client::Client::builder()
///     .header("Cookie", "login=…")
///     .request_timeout(Duration::from_secs(3))
///     .connect("https://chat.example/chsk")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder(Options);

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientBuilder")
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self(Options {
            codec: None,
            client_id: None,
            wire: Wire::default(),
            paths: Paths::default(),
            while_down: WhileDown::default(),
            params: Vec::new(),
            handshake_timeout: Duration::from_secs(3),
            max_queue: 1_000,
            max_queue_bytes: 16 * 1024 * 1024,
            headers: Vec::new(),
            token: None,
            request_timeout: REQUEST_TIMEOUT,
            send_timeout: SEND_TIMEOUT,
            max_message: 16 * 1024 * 1024,
            events: 1_024,
            outbox: None,
            #[cfg(all(feature = "tls", not(target_arch = "wasm32")))]
            tls: None,
        })
    }
}

impl ClientBuilder {
    /// How values are written. A Tsugi server must offer it, a Sente server must be configured for it. Default:
    /// JSON, where the feature is on.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.0.codec = Some(Arc::new(codec));
        self
    }

    /// Names this client for its whole life: 1 to 128 bytes, a secret towards plain Sente servers. Default: 128 random bits.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.0.client_id = Some(id.into());
        self
    }

    /// Which wire to ask for. Default: [`Wire::Tsugi`], which understands a Sente server too.
    pub fn wire(mut self, wire: Wire) -> Self {
        self.0.wire = wire;
        self
    }

    /// What may be used. Default: [`Paths::Both`], a WebSocket where there is a way for one.
    pub fn transports(mut self, paths: Paths) -> Self {
        self.0.paths = paths;
        self
    }

    /// What happens to events and requests while there is no connection. Default: [`WhileDown::Queue`].
    pub fn while_down(mut self, what: WhileDown) -> Self {
        self.0.while_down = what;
        self
    }

    /// Adds a parameter to the query of every request. Seen by proxies and logs: no secrets.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.params.push((name.into(), value.into()));
        self
    }

    /// Adds a header to every request, upgrades included: a cookie, an `Authorization`, an `Origin`. Default: none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// The application's CSRF token. Default: none.
    pub fn csrf_token(self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.csrf_token_with(move || std::future::ready(Some(token.clone())))
    }

    /// How to find the CSRF token out; asked at every attempt to connect, of whose time it is a part.
    pub fn csrf_token_with<F, Fut>(mut self, token: F) -> Self
    where
        F: Fn() -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = Option<String>> + MaybeSend + 'static,
    {
        self.0.token = Some(Arc::new(move || Box::pin(token())));
        self
    }

    /// How long a request waits for its reply when it does not say so itself, connected or not. Default: 10 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.0.request_timeout = timeout;
        self
    }

    /// How long an event may take until the server has handled it when it does not say so itself. Default: 5 min.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.0.send_timeout = timeout;
        self
    }

    /// How long a WebSocket may take until the server's handshake has come, and then the welcome. Default: 3 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.0.handshake_timeout = timeout;
        self
    }

    /// The most events and requests that may be under way, and the most bytes of them; then sending is refused with
    /// [`QueueFull`](crate::Unsent::QueueFull). Default: 1,000 and 16 MiB.
    pub fn max_queue(mut self, items: usize, bytes: usize) -> Self {
        self.0.max_queue = items;
        self.0.max_queue_bytes = bytes;
        self
    }

    /// Bytes of one message of the server, or of one answer to a poll. What is larger closes the connection. Default: 16 MiB.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.0.max_message = bytes;
        self
    }

    /// How many notices wait in a stream of [`Client::events`] for whoever reads it; then the oldest go, and the stream says how many.
    /// At least 1. Default: 1,024.
    pub fn max_events(mut self, notices: usize) -> Self {
        self.0.events = notices.clamp(1, 1 << 20);
        self
    }

    /// Keeps what is sent in a file, so that it outlives this process; see [`Persistent`](crate::Persistent). Default: what is
    /// under way ends with the client.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn outbox(mut self, outbox: Persistent) -> Self {
        self.0.outbox = Some(outbox);
        self
    }

    /// How to speak TLS: other roots of trust, a certificate of the client's own, another provider of cryptography. Its ALPN
    /// protocols are ignored, since a WebSocket begins with HTTP/1.1. Default: ring, and the roots of the feature
    /// `native-roots` or `webpki-roots`, whatever provider the rest of the program uses.
    ///
    /// ```
    /// # fn run(own: Vec<rustls::pki_types::CertificateDer<'static>>) -> Result<(), Box<dyn std::error::Error>> {
    /// use tsugi_client::{Client, rustls};
    /// let mut roots = rustls::RootCertStore::empty();
    /// roots.add_parsable_certificates(own);
    /// let provider = rustls::crypto::ring::default_provider();
    /// let tls = rustls::ClientConfig::builder_with_provider(provider.into())
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(roots)
    ///     .with_no_client_auth();
    /// let options = Client::builder().tls(tls);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(all(feature = "tls", not(target_arch = "wasm32")))]
    pub fn tls(mut self, tls: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.0.tls = Some(tls.into());
        self
    }

    /// Begins to connect. Returns at once; [`Client::ready`] waits for it.
    ///
    /// # Errors
    /// When that can never work: the URL, a header or the client id is none, or there is no tokio runtime here. What the network
    /// and the server do is no error, but in [`Client::state`].
    pub fn connect(self, url: &str) -> Result<Client, ConnectError> {
        Client::begin(url, &self.0)
    }

    /// Opens a plain WebSocket with the headers, parameters, handshake timeout and message limit of these options; the rest is for
    /// events. Natively only: a page has the browser's.
    ///
    /// # Errors
    /// When there is none; nothing is tried again.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn open_websocket(self, url: &str) -> Result<WebSocket, WebSocketError> {
        WebSocket::open(url, &self.0).await
    }
}
