//! A client that knows nothing of this project: it writes recorded bytes and compares what comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this serves tests: a panic is how they fail")]

pub mod raw;
pub mod replay;
