//! Where there is no connection: words and an exit code.

use crate::support::{Ran, Servers, run, tsugi};
use serde_json::json;

/// An address that nobody listens at.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/chsk", listener.local_addr().unwrap())
}

fn check(ran: &Ran, code: i32, words: &str) {
    assert!(ran.err.starts_with("tsugi: ") && ran.err.contains(words), "{words}: {}", ran.err);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (code, "", 1), "{}", ran.err);
}

#[test]
fn nobody_there_is_said_at_once() {
    for options in [&[][..], &["--transport", "ws"], &["--transport", "poll"], &["--raw"]] {
        let ran = run(tsugi().arg("connect").args(options).arg(nobody()), "test/echo 1");
        check(&ran, 3, "Connection refused");
    }
    let ran = run(tsugi().args(["connect", "--retry", "--connect-timeout", "3s"]).arg(nobody()), "");
    check(&ran, 3, "Connection refused");
    let json = run(tsugi().args(["connect", "--json"]).arg(nobody()), "");
    assert_eq!((json.code, &json.json()[0]["exit"]), (3, &json!(3)));
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let servers = Servers::start();
    for options in [&[][..], &["--transport", "ws"], &["--transport", "poll"]] {
        check(&run(&mut servers.connect("/closed", options), "test/echo 1"), 4, "403");
        check(&run(&mut servers.connect("/no", options), "test/echo 1"), 4, "403 not you");
    }
    check(&run(&mut servers.connect("/no", &["--raw"]), "hello"), 4, "403 not you");
    check(&run(&mut servers.connect("/nowhere", &[]), "test/echo 1"), 3, "404 (is the path right?)");
    check(&run(&mut servers.connect("/echo", &[]), "test/echo 1"), 3, "(a plain WebSocket wants --raw)");
    check(&run(&mut servers.connect("/chsk", &["--codec", "msgpack"]), "test/echo 1"), 4, "edn");
}

#[test]
fn tls_where_there_is_none_is_said() {
    let url = Servers::start();
    let https = url.url("/chsk").replace("http:", "https:");
    let ran = run(tsugi().args(["connect", &https]), "test/echo 1");
    check(&ran, 3, "no connection: the server does not speak TLS");
}

#[test]
fn what_cannot_be_is_a_mistake_in_the_arguments() {
    check(&run(tsugi().args(["connect", "ftp://a/"]), ""), 2, "not a URL");
    check(&run(tsugi().args(["connect", "-H", "nonsense", "http://a/"]), ""), 2, "Name: value");
    check(&run(tsugi().args(["connect", "--csrf-token", "@/nowhere", "http://a/"]), ""), 2, "/nowhere: ");
    check(&run(tsugi().args(["bench", "--client-id", "one", "http://a/", "a/b"]), ""), 2, "{i}");
    check(&run(tsugi().args(["bench", "http://a/", "nonsense"]), ""), 2, "not an event");
    let unknown = run(tsugi().args(["connect", "--nonsense", "http://a/"]), "");
    assert_eq!(unknown.code, 2);
}

#[test]
fn help_and_version_are_there() {
    let help = run(tsugi().arg("--help"), "");
    assert!(help.code == 0 && help.out.contains("connect") && help.out.contains("Exit codes:"), "{}", help.out);
    for (command, words) in [("connect", "--csrf-token"), ("bench", "--in-flight")] {
        let help = run(tsugi().args([command, "--help"]), "");
        assert!(help.code == 0 && help.out.contains(words) && help.out.contains("Examples:"), "{}", help.out);
    }
    let version = run(tsugi().arg("--version"), "");
    assert_eq!(version.out.trim(), format!("tsugi {}", env!("CARGO_PKG_VERSION")));
}
