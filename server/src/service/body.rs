//! Bodies, ours and the client's.

use crate::carrier::stream::Stream;
use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of every response: all of it at once, nothing, or a stream of SockJS.
#[derive(Default)]
pub struct Body(Content);

#[derive(Default)]
enum Content {
    #[default]
    Nothing,
    Full(Bytes),
    Stream(Box<Stream>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Content::Nothing => "Body(nothing)",
            Content::Full(_) => "Body(full)",
            Content::Stream(_) => "Body(stream)",
        })
    }
}

impl Body {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Content::Nothing } else { Content::Full(bytes) })
    }

    pub(crate) fn stream(stream: Stream) -> Self {
        Self(Content::Stream(Box::new(stream)))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Content::Stream(stream) = &mut self.0 {
            return stream.poll_chunk(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))));
        }
        match std::mem::take(&mut self.0) {
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Nothing => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.remaining() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// Whatever a body of the hosting stack may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a client's body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge,
    Broken,
}

/// Reads a client's body, at most `limit` bytes of it.
pub(crate) async fn read<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: HttpBody,
    B::Error: Into<BoxError>,
{
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}
