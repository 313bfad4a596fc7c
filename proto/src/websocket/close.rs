//! Close frames (RFC 6455 sections 5.5.1 and 7.4).

use super::ProtocolError;
use crate::close::{Close, CloseCode};
use crate::message::Utf8Bytes;
use bytes::Bytes;

/// The code and reason of a received close; `None` when it has neither.
pub(super) fn read(payload: &[u8]) -> Result<Option<Close>, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(ProtocolError::Close),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let code = CloseCode::new(code).map_err(|_| ProtocolError::Close)?;
    let reason = Utf8Bytes::new(Bytes::copy_from_slice(reason)).map_err(|_| ProtocolError::Utf8)?;
    Ok(Some(Close { code, reason }))
}
