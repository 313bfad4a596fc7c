//! Channel sockets for axum, and for anything on tower and hyper: events both ways between a server and its users, over
//! whatever connection there is.
//!
//! ```no_run
//! use tsugi::{Data, Event, Identity, Router, Server, User};
//!
//! async fn say(User(user): User, Data(text): Data<String>, server: Server) -> Result<(), tsugi::Failed> {
//!     server.broadcast(Event::new("chat/said", &(user.as_str(), text))).await?;
//!     Ok(())
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .identify(|request| Ok(request.param("name").map_or_else(Identity::anonymous, Identity::user)))
//!     .router(Router::new().on("chat/say", say))
//!     .build()?;
//! let app: axum::Router = axum::Router::new().route_service("/chsk", server.service());
//! # Ok(())
//! # }
//! ```

pub mod broker;
mod carrier;
mod chsk;
pub mod config;
mod core;
pub mod error;
pub mod event;
pub mod extract;
mod future;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod handle;
pub mod handler;
mod hello;
mod hub;
pub mod identity;
mod kit;
pub mod metrics;
mod outbox;
mod peer;
pub mod reply;
pub mod router;
mod server;
mod service;
mod session;
mod shutdown;
pub mod socket;
mod sockets;
mod sockjs;
pub mod topics;
pub mod users;

pub use broker::{Broker, Delivery, Target};
pub use config::{
    Forwarded, Limits, NativeClients, Origins, SessionCookie, SockJsConfig, SockJsHeartbeat, SockJsProfile,
    SockJsTransport, SocketConfig, Times, Wire,
};
pub use error::{ConfigError, Refusal};
pub use event::{Event, EventId, IntoEvent};
pub use extract::{Attempt, Data, Extension, FromCall, FromRef, OptionalFromCall, Raw, State, User};
pub use future::BoxFuture;
pub use handle::{KickError, PushError, Server};
pub use handler::{Call, Concurrency, Handler};
pub use identity::{Client, ClientId, ConnectRequest, Identity, SessionId, UserId};
pub use metrics::Metrics;
pub use reply::{Failed, Failure, IntoFailure, IntoReply, NoReply, Reply, Responder};
pub use router::{Router, RouterError};
pub use server::{ServerBuilder, Service};
pub use service::body::{Body, BoxError};
pub use service::sockjs::SockJs;
pub use socket::Socket;
pub use sockets::Sockets;
pub use topics::{SubscribeError, Topic, TopicError};
pub use tsugi_proto::{Close, CloseCode, Codec, Message, Value, codec};
pub use users::Users;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The example of docs/codecs.md compiles.
#[cfg(all(doctest, feature = "gzip", feature = "msgpack", feature = "transit"))]
#[doc = include_str!("../../docs/codecs.md")]
struct CodecsGuide;

/// The examples of docs/sockjs.md compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/sockjs.md")]
struct SockJsGuide;

/// The examples of docs/migrating-from-sente.md compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migrating-from-sente.md")]
struct SenteGuide;
