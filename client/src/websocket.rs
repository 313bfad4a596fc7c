//! A plain WebSocket, for servers that speak no events.

use crate::error::{ConnectError, WebSocketEnd, WebSocketError, WebSocketFull};
use crate::options::Options;
use crate::platform::{Happened, Socket};
use crate::transport::{Http, Refused};
use std::future::poll_fn;
use tsugi_proto::connection::Flow;
use tsugi_proto::{Close, CloseCode, Message};

/// A plain WebSocket: messages both ways, without events, replies or recovery. Made by
/// [`ClientBuilder::open_websocket`](crate::ClientBuilder::open_websocket).
///
/// Everything of it happens while [`next`](Self::next) is waited for, writing included: a program asks for the next message again and
/// again, and sends in between. Dropping it cuts the connection; [`close`](Self::close) says goodbye.
///
/// ```
/// use tsugi_client::{Client, Message};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let echo = tsugi::Sockets::new(tsugi::SocketConfig::default(), |socket: tsugi::Socket| async move {
/// #     let (mut incoming, mut outgoing, _errors) = socket.split();
/// #     while let Some(message) = incoming.recv().await { outgoing.send(message).await?; }
/// #     Ok::<(), tsugi::BoxError>(())
/// # });
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # tokio::spawn(async move { axum::serve(listener, axum::Router::new().route_service("/echo", echo)).await });
/// let mut socket = Client::builder().open_websocket(&format!("ws://{address}/echo")).await?;
/// socket.send(Message::text("hello"))?;
/// assert_eq!(socket.next().await?, Message::text("hello"));
/// # Ok(())
/// # }
/// ```
pub struct WebSocket {
    socket: Socket,
    max_message: usize,
    end: Option<WebSocketEnd>,
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("end", &self.end).finish_non_exhaustive()
    }
}

impl WebSocket {
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self, WebSocketError> {
        // A TLS handshake and the pool behind it want a runtime, as a client does.
        tokio::runtime::Handle::try_current().map_err(ConnectError::from)?;
        let http = Http::new(url, options)?;
        match tokio::time::timeout(options.handshake_timeout, http.upgrade(&options.params)).await {
            Ok(Ok(io)) => {
                Ok(Self { socket: Socket::over(io, options.max_message), max_message: options.max_message, end: None })
            }
            Ok(Err(Refused::Failed(why))) => Err(WebSocketError::Unreachable(why)),
            Ok(Err(Refused::Answered(answer))) => Err(WebSocketError::Refused {
                status: answer.status,
                message: String::from_utf8_lossy(&answer.body).into_owned(),
                retry_after: answer.retry_after,
            }),
            Err(_) => Err(WebSocketError::Timeout),
        }
    }

    /// The next message. Pings are answered meanwhile. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// At the end, and ever after.
    pub async fn next(&mut self) -> Result<Message, WebSocketEnd> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let end = loop {
            match poll_fn(|cx| self.socket.poll(cx, self.max_message)).await {
                Happened::Message(message) => return Ok(message),
                Happened::Room => {}
                Happened::Closed(Some(close)) if close.code != CloseCode::ABNORMAL => {
                    break WebSocketEnd::Closed(close);
                }
                Happened::Closed(_) | Happened::Refused(_) | Happened::Gone => break WebSocketEnd::Lost,
            }
        };
        self.end = Some(end.clone());
        Err(end)
    }

    /// Takes a message; it is written while [`next`](Self::next) is waited for.
    ///
    /// # Errors
    /// When over 1 MiB waits to be written. The message is not taken: wait for what comes, and try again.
    pub fn send(&mut self, message: Message) -> Result<(), WebSocketFull> {
        if !self.has_room() {
            return Err(WebSocketFull);
        }
        self.socket.send(message);
        Ok(())
    }

    /// Whether [`send`](Self::send) takes a message now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.socket.flow() == Flow::Free
    }

    /// Whether everything that was sent has been given to the network.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.socket.held() == 0
    }

    /// Says goodbye behind what was sent, and waits at most two seconds for the server to say so too. What still comes is dropped.
    pub async fn close(mut self, close: &Close) {
        if self.end.is_none() {
            self.socket.let_go(close);
        }
        while !matches!(poll_fn(|cx| self.socket.poll(cx, self.max_message)).await, Happened::Gone) {}
    }
}
