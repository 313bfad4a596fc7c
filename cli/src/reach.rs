//! From options to a connection.

use crate::args::{CodecName, Server, TransportName, WireName};
use crate::end::End;
use crate::given;
use crate::show::Tongue;
use std::time::Duration;
use tsugi_client::codec::{Edn, Gzip, Json, MessagePack, Transit};
use tsugi_client::{Client, ClientBuilder, Open, Paths, State, WebSocket, Wire};

/// Whether another attempt is made when one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    Until,
}

/// The options of a connection with its secrets read.
#[derive(Clone)]
pub(crate) struct Target {
    url: String,
    headers: Vec<(String, String)>,
    csrf_token: Option<String>,
    client_id: Option<String>,
    codec: CodecName,
    paths: Paths,
    wire: Wire,
    timeout: Duration,
    connect_timeout: Duration,
}

impl Target {
    pub(crate) fn of(server: &Server) -> Result<Self, End> {
        let secret = |value: &Option<String>| value.as_deref().map(given::secret).transpose().map_err(End::Usage);
        let scheme = if server.url.contains("://") { "" } else { "http://" };
        Ok(Self {
            url: format!("{scheme}{}", server.url),
            headers: given::headers(&server.header).map_err(End::Usage)?,
            csrf_token: secret(&server.csrf_token)?,
            client_id: secret(&server.client_id)?,
            codec: server.codec,
            paths: match server.transport {
                TransportName::Auto => Paths::Both,
                TransportName::Ws => Paths::WebSocket,
                TransportName::Poll => Paths::Poll,
            },
            wire: match server.wire {
                WireName::Tsugi => Wire::Tsugi,
                WireName::Sente => Wire::Sente,
            },
            timeout: server.timeout,
            connect_timeout: server.connect_timeout,
        })
    }

    /// How what came is written for people.
    pub(crate) fn tongue(&self) -> Tongue {
        if self.codec == CodecName::Json { Tongue::Json } else { Tongue::Edn }
    }

    /// Whether two connections would be the same client.
    pub(crate) fn names_one_client(&self) -> bool {
        self.client_id.as_ref().is_some_and(|id| !id.contains("{i}"))
    }

    /// Where connection number `n` goes.
    pub(crate) fn numbered(&self, n: u32) -> Self {
        let fill = |text: &String| text.replace("{i}", &n.to_string());
        Self {
            url: fill(&self.url),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
            client_id: self.client_id.as_ref().map(fill),
            ..self.clone()
        }
    }

    fn builder(&self) -> ClientBuilder {
        let with_header = |builder: ClientBuilder, (name, value): &(String, String)| builder.header(name, value);
        self.headers.iter().fold(Client::builder(), with_header)
    }

    /// Begins to connect.
    pub(crate) fn client(&self, max_queue: usize) -> Result<Client, End> {
        let builder = self.builder().transports(self.paths).wire(self.wire).request_timeout(self.timeout);
        let builder = match self.codec {
            CodecName::Edn => builder.codec(Edn::new()),
            CodecName::Json => builder.codec(Json::new()),
            CodecName::Transit => builder.codec(Transit::new()),
            CodecName::TransitVerbose => builder.codec(Transit::verbose()),
            CodecName::Msgpack => builder.codec(MessagePack::new()),
            CodecName::GzEdn => builder.codec(Gzip::new(Edn::new())),
            CodecName::GzMsgpack => builder.codec(Gzip::new(MessagePack::new())),
        };
        let builder = self.csrf_token.iter().fold(builder, ClientBuilder::csrf_token);
        let builder = self.client_id.iter().fold(builder, ClientBuilder::client_id);
        Ok(builder.max_queue(max_queue, usize::MAX).connect(&self.url)?)
    }

    /// Waits for the connection of a client.
    pub(crate) async fn reach(&self, client: &Client, retry: Retry) -> Result<Open, End> {
        let mut state = client.state();
        let mut last = None;
        let settled = state.wait_for(|state| {
            if let State::Waiting { loss, .. } = state {
                last = Some(loss.clone());
            }
            match state {
                State::Open(_) | State::Closed(_) => true,
                State::Waiting { .. } => retry == Retry::Never,
                State::Idle | State::Connecting { .. } => false,
            }
        });
        let settled = tokio::time::timeout(self.connect_timeout, settled).await;
        let settled = settled.map(|state| state.map(|state| state.clone()));
        match (settled, last) {
            (Ok(Ok(State::Open(open))), _) => Ok(open),
            (Ok(Ok(State::Closed(loss))), _) => Err(loss.into()),
            // The last attempt says more than that time is over.
            (_, Some(loss)) => Err(loss.into()),
            (Err(_), None) => Err(End::NoConnection("no connection in time".to_owned())),
            (Ok(_), None) => Err(End::NoConnection("no connection".to_owned())),
        }
    }

    /// Opens a plain WebSocket.
    pub(crate) async fn websocket(&self, retry: Retry) -> Result<WebSocket, End> {
        let open = async {
            let mut wait = Duration::from_millis(100);
            loop {
                let opened = self.builder().handshake_timeout(self.connect_timeout).open_websocket(&self.url).await;
                match opened.map_err(End::from) {
                    Err(End::NoConnection(_)) if retry == Retry::Until => tokio::time::sleep(wait).await,
                    settled => return settled,
                }
                wait = (2 * wait).min(Duration::from_secs(2));
            }
        };
        let late = |_| Err(End::NoConnection("no connection in time".to_owned()));
        tokio::time::timeout(self.connect_timeout, open).await.unwrap_or_else(late)
    }
}
