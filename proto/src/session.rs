//! The server's end of one logical connection. (Being written.)

/// The server's end of one logical connection.
#[derive(Debug)]
pub struct Session {}
