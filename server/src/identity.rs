//! Who is asking: the names of users, clients and sessions, and the request that a connection began with.

use http::{Extensions, HeaderMap, Method, Uri};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use thiserror::Error;

/// The application's name for a user. One user may have many clients: tabs, devices.
///
/// It is text, and any text is a valid one. Cloning shares it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for UserId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for UserId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<Arc<str>> for UserId {
    fn from(id: Arc<str>) -> Self {
        Self(id)
    }
}

impl AsRef<str> for UserId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The name a client chose for itself, unique among the clients of one user.
///
/// For a plain Sente client it is a bearer secret: whoever knows it and has the same user can take the client's place.
/// `Debug` and `Display` therefore show a fingerprint that changes from one run of the server to the next; the text
/// itself comes from [`ClientId::as_str`] only. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

/// A client id that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClientIdError {
    /// Empty, or nothing but white space.
    #[error("the client id is blank")]
    Blank,
    /// Longer than [`ClientId::MAX_BYTES`].
    #[error("the client id has more than 128 bytes")]
    TooLong,
}

impl ClientId {
    /// The longest client id, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks and keeps what a client calls itself.
    ///
    /// # Errors
    /// When it is blank or longer than [`ClientId::MAX_BYTES`]: the client's mistake, answered 400.
    pub fn new(id: impl AsRef<str>) -> Result<Self, ClientIdError> {
        let id = id.as_ref();
        if id.len() > Self::MAX_BYTES {
            return Err(ClientIdError::TooLong);
        }
        if id.trim().is_empty() { Err(ClientIdError::Blank) } else { Ok(Self(id.into())) }
    }

    /// The text. Keep it out of logs and URLs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client#{:08x}", fingerprint(self.0.as_bytes()))
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address of one client. Clients choose their ids, so an id says who is meant only together with its user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// The user the client belongs to; `None` for an anonymous one.
    pub user: Option<UserId>,
    /// What the client calls itself.
    pub id: ClientId,
}

/// The name of a session: 128 random bits, the number of the node that holds it, and the epoch of that node, which is
/// another after each start.
///
/// It is a secret of the client. It is compared in constant time, and `Debug` shows a fingerprint; the text for the
/// wire comes from [`SessionId::to_text`] only.
#[derive(Clone, Copy)]
pub struct SessionId {
    node: u32,
    epoch: u32,
    random: [u8; 16],
}

/// Text that is no session id. For a client this is the same as naming a session that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a session id")]
pub struct SessionIdError;

impl SessionId {
    /// Digits of the text form: 8 of the node, 8 of the epoch, 32 random.
    const DIGITS: usize = 48;

    /// A new id on this node, in this epoch.
    ///
    /// # Errors
    /// When the operating system has no random numbers to give; nothing can be served then.
    pub fn random(node: u32, epoch: u32) -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        Ok(Self { node, epoch, random })
    }

    /// Reads what [`SessionId::to_text`] wrote.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, SessionIdError> {
        let digits = text.as_bytes();
        if digits.len() != Self::DIGITS {
            return Err(SessionIdError);
        }
        let mut bytes = [0_u8; 24];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex(pair[0])? << 4 | hex(pair[1])?;
        }
        let (mut node, mut epoch, mut random) = ([0; 4], [0; 4], [0; 16]);
        node.copy_from_slice(&bytes[..4]);
        epoch.copy_from_slice(&bytes[4..8]);
        random.copy_from_slice(&bytes[8..]);
        Ok(Self { node: u32::from_be_bytes(node), epoch: u32::from_be_bytes(epoch), random })
    }

    /// Lower-case hexadecimal digits, safe in a header and in every codec.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{:08x}{:08x}{:032x}", self.node, self.epoch, u128::from_be_bytes(self.random))
    }

    /// When it was made: each start of a node is an epoch.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The node that made the session.
    #[must_use]
    pub fn node(&self) -> u32 {
        self.node
    }
}

fn hex(digit: u8) -> Result<u8, SessionIdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(SessionIdError),
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        // Every byte is looked at, so that the time taken does not tell how many of them are right.
        let different = self.random.iter().zip(&other.random).fold(0, |bits, (a, b)| bits | (a ^ b));
        different == 0 && self.node == other.node
    }
}

impl Eq for SessionId {}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.random.hash(state);
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session#{:08x}", fingerprint(&self.random))
    }
}

/// Enough to tell two secrets apart in a log, and nothing to guess them from: the hash is keyed anew in each process.
fn fingerprint(secret: &[u8]) -> u32 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    // Cut on purpose: half of the hash is enough to look at.
    (KEY.hash_one(secret) >> 32) as u32
}

/// What the application says about a request to connect: the user, and whatever handlers will want to know.
///
/// ```
/// use tsugi::Identity;
///
/// #[derive(Clone)]
/// struct Locale(String);
///
/// let identity = Identity::user("ann").with(Locale("de-CH".to_owned()));
/// assert_eq!(identity.id().map(|user| user.as_str()), Some("ann"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub(crate) user: Option<UserId>,
    pub(crate) extensions: Extensions,
}

impl Identity {
    /// A known user.
    #[must_use]
    pub fn user(id: impl Into<UserId>) -> Self {
        Self { user: Some(id.into()), extensions: Extensions::new() }
    }

    /// Nobody in particular. Anonymous clients are pushed to one by one or all together.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Keeps something for handlers, which read it with the extractor `Extension<T>`. A second of the same type
    /// replaces the first.
    #[must_use]
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.extensions.insert(extension);
        self
    }

    /// The user, or `None` for an anonymous client.
    #[must_use]
    pub fn id(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// What was kept with [`Identity::with`].
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }
}

/// The HTTP request that asks for a connection, as the application's hooks see it.
///
/// `Debug` shows the method and the path only: the query and the headers hold secrets.
#[derive(Clone)]
pub struct ConnectRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
    params: Params,
    client: Option<ClientId>,
}

impl ConnectRequest {
    /// From a request's head; `params` are those of the query followed by those of a form, already decoded.
    pub(crate) fn new(head: http::request::Parts, params: Params, client: Option<ClientId>) -> Self {
        let http::request::Parts { method, uri, headers, extensions, .. } = head;
        Self { method, uri, headers, extensions, params, client }
    }

    /// GET, POST, or CONNECT for a WebSocket over HTTP/2.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query, as they reached this service: a router in front may have taken a prefix away.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header's first value, if it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What middleware in front of this service left in the request: a session, a user.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    /// The first parameter of this name, from the query or else from the form.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.find(name)
    }

    /// Every parameter, those of the query first, in the order they came.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter()
    }

    /// What the client calls itself; always there on the event endpoints.
    #[must_use]
    pub fn client_id(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

/// Parameters by name, decoded, all in one text.
#[derive(Clone, Default)]
pub(crate) struct Params {
    text: String,
    /// Where each name ends, and its value after that.
    ends: Vec<(usize, usize)>,
}

/// The most parameters that are read; more are ignored.
const MAX_PARAMS: usize = 64;
/// What Tsugi's and Sente's clients send at most.
const USUAL_PARAMS: usize = 6;

impl Params {
    /// Those of a query followed by those of a form. Bytes that are not UTF-8 are replaced.
    pub(crate) fn parse(query: &[u8], form: &[u8]) -> Self {
        let mut params =
            Self { text: String::with_capacity(query.len() + form.len()), ends: Vec::with_capacity(USUAL_PARAMS) };
        for part in [query, form] {
            match plain(part) {
                Some(text) => params.extend(text.split('&').filter(|pair| !pair.is_empty()).map(name_and_value)),
                None => params.extend(form_urlencoded::parse(part)),
            }
        }
        params
    }

    fn extend<T: AsRef<str>>(&mut self, pairs: impl Iterator<Item = (T, T)>) {
        for (name, value) in pairs.take(MAX_PARAMS - self.ends.len()) {
            self.text.push_str(name.as_ref());
            let end = self.text.len();
            self.text.push_str(value.as_ref());
            self.ends.push((end, self.text.len()));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, end)| {
            let name = &self.text[std::mem::replace(&mut start, end)..name_end];
            (name, &self.text[name_end..end])
        })
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// The text of parameters in which nothing is encoded: those of most clients, which a decoder would look at byte by byte.
fn plain(part: &[u8]) -> Option<&str> {
    let is_plain = !part.iter().fold(false, |found, byte| found | matches!(byte, b'%' | b'+') | !byte.is_ascii());
    if is_plain { std::str::from_utf8(part).ok() } else { None }
}

fn name_and_value(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_neither_blank_nor_long() {
        assert_eq!(ClientId::new("  \t"), Err(ClientIdError::Blank));
        assert_eq!(ClientId::new("x".repeat(129)), Err(ClientIdError::TooLong));
        assert_eq!(ClientId::new("x".repeat(128)).unwrap().as_str().len(), 128);
    }

    #[test]
    fn secrets_do_not_appear_in_logs() {
        let client = ClientId::new("hunter2-hunter2").unwrap();
        assert!(!format!("{client:?} {client}").contains("hunter2"));
        assert_eq!(client.to_string(), ClientId::new("hunter2-hunter2").unwrap().to_string());

        let session = SessionId::random(7, 1).unwrap();
        assert!(!format!("{session:?}").contains(&session.to_text()[16..]));

        let head = http::Request::builder().uri("/chsk?csrf-token=hunter2").body(()).unwrap().into_parts().0;
        let request = ConnectRequest::new(head, Params::parse(b"csrf-token=hunter2", b""), None);
        assert!(!format!("{request:?}").contains("hunter2"));
        assert_eq!(request.param("csrf-token"), Some("hunter2"));
    }

    #[test]
    fn parameters_of_a_query_go_before_those_of_a_form_and_are_decoded() {
        let params = Params::parse(b"a=1&b=%C3%A9+x&=&c&a=2", b"a=3&d=%ff");
        let all: Vec<_> = params.iter().collect();
        let expected = [("a", "1"), ("b", "\u{e9} x"), ("", ""), ("c", ""), ("a", "2"), ("a", "3"), ("d", "\u{fffd}")];
        assert_eq!(all, expected);
        assert_eq!(params.find("a"), Some("1"));
        assert_eq!(params.find("e"), None);
        let plain = Params::parse(b"&a=1&&b==c=&d&", b"");
        assert_eq!(Vec::from_iter(plain.iter()), [("a", "1"), ("b", "=c="), ("d", "")]);
        assert_eq!(Params::parse("x=1&".repeat(100).as_bytes(), b"y=2").iter().count(), MAX_PARAMS);
    }

    #[test]
    fn a_session_id_survives_the_wire() {
        let session = SessionId::random(0xabcd, 1).unwrap();
        let text = session.to_text();
        assert_eq!(SessionId::parse(&text), Ok(session));
        assert_eq!(SessionId::parse(&text).unwrap().node(), 0xabcd);
        assert_ne!(SessionId::random(0xabcd, 1).unwrap(), session);
        for wrong in ["", &text[1..], &text.to_uppercase(), &format!("{text}0"), &"é".repeat(24)] {
            assert_eq!(SessionId::parse(wrong), Err(SessionIdError), "{wrong}");
        }
    }

    #[test]
    fn a_hook_reads_what_middleware_left() {
        let mut head = http::Request::builder().header("x-a", "1").body(()).unwrap().into_parts().0;
        head.extensions.insert(42_u8);
        let request = ConnectRequest::new(head, Params::default(), None);
        assert_eq!(request.extension::<u8>(), Some(&42));
        assert_eq!(request.header("X-A"), Some("1"));
        assert_eq!(request.param("absent"), None);
    }
}
