//! What the protocol crate promises, one module per behaviour.

mod edn_literals;
mod session_rules;
mod typed;
mod vectors;
