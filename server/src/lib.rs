//! Channel sockets for axum, and for anything on tower and hyper. (Being written.)

pub mod broker;
pub mod event;
pub mod extract;
mod future;
pub mod handle;
pub mod handler;
pub mod identity;
pub mod reply;
pub mod router;
pub mod topics;
pub mod users;

pub use broker::{Broker, Delivery, Target};
pub use event::{Event, EventId, IntoEvent};
pub use extract::{Data, Extension, FromCall, FromRef, OptionalFromCall, Raw, State, User};
pub use future::BoxFuture;
pub use handle::{KickError, PushError, Server};
pub use handler::{Call, Concurrency, Handler};
pub use identity::{Client, ClientId, ConnectRequest, Identity, SessionId, UserId};
pub use reply::{Failed, Failure, IntoFailure, IntoReply, NoReply, Reply, Responder};
pub use router::{Router, RouterError};
pub use topics::{SubscribeError, Topic, TopicError};
pub use tsugi_proto::{CloseCode, Value};
pub use users::Users;
