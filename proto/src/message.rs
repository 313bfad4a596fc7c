//! What a session moves: text or bytes.

use bytes::Bytes;
use bytestring::ByteString;
use std::fmt;
use std::ops::Deref;
use thiserror::Error;

/// Bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not UTF-8")]
pub struct NotUtf8;

/// Bytes that were checked to be UTF-8; cloning shares them.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Utf8Bytes(ByteString);

impl Utf8Bytes {
    /// Text known at compile time, without a copy.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Checks `bytes` and keeps them.
    ///
    /// # Errors
    /// When they are not UTF-8.
    pub fn new(bytes: Bytes) -> Result<Self, NotUtf8> {
        ByteString::try_from(bytes).map(Self).map_err(|_| NotUtf8)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The shared bytes, given away.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One message of a session. Cloning shares the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text: a text frame on a WebSocket.
    Text(Utf8Bytes),
    /// Anything: a binary frame on a WebSocket.
    Binary(Bytes),
}

/// What a message, or a part of one, holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'m> {
    Text(&'m str),
    Binary(&'m [u8]),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// The payload, whichever kind it is.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    pub(crate) fn content(&self) -> Content<'_> {
        match self {
            Self::Text(text) => Content::Text(text),
            Self::Binary(bytes) => Content::Binary(bytes),
        }
    }

    /// Bytes of payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
