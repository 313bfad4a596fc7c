//! A page of a browser, or a worker of one. Nothing here knows which: both have `fetch`, `WebSocket` and `setTimeout`.

mod clock;
mod fetch;
mod keeper;
mod page;
mod socket;

pub(crate) use clock::Clock;
pub(crate) use fetch::Http;
pub(crate) use keeper::{Keeper, Persistent};
pub(crate) use page::Surroundings;
pub(crate) use socket::Socket;

use crate::error::ConnectError;
use js_sys::{Function, Reflect};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use wasm_bindgen::{JsCast, JsValue};

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;
/// A function that finds the CSRF token out.
pub(crate) type TokenSource = Arc<dyn Fn() -> BoxFuture<Option<String>>>;
/// Returns whether the data was what the handler takes.
pub(crate) type Handler<T> = Arc<dyn Fn(&T) -> bool>;

/// The page's own loop.
pub(crate) struct Tasks;

impl Tasks {
    #[allow(clippy::unnecessary_wraps, reason = "natively there may be no runtime")]
    pub(crate) fn here() -> Result<Self, ConnectError> {
        Ok(Self)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }
}

/// A property of the global object, which is another one in a page than in a worker.
fn global(name: &str) -> Option<JsValue> {
    Reflect::get(&js_sys::global(), &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

fn global_function(name: &str) -> Result<Function, JsValue> {
    global(name).and_then(|value| value.dyn_into().ok()).ok_or_else(|| format!("there is no {name} here").into())
}

/// What was thrown, for people.
fn text_of(thrown: &JsValue) -> String {
    let message = thrown.dyn_ref::<js_sys::Error>().map(|error| String::from(error.to_string()));
    message.or_else(|| thrown.as_string()).unwrap_or_else(|| "something was thrown".to_owned())
}
