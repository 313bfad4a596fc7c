//! One WebSocket of the browser's, driven by whoever polls it.

use super::clock::Sleep;
use super::{BoxFuture, Http, text_of};
use crate::platform::Happened;
use bytes::Bytes;
use js_sys::{ArrayBuffer, JsString, Uint8Array};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tsugi_proto::connection::Flow;
use tsugi_proto::{Close, CloseCode, Message};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// Bytes not yet written, beyond which nothing more is taken.
const FULL: usize = 1024 * 1024;
/// Browsers do not say when there is room again: one looks.
const PACE: Duration = Duration::from_millis(50);

enum Stage {
    /// The query is being found out.
    Asking(BoxFuture<Vec<(String, String)>>),
    Open(Wire),
    Gone,
}

pub(crate) struct Socket {
    http: Arc<Http>,
    stage: Stage,
    /// What waits until it is open.
    queue: VecDeque<Message>,
    /// Set while it is full.
    pace: Option<Sleep>,
}

/// The browser's end of it. Dropped, it is closed and not listened to.
struct Wire {
    socket: WebSocket,
    inbox: Rc<RefCell<Inbox>>,
    // Kept for as long as the browser may call them.
    _opened: Closure<dyn FnMut()>,
    _heard: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

/// What the browser said and nobody has read: what it says in one go, since who reads it runs before it says more.
#[derive(Default)]
struct Inbox {
    arrived: VecDeque<Happened>,
    waker: Option<Waker>,
}

impl Inbox {
    fn put(inbox: &RefCell<Self>, happened: impl IntoIterator<Item = Happened>) {
        let waker = {
            let mut inbox = inbox.borrow_mut();
            inbox.arrived.extend(happened);
            inbox.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Socket {
    /// Begins to open one. `query` is waited for first.
    pub(crate) fn open<F>(http: Arc<Http>, query: F) -> Self
    where
        F: Future<Output = Vec<(String, String)>> + 'static,
    {
        Self { http, stage: Stage::Asking(Box::pin(query)), queue: VecDeque::new(), pace: None }
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.queue.push_back(message);
        self.write();
    }

    pub(crate) fn flow(&self) -> Flow {
        if self.held() > FULL { Flow::Full } else { Flow::Free }
    }

    /// Says goodbye; the browser sees to it that the server hears it, after all that was sent.
    pub(crate) fn let_go(&mut self, close: &Close) {
        if let Stage::Open(wire) = &self.stage {
            wire.close(close);
        }
        self.stage = Stage::Gone;
    }

    fn held(&self) -> usize {
        let buffered = if let Stage::Open(wire) = &self.stage { wire.socket.buffered_amount() } else { 0 };
        self.queue.iter().map(Message::len).sum::<usize>() + buffered as usize
    }

    /// Goes on until something happened that its owner must know.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, max_message: usize) -> Poll<Happened> {
        if let Stage::Asking(query) = &mut self.stage {
            let query = ready!(query.as_mut().poll(cx));
            self.stage = match Wire::open(&self.http, &query, max_message) {
                Ok(wire) => Stage::Open(wire),
                Err(thrown) => {
                    let reason = text_of(&thrown);
                    tracing::debug!(why = reason, "no WebSocket");
                    self.stage = Stage::Gone;
                    // No close frame holds it: it is read where the loss is described, and never written.
                    let close = Close { code: CloseCode::ABNORMAL, reason: reason.into() };
                    return Poll::Ready(Happened::Closed(Some(close)));
                }
            };
        }
        let Stage::Open(wire) = &self.stage else { return Poll::Ready(Happened::Gone) };
        let happened = wire.poll(cx);
        self.write();
        match happened {
            Poll::Ready(happened) => {
                if matches!(happened, Happened::Closed(_)) {
                    self.stage = Stage::Gone;
                }
                Poll::Ready(happened)
            }
            Poll::Pending => self.poll_room(cx),
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        if let Some(pace) = &mut self.pace {
            ready!(Pin::new(pace).poll(cx));
            self.pace = None;
            if self.flow() == Flow::Free {
                return Poll::Ready(Happened::Room);
            }
        }
        if self.flow() == Flow::Full {
            let mut pace = Sleep::new(PACE);
            let _ = Pin::new(&mut pace).poll(cx);
            self.pace = Some(pace);
        }
        Poll::Pending
    }

    fn write(&mut self) {
        let Stage::Open(wire) = &self.stage else { return };
        if wire.socket.ready_state() != WebSocket::OPEN {
            return;
        }
        for message in self.queue.drain(..) {
            let sent = match &message {
                Message::Text(text) => wire.socket.send_with_str(text.as_str()),
                Message::Binary(bytes) => wire.socket.send_with_u8_array(bytes),
            };
            if let Err(thrown) = sent {
                // It is closing; that will be heard.
                tracing::debug!(why = text_of(&thrown), "not sent");
            }
        }
    }
}

impl Wire {
    fn open(http: &Http, query: &[(String, String)], max_message: usize) -> Result<Self, JsValue> {
        let socket = WebSocket::new(&http.web_socket_url(query)?)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let inbox = Rc::<RefCell<Inbox>>::default();
        // Being open is nothing to tell, only a reason to look at what waits.
        let opened = Closure::<dyn FnMut()>::new({
            let inbox = Rc::clone(&inbox);
            move || Inbox::put(&inbox, None)
        });
        let heard = Closure::<dyn FnMut(MessageEvent)>::new({
            let (inbox, socket) = (Rc::clone(&inbox), socket.clone());
            move |event: MessageEvent| {
                let happened = message_of(&event.data(), max_message);
                if matches!(happened, Some(Happened::Closed(_))) {
                    let _ = socket.close();
                }
                Inbox::put(&inbox, happened);
            }
        });
        let closed = Closure::<dyn FnMut(CloseEvent)>::new({
            let inbox = Rc::clone(&inbox);
            move |event: CloseEvent| Inbox::put(&inbox, [Happened::Closed(close_of(&event))])
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Ok(Self { socket, inbox, _opened: opened, _heard: heard, _closed: closed })
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Happened> {
        let mut inbox = self.inbox.borrow_mut();
        if let Some(happened) = inbox.arrived.pop_front() {
            return Poll::Ready(happened);
        }
        inbox.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Pages may say 1000 and 3000 to 4999 only; the rest becomes a close that gives no reason.
    fn close(&self, close: &Close) {
        if self.socket.close_with_code_and_reason(close.code.get(), close.reason.as_str()).is_err() {
            let _ = self.socket.close();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// `None` for what no WebSocket gives.
fn message_of(data: &JsValue, max: usize) -> Option<Happened> {
    let too_large = || Some(Happened::Closed(Some(Close::because(CloseCode::TOO_LARGE, "message too large"))));
    if let Some(text) = data.dyn_ref::<JsString>() {
        // Each unit is a byte at least: what is far too large is not even copied.
        let text = (text.length() as usize <= max).then(|| String::from(text)).filter(|text| text.len() <= max);
        return text.map_or_else(too_large, |text| Some(Happened::Message(Message::text(text))));
    }
    let bytes = Uint8Array::new(data.dyn_ref::<ArrayBuffer>()?);
    if bytes.length() as usize > max {
        return too_large();
    }
    Some(Happened::Message(Message::binary(Bytes::from(bytes.to_vec()))))
}

/// 1005 and 1006 were never said.
fn close_of(event: &CloseEvent) -> Option<Close> {
    let said = !matches!(event.code(), 1005 | 1006);
    said.then(|| Close::new(CloseCode::received(event.code()), event.reason()).ok()).flatten()
}
