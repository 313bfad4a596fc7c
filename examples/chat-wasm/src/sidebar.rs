//! Rooms, people, and oneself.

use crate::browser::{document, is_narrow};
use crate::chat::{Chat, Msg};
use crate::messages::face;
use crate::model::{Model, Room};
use crate::wire::Person;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent, SubmitEvent};
use yew::html::Scope;
use yew::prelude::*;

pub(crate) fn view(chat: &Chat, link: &Scope<Chat>) -> Html {
    let model = &chat.model;
    html! {
        <nav id="sidebar" class="sidebar" aria-label="Rooms and people" inert={is_narrow() && !chat.drawer}>
            <div class="sidebar-scroll">
                <section>
                    <h2 id="rooms-title">{"Rooms"}</h2>
                    <ul id="rooms" class="rooms" aria-labelledby="rooms-title">
                        {for model.rooms.values().map(|room| listed(model, room, link))}
                    </ul>
                    <form id="open-room" class="open-room" onsubmit={link.batch_callback(|event| new_room(&event))}>
                        <label class="quiet" for="room-name">{"Open a new room"}</label>
                        <input id="room-name" maxlength="40" autocomplete="off" placeholder="New room…" />
                        <button aria-label="Open the room">{"+"}</button>
                    </form>
                </section>
                <section>
                    <h2 id="online-title">
                        {"Online "}<span id="online-count" class="tally">{model.online_count}</span>
                    </h2>
                    <ul id="online" class="people" aria-labelledby="online-title">{people(model)}</ul>
                </section>
            </div>
            <div class="me">
                <span id="me-face">{face(&model.me)}</span>
                <span id="me-name" class="me-name">{&model.me.name}</span>
                <button id="settings-open" class="icon" aria-label="Name and devices" aria-haspopup="dialog"
                    onclick={link.callback(|_| Msg::Settings(true))}>{"⋯"}</button>
            </div>
        </nav>
    }
}

/// What opens the drawer, on a narrow screen.
pub(crate) fn menu(chat: &Chat, link: &Scope<Chat>) -> Html {
    let open = chat.drawer;
    html! {
        <button id="menu" class="icon menu" aria-label="Rooms and people" aria-expanded={open.to_string()}
            aria-controls="sidebar" onclick={link.callback(move |_| Msg::Drawer(!open))}>
            <span aria-hidden="true">{"☰"}</span>
            <span id="menu-unread" class="dot" hidden={chat.model.unread_elsewhere() == 0}></span>
        </button>
    }
}

/// Closes the drawer.
pub(crate) fn escape(event: &KeyboardEvent) -> Option<Msg> {
    (event.key() == "Escape").then_some(Msg::Drawer(false))
}

/// Who types goes into the drawer with it, and out again.
pub(crate) fn focus(open: bool) {
    let wanted = if open { "#rooms [aria-current]" } else { "#menu" };
    let found = document().query_selector(wanted).ok().flatten();
    if let Some(found) = found.filter(|_| is_narrow()).and_then(|found| found.dyn_into::<HtmlElement>().ok()) {
        let _ = found.focus();
    }
}

/// The page's title, with how much is unread.
pub(crate) fn title(model: &Model) -> String {
    let room = model.room();
    let unseen = room.filter(|_| document().hidden()).map_or(0, |room| room.unread);
    let count = match model.unread_elsewhere() + unseen {
        0 => String::new(),
        unread => format!("({unread}) "),
    };
    format!("{count}{}Chat", room.map(|room| format!("{} · ", room.name)).unwrap_or_default())
}

fn listed(model: &Model, room: &Room, link: &Scope<Chat>) -> Html {
    let id = room.id;
    let current = (id == model.current).then_some("page");
    let unread = if current.is_some() { 0 } else { room.unread };
    let many = if unread > 99 { "99+".to_owned() } else { unread.to_string() };
    html! {
        <li key={id.to_string()}>
            <button class="room" data-room={id.to_string()} aria-current={current}
                onclick={link.callback(move |_| Msg::Choose(id))}>
                <span class="hash">{"#"}</span>
                <span class="room-name">{&room.name}</span>
                if unread > 0 {
                    <span class="unread" aria-label={format!("{unread} unread")}>{many}</span>
                }
            </button>
        </li>
    }
}

fn people(model: &Model) -> Vec<Html> {
    let mut people: Vec<&Person> = model.online.values().collect();
    people.sort_by_key(|person| person.name.to_lowercase());
    let you = |person: &Person| (person.id == model.me.id).then(|| html! { <span class="you">{"you"}</span> });
    let mut rows: Vec<Html> = people
        .iter()
        .map(|person| {
            html! {
                <li key={person.id.to_string()}>
                    {face(person)}<span class="person-name">{&person.name}</span>{you(person)}
                </li>
            }
        })
        .collect();
    let unnamed = model.online_count.saturating_sub(people.len());
    if unnamed > 0 {
        rows.push(html! { <li key="more" class="more">{format!("and {unnamed} more")}</li> });
    }
    rows
}

fn new_room(event: &SubmitEvent) -> Option<Msg> {
    event.prevent_default();
    let form: Element = event.target_dyn_into()?;
    let input: HtmlInputElement = form.query_selector("input").ok()??.dyn_into().ok()?;
    let name = input.value();
    if name.trim().is_empty() {
        return None;
    }
    input.set_value("");
    Some(Msg::OpenRoom(name))
}
