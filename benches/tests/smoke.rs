//! The load against the two servers that need no peers: a benchmark that broke is found before somebody needs its figures.
//! Nothing is timed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process that is gone when nobody wants it any more.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built with this test");
        let output = child.stdout.take().map(BufReader::new).expect("its output is piped");
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it says a line");
        line.trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const BARE: &str = env!("CARGO_BIN_EXE_bare");
const TSUGI: &str = env!("CARGO_BIN_EXE_tsugi");
const LOAD: &str = env!("CARGO_BIN_EXE_load");

/// Each with what it says; see the dialects of the load.
const WEBSOCKETS: [(&str, &str); 7] = [
    (BARE, "raw"),
    (TSUGI, "tsugi-sente"),
    (TSUGI, "tsugi-edn"),
    (TSUGI, "tsugi-edn-counted"),
    (TSUGI, "tsugi-json"),
    (TSUGI, "tsugi-json-counted"),
    (TSUGI, "tsugi-sockjs"),
];

/// Runs a job for a moment and returns the member of its report.
fn measure(server: &str, dialect: &str, job: &[&str], member: &str) -> u64 {
    let mut server = Running::start(server, &[]);
    let (address, pid) = (server.line(), server.child.id().to_string());
    let mut arguments = vec!["--address", &address, "--pid", &pid, "--dialect", dialect, "--seconds", "0.1", "--job"];
    arguments.extend_from_slice(job);
    let report = Running::start(LOAD, &arguments).line();
    let value = report.split_once(&format!("\"{member}\":")).map(|(_, after)| after);
    let value = value.and_then(|after| after.split([',', '}']).next()).and_then(|digits| digits.parse().ok());
    value.unwrap_or_else(|| panic!("{dialect} {job:?} reports {report:?}"))
}

#[test]
fn each_server_answers_requests() {
    for (server, dialect) in WEBSOCKETS.into_iter().chain([(TSUGI, "tsugi-poll")]) {
        assert!(measure(server, dialect, &["echo", "--connections", "3", "--depth", "4"], "count") > 0);
    }
}

#[test]
fn each_server_broadcasts_in_bursts() {
    for (server, dialect) in WEBSOCKETS {
        assert!(measure(server, dialect, &["broadcast", "--connections", "5", "--depth", "8"], "count") > 0);
    }
}

#[test]
fn each_server_finds_one_among_many() {
    for (server, dialect) in WEBSOCKETS {
        assert!(measure(server, dialect, &["push", "--connections", "9", "--depth", "2"], "count") > 0);
    }
}

#[test]
fn each_server_lets_clients_come_and_go() {
    for (server, dialect) in WEBSOCKETS {
        assert!(measure(server, dialect, &["connect", "--connections", "2"], "count") > 0);
    }
}

#[test]
fn a_rate_is_kept_and_nothing_is_lost() {
    for (server, dialect) in WEBSOCKETS {
        for job in ["echo", "broadcast"] {
            let job = [job, "--connections", "3", "--rate", "100"];
            assert_eq!(measure(server, dialect, &job, "lost"), 0);
        }
    }
}

#[test]
fn clients_are_held_in_steps() {
    for (server, dialect) in WEBSOCKETS {
        let mut server = Running::start(server, &[]);
        let (address, pid) = (server.line(), server.child.id().to_string());
        let plan = ["--address", &address, "--pid", &pid, "--dialect", dialect, "--job", "hold", "--steps", "2,5"];
        let mut load = Running::start(LOAD, &plan);
        assert_eq!(load.line(), "{\"held\":2}");
        let mut input = load.child.stdin.take().expect("its input is piped");
        input.write_all(b"on\n").expect("it listens");
        assert_eq!(load.line(), "{\"held\":5}");
    }
}

#[test]
fn each_of_a_crowd_hears_each_broadcast_once() {
    for (server, dialect) in WEBSOCKETS {
        let mut server = Running::start(server, &[]);
        let (address, pid) = (server.line(), server.child.id().to_string());
        let plan = ["--address", &address, "--pid", &pid, "--dialect", dialect, "--job", "crowd", "--connections", "5"];
        let mut load = Running::start(LOAD, &plan);
        assert_eq!(load.line(), "{\"held\":5}");
        let mut input = load.child.stdin.take().expect("its input is piped");
        for _ in 0..2 {
            input.write_all(b"on\n").expect("it listens");
            let line = load.line();
            assert!(line.starts_with("{\"reached\":5,"), "{dialect}: {line}");
        }
    }
}

#[test]
fn another_machine_is_never_the_target() {
    let output = Command::new(LOAD)
        .args(["--address", "192.0.2.1:80", "--pid", "1", "--dialect", "raw", "--job", "echo"])
        .output()
        .expect("it was built with this test");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not loopback"));
}
