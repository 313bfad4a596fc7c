//! What is measured, and whom.

use crate::shell::Outcome;
use std::fmt::Write as _;

/// What a job asks of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As many messages as it can.
    Throughput,
    /// How long messages take that come at a fixed rate.
    Latency,
    /// CPU time while clients only answer pings.
    Idle,
    /// Memory for each client.
    Memory,
}

/// How its clients reach a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    WebSocket,
    LongPoll,
}

pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What one of the counted things is.
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    pub(crate) over: Over,
    /// For the load.
    pub(crate) arguments: &'static str,
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    /// Seconds in a quick run, if it is part of one.
    pub(crate) quick: Option<f64>,
    /// More would tell nothing new and take long.
    pub(crate) most_rounds: u8,
    /// Also shows what Tsugi's extension costs.
    pub(crate) shows_extension: bool,
}

const THROUGHPUT: Job = Job {
    name: "",
    title: "",
    unit: "",
    kind: Kind::Throughput,
    over: Over::WebSocket,
    arguments: "",
    connections: 64,
    seconds: 2.0,
    quick: None,
    most_rounds: 50,
    shows_extension: false,
};

/// Where a job can be done with more than one number of clients, the load opens `connections` of them.
pub(crate) const JOBS: [Job; 16] = [
    Job {
        name: "requests-16x64",
        title: "Requests of 64 B and their replies, 16 in flight on each of 64 connections",
        unit: "reply",
        arguments: "--job echo --depth 16",
        quick: Some(0.6),
        shows_extension: true,
        ..THROUGHPUT
    },
    Job {
        name: "requests-1x64",
        title: "Requests of 64 B and their replies, one in flight on each of 64 connections",
        unit: "reply",
        arguments: "--job echo",
        shows_extension: true,
        ..THROUGHPUT
    },
    Job {
        name: "requests-16x1000",
        title: "Requests of 64 B and their replies, 16 in flight on each of 1,000 connections",
        unit: "reply",
        arguments: "--job echo --depth 16",
        connections: 1_000,
        ..THROUGHPUT
    },
    Job {
        name: "requests-1x1000",
        title: "Requests of 64 B and their replies, one in flight on each of 1,000 connections",
        unit: "reply",
        arguments: "--job echo",
        connections: 1_000,
        ..THROUGHPUT
    },
    Job {
        name: "requests-latency",
        title: "How long a request of 64 B takes: 5,000 a second over 64 connections",
        unit: "reply",
        kind: Kind::Latency,
        arguments: "--job echo --rate 5000",
        ..THROUGHPUT
    },
    Job {
        name: "broadcast-1000",
        title: "Broadcasts of 128 B to 1,000 connections, one at a time",
        unit: "delivery",
        arguments: "--job broadcast",
        connections: 1_000,
        quick: Some(0.6),
        shows_extension: true,
        ..THROUGHPUT
    },
    Job {
        name: "broadcast-1000-bursts",
        title: "Broadcasts of 128 B to 1,000 connections, in bursts of 8",
        unit: "delivery",
        arguments: "--job broadcast --depth 8",
        connections: 1_000,
        shows_extension: true,
        ..THROUGHPUT
    },
    Job {
        name: "broadcast-10000",
        title: "Broadcasts of 128 B to 10,000 connections, one at a time",
        unit: "delivery",
        arguments: "--job broadcast",
        connections: 10_000,
        seconds: 4.0,
        ..THROUGHPUT
    },
    Job {
        name: "broadcast-10000-bursts",
        title: "Broadcasts of 128 B to 10,000 connections, in bursts of 8",
        unit: "delivery",
        arguments: "--job broadcast --depth 8",
        connections: 10_000,
        seconds: 4.0,
        ..THROUGHPUT
    },
    Job {
        name: "broadcast-latency",
        title: "How long a broadcast of 128 B takes to each of 1,000 connections: 20 a second",
        unit: "delivery",
        kind: Kind::Latency,
        arguments: "--job broadcast --rate 20",
        connections: 1_000,
        ..THROUGHPUT
    },
    Job {
        name: "push",
        title: "Pushes of 64 B to one user among 10,000, 64 in flight",
        unit: "push",
        arguments: "--job push --depth 64",
        connections: 10_000,
        ..THROUGHPUT
    },
    Job {
        name: "connect",
        title: "Clients that connect, shake hands and close, 64 at a time",
        unit: "client",
        arguments: "--job connect",
        shows_extension: true,
        ..THROUGHPUT
    },
    Job {
        name: "longpoll-1",
        title: "Long-poll: requests of 64 B and their replies, one in flight for each of 64 clients",
        unit: "reply",
        over: Over::LongPoll,
        arguments: "--job echo",
        quick: Some(0.6),
        ..THROUGHPUT
    },
    Job {
        name: "longpoll-16",
        title: "Long-poll: requests of 64 B and their replies, 16 in flight for each of 64 clients",
        unit: "reply",
        over: Over::LongPoll,
        arguments: "--job echo --depth 16",
        ..THROUGHPUT
    },
    Job {
        name: "idle",
        title: "19,000 idle connections with keep-alive on, for 25 s",
        unit: "connection",
        kind: Kind::Idle,
        arguments: "--job idle",
        connections: 19_000,
        // As long as everybody's default between two pings.
        seconds: 25.0,
        most_rounds: 2,
        ..THROUGHPUT
    },
    Job {
        name: "memory",
        title: "Memory of the server process for each idle connection",
        unit: "connection",
        kind: Kind::Memory,
        arguments: "--job hold",
        connections: 19_000,
        quick: Some(0.0),
        most_rounds: 2,
        shows_extension: true,
        ..THROUGHPUT
    },
];

impl Job {
    pub(crate) fn suits(&self, server: &Server) -> bool {
        self.over == server.over
            && (self.shows_extension || server.part == Part::Everywhere)
            && (self.kind != Kind::Idle || server.keep_alive == KeepAlive::Default)
    }

    /// How many clients there are at each step of a measurement of memory.
    pub(crate) fn steps(&self, quick: bool) -> &'static [usize] {
        if quick { &[500, 2_000] } else { &[1_000, 5_000, 10_000, 19_000] }
    }
}

/// How a server is started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// In the package of the load.
    Own(&'static str),
    /// In the package of the peers.
    Peer(&'static str),
    /// A script for Node.
    Node(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// Pings every 25 s, as it comes.
    Default,
    /// None, unless the application has its own.
    None,
}

/// Where a server takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Everywhere,
    /// Where a job shows what Tsugi's extension costs.
    Extension,
}

#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) program: Program,
    pub(crate) dialect: &'static str,
    pub(crate) over: Over,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) part: Part,
}

const fn server(name: &'static str, what: &'static str, program: Program, dialect: &'static str) -> Server {
    let (over, keep_alive, part) = (Over::WebSocket, KeepAlive::Default, Part::Everywhere);
    Server { name, what, program, dialect, over, keep_alive, part }
}

/// Sends no pings by itself.
const fn silent(server: Server) -> Server {
    Server { keep_alive: KeepAlive::None, ..server }
}

const fn extension(server: Server) -> Server {
    Server { part: Part::Extension, ..server }
}

const fn polled(server: Server) -> Server {
    Server { over: Over::LongPoll, ..server }
}

pub(crate) const SERVERS: [Server; 16] = [
    silent(server("bare", "the limit: hyper, Tsugi's WebSocket codec, no protocol", Program::Own("bare"), "raw")),
    server("tsugi-edn", "Tsugi, events in EDN over WebSocket", Program::Own("tsugi"), "tsugi-edn"),
    extension(server(
        "tsugi-edn-counted",
        "the same with counts, acknowledgements and an outbox",
        Program::Own("tsugi"),
        "tsugi-edn-counted",
    )),
    extension(server(
        "tsugi-sente",
        "Tsugi, a Sente client without the extension; its batch window is 30 ms",
        Program::Own("tsugi"),
        "tsugi-sente",
    )),
    server("tsugi-json", "Tsugi, events in JSON over WebSocket", Program::Own("tsugi"), "tsugi-json"),
    extension(server(
        "tsugi-json-counted",
        "the same with counts, acknowledgements and an outbox",
        Program::Own("tsugi"),
        "tsugi-json-counted",
    )),
    server("tsugi-sockjs", "Tsugi, events in JSON over a SockJS WebSocket", Program::Own("tsugi"), "tsugi-sockjs"),
    silent(server("axum-ws", "axum's ws with a broadcast channel", Program::Peer("axum-ws"), "raw")),
    server("socketioxide", "socketioxide over WebSocket", Program::Peer("socketioxide"), "socket-io"),
    server("socket.io", "Socket.IO over WebSocket", Program::Node("socket.io.js"), "socket-io"),
    silent(server("ws", "ws, a library for WebSockets alone", Program::Node("ws.js"), "raw")),
    server("sockjs-node", "sockjs-node over a SockJS WebSocket", Program::Node("sockjs.js"), "sockjs"),
    polled(server("tsugi-poll", "Tsugi, events in JSON over long-poll", Program::Own("tsugi"), "tsugi-poll")),
    polled(server("socketioxide-poll", "socketioxide over long-poll", Program::Peer("socketioxide"), "socket-io-poll")),
    polled(server("socket.io-poll", "Socket.IO over long-poll", Program::Node("socket.io.js"), "socket-io-poll")),
    polled(server("sockjs-node-poll", "sockjs-node over xhr polling", Program::Node("sockjs.js"), "sockjs-xhr")),
];

/// What the command's help says after its options.
pub(crate) fn help() -> String {
    let mut text =
        "The server runs on core 0, the load on core 1, everything on loopback. Whole runs take about an hour, \
                    or what --minutes says; \
                    the machine should do nothing else.\n\nJobs:\n"
            .to_owned();
    for job in &JOBS {
        let quick = if job.quick.is_some() { " (also when quick)" } else { "" };
        let _ = writeln!(text, "  {:<24}{}{quick}", job.name, job.title);
    }
    text.push_str("\nServers:\n");
    for server in &SERVERS {
        let _ = writeln!(text, "  {:<24}{}", server.name, server.what);
    }
    text
}

pub(crate) fn jobs(wanted: &[String], quick: bool) -> Outcome<Vec<&'static Job>> {
    let chosen: Vec<_> = JOBS.iter().filter(|job| named(job.name, wanted)).collect();
    if chosen.is_empty() {
        return Err(format!("no job begins with that; there are {}", list(JOBS.iter().map(|job| job.name))));
    }
    // Whoever names a job wants it, quick or not.
    Ok(chosen.into_iter().filter(|job| !quick || job.quick.is_some() || !wanted.is_empty()).collect())
}

pub(crate) fn servers(wanted: &[String]) -> Outcome<Vec<&'static Server>> {
    let chosen: Vec<_> = SERVERS.iter().filter(|server| named(server.name, wanted)).collect();
    if chosen.is_empty() {
        let names = SERVERS.iter().map(|server| server.name);
        return Err(format!("no server begins with that; there are {}", list(names)));
    }
    Ok(chosen)
}

fn named(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|start| name.starts_with(start))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
