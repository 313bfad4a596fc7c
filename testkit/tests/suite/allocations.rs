//! What a broadcast allocates while 10 or 1,000 listen.
//!
//! Counted is everything of this thread, in which the server and all of its connections' tasks run: encoding and queueing,
//! and then each connection's writing, until its client has read the event. Clients allocate nothing.

use tsugi::{Event, Identity, Limits, Origins, Router, Server, Times};
use tsugi_testkit::local::{Client, Wire, serve};

/// Of one broadcast.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    allocations: f64,
    bytes: f64,
}

/// Until buffers have grown to what they need.
const WARM_UP: u32 = 10;
const ROUNDS: u32 = 50;
const FEW: usize = 10;
const MANY: usize = 1_000;

fn broadcast(connections: usize, payload: usize) -> Cost {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = Server::builder()
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .origins(Origins::Any)
        .limits(Limits::default().max_handshakes(2_000))
        // Nothing but broadcasts makes the server do anything.
        .times(Times::default().keep_alive(None))
        .router(Router::new())
        .build()
        .unwrap();
    let event = || Event::new("bench/said", &"x".repeat(payload));
    let (mut clients, mut heard) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let door = serve(&server);
        for index in 0..connections {
            clients.push(Client::connect(&door, Wire::Tsugi("json"), index).await.unwrap());
        }
        server.broadcast(event()).await.unwrap();
        for client in &mut clients {
            heard = client.until(b"\"]],null]").await.unwrap();
        }
    });
    let mut round = || {
        runtime.block_on(async {
            assert_eq!(server.broadcast(event()).await.unwrap().sessions, connections);
            for client in &mut clients {
                client.hear(&mut heard).await.unwrap();
            }
        });
    };
    (0..WARM_UP).for_each(|_| round());
    let counted = allocation_counter::measure(|| (0..ROUNDS).for_each(|_| round()));
    let each = |count: u64| count as f64 / f64::from(ROUNDS);
    Cost { allocations: each(counted.count_total), bytes: each(counted.bytes_total) }
}

/// What a broadcast costs for each connection, and what it costs once.
fn split(payload: usize) -> (Cost, Cost) {
    let (few, many) = (broadcast(FEW, payload), broadcast(MANY, payload));
    let share = |few: f64, many: f64| {
        let each = (many - few) / (MANY - FEW) as f64;
        (each, few - each * FEW as f64)
    };
    let (allocations, bytes) = (share(few.allocations, many.allocations), share(few.bytes, many.bytes));
    (Cost { allocations: allocations.0, bytes: bytes.0 }, Cost { allocations: allocations.1, bytes: bytes.1 })
}

#[test]
fn a_broadcast_is_encoded_and_framed_once_however_many_listen() {
    let (each, once) = split(8 * 1024);
    assert!(once.bytes > 8_192.0, "the event itself is counted: {once:?}");
    assert!(each.bytes < 16.0, "a connection gets no copy of the event: {each:?}");
}

#[test]
fn what_a_broadcast_allocates_does_not_grow_with_connections() {
    let (each, once) = split(128);
    assert!(each.allocations < 0.05, "{each:?}");
    assert!(once.allocations < 25.0, "{once:?}");
}
