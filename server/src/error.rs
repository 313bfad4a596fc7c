//! What can go wrong when a server is built or used. One enum per question.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::borrow::Cow;
use thiserror::Error;

/// Why a server could not be built. Every text says how to mend it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A duration is outside what works.
    #[error("{option} is {value:?}, but it must be {must}")]
    Duration {
        /// The option's name.
        option: &'static str,
        /// What it was set to.
        value: std::time::Duration,
        /// What it must be.
        must: &'static str,
    },
    /// A limit of zero would refuse everything.
    #[error("{0} is 0, which would refuse everything: set it to at least 1")]
    ZeroLimit(&'static str),
    /// An allowed origin is not one.
    #[error("{0:?} is not an origin: write it scheme://host or scheme://host:port, without a path")]
    Origin(String),
    /// The URL of the SockJS client would break the page that names it.
    #[error("{0:?} cannot be sockjs_url: write one that begins with / or http, without quotes and angle brackets")]
    SockJsUrl(String),
    /// SockJS carries text, and every codec of the server is binary.
    #[error("SockJS carries text, and no codec of this server writes it: add one such as JSON")]
    NoTextCodec,
    /// Sente before 1.21 carries text, and the server's first codec is binary.
    #[error(
        "Sente before 1.21 carries text, and this server's first codec is binary: mount one whose first codec is EDN or transit"
    )]
    OlderWire,
    /// The operating system gives no random numbers, without which sessions cannot be named.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
    /// No codec is enabled.
    #[error("no codec is enabled: call .codec(…) or enable the feature \"edn\" or \"json\" of tsugi-proto")]
    NoCodec,
    /// The router has a route that can never match, or two for one event.
    #[error(transparent)]
    Router(#[from] crate::router::RouterError),
    /// A codec cannot write the protocol's own words.
    #[error("a codec cannot write the protocol's own words: {0}")]
    Codec(String),
    /// Two codecs have one name.
    #[error("two codecs are named {0:?}: a client could not choose between them")]
    DuplicateCodec(&'static str),
}

/// An HTTP answer that lets nobody in. What a hook returns to refuse a request, and what Tsugi itself refuses with.
///
/// ```
/// use tsugi::Refusal;
/// let refusal = Refusal::new(http::StatusCode::PAYMENT_REQUIRED, "pay").header("x-plan", "free");
/// assert_eq!(refusal.status(), 402);
/// ```
#[derive(Clone, Debug)]
pub struct Refusal(Box<Answer>);

/// Boxed, because a refusal is the rare side of many results.
#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Cow<'static, str>,
}

impl Refusal {
    /// An answer with a status and a short text for whoever reads it. Put nothing secret into it.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Answer { status, headers: HeaderMap::new(), body: text.into() }))
    }

    /// 401: not known who asks. A Tsugi client stops and says so.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized request")
    }

    /// 403: known, and not allowed. A Tsugi client stops and says so.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden")
    }

    /// Adds a header. A name or value that HTTP does not allow is left out, and said in the log.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.0.headers.append(name, value);
            }
            _ => tracing::error!(target: "tsugi", name, "a refusal's header is not valid HTTP and was left out"),
        }
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.body
    }

    /// The parts of the answer.
    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, Cow<'static, str>) {
        (self.0.status, self.0.headers, self.0.body)
    }
}
