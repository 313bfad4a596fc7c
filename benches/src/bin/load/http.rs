//! As much of an HTTP/1.1 client as polling takes: one request at a time on a connection that stays open.

use crate::Outcome;
use crate::link::tcp;
use crate::plan::PATIENCE;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer to a client of ours is longer.
const LONGEST: usize = 256 * 1024;

pub(crate) struct Http {
    stream: TcpStream,
    server: SocketAddr,
    received: Vec<u8>,
}

/// What came back: its status, and where in the received bytes its body is.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// As it came: with the lines of a chunked body, which hold no mark.
    pub(crate) body: &'a [u8],
}

impl Http {
    pub(crate) async fn connect(server: SocketAddr, index: usize) -> Outcome<Self> {
        Ok(Self { stream: tcp(server, index).await?, server, received: Vec::new() })
    }

    /// A whole request. `headers` end with a line break each.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        let server = self.server;
        format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into()
    }

    pub(crate) async fn ask(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        tokio::time::timeout(PATIENCE, self.exchange(request)).await.map_err(|_| "no answer to a request")?
    }

    /// As [`Http::ask`], and the answer must be a success.
    pub(crate) async fn done(&mut self, request: &[u8]) -> Outcome<&[u8]> {
        let answer = self.ask(request).await?;
        match answer.status {
            200 | 204 => Ok(answer.body),
            status => Err(format!("the server answered {status}: {}", String::from_utf8_lossy(answer.body)).into()),
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            if let Some((status, body)) = whole(&self.received)? {
                return Ok(Answer { status, body: &self.received[body..] });
            }
            if self.stream.read_buf(&mut self.received).await? == 0 || self.received.len() > LONGEST {
                return Err("the server hung up, or said too much".into());
            }
        }
    }
}

/// The status of a response that is whole, and where its body begins (RFC 9112, section 6.3).
fn whole(received: &[u8]) -> Outcome<Option<(u16, usize)>> {
    let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..head])?;
    let status: u16 = text.get(9..12).ok_or("no status")?.parse()?;
    let body = head + 4;
    let field = |name: &str| {
        let mut fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let is_whole = match (field("content-length"), field("transfer-encoding")) {
        (Some(length), _) => received.len() - body >= length.parse::<usize>()?,
        (None, Some(_)) => received[body..].ends_with(b"0\r\n\r\n"),
        (None, None) => status == 204,
    };
    Ok(is_whole.then_some((status, body)))
}

#[cfg(test)]
mod tests {
    use super::whole;

    fn status(text: &str) -> Option<u16> {
        whole(text.as_bytes()).expect("a response").map(|(status, _)| status)
    }

    #[test]
    fn a_response_is_whole_when_its_length_says_so() {
        assert_eq!(status("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"), None);
        assert_eq!(status("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"), None);
        assert_eq!(status("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"), Some(200));
        assert_eq!(status("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"), None);
        assert_eq!(status("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"), Some(200));
        assert_eq!(status("HTTP/1.1 204 No Content\r\n\r\n"), Some(204));
    }
}
