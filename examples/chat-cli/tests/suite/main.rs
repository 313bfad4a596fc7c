//! The chat in real pseudo-terminals, against a real chat server.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use chat::store::Store;
use rexpect::session::PtySession;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;

/// Longer than anything here takes, in milliseconds.
const PATIENCE: u64 = 30_000;

struct Server {
    runtime: Option<Runtime>,
    url: String,
    file: PathBuf,
}

impl Server {
    fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("tsugi-chat-cli-{}-{number}.db", std::process::id()));
        let runtime = Runtime::new().unwrap();
        let url = runtime.block_on(async {
            let (app, _server) = chat::app(Store::open(&file).unwrap()).unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, app).await });
            format!("http://{address}")
        });
        Self { runtime: Some(runtime), url, file }
    }

    fn terminal(&self, arguments: &str) -> PtySession {
        let program = env!("CARGO_BIN_EXE_chat-cli");
        rexpect::spawn(&format!("{program} {} {arguments}", self.url), Some(PATIENCE)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        for ending in ["", "-wal", "-shm"] {
            // Not every one of them exists.
            let _ = std::fs::remove_file(format!("{}{ending}", self.file.display()));
        }
    }
}

#[test]
fn three_people_talk_one_of_them_over_long_poll_only() {
    let server = Server::start();
    let mut ada = server.terminal("--name Ada");
    ada.exp_string("[Lobby, 1 here, online] ").unwrap();
    let mut bob = server.terminal("--name Bob");
    bob.exp_string("here, online] ").unwrap();
    ada.exp_string("* Bob is here").unwrap();
    let mut cleo = server.terminal("--name Cleo --poll");
    cleo.exp_string("here, online by polling] ").unwrap();
    bob.exp_string("* Cleo is here").unwrap();
    for said in ["Ada", "Bob", "Cleo"] {
        let who = match said {
            "Ada" => &mut ada,
            "Bob" => &mut bob,
            _ => &mut cleo,
        };
        who.send_line(&format!("I am {said}")).unwrap();
        for hears in [&mut ada, &mut bob, &mut cleo] {
            hears.exp_string(&format!("{said}: I am {said}")).unwrap();
        }
    }
    ada.send_line("/who").unwrap();
    ada.exp_string("* here: ").unwrap();
    for terminal in [&mut ada, &mut bob, &mut cleo] {
        terminal.send_line("/quit").unwrap();
        terminal.exp_eof().unwrap();
    }
}

#[test]
fn whoever_comes_late_sees_what_was_said_and_a_pipe_says_all_its_lines_before_it_ends() {
    use std::io::Write;
    let server = Server::start();
    let mut piped = Command::new(env!("CARGO_BIN_EXE_chat-cli"))
        .args([&server.url, "--name", "Piper"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(b"one\ntwo\nthree").unwrap();
    assert!(piped.wait_with_output().unwrap().status.success());
    let mut late = server.terminal("--name Late");
    for line in ["Piper: one", "Piper: two", "Piper: three"] {
        late.exp_string(line).unwrap();
    }
}

#[test]
fn a_name_that_is_taken_and_a_room_that_is_not_there_are_said_in_words() {
    let server = Server::start();
    let mut ada = server.terminal("--name Ada");
    ada.exp_string("online] ").unwrap();
    let mut other = server.terminal("--name ada");
    other.exp_string("somebody has that name already").unwrap();
    let mut lost = server.terminal("--name Bob --room Nowhere");
    lost.exp_string("there is no room").unwrap();
}

#[test]
fn help_says_what_can_be_typed() {
    let help = Command::new(env!("CARGO_BIN_EXE_chat-cli")).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.contains("/quit") && text.contains("--poll"), "{text}");
}
