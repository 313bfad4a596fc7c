//! What the server promises, one module for each behaviour.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they fail")]

mod architecture;
