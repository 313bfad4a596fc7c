//! What the server does, seen from outside: one file per behaviour.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests: a panic is how they fail")]

mod architecture;
mod delivery_rules;
mod events_rules;
mod guard;
mod http2;
mod outbox_rules;
mod poll;
mod resume_rules;
mod resume_security;
mod shutdown_rules;
mod socket_rules;
mod sockjs_events;
mod support;
mod volatile_rules;
mod websocket;
