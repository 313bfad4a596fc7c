//! The application over HTTP, on a real port.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod app;
mod page;
