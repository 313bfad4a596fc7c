//! Where one writes: grows with the text, Enter sends, Shift+Enter begins a line.

use crate::browser::{media, now};
use std::collections::BTreeMap;
use web_sys::{HtmlElement, HtmlTextAreaElement, KeyboardEvent, SubmitEvent};
use yew::prelude::*;

/// Others are told at most this often that somebody types, in ms.
const TYPING_MS: f64 = 2_500.0;

#[derive(PartialEq, Properties)]
pub(crate) struct ComposerProps {
    /// The room's id and name. Until there is a room to write to, there is nowhere to write.
    pub(crate) room: Option<(i64, AttrValue)>,
    /// Characters of a message.
    pub(crate) limit: usize,
    pub(crate) say: Callback<String>,
    pub(crate) typing: Callback<()>,
}

pub(crate) enum ComposerMsg {
    Typed,
    Send,
    /// Another room's text is there.
    Moved,
}

#[derive(Default)]
pub(crate) struct Composer {
    area: NodeRef,
    /// A draft for each room.
    drafts: BTreeMap<i64, String>,
    /// When others were told last.
    told: f64,
    /// Another room's text is to be shown.
    moved: bool,
}

impl Component for Composer {
    type Message = ComposerMsg;
    type Properties = ComposerProps;

    fn create(_: &Context<Self>) -> Self {
        Self { moved: true, ..Self::default() }
    }

    fn changed(&mut self, ctx: &Context<Self>, before: &ComposerProps) -> bool {
        if ctx.props().room != before.room {
            if let Some((room, _)) = before.room {
                self.drafts.insert(room, self.text());
            }
            self.moved = true;
        }
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: ComposerMsg) -> bool {
        match msg {
            ComposerMsg::Typed => self.typed(ctx.props()),
            ComposerMsg::Send => self.send(ctx.props()),
            ComposerMsg::Moved => {}
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let room = ctx.props().room.as_ref();
        let (ready, over) = (!self.text().trim().is_empty(), self.over(ctx.props().limit));
        let left = match over {
            1.. => format!("{over} too many"),
            -199..=0 => (-over).to_string(),
            _ => String::new(),
        };
        let placeholder = room.map_or("Write a message".to_owned(), |(_, name)| format!("Write to {name}"));
        let sent = ctx.link().callback(|event: SubmitEvent| {
            event.prevent_default();
            ComposerMsg::Send
        });
        html! {
            <form id="composer" class={classes!("composer", (ready && over <= 0).then_some("ready"))} onsubmit={sent}>
                <label class="quiet" for="text">{"Message"}</label>
                <textarea ref={&self.area} id="text" disabled={room.is_none()} rows="1" placeholder={placeholder}
                    enterkeyhint="send" oninput={ctx.link().callback(|_| ComposerMsg::Typed)}
                    onkeydown={ctx.link().batch_callback(|event| entered(&event))} />
                <span id="left" class={classes!("left", (over > 0).then_some("over"))} aria-live="polite">{left}</span>
                <button class="send" aria-label="Send">
                    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
                        <path d="M4 12 20 4l-5 16-3.5-6.5z" fill="currentColor" />
                    </svg>
                </button>
            </form>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, _: bool) {
        let Some(area) = self.area.cast::<HtmlTextAreaElement>() else { return };
        if std::mem::take(&mut self.moved)
            && let Some((room, _)) = ctx.props().room
        {
            area.set_value(&self.drafts.remove(&room).unwrap_or_default());
            // On a phone the keyboard would cover what one came to read.
            if media("(hover: hover)").is_some_and(|hover| hover.matches()) {
                let _ = area.focus();
            }
            ctx.link().send_message(ComposerMsg::Moved);
        }
        fit(&area);
    }
}

impl Composer {
    fn text(&self) -> String {
        self.area.cast::<HtmlTextAreaElement>().map(|area| area.value()).unwrap_or_default()
    }

    /// By how many characters it is too long, which are what the server counts.
    fn over(&self, limit: usize) -> i64 {
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        signed(self.text().trim().chars().count()).saturating_sub(signed(limit))
    }

    fn typed(&mut self, props: &ComposerProps) {
        if !self.text().trim().is_empty() && now() - self.told > TYPING_MS {
            self.told = now();
            props.typing.emit(());
        }
    }

    fn send(&mut self, props: &ComposerProps) {
        let text = self.text().trim().to_owned();
        if text.is_empty() || self.over(props.limit) > 0 {
            return;
        }
        props.say.emit(text);
        self.told = 0.0;
        if let Some(area) = self.area.cast::<HtmlTextAreaElement>() {
            area.set_value("");
            let _ = area.focus();
        }
    }
}

fn entered(event: &KeyboardEvent) -> Option<ComposerMsg> {
    if event.key() != "Enter" || event.shift_key() || event.is_composing() {
        return None;
    }
    event.prevent_default();
    Some(ComposerMsg::Send)
}

fn fit(area: &HtmlTextAreaElement) {
    let style = |height: &str| {
        let _ = AsRef::<HtmlElement>::as_ref(area).style().set_property("height", height);
    };
    style("auto");
    style(&format!("{}px", area.scroll_height().min(180)));
}
