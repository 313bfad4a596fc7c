//! From the name of an event to the function that handles it.

use crate::event::{BAD_EVENT, LIFE_CYCLE};
use crate::future::{BoxFuture, CatchPanic, panic_message};
use crate::handler::{Call, Concurrency, Handler, Payload};
use crate::reply::{Failure, Reply};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use thiserror::Error;
use tsugi_proto::EventId;

/// Event ids and the async functions that handle them.
///
/// A handler takes what its arguments' types say ([`extract`](crate::extract)) and its return value is the reply. One
/// client's events are handled one after another, in the order they were sent; a route opts out with
/// [`Handler::concurrent`]. Different clients never wait for each other. A handler that panics fails its own request
/// and nothing else.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tsugi::{Data, Failure, Handler, Router, State, User};
///
/// #[derive(Clone)]
/// struct App { greeting: &'static str }
///
/// #[derive(Deserialize)]
/// struct Say { room: String, text: String }
///
/// #[derive(Serialize)]
/// struct Said { by: String, text: String }
///
/// async fn say(User(user): User, Data(say): Data<Say>, State(app): State<App>) -> Result<Data<Said>, Failure> {
///     if say.room != "lobby" {
///         return Err(Failure::new("no-room", "there is only a lobby"));
///     }
///     Ok(Data(Said { by: user.to_string(), text: format!("{} {}", app.greeting, say.text) }))
/// }
///
/// async fn search(Data(words): Data<String>) -> Data<usize> {
///     Data(words.len())
/// }
///
/// let router: Router = Router::new()
///     .on("chat/say", say)
///     .on("chat/search", search.concurrent(4))
///     .fallback(async || Failure::new("unknown-event", "what do you mean?"))
///     .with_state(App { greeting: "hello" });
/// ```
///
/// A handler that wants a state which the router does not have does not compile:
///
/// ```compile_fail
/// use tsugi::{Router, State};
///
/// async fn count(State(limit): State<usize>) {}
///
/// let router: Router<()> = Router::new().on("a/count", count);
/// ```
pub struct Router<S = ()> {
    /// In order: a few comparisons find one sooner than a keyed hash is made.
    routes: BTreeMap<EventId, Route<S>>,
    fallback: Option<Route<S>>,
    faults: Vec<RouterError>,
}

/// What is wrong with a router; the server's `build` returns the first.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouterError {
    /// Text that is not an event id.
    #[error("the route {0:?} is not an event id: write it namespace/name, without spaces")]
    Id(String),
    /// An id in the protocol's namespace that is not one of [`LIFE_CYCLE`].
    #[error("the route {0} can never match: of the namespace chsk only {LIFE_CYCLE:?} are routed")]
    Reserved(EventId),
    /// Two routes for one event, of which one would never run.
    #[error("there are two routes for {0}: remove one")]
    Twice(EventId),
    /// Two fallbacks, of which one would never run.
    #[error("there are two fallbacks: remove one")]
    TwoFallbacks,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// No routes.
    #[must_use]
    pub fn new() -> Self {
        Self { routes: BTreeMap::new(), fallback: None, faults: Vec::new() }
    }

    /// Handles the event `id`. A malformed or a second route for the same id is reported when the server is built.
    #[must_use]
    pub fn on<T: 'static>(mut self, id: impl AsRef<str>, handler: impl Handler<T, S>) -> Self {
        match EventId::new(id) {
            Ok(id) => self.add(id, Route::new(handler)),
            Err(error) => self.faults.push(RouterError::Id(error.0)),
        }
        self
    }

    /// Handles every event of a client that has no route. Without one, such an event is refused with `unknown-event`.
    #[must_use]
    pub fn fallback<T: 'static>(mut self, handler: impl Handler<T, S>) -> Self {
        self.set_fallback(Route::new(handler));
        self
    }

    /// Adds all routes of another router, and its fallback if it has one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.faults.extend(other.faults);
        for (id, route) in other.routes {
            self.add(id, route);
        }
        if let Some(fallback) = other.fallback {
            self.set_fallback(fallback);
        }
        self
    }

    /// Gives the handlers their state. What comes out needs none, or another one: it can be merged with such routers.
    #[must_use]
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Router<S2> {
        let bind = |route: Route<S>| route.with_state(state.clone());
        Router {
            routes: self.routes.into_iter().map(|(id, route)| (id, bind(route))).collect(),
            fallback: self.fallback.map(bind),
            faults: self.faults,
        }
    }

    fn add(&mut self, id: EventId, route: Route<S>) {
        if id.is_reserved() && !LIFE_CYCLE.contains(&id.as_str()) {
            return self.faults.push(RouterError::Reserved(id));
        }
        match self.routes.entry(id) {
            Entry::Occupied(entry) => self.faults.push(RouterError::Twice(entry.key().clone())),
            Entry::Vacant(entry) => {
                entry.insert(route);
            }
        }
    }

    fn set_fallback(&mut self, route: Route<S>) {
        if self.fallback.replace(route).is_some() {
            self.faults.push(RouterError::TwoFallbacks);
        }
    }
}

impl Router<()> {
    /// What is wrong with the router, if anything is.
    pub(crate) fn check(&self) -> Result<(), RouterError> {
        self.faults.first().cloned().map_or(Ok(()), Err)
    }

    /// Whether the event has a route of its own: a life-cycle event without one need not be made.
    pub(crate) fn has(&self, id: &EventId) -> bool {
        self.routes.contains_key(id)
    }

    /// Who handles an event, if anybody does.
    pub(crate) fn find(&self, call: &Call) -> Found<'_> {
        let fallback = || match call.payload {
            Payload::Encoded(_) => self.fallback.as_ref(),
            // The server's own events are for those who ask for them by name.
            Payload::Made(_) => None,
        };
        Found(self.routes.get(&call.id).or_else(fallback))
    }

    /// Handles one event to its end, and answers it if it is a request. Never panics.
    pub(crate) async fn call(&self, mut call: Call) {
        let reply = self.find(&call).handle(&mut call).await;
        call.answer(reply);
    }
}

/// The route of one event, looked up once.
#[derive(Clone, Copy)]
pub(crate) struct Found<'r>(Option<&'r Route<()>>);

impl Found<'_> {
    /// Whether a client's next event waits for the end of this one.
    pub(crate) fn concurrency(self) -> Concurrency {
        self.0.map_or(Concurrency::InOrder, |route| route.concurrency)
    }

    /// Handles the event that was looked up. Never panics.
    pub(crate) async fn handle(self, call: &mut Call) -> Reply {
        let Some(route) = self.0 else {
            return Reply::from(match call.id.as_str() {
                BAD_EVENT => Failure::new(Failure::BAD_EVENT, "an event is [namespace/name data]"),
                _ => Failure::new(Failure::UNKNOWN_EVENT, format!("nothing handles {}", call.id)),
            });
        };
        match CatchPanic(route.handle.call(call, &())).await {
            Ok(reply) => reply,
            Err(panic) => {
                tracing::error!(event = %call.id, panic = panic_message(&panic), "a handler panicked");
                Failure::internal().into()
            }
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Self { routes: self.routes.clone(), fallback: self.fallback.clone(), faults: self.faults.clone() }
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("routes", &self.routes.keys()).field("faults", &self.faults).finish()
    }
}

struct Route<S> {
    handle: Arc<dyn Handle<S>>,
    concurrency: Concurrency,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    fn new<T: 'static>(handler: impl Handler<T, S>) -> Self {
        let concurrency = handler.concurrency();
        Self { handle: Arc::new(Typed { handler, arguments: PhantomData }), concurrency }
    }

    fn with_state<S2: Send + Sync + 'static>(self, state: S) -> Route<S2> {
        Route { handle: Arc::new(Bound { handle: self.handle, state }), concurrency: self.concurrency }
    }
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), concurrency: self.concurrency }
    }
}

/// A handler whose arguments are forgotten.
trait Handle<S>: Send + Sync {
    fn call<'c>(&'c self, call: &'c mut Call, state: &'c S) -> BoxFuture<'c, Reply>;
}

struct Typed<H, T> {
    handler: H,
    arguments: PhantomData<fn() -> T>,
}

impl<S: Send + Sync, T, H: Handler<T, S>> Handle<S> for Typed<H, T> {
    fn call<'c>(&'c self, call: &'c mut Call, state: &'c S) -> BoxFuture<'c, Reply> {
        self.handler.call(call, state)
    }
}

/// A handler whose state is given.
struct Bound<S> {
    handle: Arc<dyn Handle<S>>,
    state: S,
}

impl<S: Send + Sync, S2: Send + Sync> Handle<S2> for Bound<S> {
    fn call<'c>(&'c self, call: &'c mut Call, _: &'c S2) -> BoxFuture<'c, Reply> {
        self.handle.call(call, &self.state)
    }
}

#[cfg(test)]
mod tests;
