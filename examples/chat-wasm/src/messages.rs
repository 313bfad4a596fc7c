//! The messages of one room.

use crate::chat::{Chat, Msg};
use crate::model::{Pending, Room};
use crate::wire::{Message, Person};
use js_sys::{Date, Object, Reflect};
use std::rc::Rc;
use tsugi_client::State;
use wasm_bindgen::JsValue;
use yew::html::Scope;
use yew::prelude::*;

/// Messages of one person within this time stand under one name.
const GROUP_MS: i64 = 5 * 60_000;
const DAY_MS: f64 = 86_400_000.0;

pub(crate) fn view(chat: &Chat, link: &Scope<Chat>) -> Html {
    let looked = link.callback(|_| Msg::Looked);
    html! {
        <>
            <div ref={&chat.scroll.node} id="scroll" class="scroll" tabindex="0" role="log" aria-label="Messages"
                aria-live="polite" onscroll={looked}>
                <div id="earlier" class="earlier" hidden={!chat.loading_earlier}>{"loading earlier messages…"}</div>
                <div id="messages" class="messages">{chat.model.room().map(|room| rows(chat, room, link))}</div>
            </div>
            <button id="newer" class="newer" hidden={!chat.newer} onclick={link.callback(|_| Msg::ToEnd)}>
                {"↓ New messages"}
            </button>
            <div id="typing" class="typing" aria-live="polite">{chat.model.room().map(typing)}</div>
        </>
    }
}

/// A round face: the first letter of the name, in a colour that stays with the person.
pub(crate) fn face(person: &Person) -> Html {
    let letter: String = person.name.chars().next().unwrap_or('?').to_uppercase().collect();
    html! { <span class={format!("face tint-{}", person.id.rem_euclid(8))} aria-hidden="true">{letter}</span> }
}

fn rows(chat: &Chat, room: &Room, link: &Scope<Chat>) -> Vec<Html> {
    let pending = || chat.model.pending.iter().filter(|pending| pending.draft.room == room.id);
    let mut rows = if !room.loaded {
        vec![html! { <p key="loading" class="empty">{"loading…"}</p> }]
    } else if room.messages.is_empty() && pending().next().is_none() {
        vec![nothing_yet(room)]
    } else {
        said(chat, room)
    };
    rows.extend(pending().map(|pending| waiting(chat, pending, link)));
    rows
}

fn said(chat: &Chat, room: &Room) -> Vec<Html> {
    let mut rows = Vec::with_capacity(room.messages.len() + 8);
    if !room.more {
        rows.push(html! { <p key="beginning" class="beginning">{format!("The beginning of {}", room.name)}</p> });
    }
    let (mut before, mut today): (Option<&Rc<Message>>, _) = (None, None);
    let mut divider = chat.divider;
    for message in &room.messages {
        let day = day(message.at);
        if today != Some(day) {
            rows.push(separator("day", &format!("day {day}"), &day_name(message.at, day)));
        }
        let mine = message.by.id == chat.model.me.id;
        let divides = divider.is_some_and(|mark| message.id > mark) && !mine;
        if divides {
            divider = None;
            rows.push(separator("new", "new", "New"));
        }
        let near = before.is_some_and(|one| one.by.id == message.by.id && message.at - one.at < GROUP_MS);
        let begins = today != Some(day) || divides || !near;
        rows.push(html! { <Said key={message.id.to_string()} message={Rc::clone(message)} {begins} {mine} /> });
        (before, today) = (Some(message), Some(day));
    }
    rows
}

#[derive(PartialEq, Properties)]
struct SaidProps {
    message: Rc<Message>,
    /// Whether it stands below its person's name, and not below another message.
    begins: bool,
    mine: bool,
}

#[component]
fn Said(SaidProps { message, begins, mine }: &SaidProps) -> Html {
    let place = if *begins { "begins" } else { "continues" };
    let clock = html! { <time datetime={iso(message.at)}>{clock(message.at)}</time> };
    let body = html! { <div class="bubble">{linked(&message.text)}</div> };
    html! {
        <article class={classes!("message", place, mine.then_some("mine"))} data-id={message.id.to_string()}>
            if *begins {
                {face(&message.by)}
                <div class="head"><b>{&message.by.name}</b>{clock}</div>
            } else {
                <span class="gutter">{clock}</span>
            }
            {body}
        </article>
    }
}

fn waiting(chat: &Chat, pending: &Pending, link: &Scope<Chat>) -> Html {
    let Pending { draft, failed } = pending;
    let words = match (failed, &chat.state) {
        (Some(why), _) => format!("Not sent: {why}"),
        (None, State::Open(_)) => "sending…".to_owned(),
        (None, _) => "will be sent when there is a connection".to_owned(),
    };
    let (retry, discard) = (draft.key.clone(), draft.key.clone());
    let retry = link.callback(move |_| Msg::Retry(retry.clone()));
    let discard = link.callback(move |_| Msg::Discard(discard.clone()));
    let state = if failed.is_some() { "failed" } else { "pending" };
    html! {
        <article key={draft.key.clone()} class={classes!("message", "begins", "mine", state)}>
            {face(&chat.model.me)}
            <div class="head"><b>{&chat.model.me.name}</b><span class="sent-state">{words}</span></div>
            <div class="bubble">{&draft.text}</div>
            if failed.is_some() {
                <div class="mend">
                    <button class="link" onclick={retry}>{"Try again"}</button>
                    <button class="link" onclick={discard}>{"Discard"}</button>
                </div>
            }
        </article>
    }
}

fn nothing_yet(room: &Room) -> Html {
    html! {
        <div key="empty" class="empty">
            <span class="empty-mark">{"#"}</span>
            <p>{format!("Nobody has said anything in {} yet.", room.name)}</p>
            <p class="hint">{"Be the first."}</p>
        </div>
    }
}

fn separator(kind: &'static str, key: &str, words: &str) -> Html {
    html! { <div key={key} class={classes!("separator", kind)} role="separator"><span>{words}</span></div> }
}

/// Text, with addresses as links. Text only ever becomes text.
fn linked(text: &str) -> Vec<Html> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, address)) = next_address(rest) {
        let link = html! { <a href={address.to_owned()} rel="noopener noreferrer" target="_blank">{address}</a> };
        parts.extend([html! { {before} }, link]);
        rest = &rest[before.len() + address.len()..];
    }
    parts.push(html! { {rest} });
    parts
}

/// The first address of a text, and what stands before it.
fn next_address(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("http")?;
        let rest = &text[start..];
        let scheme = ["https://", "http://"].into_iter().find(|scheme| rest.starts_with(scheme));
        let end = rest.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(rest.len());
        let address = rest[..end].trim_end_matches(|c: char| ".,;:!?)]".contains(c));
        if scheme.is_some_and(|scheme| address.len() > scheme.len()) {
            return Some((&text[..start], address));
        }
        from = start + "http".len();
    }
}

fn typing(room: &Room) -> String {
    let names: Vec<&str> = room.typing.values().map(|(name, _)| name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("{one} is typing…"),
        [one, other] => format!("{one} and {other} are typing…"),
        many => format!("{} people are typing…", many.len()),
    }
}

fn date(at: i64) -> Date {
    // A moment is far below what a number of JavaScript holds exactly.
    Date::new(&JsValue::from_f64(at as f64))
}

/// The number of the day here, for telling days apart.
fn day(at: i64) -> i64 {
    let minutes = date(at).get_timezone_offset();
    ((at as f64 - minutes * 60_000.0) / DAY_MS).floor() as i64
}

fn day_name(at: i64, of: i64) -> String {
    let today = day(Date::now() as i64);
    match today - of {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        _ => written(at, &[("weekday", "long"), ("day", "numeric"), ("month", "long")]),
    }
}

fn clock(at: i64) -> String {
    written(at, &[("hour", "2-digit"), ("minute", "2-digit")])
}

/// As the person who looks at it writes a date.
fn written(at: i64, parts: &[(&str, &str)]) -> String {
    let options = Object::new();
    for (name, how) in parts {
        let _ = Reflect::set(&options, &JsValue::from(*name), &JsValue::from(*how));
    }
    let language = crate::browser::window().navigator().language().unwrap_or_else(|| "en".to_owned());
    date(at).to_locale_string(&language, &options).into()
}

fn iso(at: i64) -> String {
    date(at).to_iso_string().into()
}
