//! `tsugi bench`: the counts are right, and the report is of use.

use crate::support::{Ran, Servers, run, tsugi};
use serde_json::Value as Json;

fn bench(servers: &Servers, path: &str, options: &[&str], message: &str) -> Ran {
    run(tsugi().arg("bench").args(options).arg(servers.url(path)).arg(message), "")
}

fn report(ran: &Ran) -> Json {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {} {}", ran.out, ran.err))
}

#[test]
fn everything_that_was_due_is_sent_answered_and_counted() {
    let servers = Servers::start();
    let small = ["--json", "-c", "3", "-r", "50", "-d", "1s", "--ramp", "100ms", "--timeout", "30s"];
    for (path, options, message) in [
        ("/chsk", &["--payload", "100"][..], "test/echo"),
        ("/chsk", &["--transport", "poll"], "test/echo {:a 1}"),
        ("/chsk?uid=u{i}", &["--codec", "json"], "!test/none"),
        ("/chsk", &["--wire", "sente"], "test/echo 1"),
        ("/echo", &["--raw"], "hello"),
    ] {
        let ran = bench(&servers, path, &[&small[..], options].concat(), message);
        let report = report(&ran);
        assert_eq!(ran.code, 0, "{message}: {report} {}", ran.err);
        for (name, count) in [("due", 50), ("sent", 50), ("answered", 50), ("unsent", 0), ("failed", 0)] {
            assert_eq!(report[name], count, "{message}: {name} of {report}");
        }
        assert_eq!((&report["connections"]["opened"], &report["connections"]["lost"]), (&3.into(), &0.into()));
        let rows = report["histogram"].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>(), 50, "{report}");
        let (due, sent) = (&report["latency_ms"], &report["sent_latency_ms"]);
        for latency in [due, sent] {
            let quantile = |name: &str| latency[name].as_f64().unwrap();
            assert!(
                quantile("min") <= quantile("p50")
                    && quantile("p50") <= quantile("p99")
                    && quantile("p99") <= quantile("max")
            );
        }
        assert!(due["max"].as_f64() >= sent["min"].as_f64(), "{report}");
    }
}

#[test]
fn what_waits_for_its_turn_is_charged_for_the_wait() {
    let servers = Servers::start();
    // One at a time, and none is answered: the first takes all its time, and whatever was due meanwhile waits.
    let options =
        ["--json", "-c", "1", "-r", "20", "-d", "500ms", "--in-flight", "1", "--timeout", "300ms", "--ramp", "0"];
    let ran = bench(&servers, "/chsk", &options, "test/late");
    let report = report(&ran);
    assert_eq!((ran.code, &report["due"], &report["answered"]), (1, &10.into(), &0.into()), "{report}");
    let (sent, unsent) = (report["sent"].as_u64().unwrap(), report["unsent"].as_u64().unwrap());
    assert!(sent < 10 && sent + unsent == 10, "{report}");
    assert_eq!(report["failures"]["timeout"].as_u64(), Some(sent), "{report}");
}

#[test]
fn people_get_a_table_and_a_histogram_and_failures_by_name() {
    let servers = Servers::start();
    let options = ["-c", "2", "-r", "20", "-d", "500ms", "--ramp", "0", "--timeout", "30s"];
    let ran = bench(&servers, "/chsk", &options, "test/echo 1");
    for words in [
        "connections  2 of 2",
        "due          10, 20 a second",
        "answered     10,",
        "failed       0",
        "p90 ",
        "from due",
        "█",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert_eq!(ran.code, 0);
    let failing = bench(&servers, "/chsk", &options, "test/fail");
    assert!(failing.code == 1 && failing.out.contains("10 × sold-out"), "{}", failing.out);
}

#[test]
fn connections_that_are_refused_are_said_with_the_reason() {
    let servers = Servers::start();
    let ran = bench(&servers, "/closed", &["-c", "2", "--ramp", "0"], "test/echo");
    assert!(
        ran.code == 4 && ran.out.contains("connections  0 of 2") && ran.err.contains("403"),
        "{} {}",
        ran.out,
        ran.err
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_gives_the_results_so_far() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    let servers = Servers::start();
    // The pipe's own listener says when the load has begun: it hears the first message.
    let mut hears = servers
        .connect("/chsk?uid=watch", &["--linger", "forever"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(hears.stdout.take().unwrap());
    let load = servers.url("/chsk?uid=watch");
    let options = ["--json", "-c", "1", "-r", "100", "-d", "10m", "--ramp", "0"];
    let mut child =
        tsugi().arg("bench").args(options).args([&load, "test/push 1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    heard.read_line(&mut line).unwrap();
    assert_eq!(line, "<- [:srv/n 0]\n");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(report["interrupted"], true);
    let (sent, due) = (report["sent"].as_u64().unwrap(), report["due"].as_u64().unwrap());
    assert!(sent >= 1 && due == sent && due < 60_000, "{report}");
    hears.kill().unwrap();
    hears.wait().unwrap();
}
