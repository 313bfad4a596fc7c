//! Paths of SockJS: raw, undecoded, and nothing is resolved or merged (sockjs.md section 1).

use crate::config::SockJsTransport;
use http::Method;

/// What a path below the prefix means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    Session(Box<str>, Way),
}

/// The last part of a session's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    WebSocket,
    Xhr,
    XhrSend,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
    JsonpSend,
}

/// Longer session ids are not found. Clients make eight characters.
const MAX_SESSION_ID: usize = 128;

impl Route {
    /// `None` is a 404.
    pub(super) fn of(path: &str) -> Option<Self> {
        if matches!(path, "" | "/") {
            return Some(Self::Greeting);
        }
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.split('/');
        match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("info", None, None, None) => Some(Self::Info),
            ("websocket", None, None, None) => Some(Self::RawWebSocket),
            (page, None, None, None) if is_iframe(page) => Some(Self::Iframe),
            (server, Some(session), Some(way), None) if is_id(server) && is_id(session) => {
                Some(Self::Session(session.into(), Way::of(way)?))
            }
            _ => None,
        }
    }

    /// The methods of this route, as `Allow` lists them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Info => "OPTIONS, GET",
            Self::Session(_, Way::Xhr | Way::XhrSend | Way::XhrStreaming) => "POST, OPTIONS",
            Self::Session(_, Way::JsonpSend) => "POST",
            _ => "GET",
        }
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        let websocket = matches!(self, Self::RawWebSocket | Self::Session(_, Way::WebSocket));
        let page = matches!(self, Self::Greeting | Self::Iframe | Self::Info);
        match *method {
            // RFC 8441, the WebSocket of HTTP/2.
            Method::CONNECT => websocket,
            Method::HEAD => page,
            _ => self.methods().split(", ").any(|allowed| allowed == method.as_str()),
        }
    }

    /// Whether a page of another origin may read the answer, if the origin rule lets it in.
    pub(super) fn is_cors(&self) -> bool {
        matches!(self, Self::Info | Self::Session(_, Way::Xhr | Way::XhrSend | Way::XhrStreaming | Way::EventSource))
    }

    /// Whether the session cookie is set here; on `OPTIONS` of every route that has it, too.
    pub(super) fn has_cookie(&self, method: &Method) -> bool {
        match self {
            Self::Info => *method == Method::OPTIONS,
            Self::Session(_, way) => *way != Way::WebSocket,
            _ => false,
        }
    }

    /// What must be offered for this route to be there.
    pub(super) fn transport(&self) -> Option<SockJsTransport> {
        match self {
            Self::RawWebSocket => Some(SockJsTransport::RawWebSocket),
            Self::Session(_, way) => way.transport(),
            _ => None,
        }
    }
}

impl Way {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "websocket" => Self::WebSocket,
            "xhr" => Self::Xhr,
            "xhr_send" => Self::XhrSend,
            "xhr_streaming" => Self::XhrStreaming,
            "eventsource" => Self::EventSource,
            "htmlfile" => Self::HtmlFile,
            "jsonp" => Self::Jsonp,
            "jsonp_send" => Self::JsonpSend,
            _ => return None,
        })
    }

    /// `xhr_send` serves several.
    fn transport(self) -> Option<SockJsTransport> {
        match self {
            Self::WebSocket => Some(SockJsTransport::WebSocket),
            Self::Xhr => Some(SockJsTransport::XhrPolling),
            Self::XhrSend => None,
            Self::XhrStreaming => Some(SockJsTransport::XhrStreaming),
            Self::EventSource => Some(SockJsTransport::EventSource),
            Self::HtmlFile => Some(SockJsTransport::HtmlFile),
            Self::Jsonp | Self::JsonpSend => Some(SockJsTransport::JsonpPolling),
        }
    }
}

fn is_id(part: &str) -> bool {
    !part.is_empty() && part.len() <= MAX_SESSION_ID && !part.contains('.')
}

fn is_iframe(page: &str) -> bool {
    let version = page.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html"));
    let allowed = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.' | b'_');
    version.is_some_and(|version| version.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_protocol_names_is_found() {
        for path in
            ["/a", "/a.html", "//", "///", "/a/a", "/a/a/", "/a/", "//xhr", "/a./a/xhr", "/a/a./xhr", "/././xhr"]
        {
            assert_eq!(Route::of(path), None, "{path}");
        }
        for path in
            ["/iframe.htm", "/iframe", "/IFRAME.HTML", "/iframe.HTML", "/iframe.xml", "/iframe-/.html", "///xhr"]
        {
            assert_eq!(Route::of(path), None, "{path}");
        }
        for path in ["/iframe.html", "/iframe-.html", "/iframe-0.1.2.html", "/iframe-0.1.2abc-dirty.2144.html"] {
            assert_eq!(Route::of(path), Some(Route::Iframe), "{path}");
        }
        for path in ["", "/"] {
            assert_eq!(Route::of(path), Some(Route::Greeting), "{path}");
        }
    }

    #[test]
    fn ids_stay_as_they_were_written() {
        for id in ["a%2Eb", "a%2Fb", "abcdefg_i-j%20"] {
            assert_eq!(Route::of(&format!("/0/{id}/xhr/")), Some(Route::Session(id.into(), Way::Xhr)));
        }
        assert_eq!(Route::of(&format!("/0/{}/xhr", "x".repeat(129))), None);
    }
}
