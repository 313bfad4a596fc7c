//! Why a type could not be read, while that is on its way out.

use crate::codec::DecodeError;
use std::fmt;

/// A [`DecodeError`] as small as a pointer: it is a part of the result of every call that reads a piece of a type, and in
/// nearly all of them there is none.
#[derive(Debug)]
pub(crate) struct Failure(Box<DecodeError>);

impl From<DecodeError> for Failure {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self(Box::new(error))
    }
}

impl From<Failure> for DecodeError {
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        DecodeError::Data(message.to_string()).into()
    }
}
