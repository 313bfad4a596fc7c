//! What clients should never send. Each time another client is connected and notices nothing.

use crate::serve;
use conformance::raw::{Answer, Raw, client_frame};
use std::io::Read;
use std::net::SocketAddr;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded;charset=UTF-8";

/// A client that must stay well whatever another does.
struct Bystander(Raw);

impl Bystander {
    async fn watch(address: SocketAddr) -> Self {
        Self(open(address, "/chsk-open?client-id=bystander&uid=bystander").await)
    }

    async fn stays_well(mut self) {
        self.0.send("[[:test/echo :well] \"b\"]").await;
        assert_eq!(self.0.text().await, "[{:echo :well} \"b\"]");
    }
}

async fn open(address: SocketAddr, path: &str) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade(path).await, 101);
    client.text().await;
    client
}

async fn ask(address: SocketAddr, lines: &[&str], body: &str) -> Answer {
    let mut client = Raw::connect(address).await;
    client.request(lines, body).await;
    client.answer().await
}

/// Sends one frame to a fresh socket, which must be closed with `code`.
async fn is_closed(first: u8, payload: &[u8], code: u16) {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=a").await;
    client.write(&client_frame(first, payload)).await;
    assert_eq!(client.close_code().await, code);
    bystander.stays_well().await;
}

#[tokio::test]
async fn a15_no_client_id_is_a_400() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    assert_eq!(ask(address, &["GET /chsk-open HTTP/1.1"], "").await.status, 400);
    assert_eq!(Raw::connect(address).await.upgrade("/chsk-open").await, 400);
    assert_eq!(ask(address, &["POST /chsk-open HTTP/1.1", FORM], "ppstr=%5B%5B%3Aa%2Fb%5D%20nil%5D").await.status, 400);
    bystander.stays_well().await;
}

#[tokio::test]
async fn e4_e6_a_bad_token_and_a_bad_origin_are_a_403() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    assert_eq!(ask(address, &["GET /chsk?client-id=a&csrf-token=bad HTTP/1.1"], "").await.body, "Bad CSRF token");
    let evil = ["GET /chsk-origin?client-id=a HTTP/1.1", "Origin: http://evil.example"];
    let refused = ask(address, &evil, "").await;
    assert_eq!((refused.status, refused.body.as_str()), (403, "Unauthorized origin"));
    bystander.stays_well().await;
}

#[tokio::test]
async fn a16_a_post_that_cannot_be_decoded_is_a_400_that_tells_nothing() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let answer = ask(address, &["POST /chsk-open HTTP/1.1", FORM], "client-id=a&ppstr=%5B%5B%3Atest%2Ffoo").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 80 && !answer.body.contains("src/"), "{}", answer.body);
    bystander.stays_well().await;
}

#[tokio::test]
async fn b9_a_binary_frame_for_a_text_codec_closes_with_1003() {
    is_closed(0x82, b"[[:test/echo 1] \"b1\"]", 1003).await;
}

#[tokio::test]
async fn an_oversize_message_closes_with_1009() {
    is_closed(0x81, &[b' '; 70_000], 1009).await;
}

#[tokio::test]
async fn an_oversize_post_is_a_413() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let body = format!("client-id=a&ppstr={}", "x".repeat(400_000));
    assert_eq!(ask(address, &["POST /chsk-open HTTP/1.1", FORM], &body).await.status, 413);
    bystander.stays_well().await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007() {
    is_closed(0x81, b"[[:a/b \xff] nil]", 1007).await;
}

#[tokio::test]
async fn an_unmasked_frame_closes_with_1002() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=a").await;
    client.write(b"\x81\x02[]").await;
    assert_eq!(client.close_code().await, 1002);
    bystander.stays_well().await;
}

#[tokio::test]
async fn c7_events_of_the_protocol_cannot_be_forged() {
    let address = serve().await;
    let mut bystander = Bystander::watch(address).await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=a").await;
    for forged in ["[:chsk/uidport-close \"bystander\"]", "[:chsk/bad-event 1]", "[:chsk/handshake [1 2]]"] {
        client.send(&format!("[{forged} nil]")).await;
    }
    // Handled in order: when this one is answered, the forged ones were looked at.
    client.send("[[:test/echo 1] \"q\"]").await;
    while client.text().await != "[{:echo 1} \"q\"]" {}
    bystander.0.send("[[:test/info] \"i\"]").await;
    let online = bystander.0.text().await;
    assert!(online.contains("\"bystander\"") && online.contains("\"a\""), "{online}");
    let log = ask(address, &["GET /log HTTP/1.1"], "").await.body;
    assert!(!log.contains("uidport-close") && !log.contains("bad-event 1") && !log.contains("handshake"), "{log}");
    bystander.stays_well().await;
}

#[tokio::test]
async fn ten_thousand_levels_of_edn_overflow_nothing() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=a").await;
    client.send(&format!("[[:test/echo {}{}] \"deep\"]", "[".repeat(10_000), "]".repeat(10_000))).await;
    let frame = client.frame().await;
    assert!(frame.len() < 1_000, "a refusal is short");
    let body = format!("client-id=p&ppstr=[[:test/echo {}{}] nil]", "[".repeat(10_000), "]".repeat(10_000));
    let answer = ask(address, &["POST /chsk-open HTTP/1.1", FORM], &body.replace(' ', "%20")).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    bystander.stays_well().await;
}

#[tokio::test]
async fn c11_a_client_that_never_answers_pings_is_closed() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let mut client = open(address, "/chsk-fast?client-id=a&uid=a").await;
    assert_eq!(client.text().await, "[:chsk/ws-ping nil]");
    assert_eq!(client.close_code().await, 1000);
    bystander.stays_well().await;
}

/// Thirty-two megabytes of one letter, which are small enough to be sent.
fn bomb() -> Vec<u8> {
    let text = [b"[[:test/echo \"".to_vec(), vec![b'a'; 32 << 20], b"\"] \"b\"]".to_vec()].concat();
    let mut packed = vec![1];
    let mut stream = flate2::read::GzEncoder::new(&text[..], flate2::Compression::best());
    stream.read_to_end(&mut packed).expect("memory can be read");
    packed
}

#[tokio::test]
async fn b18_a_gzip_bomb_closes_with_1009_and_a_post_of_one_is_a_413() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let bomb = bomb();
    assert!(bomb.len() < 60_000, "{} bytes are within the limit of a message", bomb.len());
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade("/chsk-gz-edn?client-id=a&uid=a").await, 101);
    client.frame().await;
    client.write(&client_frame(0x82, &bomb)).await;
    assert_eq!(client.close_code().await, 1009);
    let mut client = Raw::connect(address).await;
    let post =
        ["POST /chsk-gz-edn?client-id=a&uid=a&binary%3F=true HTTP/1.1", "Content-Type: application/octet-stream"];
    client.request_bytes(&post, &bomb).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (413, "The message expands to more than 1048576 bytes"));
    bystander.stays_well().await;
}

#[tokio::test]
async fn messagepack_that_lies_about_its_length_or_is_nested_without_end_closes_with_1007() {
    let address = serve().await;
    let bystander = Bystander::watch(address).await;
    let deep = [0x91].repeat(10_000);
    let hostile: [&[u8]; 4] = [
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0x92, 0xdb, 0xff, 0xff, 0xff, 0xff, b'a'],
        &[0x92, 0x81, 0xd4, 8, 0],
        &deep,
    ];
    for message in hostile {
        let mut client = Raw::connect(address).await;
        assert_eq!(client.upgrade("/chsk-msgpack?client-id=a&uid=a").await, 101);
        client.frame().await;
        client.write(&client_frame(0x82, message)).await;
        assert_eq!(client.close_code().await, 1007);
    }
    bystander.stays_well().await;
}
