//! The badge: how the connection is doing, with a countdown while it waits.

use crate::browser::{is_offline, listen, window};
use crate::channel::Channel;
use std::time::Duration;
use tsugi_client::{Reason, State, Transport};
use yew::platform::time::sleep;
use yew::prelude::*;

#[derive(PartialEq, Properties)]
pub(crate) struct BadgeProps {
    pub(crate) state: State,
    pub(crate) channel: Channel,
}

pub(crate) enum BadgeMsg {
    /// Some time of the wait has passed.
    Tick,
    /// The browser says something of its network.
    Network,
}

pub(crate) struct Badge {
    ticking: bool,
}

impl Component for Badge {
    type Message = BadgeMsg;
    type Properties = BadgeProps;

    fn create(ctx: &Context<Self>) -> Self {
        for event in ["online", "offline"] {
            let told = ctx.link().callback(|()| BadgeMsg::Network);
            listen(&window(), event, move || told.emit(()));
        }
        Self { ticking: false }
    }

    fn update(&mut self, _: &Context<Self>, msg: BadgeMsg) -> bool {
        if let BadgeMsg::Tick = msg {
            self.ticking = false;
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let BadgeProps { state, channel } = ctx.props();
        let (status, words) = describe(state, channel);
        html! {
            <div id="badge" class="badge" role="status" data-status={status} title={why(state)}>
                <span class="lamp" aria-hidden="true"></span><span id="badge-text">{words}</span>
            </div>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, _: bool) {
        if matches!(ctx.props().state, State::Waiting { .. }) && !self.ticking {
            self.ticking = true;
            ctx.link().send_future(async {
                sleep(Duration::from_millis(250)).await;
                BadgeMsg::Tick
            });
        }
    }
}

fn describe(state: &State, channel: &Channel) -> (&'static str, String) {
    match state {
        State::Open(open) if open.transport == Transport::WebSocket => ("live", "live".to_owned()),
        State::Open(_) => ("polling", "polling".to_owned()),
        State::Waiting { until, .. } => {
            let seconds = channel.seconds_until(*until);
            if is_offline() {
                return ("offline", format!("offline, next try in {seconds} s"));
            }
            ("waiting", format!("reconnecting in {seconds} s"))
        }
        State::Closed(loss) if loss.reason == Reason::Replaced => ("closed", "in use elsewhere".to_owned()),
        State::Closed(_) => ("closed", "closed".to_owned()),
        State::Idle | State::Connecting { .. } if is_offline() => ("offline", "offline".to_owned()),
        State::Connecting { attempt: 1.., .. } => ("connecting", "reconnecting".to_owned()),
        State::Idle | State::Connecting { .. } => ("connecting", "connecting".to_owned()),
    }
}

/// For who wants to know more.
fn why(state: &State) -> String {
    match state {
        State::Waiting { loss, .. } | State::Closed(loss) => {
            loss.message.clone().unwrap_or_else(|| format!("{:?}", loss.reason).to_lowercase())
        }
        _ => String::new(),
    }
}
