//! Recorded scenarios in which several connections of one user or one client meet (19-RACE, 21, 22, 28, b1, b3, b4).
//! Frames of the server are compared whole, header included, with the recorded bytes; a line that says "better" is where
//! this server differs on purpose.

use crate::serve;
use conformance::raw::{Answer, Raw, client_frame};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const CLOSE_1000: &[u8] = b"\x88\x02\x03\xe8";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded;charset=UTF-8";

/// The grace of `/chsk-fast` for sockets is 300 ms, for polls 600 ms.
const LONGER_THAN_GRACE: Duration = Duration::from_millis(1_500);

async fn ask(address: SocketAddr, lines: &[String], body: &str) -> Answer {
    let mut client = Raw::connect(address).await;
    client.request(lines, body).await;
    client.answer().await
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &[format!("GET {path} HTTP/1.1")], "").await.body
}

/// A socket whose handshake was the recorded one.
async fn open(address: SocketAddr, endpoint: &str, client: &str, user: &str) -> Raw {
    let mut socket = Raw::connect(address).await;
    assert_eq!(socket.upgrade(&format!("{endpoint}?client-id={client}&uid={user}")).await, 101);
    assert_eq!(socket.frame().await, server_text(&format!("[[:chsk/handshake [\"{user}\" nil nil]] nil]")));
    socket
}

/// A short text frame as a server sends it: one frame, no mask.
fn server_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    assert!(length < 126, "a longer one has another header");
    [&[0x81, length], text.as_bytes()].concat()
}

/// Sends the recorded close, `88 82 37fa213d 3412`, and reads its echo; pings that were under way are passed over.
async fn close(mut socket: Raw) {
    socket.write(&client_frame(0x88, &[0x03, 0xe8])).await;
    let mut frame = socket.frame().await;
    while frame == server_text("[:chsk/ws-ping nil]") {
        frame = socket.frame().await;
    }
    assert_eq!(frame, CLOSE_1000);
}

/// The line of `/conns` about one endpoint.
async fn online(address: SocketAddr, endpoint: &str) -> String {
    let all = get(address, "/conns").await;
    all.lines().find(|line| line.starts_with(&format!("{endpoint} "))).expect("a line for each endpoint").to_owned()
}

/// Waits until the endpoint says so; how long that took.
async fn comes_to(address: SocketAddr, endpoint: &str, wanted: &str) -> Duration {
    let start = Instant::now();
    while !online(address, endpoint).await.contains(wanted) {
        let line = online(address, endpoint).await;
        assert!(start.elapsed() < LONGER_THAN_GRACE, "{line} never came to {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn c4_d5_d12_d13_scenario_21_a_user_stays_while_one_of_two_clients_does() {
    let address = serve().await;
    let mut first = open(address, "/chsk-fast", "c21a", "u21").await;
    let mut second = open(address, "/chsk-fast", "c21b", "u21").await;
    first.send("[[:test/push 2] nil]").await;
    let both = server_text("[[[:srv/n 0] [:srv/n 1]] nil]");
    assert_eq!(first.frame().await, both);
    assert_eq!(second.frame().await, both);
    close(first).await;
    // Past the grace of the first; before the first ping that the second has to answer times out.
    tokio::time::sleep(Duration::from_millis(400)).await;
    second.send("[[:test/push 1] nil]").await;
    let mut frame = second.frame().await;
    if frame == server_text("[:chsk/ws-ping nil]") {
        frame = second.frame().await;
    }
    assert_eq!(frame, server_text("[[[:srv/n 0]] nil]"));
    let log = get(address, "/log").await;
    assert_eq!(log.matches("uidport-open").count(), 1, "{log}");
    assert!(!log.contains("uidport-close"), "{log}");
    close(second).await;
    comes_to(address, "/chsk-fast", "ws=[] ajax=[] any=[]").await;
}

#[tokio::test]
async fn d15_scenario_22_of_two_sockets_of_a_client_the_newer_gets_the_pushes_and_the_older_is_closed() {
    let address = serve().await;
    let mut first = open(address, "/chsk-open", "c22", "u22").await;
    let mut second = open(address, "/chsk-open", "c22", "u22").await;
    // Better: the reference leaves the first open and deaf.
    assert_eq!(first.frame().await.first(), Some(&0x88));
    second.send("[[:test/push 1] nil]").await;
    assert_eq!(second.frame().await, server_text("[[[:srv/n 0]] nil]"));
    drop(first);
    second.send("[[:test/push 1] nil]").await;
    assert_eq!(second.frame().await, server_text("[[[:srv/n 0]] nil]"));
    close(second).await;
}

#[tokio::test]
async fn c6_e14_scenario_28_a_poller_that_hung_up_leaves_after_its_grace() {
    let address = serve().await;
    let body = get(address, "/chsk-fast?client-id=c28&uid=u28&udt=1&handshake%3F=1").await;
    assert_eq!(body, "[[:chsk/handshake [\"u28\" nil nil]] nil]");
    let mut poll = Raw::connect(address).await;
    poll.request(&["GET /chsk-fast?client-id=c28&uid=u28&udt=1 HTTP/1.1"], "").await;
    comes_to(address, "/chsk-fast", "ajax=[u28] any=[u28]").await;
    drop(poll);
    let grace = comes_to(address, "/chsk-fast", "ws=[] ajax=[] any=[]").await;
    assert!(grace >= Duration::from_millis(500), "gone after {grace:?}, before its grace of 600 ms");
    let log = get(address, "/log").await;
    assert_eq!(log.matches(":chsk/uidport-close \"u28\"").count(), 1, "{log}");
}

#[tokio::test]
async fn d14_scenario_b1_an_older_socket_that_closes_leaves_no_phantom() {
    let address = serve().await;
    let mut first = open(address, "/chsk-fast", "ph", "uph").await;
    let second = open(address, "/chsk-fast", "ph", "uph").await;
    // Better: here the server closed the first already; an event sent on it all the same must bring nobody back.
    first.send("[[:test/foo :from-A] nil]").await;
    close(second).await;
    drop(first);
    // Better: the reference keeps `uph` for ever, also after another client of that user came and went.
    comes_to(address, "/chsk-fast", "ws=[] ajax=[] any=[]").await;
    close(open(address, "/chsk-fast", "c2", "uph").await).await;
    comes_to(address, "/chsk-fast", "ws=[] ajax=[] any=[]").await;
}

#[tokio::test]
async fn d15_scenario_b3_the_newer_socket_keeps_its_pings_and_the_older_is_no_zombie() {
    let address = serve().await;
    let mut first = open(address, "/chsk-fast", "z", "uz").await;
    let mut second = open(address, "/chsk-fast", "z", "uz").await;
    assert_eq!(first.frame().await.first(), Some(&0x88), "better: the reference never closes it");
    assert_eq!(second.frame().await, server_text("[:chsk/ws-ping nil]"));
    second.send("[[:chsk/ws-pong] nil]").await;
    assert_eq!(second.frame().await, server_text("[:chsk/ws-ping nil]"), "a pong kept it open");
    close(second).await;
    comes_to(address, "/chsk-fast", "ws=[] ajax=[] any=[]").await;
}

#[tokio::test]
async fn d16_scenario_b4_a_client_that_logs_in_gets_nothing_of_its_old_user() {
    let address = serve().await;
    close(open(address, "/chsk-fast", "l1", "anon").await).await;
    let mut alice = open(address, "/chsk-fast", "l1", "alice").await;
    let both = online(address, "/chsk-fast").await;
    assert!(both.contains("any=[alice,anon]"), "within the grace the old user is still there: {both}");
    let post = ["POST /chsk-fast HTTP/1.1".to_owned(), FORM.to_owned()];
    let answer = ask(address, &post, "udt=1&client-id=x&uid=anon&ppstr=%5B%5B%3Atest%2Fpush%201%5D%20nil%5D").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[:chsk/dummy-cb-200 nil]"));
    assert!(alice.is_quiet(Duration::from_millis(200)).await, "a push to the old user is not for the new one");
    comes_to(address, "/chsk-fast", "ws=[alice] ajax=[] any=[alice]").await;
    close(alice).await;
}

#[tokio::test]
async fn d18_scenario_19_race_what_the_first_event_causes_is_never_lost() {
    let address = serve().await;
    for round in 0..50 {
        let mut socket = Raw::connect(address).await;
        // The event leaves right behind the upgrade, so that it is there as early as anything can be.
        assert_eq!(socket.upgrade(&format!("/chsk-open?client-id=r{round}&uid=r{round}")).await, 101);
        socket.send("[[:test/push-flush 1] nil]").await;
        assert!(socket.text().await.starts_with("[[:chsk/handshake "));
        assert_eq!(socket.frame().await, server_text("[[[:srv/n 0]] nil]"), "round {round}");
        close(socket).await;
        let mut socket = open(address, "/chsk-open", &format!("q{round}"), &format!("q{round}")).await;
        socket.send("[[:test/close] nil]").await;
        assert_eq!(socket.frame().await, CLOSE_1000, "better: the reference sometimes loses this close");
    }
}
