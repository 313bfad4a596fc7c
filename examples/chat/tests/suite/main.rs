//! The application over HTTP, on a real port.

mod app;
