//! A thousand times the server dies, the way for WebSockets is shut, or the machine sleeps for an hour.

use crate::leaks::sockets;
use crate::support::{Gate, ada, builder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tsugi_client::{Client, Outcome, Reason, State, Transport};

/// Where nobody listens.
const NOWHERE: u16 = 0;
/// The longest wait between two attempts (20 s), a WebSocket that stays mute (3 s), a second attempt, and some.
const BOUND: Duration = Duration::from_secs(50);
/// The longest wait between two attempts to get from polling to a WebSocket (5 min and a quarter), and some.
const CLIMB: Duration = Duration::from_secs(400);

/// What is between the client and the server: it can be cut, and led to another server.
struct Cable {
    address: std::net::SocketAddr,
    target: Arc<AtomicU16>,
    cuts: watch::Sender<u64>,
}

impl Cable {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, target, cuts) =
            (listener.local_addr().unwrap(), Arc::<AtomicU16>::default(), watch::Sender::new(0));
        tokio::spawn(carry(listener, Arc::clone(&target), cuts.clone()));
        Self { address, target, cuts }
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(listener: TcpListener, target: Arc<AtomicU16>, cuts: watch::Sender<u64>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (port, mut cut) = (target.load(Ordering::SeqCst), cuts.subscribe());
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

/// A server that is gone when this is dropped.
struct Running(AbortHandle, #[allow(dead_code, reason = "what lives as long")] tsugi::Server);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct World {
    cable: Cable,
    gate: Gate,
    tasks: JoinSet<()>,
    running: Option<Running>,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let cable = Cable::new().await;
        let client = ada().connect(&format!("http://{}/chsk", cable.address)).unwrap();
        let mut world = Self { cable, gate: Gate::default(), tasks: JoinSet::new(), running: None, client };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let server = builder().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.cable.target.store(listener.local_addr().unwrap().port(), Ordering::SeqCst);
        let app = self.gate.app(&server);
        let serving = self.tasks.spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        self.running = Some(Running(serving, server));
    }

    async fn dies_and_comes_back(&mut self) {
        self.running = None;
        self.cable.target.store(NOWHERE, Ordering::SeqCst);
        self.cable.cut();
        while self.tasks.join_next().await.is_some() {}
        let State::Waiting { loss, .. } = self.until(|state| matches!(state, State::Waiting { .. })).await else {
            unreachable!()
        };
        assert_eq!(loss.reason, Reason::Network);
        self.start().await;
        let open = self.until(|state| matches!(state, State::Open(_))).await;
        let State::Open(open) = open else { unreachable!() };
        assert_eq!(open.outcome, Outcome::New);
    }

    async fn is_blocked_and_unblocked(&mut self) {
        self.gate.shut();
        self.cable.cut();
        self.until(is_open_by(Transport::Poll)).await;
        self.works().await;
        self.gate.open();
        self.client.network_changed();
        self.until_within(CLIMB, is_open_by(Transport::WebSocket)).await;
    }

    async fn sleeps_for_an_hour(&mut self) {
        tokio::time::advance(Duration::from_secs(3_600)).await;
    }

    async fn until(&self, is: impl FnMut(&State) -> bool) -> State {
        self.until_within(BOUND, is).await
    }

    /// Waits for a state, and no longer than the client says it takes.
    async fn until_within(&self, bound: Duration, is: impl FnMut(&State) -> bool) -> State {
        let mut state = self.client.state();
        let found = tokio::time::timeout(bound, async { state.wait_for(is).await.unwrap().clone() }).await;
        found.unwrap_or_else(|_| panic!("not within {bound:?}: {:?}", self.client.state().borrow()))
    }

    async fn works(&self) {
        let deadline = Instant::now() + BOUND;
        // The first may be lost with the connection that nobody yet knows to be dead.
        while self.client.request::<i64>("test/echo", &1).await.is_err() {
            assert!(Instant::now() < deadline, "{:?}", self.client.state().borrow());
        }
    }
}

fn is_open_by(transport: Transport) -> impl Fn(&State) -> bool {
    move |state| matches!(state, State::Open(open) if open.transport == transport)
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn after_a_thousand_deaths_blockades_and_hours_of_sleep_the_client_works_and_nothing_is_left_over() {
    let mut world = World::new().await;
    world.works().await;
    for cycle in 0..1_000 {
        match cycle % 3 {
            0 => world.dies_and_comes_back().await,
            1 => world.is_blocked_and_unblocked().await,
            _ => world.sleeps_for_an_hour().await,
        }
        world.works().await;
    }
    // Longer than anything idle is kept.
    tokio::time::sleep(Duration::from_secs(900)).await;
    world.works().await;
    // The client, the listener, the cable's and the server's ends of a connection or two; a leak would be hundreds. Sockets of other
    // tests are counted too.
    assert!(tasks() < 30 && sockets() < 150, "{} tasks and {} sockets are left", tasks(), sockets());
    let World { client, cable, .. } = world;
    drop(client);
    tokio::time::sleep(Duration::from_secs(120)).await;
    cable.cut();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(tasks() <= 3, "{} tasks are left", tasks());
}
