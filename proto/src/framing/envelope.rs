//! What a SockJS frame is wrapped in where an HTTP response carries it.

use super::sockjs::quote;
use bytes::Bytes;
use std::fmt::Write;
use std::sync::OnceLock;
use thiserror::Error;

/// How one frame stands in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `frame\n`: xhr and xhr_streaming.
    Line,
    /// `data: frame\r\n\r\n`, with those characters percent-encoded that the client decodes: eventsource.
    EventSource,
    /// A script that calls `p("frame")`: htmlfile.
    HtmlFile,
    /// A script that calls the client's function: jsonp. With the guard, a comment stands before it, so that the
    /// response can never begin with bytes of the client's choice (CVE-2014-4671).
    Jsonp(Callback, JsonpGuard),
}

/// Whether a jsonp response begins with an empty comment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonpGuard {
    /// `/**/` first, as every server does today.
    #[default]
    Comment,
    /// Nothing, as protocol 0.3.3 has it.
    Bare,
}

impl Envelope {
    /// One frame's payload as one chunk of the response.
    #[must_use]
    pub fn wrap(&self, payload: &str) -> Bytes {
        let mut out = String::with_capacity(payload.len() + payload.len() / 8 + 32);
        match self {
            Self::Line => {
                out.push_str(payload);
                out.push('\n');
            }
            Self::EventSource => {
                out.push_str("data: ");
                percent_encode(&mut out, payload);
                out.push_str("\r\n\r\n");
            }
            Self::HtmlFile => {
                out.push_str("<script>\np(");
                quote_in_script(&mut out, payload);
                out.push_str(");\n</script>\r\n");
            }
            Self::Jsonp(callback, guard) => {
                out.push_str(if *guard == JsonpGuard::Comment { "/**/" } else { "" });
                out.push_str(callback.as_str());
                out.push('(');
                quote_in_script(&mut out, payload);
                out.push_str(");\r\n");
            }
        }
        Bytes::from(out)
    }
}

/// The client runs `decodeURI` over what it gets, so a bare `%` would throw; the others would end the event.
fn percent_encode(out: &mut String, payload: &str) {
    for c in payload.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            '\0' => out.push_str("%00"),
            _ => out.push(c),
        }
    }
}

/// A JSON string that stands in a script: a message that holds `</script>` must neither end it nor run.
fn quote_in_script(out: &mut String, payload: &str) {
    let start = out.len();
    quote(out, payload);
    if out[start..].contains('<') {
        let safe = out[start..].replace('<', "\\u003c");
        out.truncate(start);
        out.push_str(&safe);
    }
}

/// What the response of xhr_streaming begins with, to get past the buffers of old browsers and proxies: a line of 2,048 `h`.
#[must_use]
pub fn streaming_prelude() -> Bytes {
    static PRELUDE: OnceLock<Bytes> = OnceLock::new();
    PRELUDE.get_or_init(|| Bytes::from("h".repeat(2048) + "\n")).clone()
}

/// What the response of eventsource begins with: old Opera swallows the first line.
#[must_use]
pub fn eventsource_prelude() -> Bytes {
    Bytes::from_static(b"\r\n")
}

/// What the response of htmlfile begins with: a page that hands on each message, padded beyond the 1,024 bytes below which
/// Internet Explorer shows nothing.
#[must_use]
pub fn htmlfile_prelude(callback: &Callback) -> Bytes {
    let callback = callback.as_str();
    let mut page = String::with_capacity(1_100);
    let written = write!(
        page,
        "<!doctype html>\n<html><head>\n  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n\
         </head><body><h2>Don't panic!</h2>\n  <script>\n    document.domain = document.domain;\n    \
         var c = parent.{callback};\n    c.start();\n    function p(d) {{c.message(d);}};\n    \
         window.onload = function() {{c.stop();}};\n  </script>"
    );
    debug_assert!(written.is_ok(), "a string takes everything");
    let size = 1_023 + callback.len();
    page.extend(std::iter::repeat_n(' ', size.saturating_sub(page.len())));
    page.push_str("\r\n\r\n");
    Bytes::from(page)
}

/// The name of a function of the client's page, for jsonp and htmlfile. At most 32 of `A-Z a-z 0-9 - _ .`: anything else
/// would let a stranger write scripts that run in this server's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback(Box<str>);

/// Why a callback is refused. The texts are the protocol's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallbackError {
    /// There is none.
    #[error("\"callback\" parameter required")]
    Missing,
    /// It is empty, too long, or holds other characters.
    #[error("invalid \"callback\" parameter")]
    Invalid,
}

impl Callback {
    /// Checks a name, decoded from the query.
    ///
    /// # Errors
    /// [`CallbackError::Invalid`] when it is empty, longer than 32 bytes, or holds other characters.
    pub fn new(name: &str) -> Result<Self, CallbackError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 32 || !name.bytes().all(allowed) {
            return Err(CallbackError::Invalid);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
