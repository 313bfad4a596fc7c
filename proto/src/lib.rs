//! What is true of channel sockets without a network.
//!
//! This crate does no I/O, reads no clock and spawns nothing. Whoever drives it hands in bytes and the time,
//! and carries out what comes back. The same code serves the server, the native client and the client in wasm.
//!
//! State machines here have four families of methods only: getters, `handle_*` for what came in, commands of the
//! application, and `poll_*` for what to do now. The whole duty of a driver is: *after any call drain `poll`, then
//! sleep until `poll_timeout`.*

pub mod close;
pub mod codec;
pub mod connection;
pub mod event;
pub mod framing;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod message;
pub mod packet;
pub mod session;
pub mod time;
pub mod value;
pub mod websocket;

pub use close::{Close, CloseCode, Retry};
pub use codec::Codec;
pub use connection::Connection;
pub use event::{Event, EventId};
pub use framing::{Frame, Framing};
pub use message::{Message, Utf8Bytes};
pub use packet::{Encoded, Packet, Received};
pub use session::Session;
pub use time::Instant;
pub use value::Value;
