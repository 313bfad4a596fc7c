//! Bytes as text (RFC 4648 section 4, with padding), for the text codecs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
