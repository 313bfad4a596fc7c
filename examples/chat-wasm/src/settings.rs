//! One's own name, other devices, and the way out.

use crate::browser::reload;
use crate::channel::{Channel, words};
use crate::http;
use crate::wire::{Device, Person};
use tsugi_client::RequestError;
use web_sys::{HtmlDialogElement, HtmlInputElement, SubmitEvent};
use yew::prelude::*;

#[derive(PartialEq, Properties)]
pub(crate) struct SettingsProps {
    pub(crate) me: Person,
    pub(crate) channel: Channel,
    pub(crate) closed: Callback<()>,
}

pub(crate) enum SettingsMsg {
    Rename,
    Renamed(Result<Person, RequestError>),
    Device,
    Code(Result<Device, RequestError>),
    LogOut,
    LoggedOut(Result<(), String>),
    Done,
}

/// A dialog that is there while it is open.
#[derive(Default)]
pub(crate) struct Settings {
    dialog: NodeRef,
    name: NodeRef,
    code: Option<Device>,
    problem: String,
}

impl Component for Settings {
    type Message = SettingsMsg;
    type Properties = SettingsProps;

    fn create(_: &Context<Self>) -> Self {
        Self::default()
    }

    fn update(&mut self, ctx: &Context<Self>, msg: SettingsMsg) -> bool {
        let (link, channel) = (ctx.link(), &ctx.props().channel);
        self.problem.clear();
        match msg {
            SettingsMsg::Rename => {
                let name = self.name.cast::<HtmlInputElement>().map(|input| input.value()).unwrap_or_default();
                channel.ask(link, "chat/rename", name, SettingsMsg::Renamed);
            }
            SettingsMsg::Device => channel.ask(link, "chat/device", (), SettingsMsg::Code),
            SettingsMsg::LogOut => link.send_future(async { SettingsMsg::LoggedOut(http::log_out().await) }),
            SettingsMsg::Code(Ok(code)) => self.code = Some(code),
            SettingsMsg::Renamed(Err(why)) | SettingsMsg::Code(Err(why)) => self.problem = words(&why),
            SettingsMsg::LoggedOut(Err(problem)) => self.problem = problem,
            SettingsMsg::LoggedOut(Ok(())) => reload(),
            SettingsMsg::Renamed(Ok(_)) | SettingsMsg::Done => self.close(),
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let closed = ctx.props().closed.reform(|_| ());
        let rename = link.callback(|event: SubmitEvent| {
            event.prevent_default();
            SettingsMsg::Rename
        });
        html! {
            <dialog ref={&self.dialog} id="settings" aria-labelledby="settings-title" onclose={closed}>
                <h2 id="settings-title">{"You"}</h2>
                <form id="rename" onsubmit={rename}>
                    <label for="new-name">{"Your name"}</label>
                    <div class="row">
                        <input ref={&self.name} id="new-name" maxlength="40" autocomplete="nickname" />
                        <button>{"Rename"}</button>
                    </div>
                </form>
                <p class="hint">
                    {"To be here on another device, too, open this page there, choose “I am in already” and type the code."}
                </p>
                <div class="row">
                    <button id="device" onclick={link.callback(|_| SettingsMsg::Device)}>{"Use another device"}</button>
                    {self.code.as_ref().map(code)}
                </div>
                <p id="settings-problem" class="problem" role="alert">{&self.problem}</p>
                <div class="row end">
                    <button id="logout" class="danger" onclick={link.callback(|_| SettingsMsg::LogOut)}>
                        {"Log out here"}
                    </button>
                    <button id="settings-close" class="primary" onclick={link.callback(|_| SettingsMsg::Done)}>
                        {"Done"}
                    </button>
                </div>
            </dialog>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if !first {
            return;
        }
        if let Some(input) = self.name.cast::<HtmlInputElement>() {
            input.set_value(&ctx.props().me.name);
        }
        if let Some(dialog) = self.dialog.cast::<HtmlDialogElement>() {
            let _ = dialog.show_modal();
        }
    }
}

impl Settings {
    fn close(&self) {
        self.dialog.cast::<HtmlDialogElement>().into_iter().for_each(|dialog| dialog.close());
    }
}

fn code(Device { code, minutes }: &Device) -> Html {
    // In two halves, which is easier to type.
    let (one, other) = code.split_at_checked(5).unwrap_or((code, ""));
    html! {
        <output id="code" class="code" title={format!("valid once, for {minutes} minutes")}>
            {format!("{one}-{other}")}
        </output>
    }
}
