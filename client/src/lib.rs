#![doc = include_str!("../README.md")]

mod client;
mod delivery;
mod driver;
mod error;
mod events;
mod options;
mod shared;
mod transport;
mod websocket;

pub use client::Client;
pub use delivery::{Delivery, DeliveryState};
pub use error::{ConnectError, Ended, RequestError, SendError, WebSocketEnd, WebSocketError, WebSocketFull};
pub use events::{Events, Notice, Registration};
pub use options::ClientBuilder;
pub use tsugi_proto::codec;
pub use tsugi_proto::connection::{
    Failure, Gap, GapReason, Loss, Open, Outcome, Paths, Reason, RequestError as Unanswered, SendError as Unsent,
    State, Verdict, WhileDown, Wire,
};
pub use tsugi_proto::session::Transport;
pub use tsugi_proto::value::{from_value, to_value};
pub use tsugi_proto::{Close, CloseCode, Codec, Event, EventId, Instant, Message, Value};
pub use websocket::WebSocket;
