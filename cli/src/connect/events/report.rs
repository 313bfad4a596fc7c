//! What came and what happened, as a line for people or for machines.

use crate::end::{describe, span};
use crate::show::{Tongue, harmless, raw};
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;
use tsugi_client::{GapReason, Notice, Open, Outcome, RequestError, State, Transport, Unanswered, Value};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    People(Tongue),
    Json,
}

/// What the server made of a line.
#[derive(Debug)]
pub(super) enum Answer {
    Reply(Value),
    /// An event without reply was handled, or given to a server that does not say so.
    Handled,
}

/// One line of JSON; docs are in cli/README.md.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Reply {
        line: u64,
        event: &'a str,
        ms: f64,
        reply: Option<Box<RawValue>>,
    },
    Handled {
        line: u64,
        event: &'a str,
        ms: f64,
    },
    Failure(Failure<'a>),
    Event {
        event: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<Box<RawValue>>,
    },
    Gap {
        from: u64,
        to: Option<u64>,
        why: &'a str,
    },
    BadEvent {
        value: Option<Box<RawValue>>,
    },
    Missed {
        count: u64,
    },
    State(StateLine<'a>),
}

#[derive(Serialize)]
struct Failure<'a> {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

#[derive(Default, Serialize)]
struct StateLine<'a> {
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<f64>,
}

impl Report {
    pub(super) fn answer(self, line: u64, id: &str, took: Duration, answer: &Answer) -> String {
        match (self, answer) {
            (Self::People(tongue), Answer::Reply(value)) => {
                format!("{id} -> {}  ({})", tongue.value(value), span(took))
            }
            (Self::People(_), Answer::Handled) => format!("{id} done  ({})", span(took)),
            (Self::Json, Answer::Reply(value)) => {
                json(&Line::Reply { line, event: id, ms: ms(took), reply: raw(value) })
            }
            (Self::Json, Answer::Handled) => json(&Line::Handled { line, event: id, ms: ms(took) }),
        }
    }

    pub(super) fn failure(self, line: u64, id: &str, took: Duration, why: &RequestError) -> String {
        let failed = if let RequestError::Unanswered(Unanswered::Failed(failed)) = why { Some(failed) } else { None };
        let message = failed.map_or_else(|| why.to_string(), |failed| failed.message.clone());
        let code = failed.map_or(code_of(why), |failed| &failed.code);
        let data = failed.map(|failed| &failed.data).filter(|data| !data.is_nil());
        match self {
            Self::People(tongue) => {
                let words = [code, &message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
                let data = data.map_or_else(String::new, |data| format!(" {}", tongue.value(data)));
                format!("{id} failed: {}{data}  ({})", harmless(&words), span(took))
            }
            Self::Json => {
                let data = data.and_then(raw);
                json(&Line::Failure(Failure { line, event: Some(id), ms: Some(ms(took)), code, message, data }))
            }
        }
    }

    pub(super) fn not_an_event(self, line: u64, why: &str) -> String {
        self.of_line(line, "not-an-event", why)
    }

    /// There is nothing behind this line, which could not be read.
    pub(super) fn unread(self, line: u64, why: &str) -> String {
        self.of_line(line, "unread", why)
    }

    fn of_line(self, line: u64, code: &str, why: &str) -> String {
        match self {
            Self::People(_) => format!("line {line}: {}", harmless(why)),
            Self::Json => {
                json(&Line::Failure(Failure { line, event: None, ms: None, code, message: why.to_owned(), data: None }))
            }
        }
    }

    pub(super) fn notice(self, notice: &Notice) -> String {
        match (self, notice) {
            (Self::People(tongue), Notice::Event(event)) => format!("<- {}", tongue.event(event)),
            (Self::Json, Notice::Event(event)) => {
                json(&Line::Event { event: event.id.as_str(), data: event.data.as_ref().and_then(raw) })
            }
            (Self::People(_), Notice::Gap(gap)) => {
                let to = gap.to.map_or_else(String::new, |to| format!(" to {to}"));
                format!("-- the server's events from {}{to} on are lost: {}", gap.from, gap_reason(gap.why))
            }
            (Self::Json, Notice::Gap(gap)) => json(&Line::Gap { from: gap.from, to: gap.to, why: gap_reason(gap.why) }),
            (Self::People(tongue), Notice::BadEvent(value)) => format!("<- not an event: {}", tongue.value(value)),
            (Self::Json, Notice::BadEvent(value)) => json(&Line::BadEvent { value: raw(value) }),
            (Self::People(_), Notice::Missed(count)) => format!("-- {count} events came too fast to be shown"),
            (Self::Json, Notice::Missed(count)) => json(&Line::Missed { count: *count }),
        }
    }

    /// Nothing for what is over in a moment. `wait` is until the next attempt.
    pub(super) fn state(self, state: &State, wait: Duration) -> Option<String> {
        match (self, state) {
            (_, State::Idle | State::Connecting { .. }) => None,
            (Self::People(tongue), State::Open(open)) => Some(opened(tongue, open)),
            (Self::People(_), State::Waiting { loss, .. }) => {
                Some(format!("-- lost: {}; trying again in {}", describe(loss), span(wait)))
            }
            // It is said as the reason for which the program ends.
            (Self::People(_), State::Closed(_)) => None,
            (Self::Json, State::Open(open)) => Some(json(&Line::State(StateLine {
                state: "open",
                transport: Some(if open.transport == Transport::WebSocket { "websocket" } else { "poll" }),
                session: Some(if open.outcome == Outcome::New { "new" } else { "resumed" }),
                user: open.user.as_ref().and_then(raw),
                data: Some(&open.data).filter(|data| !data.is_nil()).and_then(raw),
                ..StateLine::default()
            }))),
            (Self::Json, State::Waiting { loss, .. }) => Some(json(&Line::State(StateLine {
                state: "waiting",
                why: Some(describe(loss)),
                retry_ms: Some(ms(wait)),
                ..StateLine::default()
            }))),
            (Self::Json, State::Closed(loss)) => {
                let why = Some(describe(loss));
                Some(json(&Line::State(StateLine { state: "closed", why, ..StateLine::default() })))
            }
        }
    }
}

fn opened(tongue: Tongue, open: &Open) -> String {
    let by = if open.transport == Transport::WebSocket { "WebSocket" } else { "long-polling" };
    let user = open.user.as_ref().map_or_else(|| "nobody".to_owned(), |user| tongue.value(user));
    let goes_on = if open.outcome == Outcome::Resumed { ", the session goes on" } else { "" };
    let data = if open.data.is_nil() { String::new() } else { format!(", told {}", tongue.value(&open.data)) };
    format!("-- connected by {by} as {user}{goes_on}{data}")
}

fn gap_reason(why: GapReason) -> &'static str {
    match why {
        GapReason::Overflow => "overflow",
        GapReason::Expired => "expired",
        GapReason::Restarted => "restarted",
        GapReason::Desync => "desync",
    }
}

fn code_of(why: &RequestError) -> &'static str {
    match why {
        RequestError::Send(_) => "not-sent",
        RequestError::Unanswered(Unanswered::Timeout) => "timeout",
        RequestError::Unanswered(Unanswered::Refused(_) | Unanswered::TooLarge) => "too-large",
        RequestError::Unanswered(_) => "lost",
        RequestError::Reply(_) => "bad-reply",
    }
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn json(line: &Line<'_>) -> String {
    // Numbers, text and JSON: there is nothing that cannot be written.
    serde_json::to_string(line).unwrap_or_default()
}
