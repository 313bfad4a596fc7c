//! What the project's own tests and measurements need. Not published.
//!
//! [`pair::Pair`] is both ends of the protocol in one thread, with a [`link::Link`] between them that is as bad as a test
//! wants, on a clock that moves when the test says so.

pub mod hot_paths;
pub mod link;
pub mod local;
pub mod pair;
pub mod server_end;
pub mod sim;

pub use link::Link;
pub use pair::Pair;
pub use server_end::ServerEnd;
