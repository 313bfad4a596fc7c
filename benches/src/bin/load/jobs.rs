//! The jobs in which the next message waits for the last: how much a server can do.

use crate::Outcome;
use crate::dialect::{Dialect, Marks, Say, masked};
use crate::link::{check, hear, open, open_all};
use crate::meter::measure;
use crate::plan::{PATIENCE, Plan};
use crate::speech::{Speech, Tally};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Notify, Semaphore};

/// Bytes of a request, and of a push.
pub(crate) const SMALL: usize = 64;
/// Bytes of a broadcast.
pub(crate) const LARGE: usize = 128;

/// A client that fails makes the whole measurement void.
pub(crate) async fn failing(work: impl Future<Output = Outcome>) {
    if let Err(error) = work.await {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}

pub(crate) async fn echo(plan: &'static Plan) -> Outcome {
    let mut streams = open_all(plan, 0..plan.connections(), false).await?;
    check(plan, &mut streams[0], None, Say::Echo).await?;
    let count = Arc::new(AtomicU64::new(0));
    for stream in streams {
        tokio::spawn(failing(ask(plan, stream, count.clone())));
    }
    measure(plan, &count).await
}

/// Keeps `depth` requests in flight: as many go out as answers came in, in one write.
async fn ask(plan: &Plan, mut stream: TcpStream, count: Arc<AtomicU64>) -> Outcome {
    let (mut speech, mut tally) = (Speech::new(plan.dialect, Say::Echo, SMALL), Tally::new(plan.dialect));
    let mut marks = Marks::default();
    stream.write_all(speech.next(plan.depth())).await?;
    loop {
        let answered = hear(&mut stream, |bytes| marks.count(bytes)).await?;
        count.fetch_add(answered, Relaxed);
        let requests = speech.next(usize::try_from(answered)?.min(plan.depth()));
        if !requests.is_empty() {
            stream.write_all(requests).await?;
        }
        if let Some(word) = tally.more(answered) {
            stream.write_all(&word).await?;
        }
    }
}

/// What has arrived at all clients together.
struct Heard {
    count: Arc<AtomicU64>,
    target: AtomicU64,
    all: Notify,
}

/// Sets each client to listen, answering pings, and returns what the first, which speaks, writes with.
pub(crate) fn listen<F: FnMut(u64) + Send + 'static>(
    dialect: Dialect,
    streams: Vec<TcpStream>,
    mut listener: impl FnMut(usize) -> F,
) -> Outcome<OwnedWriteHalf> {
    let mut streams = streams.into_iter();
    let (reader, writer) = streams.next().ok_or("no clients")?.into_split();
    // Who speaks is not asked whether it is there.
    tokio::spawn(failing(attend(dialect, Pings::Alone, tokio::io::join(reader, tokio::io::sink()), listener(0))));
    for (index, stream) in streams.enumerate() {
        tokio::spawn(failing(attend(dialect, Pings::Alone, stream, listener(index + 1))));
    }
    Ok(writer)
}

/// Where a client looks for pings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pings {
    /// In bytes without a message, which is quick. One that came together with a message is missed, which costs the
    /// connection long after a measurement of some seconds.
    Alone,
    Anywhere,
}

impl Pings {
    /// How many messages there are, and the answer to a ping.
    pub(crate) fn look(self, dialect: Dialect, marks: &mut Marks, bytes: &[u8]) -> (u64, Option<Vec<u8>>) {
        let many = marks.count(bytes);
        (many, (many == 0 || self == Self::Anywhere).then(|| dialect.pong(bytes)).flatten())
    }
}

/// Says how many messages came, as they come.
pub(crate) async fn attend(
    dialect: Dialect,
    pings: Pings,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut came: impl FnMut(u64),
) -> Outcome {
    let (mut marks, mut tally) = (Marks::default(), Tally::new(dialect));
    loop {
        let (many, pong) = hear(&mut stream, |bytes| pings.look(dialect, &mut marks, bytes)).await?;
        if let Some(word) = pong.or_else(|| tally.more(many)) {
            stream.write_all(&word).await?;
        }
        came(many);
    }
}

/// One burst at a time: the next begins when everybody has heard the last.
pub(crate) async fn broadcast(plan: &'static Plan) -> Outcome {
    let mut streams = open_all(plan, 0..plan.connections(), false).await?;
    check_all(plan, &mut streams, Say::Broadcast).await?;
    let each = (streams.len() * plan.depth()) as u64;
    let count = Arc::new(AtomicU64::new(0));
    let heard = Arc::new(Heard { count: count.clone(), target: AtomicU64::new(each), all: Notify::new() });
    let mut speaker = listen(plan.dialect, streams, |_| {
        let heard = heard.clone();
        move |came| {
            if heard.count.fetch_add(came, Relaxed) + came >= heard.target.load(Relaxed) {
                heard.all.notify_one();
            }
        }
    })?;
    let mut speech = Speech::new(plan.dialect, Say::Broadcast, LARGE);
    tokio::spawn(failing(async move {
        loop {
            speaker.write_all(speech.next(plan.depth())).await?;
            let target = heard.target.load(Relaxed);
            let all = async {
                while heard.count.load(Relaxed) < target {
                    heard.all.notified().await;
                }
            };
            tokio::time::timeout(PATIENCE, all).await.map_err(|_| "a broadcast did not reach everybody")?;
            heard.target.store(target + each, Relaxed);
        }
    }));
    measure(plan, &count).await
}

/// One message from the first client must come to the last.
pub(crate) async fn check_all(plan: &Plan, streams: &mut [TcpStream], say: Say) -> Outcome {
    let Some(([speaker, others @ ..], last)) = streams.split_last_mut().map(|(last, before)| (before, last)) else {
        return Err("no clients".into());
    };
    check(plan, speaker, Some(last), say).await?;
    // A broadcast has come to everybody else too, and would be counted with what is measured.
    if say == Say::Broadcast {
        for stream in others.iter_mut().chain([speaker]) {
            let mut marks = Marks::default();
            let arrived = async {
                loop {
                    match hear(stream, |bytes| marks.count(bytes)).await? {
                        0 => {}
                        many => return Outcome::Ok(many),
                    }
                }
            };
            if tokio::time::timeout(PATIENCE, arrived).await.map_err(|_| "a broadcast did not reach everybody")?? != 1 {
                return Err("a broadcast did not arrive once".into());
            }
        }
    }
    Ok(())
}

/// The first client has messages sent to the others, one after another in an order without a pattern.
pub(crate) async fn push(plan: &'static Plan) -> Outcome {
    let mut streams = open_all(plan, 0..plan.connections(), true).await?;
    let last = streams.len() - 1;
    check_all(plan, &mut streams, Say::Push(last)).await?;
    let count = Arc::new(AtomicU64::new(0));
    let room = Arc::new(Semaphore::new(plan.depth()));
    let mut speaker = listen(plan.dialect, streams, |_| {
        let (count, room) = (count.clone(), room.clone());
        move |came| {
            count.fetch_add(came, Relaxed);
            // So many never come at once that this cuts anything.
            room.add_permits(came as usize);
        }
    })?;
    let dialect = plan.dialect;
    tokio::spawn(failing(async move {
        let mut batch = Vec::new();
        let (mut to, mut number) = (1, 1);
        loop {
            room.acquire().await?.forget();
            batch.clear();
            let mut more = true;
            while more {
                // 7,919 is a prime, so that it steps through every client.
                to = (to + 7_919) % last;
                number += 1;
                batch.extend_from_slice(&masked(1, dialect.message(Say::Push(to + 1), SMALL, number).as_bytes()));
                more = room.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_ok();
            }
            speaker.write_all(&batch).await?;
        }
    }));
    measure(plan, &count).await
}

/// So many clients that each connect, shake hands, close, and begin again when the server has closed too.
pub(crate) async fn connect(plan: &'static Plan) -> Outcome {
    let count = Arc::new(AtomicU64::new(0));
    for client in 0..plan.connections() {
        let count = count.clone();
        tokio::spawn(failing(async move {
            let mut index = client;
            loop {
                let mut stream = open(plan, index, false).await?;
                // 1000, going in peace (RFC 6455, section 7.4.1).
                stream.write_all(&masked(8, &1000_u16.to_be_bytes())).await?;
                let closed = async { while hear(&mut stream, |_| ()).await.is_ok() {} };
                tokio::time::timeout(PATIENCE, closed).await.map_err(|_| "the server does not close")?;
                count.fetch_add(1, Relaxed);
                // Far on, so that addresses and ports have time to rest.
                index += plan.connections();
            }
        }));
    }
    measure(plan, &count).await
}
