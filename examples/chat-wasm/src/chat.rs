//! The chat behind the entrance: what happened becomes what is known, and that is what is seen.

use crate::badge::Badge;
use crate::browser::{document, is_looked_at, listen, reload, window};
use crate::channel::{Channel, problem, words};
use crate::composer::Composer;
use crate::messages;
use crate::model::{Model, Part, Pending, TYPING_MS};
use crate::scroll::{Keep, Scroll};
use crate::settings::Settings;
use crate::sidebar;
use crate::wire::{Draft, History, Mark, Message, Online, Person, Room, Typing, Wanted, Welcome};
use std::collections::BTreeMap;
use std::time::Duration;
use tsugi_client::{Outcome, Reason, RequestError, State};
use wasm_bindgen::JsValue;
use yew::html::Scope;
use yew::platform::time::sleep;
use yew::prelude::*;

/// Pages of history fetched to close a gap; beyond that the room starts afresh with the newest.
const CATCH_UP_PAGES: u8 = 6;

#[derive(PartialEq, Properties)]
pub(crate) struct ChatProps {
    pub(crate) me: Person,
    pub(crate) channel: Channel,
}

type Answer<T> = Result<T, RequestError>;

/// What happens: over the channel first, then on the page.
pub(crate) enum Msg {
    State(State),
    /// Something was missed.
    Gap,
    Said(Message),
    Typing(Typing),
    Online(Online),
    Read(Mark),
    Opened(Room),
    Renamed(Person),
    Entered(Answer<Welcome>),
    History(i64, Part, Answer<History>),
    /// What became of the message with this key.
    Answered(String, Answer<Message>),
    OpenedByMe(Answer<Room>),

    /// Somebody came to the page, scrolled it or changed its size.
    Looked,
    Resized,
    Choose(i64),
    Say(String),
    Write,
    Retry(String),
    Discard(String),
    ToEnd,
    OpenRoom(String),
    Drawer(bool),
    Settings(bool),
    /// Who typed, or what the page said, may be out of date.
    TypingOver,
    ToastOver(u32),
}

pub(crate) struct Chat {
    pub(crate) model: Model,
    pub(crate) state: State,
    pub(crate) scroll: Scroll,
    /// The mark when the current room was entered, if there was more: the line "New" stands after it.
    pub(crate) divider: Option<i64>,
    /// Earlier messages are on their way.
    pub(crate) loading_earlier: bool,
    /// There are new messages below what is in sight.
    pub(crate) newer: bool,
    /// Whether rooms and people are open, where they are a drawer.
    pub(crate) drawer: bool,
    /// It was opened or closed, and where one types has yet to follow.
    drawer_moved: bool,
    channel: Channel,
    /// The server has said what there is, and since then nothing was missed.
    entered: bool,
    /// What the last mark sent was, by room, so that nothing is sent twice.
    marked: BTreeMap<i64, i64>,
    settings: bool,
    toast: Option<String>,
    toasts: u32,
}

impl Component for Chat {
    type Message = Msg;
    type Properties = ChatProps;

    fn create(ctx: &Context<Self>) -> Self {
        let ChatProps { me, channel } = ctx.props();
        let mut chat = Self::new(me.clone(), channel.clone());
        if let Err(why) = channel.listen(ctx.link()) {
            chat.toast = Some(why.to_string());
        }
        let looked = ctx.link().callback(|()| Msg::Looked);
        listen(&document(), "visibilitychange", {
            let looked = looked.clone();
            move || looked.emit(())
        });
        listen(&window(), "focus", move || looked.emit(()));
        let resized = ctx.link().callback(|()| Msg::Resized);
        listen(&window(), "resize", move || resized.emit(()));
        chat
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        let link = ctx.link();
        // What is in sight after a change of size says nothing of what was before it.
        if !matches!(msg, Msg::Resized) {
            self.scroll.look();
        }
        match msg {
            Msg::State(state) => self.state(link, state),
            Msg::Gap => self.enter(link),
            Msg::Said(message) => self.said(message),
            Msg::Typing(typing) => self.typing(link, typing),
            Msg::Online(online) => self.model.online(online),
            Msg::Read(mark) => self.model.read(mark),
            Msg::Opened(room) => drop(self.model.open(room.id, room.name)),
            Msg::Renamed(person) => self.model.renamed(&person),
            Msg::Entered(welcome) => self.entered(link, welcome),
            Msg::History(room, part, history) => self.history(link, room, part, history),
            Msg::Answered(key, said) => self.answered(&key, said),
            Msg::OpenedByMe(room) => self.opened(link, room),
            Msg::Looked => return self.looked(link),
            Msg::Resized => {}
            Msg::Choose(room) => self.choose(link, room),
            Msg::Say(text) => self.say(link, text),
            Msg::Write => self.channel.type_in(self.model.current),
            Msg::Retry(key) => self.retry(link, &key),
            Msg::Discard(key) => drop(self.discard(&key)),
            Msg::ToEnd => self.show_end(),
            Msg::OpenRoom(name) => self.channel.ask(link, "chat/open-room", name, Msg::OpenedByMe),
            Msg::Drawer(open) => self.drawer(open),
            Msg::Settings(open) => self.settings = open,
            Msg::TypingOver => self.model.typed(crate::browser::now()),
            Msg::ToastOver(toast) if toast == self.toasts => self.toast = None,
            Msg::ToastOver(_) => return false,
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let drawer = self.drawer.then_some("drawer-open");
        html! {
            <div id="chat" class={classes!("chat", drawer)} onkeydown={link.batch_callback(|event| sidebar::escape(&event))}>
                <div id="shade" class="shade" onclick={link.callback(|_| Msg::Drawer(false))}></div>
                {sidebar::view(self, link)}
                {self.conversation(link)}
                if self.settings {
                    <Settings me={self.model.me.clone()} channel={self.channel.clone()}
                        closed={link.callback(|()| Msg::Settings(false))} />
                }
                <div id="toast" class="toast" role="alert" hidden={self.toast.is_none()}>{self.toast.clone()}</div>
            </div>
        }
    }

    fn rendered(&mut self, _: &Context<Self>, _: bool) {
        self.scroll.settle();
        self.mark_read();
        if std::mem::take(&mut self.drawer_moved) {
            sidebar::focus(self.drawer);
        }
        document().set_title(&sidebar::title(&self.model));
    }
}

impl Chat {
    fn new(me: Person, channel: Channel) -> Self {
        Self {
            model: Model::new(me),
            state: State::Idle,
            scroll: Scroll::default(),
            divider: None,
            loading_earlier: false,
            newer: false,
            drawer: false,
            drawer_moved: false,
            channel,
            entered: false,
            marked: BTreeMap::new(),
            settings: false,
            toast: None,
            toasts: 0,
        }
    }

    fn conversation(&self, link: &Scope<Self>) -> Html {
        let room = self.model.room().map(|room| (room.id, AttrValue::from(room.name.clone())));
        let name = room.as_ref().map(|(_, name)| name.clone());
        html! {
            <section class="conversation" aria-labelledby="room-title">
                <header>
                    {sidebar::menu(self, link)}
                    <h1 id="room-title">{name}</h1>
                    <Badge state={self.state.clone()} channel={self.channel.clone()} />
                </header>
                {messages::view(self, link)}
                <Composer room={room} limit={self.model.text_limit} say={link.callback(Msg::Say)}
                    typing={link.callback(|()| Msg::Write)} />
            </section>
        }
    }

    /// A resumed session heard everything; any other one must be told what there is, and what was missed.
    fn state(&mut self, link: &Scope<Self>, state: State) {
        match &state {
            State::Open(open) if open.outcome == Outcome::New || !self.entered => self.enter(link),
            // Logged out, here or in another tab.
            State::Closed(loss) if loss.reason == Reason::Refused => reload(),
            _ => {}
        }
        self.state = state;
    }

    fn enter(&mut self, link: &Scope<Self>) {
        self.entered = true;
        self.channel.ask(link, "chat/enter", (), Msg::Entered);
    }

    fn entered(&mut self, link: &Scope<Self>, welcome: Answer<Welcome>) {
        let welcome = match welcome {
            Ok(welcome) => welcome,
            Err(why) => {
                // Asked again with the next connection.
                self.entered = false;
                return self.complain(link, &why);
            }
        };
        self.model.enter(welcome);
        let Some(current) = self.model.room() else {
            let wished = wished_room().filter(|id| self.model.rooms.contains_key(id));
            let first = wished.or_else(|| self.model.rooms.keys().next().copied());
            return first.into_iter().for_each(|room| self.choose(link, room));
        };
        if !current.loaded {
            self.load(link, current.id);
        }
        for room in self.model.rooms.values().filter(|room| room.loaded) {
            self.catch_up(link, room.id, CATCH_UP_PAGES);
        }
    }

    fn load(&self, link: &Scope<Self>, room: i64) {
        self.channel.history(link, Wanted { room, before: None, after: None }, Part::Newest);
    }

    /// Fetches what was said while there was no connection.
    fn catch_up(&self, link: &Scope<Self>, room: i64, pages: u8) {
        let last = self.model.rooms.get(&room).and_then(|room| room.messages.last());
        let after = Some(last.map_or(0, |message| message.id));
        self.channel.history(link, Wanted { room, before: None, after }, Part::Missed(pages));
    }

    fn load_earlier(&mut self, link: &Scope<Self>) -> bool {
        let oldest = self.model.room().filter(|room| room.more).and_then(|room| room.messages.first());
        let Some(oldest) = oldest.filter(|_| !self.loading_earlier) else { return false };
        let wanted = Wanted { room: oldest.room, before: Some(oldest.id), after: None };
        self.channel.history(link, wanted, Part::Earlier);
        self.loading_earlier = true;
        true
    }

    fn history(&mut self, link: &Scope<Self>, id: i64, part: Part, history: Answer<History>) {
        if part == Part::Earlier {
            self.loading_earlier = false;
        }
        let history = match history {
            Ok(history) => history,
            // When the connection is back, what was missed is asked for again.
            Err(why) => return self.complain(link, &why),
        };
        let more = history.more;
        let here = id == self.model.current;
        match part {
            Part::Missed(1) if more => {
                self.model.forget(id);
                return self.load(link, id);
            }
            Part::Missed(_) => self.newer |= here && !history.messages.is_empty() && !self.scroll.was_at_end(),
            Part::Earlier if here => self.scroll.keep(Keep::FromEnd),
            Part::Newest if here => self.scroll.keep(Keep::End),
            _ => {}
        }
        self.model.history(id, history, part);
        if let Part::Missed(pages) = part
            && more
        {
            self.catch_up(link, id, pages - 1);
        }
    }

    fn said(&mut self, message: Message) {
        if message.room == self.model.current {
            match message.by.id == self.model.me.id {
                true => self.show_end(),
                false => self.newer |= !self.scroll.was_at_end(),
            }
        }
        self.model.said(message);
    }

    fn typing(&mut self, link: &Scope<Self>, typing: Typing) {
        self.model.typing(typing, crate::browser::now());
        link.send_future(async {
            sleep(Duration::from_millis(TYPING_MS.into())).await;
            Msg::TypingOver
        });
    }

    fn say(&mut self, link: &Scope<Self>, text: String) {
        self.deliver(link, Draft { room: self.model.current, text, key: key() });
    }

    fn deliver(&mut self, link: &Scope<Self>, draft: Draft) {
        self.channel.say(link, draft.clone());
        self.model.pending.push(Pending { draft, failed: None });
        self.show_end();
    }

    fn answered(&mut self, key: &str, said: Answer<Message>) {
        match said {
            Ok(message) => {
                // Its room may not be known yet, and then comes with it.
                self.discard(key);
                self.said(message);
            }
            Err(why) => {
                let pending = self.model.pending.iter_mut().find(|pending| pending.draft.key == key);
                pending.into_iter().for_each(|pending| pending.failed = Some(words(&why)));
            }
        }
    }

    fn retry(&mut self, link: &Scope<Self>, key: &str) {
        if let Some(draft) = self.discard(key) {
            self.deliver(link, draft);
        }
    }

    fn discard(&mut self, key: &str) -> Option<Draft> {
        let place = self.model.pending.iter().position(|pending| pending.draft.key == key)?;
        Some(self.model.pending.remove(place).draft)
    }

    fn opened(&mut self, link: &Scope<Self>, room: Answer<Room>) {
        match room {
            Ok(room) => {
                self.model.open(room.id, room.name);
                self.choose(link, room.id);
            }
            Err(why) => self.notify(link, words(&why)),
        }
    }

    /// Opens a room on the screen.
    fn choose(&mut self, link: &Scope<Self>, id: i64) {
        let Some(room) = self.model.rooms.get(&id) else { return };
        self.divider = (room.unread > 0).then_some(room.read);
        if !room.loaded {
            self.load(link, id);
        }
        self.model.current = id;
        self.drawer(false);
        self.show_end();
        let address = format!("#{id}");
        let history = window().history();
        let _ = history.and_then(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(&address)));
    }

    fn drawer(&mut self, open: bool) {
        self.drawer_moved |= open != self.drawer;
        self.drawer = open;
    }

    fn show_end(&mut self) {
        self.newer = false;
        self.scroll.keep(Keep::End);
    }

    /// Returns whether anything on the page is different then.
    fn looked(&mut self, link: &Scope<Self>) -> bool {
        self.mark_read();
        let sees_new = self.newer && self.scroll.is_at_end();
        self.newer &= !sees_new;
        let loads = self.scroll.is_near_top() && self.load_earlier(link);
        sees_new || loads
    }

    /// What is in sight is read: the room is open, the page is looked at, and its end is on the screen.
    fn mark_read(&mut self) {
        let open = matches!(self.state, State::Open(_));
        let Some(room) = self.model.room().filter(|_| open && is_looked_at() && self.scroll.is_at_end()) else {
            return;
        };
        let Some(message) = room.messages.last().map(|message| message.id) else { return };
        if message <= room.read.max(self.marked.get(&room.id).copied().unwrap_or(0)) {
            return;
        }
        let mark = Mark { room: room.id, message };
        self.marked.insert(mark.room, mark.message);
        self.channel.read(mark);
        self.model.read(mark);
    }

    /// Says what went wrong, unless it is only that there is no connection: the badge says that.
    fn complain(&mut self, link: &Scope<Self>, why: &RequestError) {
        if let Some(words) = problem(why) {
            self.notify(link, words);
        }
    }

    fn notify(&mut self, link: &Scope<Self>, words: String) {
        self.toasts += 1;
        self.toast = Some(words);
        let toast = self.toasts;
        link.send_future(async move {
            sleep(Duration::from_secs(5)).await;
            Msg::ToastOver(toast)
        });
    }
}

/// The room in the page's address.
fn wished_room() -> Option<i64> {
    window().location().hash().ok()?.strip_prefix('#')?.parse().ok()
}

/// By which the server knows a message that was sent twice.
fn key() -> String {
    let mut bytes = [0; 12];
    // Without randomness a message may be taken for one of before: rare, and better than a chat that says nothing.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
