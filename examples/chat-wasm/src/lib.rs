//! The page of the chat in Rust. `cargo xtask wasm --page chat-wasm`, then `cargo run -p chat -- --page target/pages/chat-wasm`:
//! it is at <http://127.0.0.1:3000/page>, and <http://127.0.0.1:3000> is the same in TypeScript, in the same rooms.
//!
//! The client needs no framework and knows of none: `channel` is the file where the two meet. The framework is Yew, because its
//! page must not take longer to compile than all the rest: of the same small page, Leptos makes fewer bytes in twice the time, and
//! Dioxus twice the bytes with three times the packages.
#![cfg(target_arch = "wasm32")]

mod badge;
mod browser;
mod channel;
mod chat;
mod composer;
mod entrance;
mod http;
mod messages;
mod model;
mod scroll;
mod settings;
mod sidebar;
mod wire;

#[wasm_bindgen::prelude::wasm_bindgen(start)]
fn start() {
    yew::Renderer::<entrance::Page>::new().render();
}
