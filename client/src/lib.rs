#![doc = include_str!("../README.md")]
#![cfg_attr(
    target_arch = "wasm32",
    allow(clippy::arc_with_non_send_sync, reason = "one source for both; natively they are")
)]

mod client;
mod delivery;
mod driver;
mod error;
mod events;
mod options;
#[cfg(not(target_arch = "wasm32"))]
mod outbox;
mod platform;
mod shared;
#[cfg(not(target_arch = "wasm32"))]
mod transport;
#[cfg(not(target_arch = "wasm32"))]
mod websocket;

pub use client::Client;
pub use delivery::{Delivery, DeliveryState};
pub use error::{ConnectError, Ended, RequestError, SendError};
#[cfg(not(target_arch = "wasm32"))]
pub use error::{WebSocketEnd, WebSocketError, WebSocketFull};
pub use events::{Events, Notice, Registration};
pub use options::ClientBuilder;
#[cfg(all(feature = "fuzzing", not(target_arch = "wasm32")))]
#[doc(hidden)]
pub use outbox::fuzz;
#[cfg(not(target_arch = "wasm32"))]
pub use outbox::{OutboxError, Persistent, Restored};
pub use platform::{MaybeSend, MaybeSync};
#[cfg(all(feature = "tls", not(target_arch = "wasm32")))]
pub use rustls;
pub use shared::Kind;
pub use tsugi_proto::codec;
pub use tsugi_proto::connection::{
    Failure, Gap, GapReason, Loss, Open, Outcome, Paths, Reason, RequestError as Unanswered, SendError as Unsent,
    State, Verdict, WhileDown, Wire,
};
pub use tsugi_proto::session::Transport;
pub use tsugi_proto::value::{from_value, to_value};
pub use tsugi_proto::{Close, CloseCode, Codec, Event, EventId, Instant, Message, Value};
#[cfg(not(target_arch = "wasm32"))]
pub use websocket::WebSocket;
