//! The driver: carries out what the connection asks for, and tells it what happened.
//!
//! Everything of a client is polled in this one task: sockets, requests, the clock. When it ends, nothing of the client is left.

use crate::events::Notice;
use crate::platform::{Answer, BoxFuture, Happened, Http, Socket, Surroundings, TokenSource};
use crate::shared::{Core, Life, Shared};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use tsugi_proto::Instant;
use tsugi_proto::connection::{ExchangeId, Flow, Output, Path, Request, State};

type Exchange = BoxFuture<Result<Answer, String>>;

pub(crate) struct Driver {
    shared: Arc<Shared>,
    http: Arc<Http>,
    max_message: usize,
    /// What is open, opens or says goodbye; the connection has two at most.
    sockets: Vec<(Path, Socket)>,
    /// What is asked; the connection has a handful at most.
    exchanges: Vec<(ExchangeId, Exchange)>,
}

/// What the driver woke up for.
enum Woken {
    Socket(Path, Happened),
    Answered(ExchangeId, Result<Answer, String>),
    Time,
    Called,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, http: Arc<Http>, max_message: usize) -> Self {
        Self { shared, http, max_message, sockets: Vec::new(), exchanges: Vec::new() }
    }

    /// Runs until nobody holds the client any more and goodbye was said.
    pub(crate) async fn run(mut self) {
        let _told = Surroundings::watch(&self.shared);
        loop {
            self.drain();
            let (life, next) = self.shared.with(|core, _| (core.life, core.connection.poll_timeout()));
            if life != Life::Held && self.sockets.is_empty() && self.exchanges.is_empty() {
                return;
            }
            let woken = self.wait(next).await;
            self.tell(woken);
        }
    }

    async fn wait(&mut self, next: Option<Instant>) -> Woken {
        let Self { shared, sockets, exchanges, max_message, .. } = self;
        let due = async {
            match next {
                Some(next) => shared.clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => Woken::Time,
            () = shared.wake.notified() => Woken::Called,
            (path, happened) = poll_fn(|cx| poll_sockets(sockets, cx, *max_message)) => Woken::Socket(path, happened),
            (id, answer) = poll_fn(|cx| poll_exchanges(exchanges, cx)) => Woken::Answered(id, answer),
        }
    }

    /// Tells the connection what happened.
    fn tell(&mut self, woken: Woken) {
        if let Woken::Socket(path, Happened::Gone) = woken {
            self.sockets.retain(|(of, _)| *of != path);
            return;
        }
        self.shared.with(|Core { connection, .. }, now| match woken {
            Woken::Time => connection.handle_timeout(now),
            Woken::Called | Woken::Socket(_, Happened::Room | Happened::Gone) => {}
            Woken::Socket(path, Happened::Message(message)) => connection.handle_message(now, path, &message),
            Woken::Socket(path, Happened::Closed(close)) => connection.handle_closed(now, path, close),
            Woken::Socket(path, Happened::Refused(Answer { status, body, retry_after })) => {
                connection.handle_refused(now, path, status, &body, retry_after);
            }
            Woken::Answered(id, Ok(Answer { status, body, retry_after })) => {
                connection.handle_response(now, id, status, body, retry_after);
            }
            Woken::Answered(id, Err(why)) => connection.handle_failure(now, id, &why),
        });
    }

    /// Carries out what the connection asks for until it says nothing more. Without the lock, since handlers are called.
    fn drain(&mut self) {
        loop {
            let full = self.sockets.iter().any(|(_, socket)| socket.flow() == Flow::Full);
            let output = self.shared.with(|core, _| {
                core.connection.set_flow(if full { Flow::Full } else { Flow::Free });
                core.poll()
            });
            self.shared.tell_problems();
            let Some(output) = output else { return };
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Connect { path, query } => {
                let query = with_token(Arc::clone(&self.shared), self.http.token.clone(), query);
                self.sockets.push((path, Socket::open(Arc::clone(&self.http), query)));
            }
            Output::Transmit { path, message } => {
                if let Some(socket) = self.socket(path) {
                    socket.send(message);
                }
            }
            Output::Disconnect { path, close } => {
                if let Some(socket) = self.socket(path) {
                    socket.let_go(&close);
                }
            }
            Output::Exchange { exchange, request } => {
                let asked = ask(Arc::clone(&self.shared), Arc::clone(&self.http), request);
                self.exchanges.push((exchange, Box::pin(asked)));
            }
            Output::Abort { exchange } => self.exchanges.retain(|(id, _)| *id != exchange),
            Output::Event(event) => self.notice(Notice::Event(event)),
            Output::Gap(gap) => self.notice(Notice::Gap(gap)),
            Output::BadEvent(value) => self.notice(Notice::BadEvent(value)),
            Output::State(state) => self.change(state),
            // Told where it was polled, with the lock that guards who waits.
            Output::Settled { .. } => {}
        }
    }

    fn socket(&mut self, path: Path) -> Option<&mut Socket> {
        self.sockets.iter_mut().find_map(|(of, socket)| (*of == path).then_some(socket))
    }

    fn notice(&self, notice: Notice) {
        self.shared.handlers.call(&notice);
        if let Some(notices) = &*self.shared.notices.lock() {
            // That nobody listens is no matter.
            let _ = notices.send(notice);
        }
    }

    fn change(&self, state: State) {
        tracing::debug!(?state, "the connection's state");
        self.shared.state.send_replace(state);
    }
}

fn poll_sockets(sockets: &mut [(Path, Socket)], cx: &mut Context<'_>, max_message: usize) -> Poll<(Path, Happened)> {
    for (path, socket) in sockets {
        if let Poll::Ready(happened) = socket.poll(cx, max_message) {
            return Poll::Ready((*path, happened));
        }
    }
    Poll::Pending
}

fn poll_exchanges(
    exchanges: &mut Vec<(ExchangeId, Exchange)>,
    cx: &mut Context<'_>,
) -> Poll<(ExchangeId, Result<Answer, String>)> {
    for (index, (id, exchange)) in exchanges.iter_mut().enumerate() {
        if let Poll::Ready(answer) = exchange.as_mut().poll(cx) {
            let id = *id;
            drop(exchanges.swap_remove(index));
            return Poll::Ready((id, answer));
        }
    }
    Poll::Pending
}

/// Asks the application for its token, which the connection needs for its hello, and a Sente server in the URL.
async fn with_token(
    shared: Arc<Shared>,
    source: Option<TokenSource>,
    mut query: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let Some(source) = source else { return query };
    let token = source().await;
    let sente = query.iter().all(|(name, _)| name != "tsugi");
    query.retain(|(name, _)| name != "csrf-token");
    if let (true, Some(token)) = (sente, &token) {
        query.push(("csrf-token".to_owned(), token.clone()));
    }
    shared.with(|core, _| core.connection.set_csrf_token(token));
    query
}

/// A request of the connection's; the one that begins a run of polls asks for the token first.
async fn ask(shared: Arc<Shared>, http: Arc<Http>, mut request: Request) -> Result<Answer, String> {
    let begins = request.query.iter().any(|(name, _)| name == "handshake?");
    if let (true, Some(source)) = (begins, &http.token) {
        let token = source().await;
        request.headers.retain(|(name, _)| *name != "X-CSRF-Token");
        request.headers.extend(token.clone().map(|token| ("X-CSRF-Token", token)));
        shared.with(|core, _| core.connection.set_csrf_token(token));
    }
    http.exchange(request).await
}
