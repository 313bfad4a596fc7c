//! Options with their defaults.

use super::path::Paths;
use crate::codec::Codec;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long a request waits unless it says otherwise: 10 s, counted from the call, connected or not.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an event may take until the server has handled it, unless it says otherwise: 5 min.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(300);

/// What happens to events and requests while there is no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhileDown {
    /// They wait for one, within their own time.
    #[default]
    Queue,
    /// They are refused at once.
    Refuse,
}

/// Which wire to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// Sente's with Tsugi's extension. A plain Sente server answers without it, and is spoken to as it expects.
    #[default]
    Tsugi,
    /// Plain Sente, for a server whose application minds unknown parameters, or that checks a CSRF token in the URL.
    Sente,
}

/// What holds for the life of a connection. Make one with [`Config::new`] and change what should be different.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How values are written. A Tsugi server is asked for this one; a Sente server must be configured for it.
    pub codec: Arc<dyn Codec>,
    /// Tells this client from all others; see [`Config::new`].
    pub client_id: Arc<str>,
    /// Default: [`Wire::Tsugi`].
    pub wire: Wire,
    /// Default: [`Paths::Both`].
    pub paths: Paths,
    /// Parameters of the application's own, in the query of every request. Default: none.
    pub params: Vec<(String, String)>,
    /// A WebSocket must bring the handshake within this, and then the welcome. Default: 3 s: longer than a slow
    /// phone's round trips, shorter than a person's patience with a proxy that stays mute.
    pub handshake_timeout: Duration,
    /// The name of the outbox: 128 random bits, from a source fit for secrets.
    pub outbox: [u8; 16],
    /// Default: [`WhileDown::Queue`].
    pub while_down: WhileDown,
    /// The most events and requests that may be under way. Default: 1,000.
    pub max_queue: usize,
    /// The most bytes of them. Default: 16 MiB.
    pub max_queue_bytes: usize,
}

/// A client id that no server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a client id is 1 to 128 bytes of text that is not blank")]
pub struct BadClientId;

impl Config {
    /// The defaults, for a client that chose `client_id` at random: it is a secret, at most 128 bytes, and stays the
    /// same while the connection lives. So is `outbox`, which is another secret: it never stands in a URL.
    ///
    /// # Errors
    /// When no server would accept the id.
    pub fn new(codec: Arc<dyn Codec>, client_id: &str, outbox: [u8; 16]) -> Result<Self, BadClientId> {
        if client_id.trim().is_empty() || client_id.len() > 128 {
            return Err(BadClientId);
        }
        Ok(Self {
            codec,
            client_id: client_id.into(),
            wire: Wire::default(),
            paths: Paths::default(),
            params: Vec::new(),
            handshake_timeout: Duration::from_secs(3),
            outbox,
            while_down: WhileDown::default(),
            max_queue: 1_000,
            max_queue_bytes: 16 * 1024 * 1024,
        })
    }
}
