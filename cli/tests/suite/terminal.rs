//! `tsugi connect` in a pseudo-terminal.

use crate::support::{PATIENCE, Servers, tsugi};
use rexpect::session::{PtySession, spawn_command};
use std::process::Command;

fn terminal(command: &mut Command) -> PtySession {
    // Of its own, where lines can be edited.
    command.env("TERM", "xterm").env("COLUMNS", "120");
    let owned = std::mem::replace(command, tsugi());
    spawn_command(owned, Some(PATIENCE)).unwrap()
}

#[test]
fn a_person_types_events_sees_replies_and_pushes_and_leaves() {
    let servers = Servers::start();
    let mut person = terminal(&mut servers.connect("/chsk?uid=ada", &["--no-history"]));
    person.exp_string("-- connected by WebSocket as \"ada\"").unwrap();
    person.exp_string("> ").unwrap();
    person.send_line("test/echo {:a 1}").unwrap();
    person.exp_string("test/echo -> {:echo {:a 1}}").unwrap();
    person.send_line("test/push 2").unwrap();
    person.exp_string("<- [:srv/n 0]").unwrap();
    person.exp_string("<- [:srv/n 1]").unwrap();
    person.send_line("nonsense").unwrap();
    person.exp_string("not an event").unwrap();
    person.send_line("/state").unwrap();
    person.exp_string("-- connected by WebSocket").unwrap();
    person.send_line("/reconnect").unwrap();
    person.exp_string("the session goes on").unwrap();
    person.send_line("/help").unwrap();
    person.exp_string("/quit").unwrap();
    person.send_line("/quit").unwrap();
    person.exp_eof().unwrap();
    assert_eq!(person.process.wait().unwrap(), exited(&person, 0));
}

fn exited(session: &PtySession, code: i32) -> rexpect::process::wait::WaitStatus {
    rexpect::process::wait::WaitStatus::Exited(session.process.child_pid, code)
}

#[test]
fn what_was_typed_is_there_again_the_next_time() {
    let servers = Servers::start();
    let path = std::env::temp_dir().join(format!("tsugi-cli-history-{}", std::process::id()));
    let history = path.to_str().unwrap();
    let mut first = terminal(&mut servers.connect("/chsk", &["--history", history]));
    first.exp_string("> ").unwrap();
    first.send_line("test/echo :remember").unwrap();
    first.exp_string("{:echo :remember}").unwrap();
    first.send_control('d').unwrap();
    first.exp_eof().unwrap();
    let mut second = terminal(&mut servers.connect("/chsk", &["--history", history]));
    second.exp_string("> ").unwrap();
    second.send("\u{1b}[A").unwrap();
    second.flush().unwrap();
    second.exp_string("test/echo :remember").unwrap();
    second.send_line("").unwrap();
    second.exp_string("{:echo :remember}").unwrap();
    second.send_control('c').unwrap();
    second.exp_eof().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_server_that_sends_one_away_gives_the_terminal_back() {
    let servers = Servers::start();
    // A shell behind it says how the terminal was left.
    let tsugi = env!("CARGO_BIN_EXE_tsugi");
    let url = servers.url("/chsk?uid=bob");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{tsugi} connect --no-history '{url}'; echo left $?; stty -a")]);
    let mut person = terminal(&mut shell);
    person.exp_string("> ").unwrap();
    person.send_line("!test/leave").unwrap();
    person.exp_string("tsugi: the server closed the connection (4500): signed out").unwrap();
    person.exp_string("left 4").unwrap();
    person.exp_regex(r"[^-]icanon").unwrap();
    person.exp_eof().unwrap();
}

#[test]
fn a_plain_websocket_is_talked_to_until_it_says_goodbye() {
    let servers = Servers::start();
    let mut person = terminal(&mut servers.connect("/echo", &["--raw", "--no-history"]));
    person.exp_string("-- connected").unwrap();
    person.exp_string("> ").unwrap();
    person.send_line("/quit is a message").unwrap();
    person.exp_string("<- /quit is a message").unwrap();
    person.send_line("bye").unwrap();
    person.exp_string("the server closed the connection (1000) as you say").unwrap();
    person.exp_eof().unwrap();
}
