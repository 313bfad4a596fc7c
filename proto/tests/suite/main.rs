//! What the protocol crate promises, one module per behaviour.

#![allow(clippy::unwrap_used, reason = "tests; clippy.toml excepts only what stands in a #[test] function")]

mod codecs;
mod connection_outbox;
mod connection_rules;
mod direct;
mod edn_literals;
mod gzip;
mod hostile;
mod msgpack;
mod older;
mod resume_model;
mod session_model;
mod session_rules;
mod shared_batches;
mod sockjs_framing;
mod timelines;
mod transit;
mod typed;
mod vectors;
mod volatile_model;
mod websocket_rules;
