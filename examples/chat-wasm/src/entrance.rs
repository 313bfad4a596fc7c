//! Who somebody is, before the channel opens.

use crate::channel::Channel;
use crate::chat::Chat;
use crate::http::{self, Known};
use crate::wire::Person;
use js_sys::Math;
use std::time::Duration;
use web_sys::{HtmlInputElement, SubmitEvent};
use yew::platform::time::sleep;
use yew::prelude::*;

/// The whole page: the entrance, and behind it the chat.
pub(crate) enum Page {
    /// The server has yet to say whom the cookie belongs to.
    Asking,
    Entrance,
    Chat(Person, Channel),
    /// This browser lacks something.
    Broken(String),
}

impl Component for Page {
    type Message = Option<Person>;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        ctx.link().send_future(remembered());
        Self::Asking
    }

    fn update(&mut self, _: &Context<Self>, me: Self::Message) -> bool {
        *self = match me.map(|me| (me, Channel::open("/chsk"))) {
            None => Self::Entrance,
            Some((me, Ok(channel))) => Self::Chat(me, channel),
            Some((_, Err(why))) => Self::Broken(why.to_string()),
        };
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        match self {
            Self::Asking => Html::default(),
            Self::Entrance => html! { <Entrance entered={ctx.link().callback(Some)} /> },
            Self::Chat(me, channel) => html! { <Chat me={me.clone()} channel={channel.clone()} /> },
            Self::Broken(why) => html! { <p class="problem" role="alert">{why}</p> },
        }
    }
}

/// While the server is away it is not known who somebody is: asked again until it is there.
async fn remembered() -> Option<Person> {
    loop {
        match http::who_am_i().await {
            Known::Person(person) => return Some(person),
            Known::Nobody => return None,
            // Pages that lost the server at the same time do not all ask at the same time again.
            Known::Away => sleep(Duration::from_secs_f64(2.0 + Math::random())).await,
        }
    }
}

#[derive(PartialEq, Properties)]
struct EntranceProps {
    entered: Callback<Person>,
}

#[component]
fn Entrance(props: &EntranceProps) -> Html {
    let name = Form { url: "/api/login", what: "name", input: use_node_ref(), problem: use_state(String::new) };
    let code = Form { url: "/api/join", what: "code", input: use_node_ref(), problem: use_state(String::new) };
    html! {
        <main id="entrance" class="entrance">
            <div class="card">
                <img src="/icon.svg" alt="" width="56" height="56" />
                <h1>{"Come in and talk"}</h1>
                <form id="login" onsubmit={name.submit(&props.entered)}>
                    <label for="login-name">{"What shall we call you?"}</label>
                    <input ref={&name.input} id="login-name" name="name" autocomplete="nickname" maxlength="40"
                        placeholder="Your name" required=true autofocus=true />
                    <p id="login-problem" class="problem" role="alert">{&*name.problem}</p>
                    <button class="primary">{"Enter the chat"}</button>
                </form>
                <details id="join-box">
                    <summary>{"I am in already, on another device"}</summary>
                    <form id="join" onsubmit={code.submit(&props.entered)}>
                        <label for="join-code">{"The code it shows under “Use another device”"}</label>
                        <input ref={&code.input} id="join-code" name="code" autocomplete="one-time-code"
                            autocapitalize="characters" maxlength="16" placeholder="ABCDE-FGHJK" spellcheck="false"
                            required=true />
                        <p id="join-problem" class="problem" role="alert">{&*code.problem}</p>
                        <button>{"Join with the code"}</button>
                    </form>
                </details>
            </div>
        </main>
    }
}

/// One way in.
#[derive(Clone)]
struct Form {
    url: &'static str,
    what: &'static str,
    input: NodeRef,
    problem: UseStateHandle<String>,
}

impl Form {
    fn submit(&self, entered: &Callback<Person>) -> Callback<SubmitEvent> {
        let (form, entered) = (self.clone(), entered.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let (form, entered) = (form.clone(), entered.clone());
            wasm_bindgen_futures::spawn_local(async move {
                form.problem.set(String::new());
                let text = form.input.cast::<HtmlInputElement>().map(|input| input.value()).unwrap_or_default();
                match http::become_somebody(form.url, form.what, &text).await {
                    Ok(person) => entered.emit(person),
                    Err(problem) => form.problem.set(problem),
                }
            });
        })
    }
}
