//! The grammar of JSON (RFC 8259), for the codecs that are written in it.

mod lexer;
mod string;

pub(super) use lexer::Lexer;
pub(super) use string::write as write_string;

/// The largest integer that every reader of JSON takes for what it is (2^53 − 1).
pub(super) const SAFE: u64 = (1 << 53) - 1;
