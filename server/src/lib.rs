//! Channel sockets for axum, and for anything on tower and hyper. (Being written.)

pub mod identity;

pub use identity::{Client, ClientId, ConnectRequest, Identity, SessionId, UserId};
