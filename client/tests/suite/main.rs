//! The client against real servers, on real sockets.
#![allow(missing_docs, clippy::unwrap_used)]

mod churn;
mod delivery;
mod hostile;
mod leaks;
mod outbox;
mod paths;
mod restart;
mod sente;
mod support;
mod tls;
mod websocket;
mod who;
