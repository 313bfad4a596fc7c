//! What a connection asks its driver to do, and what it tells the application.

use super::config::{Config, Wire};
use super::handshake::Terms;
use super::outbox::ItemId;
use super::reply::Reply;
use super::state::{Gap, State};
use crate::close::Close;
use crate::codec::EncodeError;
use crate::event::Event;
use crate::message::Message;
use crate::session::Transport;
use crate::value::Value;
use bytes::Bytes;
use std::collections::VecDeque;

/// One attempt over one transport: a WebSocket, or a run of polls and POSTs. Numbers are never used twice, so that a
/// late call for an old one is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    transport: Transport,
    number: u32,
}

impl Path {
    /// By what it goes.
    #[must_use]
    pub fn transport(self) -> Transport {
        self.transport
    }
}

/// One HTTP request of one connection. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(u64);

/// The method of an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`: handshake or poll. Must not be cached.
    Get,
    /// `POST`.
    Post,
}

/// An HTTP request to be made. The driver knows the URL, and adds headers of the application's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The query, not yet percent-encoded.
    pub query: Vec<(String, String)>,
    /// Its headers. They hold secrets: keep them out of logs.
    pub headers: Vec<(&'static str, String)>,
    /// Its body; empty for a GET.
    pub body: Bytes,
}

/// What to do, or what happened. In order: what is first must be done, or told, first.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open a WebSocket with this query (not yet percent-encoded).
    Connect {
        /// Name it so in what comes in.
        path: Path,
        /// The query.
        query: Vec<(String, String)>,
    },
    /// Send a message on a WebSocket.
    Transmit {
        /// Which.
        path: Path,
        /// What.
        message: Message,
    },
    /// Close a WebSocket; nothing more of it is heard.
    Disconnect {
        /// Which.
        path: Path,
        /// The close to say.
        close: Close,
    },
    /// Make an HTTP request.
    Exchange {
        /// Name it so in what comes in.
        exchange: ExchangeId,
        /// What to ask.
        request: Request,
    },
    /// Give an HTTP request up; nothing more of it is heard.
    Abort {
        /// Which.
        exchange: ExchangeId,
    },
    /// An event of the server.
    Event(Event),
    /// What the server sent, and this client will not get. Comes before what follows it.
    Gap(Gap),
    /// The server sent this in an event's place. Worth a line in the log.
    BadEvent(Value),
    /// An event was handled, a request answered, or either failed. Comes once for each that was taken.
    Settled {
        /// Which.
        item: ItemId,
        /// How.
        result: Reply,
    },
    /// How the connection is doing now.
    State(State),
}

/// What carriers need of the connection: its options and terms, and the way out.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) token: Option<String>,
    pub(super) terms: Terms,
    outputs: VecDeque<Output>,
    /// Messages among the outputs.
    transmits: usize,
    paths: u32,
    exchanges: u64,
}

impl Desk {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            token: None,
            terms: Terms::SENTE,
            outputs: VecDeque::new(),
            transmits: 0,
            paths: 0,
            exchanges: 0,
        }
    }

    pub(super) fn put(&mut self, output: Output) {
        self.transmits += usize::from(matches!(output, Output::Transmit { .. }));
        self.outputs.push_back(output);
    }

    pub(super) fn take(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        self.transmits -= usize::from(matches!(output, Output::Transmit { .. }));
        Some(output)
    }

    pub(super) fn transmits(&self) -> usize {
        self.transmits
    }

    pub(super) fn new_path(&mut self, transport: Transport) -> Path {
        self.paths = self.paths.wrapping_add(1);
        Path { transport, number: self.paths }
    }

    pub(super) fn connect(&mut self, path: Path) {
        let mut query = self.query();
        // Only plain Sente needs it here, where logs see it; Tsugi gets it in hello.
        if let (Wire::Sente, Some(token)) = (self.config.wire, &self.token) {
            query.push(("csrf-token".to_owned(), token.clone()));
        }
        self.put(Output::Connect { path, query });
    }

    /// Asks for a poll or posts, and returns the number under which the answer comes.
    pub(super) fn exchange(&mut self, method: Method, extra: &[(&str, &str)], body: Option<Body>) -> ExchangeId {
        self.exchanges += 1;
        let mut query = self.query();
        query.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if method == Method::Get {
            // Sente's name for what keeps caches away. Any number that is not used twice will do.
            query.push(("udt".to_owned(), self.exchanges.to_string()));
        }
        let mut headers = vec![("X-Requested-With", "XMLHttpRequest".to_owned())];
        headers.extend(self.token.clone().map(|token| ("X-CSRF-Token", token)));
        headers.extend(self.terms.session.as_ref().map(|session| ("Tsugi-Session", session.to_string())));
        headers.extend(body.as_ref().map(|body| ("Content-Type", body.content_type.to_owned())));
        let body = body.map(|body| body.bytes).unwrap_or_default();
        let exchange = ExchangeId(self.exchanges);
        self.put(Output::Exchange { exchange, request: Request { method, query, headers, body } });
        exchange
    }

    /// A packet of the protocol's own.
    pub(super) fn packet(&self, id: &str, data: Option<Value>, slot: &Value) -> Result<Message, EncodeError> {
        let payload = std::iter::once(Value::keyword(id)).chain(data).collect();
        self.config.codec.encode(&Value::Vector(payload), slot)
    }

    fn query(&self) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut query = self.config.params.clone();
        query.push(own("client-id", &self.config.client_id));
        if self.config.wire == Wire::Tsugi {
            query.push(own("tsugi", "1"));
            query.push(own("codec", self.config.codec.name()));
        }
        query
    }
}

/// What a POST holds.
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
}
