//! The little of the browser that the page needs beside its framework.

use js_sys::Date;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Document, EventTarget, MediaQueryList, Window};

/// The page's window. There is no page without one.
pub(crate) fn window() -> Window {
    web_sys::window().unwrap_or_else(|| unreachable!("this runs in a page"))
}

/// The page's document. There is no page without one.
pub(crate) fn document() -> Document {
    window().document().unwrap_or_else(|| unreachable!("this runs in a page"))
}

/// Listens for as long as the page is there.
pub(crate) fn listen(target: &EventTarget, event: &str, told: impl FnMut() + 'static) {
    let told = Closure::<dyn FnMut()>::new(told);
    let _ = target.add_event_listener_with_callback(event, told.as_ref().unchecked_ref());
    told.forget();
}

pub(crate) fn media(query: &str) -> Option<MediaQueryList> {
    window().match_media(query).ok().flatten()
}

/// Whether rooms and people are in a drawer.
pub(crate) fn is_narrow() -> bool {
    media("(max-width: 720px)").is_some_and(|narrow| narrow.matches())
}

/// Whether somebody looks at the page.
pub(crate) fn is_looked_at() -> bool {
    !document().hidden() && document().has_focus().unwrap_or(true)
}

pub(crate) fn is_offline() -> bool {
    !window().navigator().on_line()
}

pub(crate) fn reload() {
    let _ = window().location().reload();
}

/// In ms since 1970.
pub(crate) fn now() -> f64 {
    Date::now()
}
