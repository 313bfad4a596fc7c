//! What a page knows of its own situation.

use super::global;
use crate::shared::Shared;
use js_sys::Reflect;
use std::sync::{Arc, Weak};
use tsugi_proto::Connection;
use tsugi_proto::connection::Page;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::EventTarget;

/// What is told of the network and of whoever looks at the page, until it is dropped.
pub(crate) struct Surroundings(Vec<Listener>);

struct Listener {
    target: EventTarget,
    event: &'static str,
    told: Closure<dyn FnMut()>,
}

impl Surroundings {
    /// Tells the connection how things are, and whenever that changes. Does not keep it alive.
    pub(crate) fn watch(shared: &Arc<Shared>) -> Self {
        let mut all = Self(Vec::new());
        let online = || global("navigator").map(|navigator| property(&navigator, "onLine"));
        // Only a clear no is one.
        if online().is_some_and(|online| online == JsValue::FALSE) {
            tell(shared, Page::Offline);
        }
        let target: Option<EventTarget> = js_sys::global().dyn_into().ok();
        all.listen(target.as_ref(), "online", shared, || Page::Online);
        all.listen(target.as_ref(), "offline", shared, || Page::Offline);
        let document: Option<EventTarget> = global("document").and_then(|document| document.dyn_into().ok());
        if document.is_some() && looked_at() == Page::Hidden {
            tell(shared, Page::Hidden);
        }
        all.listen(document.as_ref(), "visibilitychange", shared, looked_at);
        all
    }

    fn listen(
        &mut self,
        target: Option<&EventTarget>,
        event: &'static str,
        shared: &Arc<Shared>,
        what: impl Fn() -> Page + 'static,
    ) {
        let Some(target) = target else { return };
        let shared: Weak<Shared> = Arc::downgrade(shared);
        let told = Closure::new(move || {
            if let Some(shared) = shared.upgrade() {
                tell(&shared, what());
            }
        });
        if target.add_event_listener_with_callback(event, told.as_ref().unchecked_ref()).is_ok() {
            self.0.push(Listener { target: target.clone(), event, told });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let told = self.told.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.event, told);
    }
}

fn tell(shared: &Shared, page: Page) {
    shared.command(|connection: &mut Connection, now| connection.set_page(now, page));
}

fn looked_at() -> Page {
    let state = global("document").map(|document| property(&document, "visibilityState"));
    if state.is_some_and(|state| state == "hidden") { Page::Hidden } else { Page::Visible }
}

fn property(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}
