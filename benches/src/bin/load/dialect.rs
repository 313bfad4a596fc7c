//! How each server wants to be spoken to.
//!
//! Every payload holds the character `¿`, whose two bytes are in no frame header, no envelope and no other payload, so
//! messages are counted without being parsed, however a server batches them.

use clap::ValueEnum;

/// The two bytes of `¿`.
pub(crate) const MARK: [u8; 2] = [0xC2, 0xBF];

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// WebSocket messages as they are
    Raw,
    /// A Sente client of Tsugi, in EDN
    TsugiSente,
    TsugiEdn,
    /// With counts, acknowledgements and an outbox
    TsugiEdnCounted,
    TsugiJson,
    /// The same in JSON, as Tsugi's own clients speak
    TsugiJsonCounted,
    /// Tsugi's events over a SockJS WebSocket
    TsugiSockjs,
    TsugiPoll,
    SocketIo,
    SocketIoPoll,
    /// Plain messages over a SockJS WebSocket
    Sockjs,
    SockjsXhr,
}

/// What a client says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Say {
    /// To be sent back to this client.
    Echo,
    /// To be sent to all.
    Broadcast,
    /// To be sent to the client with this number.
    Push(usize),
}

/// One step of the opening: what the server says at the end of it, and what is said then.
pub(crate) type Step = (&'static [u8], Option<String>);

impl Dialect {
    pub(crate) fn polls(self) -> bool {
        matches!(self, Self::TsugiPoll | Self::SocketIoPoll | Self::SockjsXhr)
    }

    /// Whether a client numbers what it says, and says how much it has heard.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::TsugiEdnCounted | Self::TsugiJsonCounted)
    }

    fn is_edn(self) -> bool {
        matches!(self, Self::TsugiSente | Self::TsugiEdn | Self::TsugiEdnCounted)
    }

    /// Where a client connects. Servers that do not know users unless told are only told where it matters.
    pub(crate) fn path(self, index: usize, named: bool) -> String {
        match self {
            Self::Raw if named => format!("/ws?uid=u{index}"),
            Self::Raw => "/ws".to_owned(),
            Self::TsugiSente => format!("/chsk?client-id=client-{index}&uid=u{index}"),
            Self::TsugiEdn | Self::TsugiEdnCounted => {
                format!("/chsk?client-id=client-{index}&uid=u{index}&tsugi=1&codec=edn")
            }
            Self::TsugiJson | Self::TsugiJsonCounted | Self::TsugiPoll => {
                format!("/chsk?client-id=client-{index}&uid=u{index}&tsugi=1&codec=json")
            }
            Self::TsugiSockjs => {
                format!("/sockjs/000/session-{index}/websocket?client-id=client-{index}&uid=u{index}&codec=json")
            }
            Self::SocketIo if named => format!("/socket.io/?EIO=4&transport=websocket&uid=u{index}"),
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            Self::SocketIoPoll => "/socket.io/?EIO=4&transport=polling".to_owned(),
            Self::Sockjs if named => format!("/sockjs/000/session-{index}/websocket?uid=u{index}"),
            Self::Sockjs => format!("/sockjs/000/session-{index}/websocket"),
            Self::SockjsXhr => format!("/sockjs/000/session-{index}"),
        }
    }

    /// What follows the upgrade. Outboxes have the name of their client.
    pub(crate) fn opening(self, index: usize) -> Vec<Step> {
        let hello = |end: &'static [u8], hello: String| vec![(end, Some(hello)), (end, None)];
        match self {
            Self::TsugiSente => vec![(b" nil]", None)],
            Self::TsugiEdn => hello(b" nil]", "[[:chsk/hello {}] nil]".to_owned()),
            Self::TsugiEdnCounted => {
                hello(b" nil]", format!("[[:chsk/hello {{:received 0 :outbox \"{index:032x}\"}}] nil]"))
            }
            Self::TsugiJson => hello(b",null]", r#"[["chsk/hello",{}],null]"#.to_owned()),
            Self::TsugiJsonCounted => {
                hello(b",null]", format!("[[\"chsk/hello\",{{\"received\":0,\"outbox\":\"{index:032x}\"}}],null]"))
            }
            Self::TsugiSockjs => vec![(b",null]\"]", None)],
            Self::SocketIo => vec![(b"\"maxPayload\":", Some("40".to_owned())), (b"40{\"sid\":", None)],
            Self::Sockjs => vec![(b"\x81\x01o", None)],
            Self::Raw | Self::TsugiPoll | Self::SocketIoPoll | Self::SockjsXhr => vec![(b"\r\n\r\n", None)],
        }
    }

    /// A message with a payload of `size` bytes, and a number where messages are [counted](Self::counts).
    pub(crate) fn message(self, say: Say, size: usize, number: u64) -> String {
        let first = match say {
            Say::Echo => 'E',
            Say::Broadcast => 'B',
            Say::Push(_) => 'P',
        };
        let text = format!("{first}¿{}", "x".repeat(size.saturating_sub(3)));
        match self {
            Self::Raw => plain(say, text),
            Self::Sockjs => format!("[{}]", quoted(&plain(say, text))),
            Self::SockjsXhr => quoted(&text),
            Self::TsugiSente | Self::TsugiEdn | Self::TsugiEdnCounted => {
                let slot = self.slot(say, number);
                match say {
                    Say::Echo => format!("[[:bench/echo {text:?}] {slot}]"),
                    Say::Broadcast => format!("[[:bench/broadcast {text:?}] {slot}]"),
                    Say::Push(to) => format!("[[:bench/push [\"u{to}\" {text:?}]] {slot}]"),
                }
            }
            Self::TsugiJson | Self::TsugiJsonCounted | Self::TsugiPoll => event(say, &text, &self.slot(say, number)),
            Self::TsugiSockjs => format!("[{}]", quoted(&event(say, &text, &self.slot(say, number)))),
            Self::SocketIo | Self::SocketIoPoll => match say {
                Say::Echo => format!("421[\"echo\",{text:?}]"),
                Say::Broadcast => format!("42[\"broadcast\",{text:?}]"),
                Say::Push(to) => format!("42[\"push\",\"u{to}\",{text:?}]"),
            },
        }
    }

    /// An item of an outbox is named by its number, negative when no reply is wanted. Without one, any name will do.
    fn slot(self, say: Say, number: u64) -> String {
        match (say, self.counts()) {
            (Say::Echo, true) => number.to_string(),
            (_, true) => format!("-{number}"),
            (Say::Echo, false) => "1".to_owned(),
            (_, false) => if self.is_edn() { "nil" } else { "null" }.to_owned(),
        }
    }

    /// Says how many items have been heard.
    pub(crate) fn acknowledge(self, heard: u64) -> Vec<u8> {
        let edn = format!("[[:chsk/ack {heard}] nil]");
        masked(1, if self.is_edn() { edn } else { format!("[[\"chsk/ack\",{heard}],null]") }.as_bytes())
    }

    /// The answer to what may be a ping among bytes without a message.
    pub(crate) fn pong(self, heard: &[u8]) -> Option<Vec<u8>> {
        let holds = |part: &[u8]| memchr::memmem::find(heard, part).is_some();
        if holds(b"chsk/ws-ping") {
            return Some(masked(
                1,
                if self.is_edn() { b"[[:chsk/ws-pong] nil]" } else { br#"[["chsk/ws-pong"],null]"# },
            ));
        }
        if self == Self::SocketIo && holds(b"\x81\x012") {
            return Some(masked(1, b"3"));
        }
        ping(heard).map(|payload| masked(10, payload))
    }
}

/// The payload of a ping (RFC 6455, section 5.5.2). Everything else that comes without a message is ASCII.
fn ping(heard: &[u8]) -> Option<&[u8]> {
    let [length, rest @ ..] = heard.splitn(2, |byte| *byte == 0x89).nth(1)? else { return None };
    rest.get(..usize::from(*length))
}

/// Servers without events read the addressee from the text.
fn plain(say: Say, text: String) -> String {
    match say {
        Say::Push(to) => format!("Pu{to} {text}"),
        _ => text,
    }
}

fn event(say: Say, text: &str, slot: &str) -> String {
    match say {
        Say::Echo => format!("[[\"bench/echo\",{text:?}],{slot}]"),
        Say::Broadcast => format!("[[\"bench/broadcast\",{text:?}],{slot}]"),
        Say::Push(to) => format!("[[\"bench/push\",[\"u{to}\",{text:?}]],{slot}]"),
    }
}

/// A JSON string. Nothing said here holds anything but quotes to escape.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// A client's whole frame (RFC 6455, section 5.2), up to 65,535 bytes.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    // Any key is as good as another for a measurement, and one that does not change lets frames be made once.
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Counts messages in a stream that comes in pieces.
#[derive(Clone, Copy, Default)]
pub(crate) struct Marks {
    half: bool,
}

impl Marks {
    pub(crate) fn count(&mut self, bytes: &[u8]) -> u64 {
        let first = u64::from(self.half && bytes.first() == Some(&MARK[1]));
        let whole = memchr::memchr_iter(MARK[1], bytes).filter(|&at| at > 0 && bytes[at - 1] == MARK[0]).count();
        if let Some(last) = bytes.last() {
            self.half = *last == MARK[0];
        }
        first + whole as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_comes_in_two_pieces_counts_once() {
        let mut marks = Marks::default();
        assert_eq!(marks.count("E¿xx¿".as_bytes()), 2);
        assert_eq!(marks.count(&[b'x', MARK[0]]), 0);
        assert_eq!(marks.count(&[]), 0);
        assert_eq!(marks.count(&[MARK[1], b'x']), 1);
        assert_eq!(marks.count(&[MARK[1], b'x']), 0);
    }

    #[test]
    fn a_ping_is_answered_with_what_it_holds() {
        let pong = |heard: &[u8]| Dialect::Sockjs.pong(heard);
        assert_eq!(pong(b"\x81\x01h\x89\x04null"), Some(masked(10, b"null")));
        assert_eq!(pong(&[0x89, 0]), Some(masked(10, b"")));
        assert_eq!(pong(b"\x81\x01h"), None);
        assert_eq!(Dialect::SocketIo.pong(b"\x81\x012"), Some(masked(1, b"3")));
    }

    #[test]
    fn a_frame_that_is_masked_holds_no_mark() {
        let frame = masked(1, Dialect::Raw.message(Say::Echo, 64, 1).as_bytes());
        assert_eq!(frame.len(), 64 + 6);
        assert_eq!(Marks::default().count(&frame), 0);
    }
}
