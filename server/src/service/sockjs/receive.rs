//! Receiving: a response that carries frames of a session.

use super::registry::{Entry, Found, OpenError, Registry};
use super::route::{Route, Way};
use super::{Begin, Inner, answer};
use crate::carrier::Hold;
use crate::carrier::poll::{End, hold};
use crate::carrier::stream::{Stream, wrap};
use crate::config::SockJsProfile;
use crate::error::Refusal;
use crate::service::body::Body;
use crate::service::guard::Admitted;
use crate::session::{Owner, Place, Register, with};
use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::framing::envelope::{
    Callback, CallbackError, Envelope, JsonpGuard, eventsource_prelude, htmlfile_prelude, streaming_prelude,
};
use tsugi_proto::framing::sockjs;
use tsugi_proto::session::{CarrierId, Profile};
use tsugi_proto::{Close, CloseCode, Frame, Framing};

/// How long a second receiver waits for the first to vanish before it is refused. A client that reconnects can overtake
/// the end of its old connection.
const GRACE: Duration = Duration::from_millis(200);
/// How often it looks.
const GRACE_STEP: Duration = Duration::from_millis(10);
impl Inner {
    pub(super) async fn receive(self: Arc<Self>, id: &str, way: Way, head: Parts) -> Result<Response<Body>, Refusal> {
        let transport = Route::Session(id.into(), way).transport();
        let admitted = self.admit(head, transport).await?;
        let receiver = Receiver::of(way, &admitted, self.config.profile)?;
        let profile = if receiver.prelude.is_some() { &self.profiles.stream } else { &self.profiles.poll };
        let (frame, held) = match self.attach(id, admitted, profile).await? {
            Attached::Holds(hold) => (None, Some(hold)),
            Attached::Told(close) => (Some(sockjs::close(&close)), None),
        };
        let Receiver { prelude, envelope, content_type } = receiver;
        let body = match (prelude, held) {
            (Some(prelude), Some(held)) => {
                Body::stream(Stream::new(held, envelope, prelude, self.config.response_limit))
            }
            (Some(prelude), None) => Body::stream(Stream::farewell(envelope, prelude, frame.as_ref())),
            (None, held) => {
                let frame = match held {
                    Some(held) => poll(held).await,
                    None => frame.unwrap_or_else(sockjs::heartbeat),
                };
                Body::full(wrap(&envelope, &frame))
            }
        };
        Ok(answer::receiving(way, content_type, self.config.profile, body))
    }

    /// Makes a receiver its session's own, or says what it is told instead.
    async fn attach(
        self: &Arc<Self>,
        id: &str,
        admitted: Admitted,
        profile: &Arc<Profile>,
    ) -> Result<Attached, Refusal> {
        let deadline = tokio::time::Instant::now() + GRACE;
        let user = admitted.identity.id().cloned();
        loop {
            let found = self.registry.find_or_open(id, user.as_ref(), || self.open(id, admitted.clone()));
            let entry = match found {
                Ok(Found::Live(entry)) if entry.user == user => entry,
                Ok(Found::Closed(close)) => return Ok(Attached::Told(close)),
                Ok(Found::Live(_) | Found::Nothing) => {
                    let close = Close::because(CloseCode::SOCKJS_INTERRUPTED, "Connection interrupted");
                    return Ok(Attached::Told(close));
                }
                Err(OpenError::Refused(refusal)) => return Err(refusal),
                Err(OpenError::Full) => return Err(self.opener.guard().busy("Too many sessions")),
            };
            if let Some(carrier) = try_attach(&entry, profile) {
                return Ok(Attached::Holds(Hold { owner: Arc::clone(&entry.owner), carrier }));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(Attached::Told(Close::because(
                    CloseCode::SOCKJS_STILL_OPEN,
                    "Another connection still open",
                )));
            }
            // Ends at the deadline at the latest, or with the request.
            tokio::time::sleep(GRACE_STEP).await;
        }
    }

    fn open(&self, id: &str, admitted: Admitted) -> Result<Arc<dyn Owner>, Refusal> {
        let register: Arc<dyn Register> = Arc::<Registry>::clone(&self.registry);
        let begin = Begin {
            framing: Framing::SockJs,
            config: Arc::clone(&self.http_session),
            place: Some(Place { register, name: id.into() }),
        };
        Arc::clone(&self.opener).open(admitted, begin)
    }
}

/// What came of a receiver.
enum Attached {
    /// It has its session.
    Holds(Hold),
    /// It gets this close, and the session, if there is one, does not notice.
    Told(Close),
}

/// `None` while another receiver has the session.
fn try_attach(entry: &Entry, profile: &Arc<Profile>) -> Option<CarrierId> {
    with(&entry.owner, |session, now| {
        if session.is_closed() || session.carrier().is_some() {
            return None;
        }
        let greeting = entry.is_first().then(sockjs::open);
        Some(session.attach(now, Arc::clone(profile), greeting))
    })
}

/// The one frame of a poll.
async fn poll(held: Hold) -> Frame {
    let brought = hold(held).await;
    let close = match brought.end {
        End::Closed(close) => close,
        // Whoever gets no frame asks again at once, and for ever.
        End::Full | End::Fenced => Close::because(CloseCode::SOCKJS_INTERRUPTED, "Connection interrupted"),
    };
    brought.frames.into_iter().next().unwrap_or_else(|| sockjs::close(&close))
}

/// How a response carries frames.
struct Receiver {
    /// Streams have one, polls have none.
    prelude: Option<Bytes>,
    envelope: Envelope,
    content_type: &'static str,
}

impl Receiver {
    fn of(way: Way, admitted: &Admitted, profile: SockJsProfile) -> Result<Self, Refusal> {
        let script = "application/javascript; charset=UTF-8";
        let receiver = |prelude, envelope, content_type| Self { prelude, envelope, content_type };
        Ok(match way {
            Way::XhrStreaming => receiver(Some(streaming_prelude()), Envelope::Line, script),
            Way::EventSource => {
                let content_type = match profile {
                    SockJsProfile::Current => "text/event-stream",
                    SockJsProfile::V0_3_3 => "text/event-stream; charset=UTF-8",
                };
                receiver(Some(eventsource_prelude()), Envelope::EventSource, content_type)
            }
            Way::HtmlFile => {
                let page = htmlfile_prelude(&callback(admitted)?);
                receiver(Some(page), Envelope::HtmlFile, "text/html; charset=UTF-8")
            }
            Way::Jsonp => {
                let guard = match profile {
                    SockJsProfile::Current => JsonpGuard::Comment,
                    SockJsProfile::V0_3_3 => JsonpGuard::Bare,
                };
                receiver(None, Envelope::Jsonp(callback(admitted)?, guard), script)
            }
            _ => receiver(None, Envelope::Line, script),
        })
    }
}

/// The function of the client's page, named once, as `c` or `callback`.
fn callback(admitted: &Admitted) -> Result<Callback, Refusal> {
    let mut named = admitted.request.params().filter(|(name, _)| matches!(*name, "c" | "callback"));
    let callback = match (named.next(), named.next()) {
        (None, _) => Err(CallbackError::Missing),
        (Some((_, name)), None) => Callback::new(name),
        (Some(_), Some(_)) => Err(CallbackError::Invalid),
    };
    // The status is the protocol's (sockjs.md 10.2).
    callback.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
