//! Many histories of clients and a server under faults, each from a seed, and a checker of what must hold in all of them:
//! everything once, in order, no gap without a word, everything settled, memory within bounds.

mod checker;

use crate::link::{Air, Flight, Late, Link, Requests, WebSockets};
use crate::server_end::{Plant, ServerEnd};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::Json;
use tsugi_proto::connection::{Config, Connection, ItemId, Output, Page, RequestError, Wants};
use tsugi_proto::{Event, Instant, Value};

/// How long a server end keeps a session without a carrier.
const EXPIRE: Duration = Duration::from_secs(120);
/// Clients of a history.
const MAX_CLIENTS: u64 = 4;
const STEPS: u64 = 60;

/// How a history went.
#[derive(Debug)]
pub struct Report {
    /// What happened, line by line.
    pub history: String,
    /// What must not have happened; empty is good.
    pub violations: Vec<String>,
}

/// Runs the history of a seed.
#[must_use]
pub fn run(seed: u64, plant: Option<Plant>) -> Report {
    let mut sim = Sim::new(seed, plant);
    for _ in 0..STEPS {
        sim.step();
    }
    sim.mend();
    Report { history: sim.history, violations: sim.violations }
}

/// Numbers that look random and are the same every time: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// An item of a client's application, as a page would keep it.
struct Sent {
    wants: Wants,
    data: i64,
    deadline: Instant,
    /// Which of the server's lives it was first sent in, or would have been.
    life: u32,
    done: Option<(Instant, Result<Value, RequestError>)>,
    /// It ended in a page that went away before its store knew.
    ended_before: bool,
}

struct Client {
    connection: Connection,
    link: Link,
    /// Nothing of it runs until then: a page that sleeps.
    asleep_until: Instant,
    sent: BTreeMap<ItemId, Sent>,
    /// Pushed to a session of it, and what it got of that, by number.
    pushed: Vec<i64>,
    got: Vec<i64>,
    /// It was told that something is missing since the last event it got.
    told_of_gap: bool,
    /// There may be a gap: the server was restarted, or the client was away for too long, or the queue is short.
    gap_is_fair: bool,
    open_at: Instant,
    reloads: u32,
}

struct Sim {
    now: Instant,
    dice: Dice,
    server: ServerEnd,
    clients: Vec<Client>,
    queue_items: usize,
    short_queue: bool,
    next: i64,
    history: String,
    violations: Vec<String>,
}

impl Sim {
    fn new(seed: u64, plant: Option<Plant>) -> Self {
        let mut dice = Dice(seed);
        let short_queue = dice.one_in(8);
        let queue_items = if short_queue { 12 } else { 10_000 };
        let codec = Arc::new(Json::default());
        let mut server = ServerEnd::with_queue(codec, queue_items);
        server.plant = plant;
        let now = Instant::after_origin(Duration::from_secs(1));
        let count = 1 + dice.below(MAX_CLIENTS);
        let clients = (0..count).map(|index| Client::new(now, index, &mut dice)).collect();
        let mut sim = Self {
            now,
            dice,
            server,
            clients,
            queue_items,
            short_queue,
            next: 0,
            history: String::new(),
            violations: Vec::new(),
        };
        for index in 0..sim.clients.len() {
            sim.act(index, Connection::open);
        }
        sim
    }

    fn log(&mut self, client: usize, what: &str) {
        let seconds = self.now.since_origin().as_secs_f64();
        let _ = writeln!(self.history, "{seconds:>10.3}  client {client}  {what}");
    }

    fn wrong(&mut self, client: usize, what: &str) {
        let what = format!("client {client}: {what}");
        self.log(client, &format!("VIOLATION {what}"));
        self.violations.push(what);
    }

    // One step of the history.

    fn step(&mut self) {
        let index = usize::try_from(self.dice.below(self.clients.len() as u64)).unwrap_or(0);
        match self.dice.below(100) {
            0..22 => self.push(index),
            22..36 => self.send(index, Wants::Nothing),
            36..50 => self.send(index, Wants::Reply),
            50..72 => {
                let millis = [0, 5, 40, 300, 3_000, 20_000][usize::try_from(self.dice.below(6)).unwrap_or(0)];
                let millis = self.dice.below(millis + 1);
                self.pass(Duration::from_millis(millis));
            }
            fault => self.fault(index, fault),
        }
    }

    fn fault(&mut self, index: usize, which: u64) {
        let what = match which {
            72..77 => {
                self.server.cut(self.now, index);
                self.drain();
                self.clients[index].link.cut(self.now);
                "is cut off".to_owned()
            }
            77..80 => self.set(index, |link, roll| {
                link.air = if roll.is_multiple_of(2) { Air::Silent } else { Air::Clear };
                format!("{:?} air", link.air)
            }),
            80..84 => self.set(index, |link, roll| {
                let all = [WebSockets::Pass, WebSockets::Pass, WebSockets::Refuse, WebSockets::Mute];
                link.websockets = all[usize::try_from(roll % 4).unwrap_or(0)];
                format!("WebSockets {:?}", link.websockets)
            }),
            84..88 => self.set(index, |link, roll| {
                let all =
                    [Requests::Pass, Requests::Fail, Requests::GetsTwice, Requests::AllTwice, Requests::LoseAnswers];
                link.requests = all[usize::try_from(roll % 5).unwrap_or(0)];
                format!("requests {:?}", link.requests)
            }),
            88..90 => {
                let millis = self.dice.below(180_000);
                self.clients[index].asleep_until = self.now + Duration::from_millis(millis);
                format!("sleeps for {millis} ms")
            }
            90..93 => {
                let deaf = &mut self.server.deaf;
                let _ = deaf.remove(&index) || deaf.insert(index);
                format!("reads: {}", !self.server.deaf.contains(&index))
            }
            93..95 => {
                self.reload(index);
                "reloads".to_owned()
            }
            95..97 => {
                self.restart();
                "and all others: the server restarts".to_owned()
            }
            97 => {
                let pages = [Page::Online, Page::Offline, Page::Visible, Page::Hidden];
                let page = pages[usize::try_from(self.dice.below(4)).unwrap_or(0)];
                self.act(index, |connection, now| connection.set_page(now, page));
                format!("{page:?}")
            }
            _ => {
                self.act(index, Connection::reconnect);
                "reconnects".to_owned()
            }
        };
        self.log(index, &what);
        self.drain();
    }

    fn set(&mut self, index: usize, change: impl FnOnce(&mut Link, u64) -> String) -> String {
        let roll = self.dice.roll() >> 32;
        change(&mut self.clients[index].link, roll)
    }

    fn push(&mut self, index: usize) {
        self.next += 1;
        let number = self.next;
        let Ok(event) = Event::new("s/n", &number) else { return };
        if self.server.push_to(self.now, index, &event) {
            self.clients[index].pushed.push(number);
            self.log(index, &format!("is pushed {number}"));
        }
        self.drain();
    }

    fn send(&mut self, index: usize, wants: Wants) {
        self.next += 1;
        let data = self.next;
        let Ok(event) = Event::new("c/n", &data) else { return };
        let timeout = Duration::from_secs([2, 30, 900, 900][usize::try_from(self.dice.below(4)).unwrap_or(0)]);
        let taken = self.act(index, |connection, now| match wants {
            Wants::Nothing => connection.send(now, &event, timeout),
            Wants::Reply => connection.request(now, &event, timeout),
        });
        if let Ok(item) = taken {
            let sent = Sent {
                wants,
                data,
                deadline: self.now + timeout,
                life: self.server.life,
                done: None,
                ended_before: false,
            };
            self.clients[index].sent.insert(item, sent);
            self.log(index, &format!("{wants:?} {data} as item {} within {timeout:?}", item.number()));
            // What failed at once was told before it could be known here.
            self.drain();
        }
    }

    fn restart(&mut self) {
        self.server.restart();
        self.clients.iter_mut().for_each(|client| client.gap_is_fair = true);
    }

    /// The page goes, and comes back with what its outbox had kept. Nobody hears of the old connections' end but the network.
    fn reload(&mut self, index: usize) {
        self.server.cut(self.now, index);
        self.drain();
        let now = self.now;
        let roll = self.dice.roll();
        let client = &mut self.clients[index];
        client.link.forget();
        client.reloads += 1;
        // Events of before are not this page's; it loads afresh what it shows.
        client.told_of_gap = true;
        client.gap_is_fair = true;
        client.connection = connection(index as u64, roll);
        // What ended just now may still stand in the store.
        let unwritten = Duration::from_millis(if roll.is_multiple_of(2) { 100 } else { 0 });
        for sent in client.sent.values_mut() {
            if sent.done.take_if(|(at, _)| now.since(*at) < unwritten).is_some() {
                sent.ended_before = true;
            }
        }
        for (item, sent) in client.sent.iter().filter(|(_, sent)| sent.done.is_none()) {
            let Ok(event) = Event::new("c/n", &sent.data) else { continue };
            let left = sent.deadline.since(now);
            let restored = client.connection.restore(now, *item, &event, sent.wants, left);
            assert_eq!(restored, Ok(()), "items are restored in order");
        }
        // A page that has nothing under way begins an outbox of its own; this one goes on, so its numbers must too.
        let last = client.sent.keys().next_back().copied();
        client.connection.continue_after(last, client.reloads);
        self.act(index, Connection::open);
    }

    // Time.

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.tick(until) {}
        self.now = until;
        let (items, _) = self.server.fullest();
        if items > self.queue_items + 2 {
            self.wrong(0, &format!("a session holds {items} items, more than {}", self.queue_items));
        }
    }

    fn tick(&mut self, until: Instant) -> bool {
        let now = self.now;
        let due = self.clients.iter().filter_map(|client| {
            let inner = [client.link.next(), client.connection.poll_timeout()].into_iter().flatten().min()?;
            Some(inner.max(client.asleep_until))
        });
        let next = due.chain(self.server.next_timeout()).min();
        let Some(next) = next.filter(|next| *next <= until) else { return false };
        self.now = now.max(next);
        let now = self.now;
        for index in 0..self.clients.len() {
            // A page that wakes up sees what arrived before it sees its timers, or the reverse.
            let timers_first = self.clients[index].asleep_until == now;
            if timers_first {
                self.timers(index);
            }
            self.deliver(index);
            self.timers(index);
        }
        self.server.handle_timeout(now);
        self.drain();
        true
    }

    fn timers(&mut self, index: usize) {
        let client = &self.clients[index];
        let is_due = client.connection.poll_timeout().is_some_and(|at| at <= self.now);
        if is_due && client.asleep_until <= self.now {
            self.act(index, Connection::handle_timeout);
        }
    }

    fn deliver(&mut self, index: usize) {
        loop {
            let client = &mut self.clients[index];
            let awake = client.asleep_until <= self.now;
            let Some(flight) = client.link.take_due_for(self.now, awake) else { return };
            self.arrive(index, flight);
            self.drain();
        }
    }

    fn arrive(&mut self, index: usize, flight: Flight) {
        let now = self.now;
        let connection = &mut self.clients[index].connection;
        match flight {
            Flight::Down(path, message) => connection.handle_message(now, path, &message),
            Flight::Ended(path, close) => connection.handle_closed(now, path, close),
            Flight::Answer(exchange, status, body) => connection.handle_response(now, exchange, status, body, None),
            Flight::Failed(exchange) => connection.handle_failure(now, exchange, "cut"),
            flight => self.server.handle(now, index, flight),
        }
    }

    fn act<T>(&mut self, index: usize, act: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let result = act(&mut self.clients[index].connection, self.now);
        self.drain();
        result
    }

    fn drain(&mut self) {
        for index in 0..self.clients.len() {
            while let Some(output) = self.clients[index].connection.poll() {
                self.carry_out(index, output);
            }
        }
        for complaint in std::mem::take(&mut self.server.complaints) {
            self.wrong(usize::MAX, &complaint);
        }
        for (index, flight) in self.server.drain(self.now) {
            self.clients[index].link.put(self.now, flight);
        }
    }

    fn carry_out(&mut self, index: usize, output: Output) {
        let flight = match output {
            Output::Connect { path, .. } => Flight::Upgrade(path),
            Output::Transmit { path, message } => Flight::Up(path, message),
            Output::Disconnect { path, close } => Flight::Left(path, close),
            Output::Exchange { exchange, request } => Flight::Ask(exchange, request),
            Output::Abort { exchange } => Flight::GiveUp(exchange),
            Output::Event(event) => return self.told(index, &event),
            Output::Settled { item, result } => return self.settled(index, item, result),
            Output::State(state) => return self.changed(index, &state),
            Output::Gap(gap) => {
                self.log(index, &format!("is told of a gap: {gap:?}"));
                if !self.clients[index].gap_is_fair && !self.short_queue {
                    self.wrong(index, &format!("was told of a gap without need: {gap:?}"));
                }
                self.clients[index].told_of_gap = true;
                return;
            }
            Output::BadEvent(value) => return self.wrong(index, &format!("was sent what is no event: {value:?}")),
        };
        self.clients[index].link.put(self.now, flight);
    }

    /// Everything works again: then everything must come to its end.
    fn mend(&mut self) {
        self.history.push_str("everything is mended\n");
        self.server.deaf.clear();
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            client.link.air = Air::Clear;
            client.link.websockets = WebSockets::Pass;
            client.link.requests = Requests::Pass;
            client.asleep_until = self.now;
            for page in [Page::Visible, Page::Online] {
                self.act(index, |connection, now| connection.set_page(now, page));
            }
        }
        self.pass(Duration::from_secs(180));
        for index in 0..self.clients.len() {
            self.push(index);
        }
        self.pass(Duration::from_secs(30));
        self.check_end();
    }
}

impl Client {
    fn new(now: Instant, index: u64, dice: &mut Dice) -> Self {
        let mut link = Link::with_latency(Duration::from_millis(dice.below(200)));
        link.jitter = Duration::from_millis([0, 20, 200][usize::try_from(dice.below(3)).unwrap_or(0)]);
        link.http_delay = Duration::from_millis([0, 30, 400][usize::try_from(dice.below(3)).unwrap_or(0)]);
        link.dice = dice.roll();
        link.late = if dice.one_in(2) { Late::Arrives } else { Late::Dies };
        Self {
            connection: connection(index, dice.roll()),
            link,
            asleep_until: now,
            sent: BTreeMap::new(),
            pushed: Vec::new(),
            got: Vec::new(),
            told_of_gap: true,
            gap_is_fair: false,
            open_at: now,
            reloads: 0,
        }
    }
}

fn connection(index: u64, seed: u64) -> Connection {
    let mut outbox = [0; 16];
    outbox[..8].copy_from_slice(&(index + 1).to_be_bytes());
    let config = Config::new(Arc::new(Json::default()), &format!("client-{index}"), outbox);
    let mut dice = Dice(seed);
    Connection::new(config.expect("a client id as it should be"), move || {
        (dice.roll() >> 11) as f64 / (1_u64 << 53) as f64
    })
}
