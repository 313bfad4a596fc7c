//! What differs between a program of an operating system and a page of a browser: the clock, tasks, the two transports, and
//! what may go from one thread to another. The rest of the client is one source.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{
    BoxFuture, Clock, Handler, Http, Keeper, Persistent, Socket, Surroundings, Tasks, TokenSource,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{BoxFuture, Clock, Handler, Http, Keeper, Persistent, Socket, Surroundings, Tasks, TokenSource};

use bytes::Bytes;
use std::time::Duration;
use tsugi_proto::{Close, Message};

/// Natively this is [`Send`]: a client's task may go from one thread to another. A browser has one thread, and asks nothing.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// Natively this is [`Sync`]: handles of a client may be used by many threads. A browser has one thread, and asks nothing.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// Natively this is [`Send`]: a client's task may go from one thread to another. A browser has one thread, and asks nothing.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

/// Natively this is [`Sync`]: handles of a client may be used by many threads. A browser has one thread, and asks nothing.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSync for T {}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) retry_after: Option<Duration>,
}

/// What became of a WebSocket.
pub(crate) enum Happened {
    /// A message came.
    Message(Message),
    /// It takes more again, after it was full.
    Room,
    /// It ended.
    Closed(Option<Close>),
    /// It was never one. A browser does not tell.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "see above"))]
    Refused(Answer),
    /// After the end, or after it was let go: forget it.
    Gone,
}
