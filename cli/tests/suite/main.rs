//! The command against real servers: from a pipe, in a pseudo-terminal, and as a load.
#![allow(missing_docs, clippy::unwrap_used)]

mod bench;
mod pipe;
mod refused;
mod support;
#[cfg(unix)]
mod terminal;
