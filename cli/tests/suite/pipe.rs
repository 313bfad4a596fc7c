//! `tsugi connect` from a pipe.

use crate::support::{Servers, run};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Without the times, which nobody knows beforehand.
fn timeless(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split("  (").next().unwrap_or(line)).collect()
}

#[test]
fn lines_in_edn_json_and_words_are_asked_and_their_replies_printed_before_it_ends() {
    let servers = Servers::start();
    let input =
        "[:test/echo {:a 1}]\n\n; a comment\n[\"test/echo\", {\"a\": 1}]\ntest/echo null\n!test/none\ntest/none";
    let ran = run(&mut servers.connect("/chsk", &[]), input);
    let out = timeless(&ran.out);
    assert_eq!(out[..3], ["test/echo -> {:echo {:a 1}}", "test/echo -> {:echo {\"a\" 1}}", "test/echo -> {:echo nil}"]);
    // That an event was handled is said when nothing else is left to say.
    assert!(
        out.len() == 5 && out[3..].contains(&"test/none done") && out[3..].contains(&"test/none -> nil"),
        "{out:?}"
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, "-- connected by WebSocket as nobody\n"));
}

#[test]
fn the_same_goes_over_long_polling_in_json_and_as_plain_sente() {
    let servers = Servers::start();
    for options in [
        &["--transport", "poll"][..],
        &["--codec", "json"],
        &["--wire", "sente"],
        &["--wire", "sente", "--transport", "poll"],
    ] {
        let ran = run(&mut servers.connect("/chsk?uid=ada", options), "test/echo \"hi\"\ntest/push 2");
        let json = options.contains(&"json");
        let echo = if json { "test/echo -> {\"echo\":\"hi\"}" } else { "test/echo -> {:echo \"hi\"}" };
        assert!(timeless(&ran.out).contains(&echo), "{options:?}: {}", ran.out);
        assert_eq!(ran.code, 0, "{options:?}: {}", ran.err);
        let by = if options.contains(&"poll") { "long-polling" } else { "WebSocket" };
        assert!(ran.err.contains(&format!("connected by {by} as \"ada\"")), "{options:?}: {}", ran.err);
    }
}

#[test]
fn a_sente_server_is_recognized() {
    let servers = Servers::start();
    for transport in ["ws", "poll"] {
        let mut command = servers.connect("/sente?uid=ada", &["--transport", transport, "--linger", "60s"]);
        let wanted = ["test/echo -> {:echo {:a 1}}", "test/none done", "test/push -> nil", "<- [:srv/n 0]"];
        // A reply and an event come on two connections, in any order.
        says_all(&mut command, "test/echo {:a 1}\n!test/none\ntest/push 1\n", &wanted);
    }
}

/// Waits until a command has said all of this, and then ends it.
fn says_all(command: &mut Command, input: &str, wanted: &[&str]) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut missing: Vec<&str> = wanted.to_vec();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let line = timeless(&line)[0];
        missing.retain(|wanted| *wanted != line);
        if missing.is_empty() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_pipe_that_holds_no_text_fails_behind_what_did() {
    let servers = Servers::start();
    let path = std::env::temp_dir().join(format!("tsugi-cli-bytes-{}", std::process::id()));
    std::fs::write(&path, b"test/echo 1\ntest/echo \xff\n").unwrap();
    let out = servers.connect("/chsk", &[]).stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    std::fs::remove_file(path).unwrap();
    let (text, words) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert!(
        text.starts_with("test/echo -> {:echo 1}") && words.contains("line 2: ") && words.contains("UTF-8"),
        "{words}"
    );
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn what_the_server_pushes_is_printed_too() {
    let servers = Servers::start();
    let ran = run(&mut servers.connect("/chsk", &["-H", "X-User: ada", "--linger", "300ms"]), "test/push 3\n");
    for line in ["<- [:srv/n 0]", "<- [:srv/n 1]", "<- [:srv/n 2]"] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    assert_eq!(ran.code, 0);
}

#[test]
fn what_fails_is_said_and_makes_the_exit_code() {
    let servers = Servers::start();
    let input = "test/fail\nnonsense\ntest/nowhere 1\ntest/late\ntest/echo 1\n";
    let ran = run(&mut servers.connect("/chsk", &["--timeout", "4s"]), input);
    assert_eq!(timeless(&ran.out), ["test/echo -> {:echo 1}"]);
    assert_eq!(ran.code, 1);
    for words in [
        "test/fail failed: sold-out: no seats left",
        "line 2: not an event: ",
        "test/nowhere failed: unknown-event",
        "test/late failed: timeout: not done in time",
    ] {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
}

#[test]
fn machines_get_a_line_of_json_for_everything() {
    let servers = Servers::start();
    let input = "test/echo [1 :b]\n!test/none\nnonsense\ntest/fail\ntest/push 1\n";
    let options = ["--json", "-H", "X-User: ada", "--linger", "300ms"];
    let mut ran = run(&mut servers.connect("/chsk", &options), input);
    let first: Json = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"type": "state", "state": "open", "transport": "websocket", "session": "new", "user": "ada"})
    );
    ran.err.clear();
    let lines: Vec<Json> = ran.json();
    let of = |kind: &str| -> Vec<Json> {
        let timeless = |line: &Json| {
            let mut line = line.clone();
            line.as_object_mut().unwrap().remove("ms");
            line
        };
        lines.iter().filter(|line| line["type"] == kind).map(timeless).collect()
    };
    assert_eq!(of("reply")[0], json!({"type": "reply", "line": 1, "event": "test/echo", "reply": {"echo": [1, "b"]}}));
    assert_eq!(of("reply")[1], json!({"type": "reply", "line": 5, "event": "test/push", "reply": null}));
    assert_eq!(of("handled"), [json!({"type": "handled", "line": 2, "event": "test/none"})]);
    assert_eq!(of("event"), [json!({"type": "event", "event": "srv/n", "data": 0})]);
    let failures = of("failure");
    assert_eq!((&failures[0]["line"], &failures[0]["code"]), (&json!(3), &json!("not-an-event")));
    assert_eq!(
        failures[1],
        json!({"type": "failure", "line": 4, "event": "test/fail", "code": "sold-out", "message": "no seats left"})
    );
    assert!(
        lines.iter().filter(|line| line["type"] == "reply").all(|line| line["ms"].as_f64().is_some_and(|ms| ms > 0.0))
    );
    assert_eq!(ran.code, 1);
}

#[test]
fn a_token_comes_from_the_environment_or_a_file() {
    let servers = Servers::start();
    let path = std::env::temp_dir().join(format!("tsugi-cli-token-{}", std::process::id()));
    std::fs::write(&path, "token of the page\n").unwrap();
    let file = format!("@{}", path.display());
    for wire in ["tsugi", "sente"] {
        let from_file = run(&mut servers.connect("/csrf", &["--wire", wire, "--csrf-token", &file]), "test/echo 1");
        assert_eq!(from_file.code, 0, "{}", from_file.err);
        let mut command = servers.connect("/csrf", &["--wire", wire]);
        let from_environment = run(command.env("TSUGI_CSRF_TOKEN", "token of the page"), "test/echo 1");
        assert_eq!(from_environment.code, 0, "{}", from_environment.err);
        let without = run(&mut servers.connect("/csrf", &["--wire", wire]), "test/echo 1");
        assert_eq!(without.code, 4, "{}", without.err);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_plain_websocket_takes_lines_as_messages_and_prints_what_comes() {
    let servers = Servers::start();
    let ran = run(&mut servers.connect("/echo", &["--raw", "--linger", "forever"]), "one\n[:two]\n\nfour\nbye");
    assert_eq!((ran.out.as_str(), ran.code), ("one\n[:two]\n\nfour\n", 0), "{}", ran.err);
    assert!(ran.err.contains("the server closed the connection (1000) as you say"), "{}", ran.err);
    let json = run(&mut servers.connect("/echo", &["--raw", "--json", "--linger", "forever"]), "\"quoted\"\nbye");
    assert_eq!(json.json(), [json!({"type": "message", "text": "\"quoted\""})]);
    let quiet = run(&mut servers.connect("/echo", &["--raw", "--linger", "100ms"]), "");
    assert_eq!((quiet.out.as_str(), quiet.err.as_str(), quiet.code), ("", "", 0));
}

#[test]
fn a_server_that_sends_one_away_is_the_end() {
    let servers = Servers::start();
    let ran = run(&mut servers.connect("/chsk?uid=bob", &["--linger", "forever"]), "!test/leave");
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("tsugi: the server closed the connection (4500): signed out"), "{}", ran.err);
}
