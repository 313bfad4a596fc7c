//! `cargo xtask autobahn`: the Autobahn test suite against our WebSocket layer, in both roles.
//!
//! Every case but those of compression (12 and 13), which we do not negotiate.

mod install;

use crate::shell::{Outcome, capture, command, root};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

#[derive(Args)]
pub(crate) struct Options {
    /// Ask only this end
    #[arg(long)]
    role: Option<Role>,
    /// The cases to run, as the suite names them
    #[arg(long, default_value = "*")]
    cases: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Server,
    Client,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let suite = install::suite()?;
    println!("building");
    capture(command("", "cargo build --release --package tsugi-testkit --bin autobahn-server --bin autobahn-client"))?;
    let mut failed = Vec::new();
    for role in [Role::Server, Role::Client] {
        if options.role.is_some_and(|only| only != role) {
            continue;
        }
        let begun = Instant::now();
        let reports = reports(role);
        // What an earlier run left would be counted with this one's.
        let _ = std::fs::remove_dir_all(&reports);
        match role {
            Role::Server => ask_server(&suite, &reports, &options.cases)?,
            Role::Client => ask_client(&suite, &reports, &options.cases)?,
        }
        let verdict = Verdict::read(&reports)?;
        println!("{}: {} ({:.0} s)", role.name(), verdict.summary(), begun.elapsed().as_secs_f64());
        verdict.failed.iter().for_each(|line| println!("  {line}"));
        failed.extend(verdict.failed);
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("{} cases failed; reports in {}", failed.len(), CACHE)) }
}

/// Where the suite and its reports are kept, below the root of the checkout.
const CACHE: &str = ".cache/autobahn";

fn cache() -> PathBuf {
    root().join(CACHE)
}

fn reports(role: Role) -> PathBuf {
    cache().join("reports").join(role.name())
}

/// A process that is killed when it is no longer wanted.
struct Guard(Child);

impl Guard {
    fn start(command: &mut Command) -> Outcome<Self> {
        command.spawn().map(Self).map_err(|error| format!("{:?}: {error}", command.get_program()))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The suite is the client and asks our server.
fn ask_server(suite: &install::Suite, reports: &Path, cases: &str) -> Outcome {
    let mut server = command("", "target/release/autobahn-server");
    let mut server = Guard::start(server.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let output = server.0.stdout.take().ok_or("no standard output")?;
    let mut port = String::new();
    BufReader::new(output).read_line(&mut port).map_err(|error| error.to_string())?;
    let url = format!("ws://127.0.0.1:{}", port.trim());
    let mut questions = questions(reports, cases);
    questions["servers"] = json!([{ "agent": "tsugi", "url": url }]);
    capture(suite.wstest("fuzzingclient", &write(Role::Server, &questions)?)).map(|_| ())
}

/// The suite is the server and asks our client, which connects once for each case.
fn ask_client(suite: &install::Suite, reports: &Path, cases: &str) -> Outcome {
    let port = free_port()?;
    let mut questions = questions(reports, cases);
    questions["url"] = json!(format!("ws://127.0.0.1:{port}"));
    let mut server = suite.wstest("fuzzingserver", &write(Role::Client, &questions)?);
    // Its log is long; what it has to complain about is shown.
    let _server = Guard::start(server.stdout(Stdio::null()).stdin(Stdio::null()))?;
    // The client waits until the suite listens.
    capture(command("", &format!("target/release/autobahn-client {port}"))).map(|_| ())
}

fn questions(reports: &Path, cases: &str) -> Value {
    json!({ "outdir": reports, "cases": [cases], "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {} })
}

fn write(role: Role, questions: &Value) -> Outcome<PathBuf> {
    let path = cache().join(format!("{}.json", role.name()));
    std::fs::write(&path, questions.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// The suite cannot be told to choose a port itself.
fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

/// What the suite found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    ok: usize,
    informational: usize,
    non_strict: Vec<String>,
    failed: Vec<String>,
}

impl Verdict {
    fn read(reports: &Path) -> Outcome<Self> {
        let path = reports.join("index.json");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let index = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::of(&index)
    }

    /// From the suite's index: agent, case, and how it behaved, during the case and at its close.
    fn of(index: &Value) -> Outcome<Self> {
        let cases = index.as_object().and_then(|agents| agents.values().next()).and_then(Value::as_object);
        let cases = cases.filter(|cases| !cases.is_empty()).ok_or("the suite reports no case")?;
        let mut verdict = Self::default();
        for (case, result) in cases {
            let of = |key: &str| result[key].as_str().unwrap_or("missing").to_owned();
            verdict.count(case, &of("behavior"), &of("behaviorClose"));
        }
        Ok(verdict)
    }

    fn count(&mut self, case: &str, behavior: &str, close: &str) {
        match (behavior, close) {
            ("OK", "OK") => self.ok += 1,
            ("INFORMATIONAL", "OK" | "INFORMATIONAL") | ("OK", "INFORMATIONAL") => self.informational += 1,
            ("OK" | "NON-STRICT" | "INFORMATIONAL", "OK" | "NON-STRICT" | "INFORMATIONAL") => {
                self.non_strict.push(case.to_owned());
            }
            _ => self.failed.push(format!("{case}: {behavior}, close {close}")),
        }
    }

    fn summary(&self) -> String {
        let names =
            if self.non_strict.is_empty() { String::new() } else { format!(" ({})", self.non_strict.join(" ")) };
        format!(
            "{} OK, {} informational, {} non-strict{names}, {} failed",
            self.ok,
            self.informational,
            self.non_strict.len(),
            self.failed.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_counts_by_the_worse_of_its_two_behaviours() {
        let index = json!({"tsugi": {
            "1.1.1": {"behavior": "OK", "behaviorClose": "OK"},
            "7.1.6": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"},
            "6.4.3": {"behavior": "NON-STRICT", "behaviorClose": "OK"},
            "7.9.1": {"behavior": "OK", "behaviorClose": "FAILED"},
            "9.1.6": {"behavior": "FAILED", "behaviorClose": "OK"},
            "9.9.9": {"behaviorClose": "OK"},
        }});
        let verdict = Verdict::of(&index).unwrap();
        assert_eq!((verdict.ok, verdict.informational), (1, 1));
        assert_eq!(verdict.non_strict, ["6.4.3"]);
        assert_eq!(verdict.failed, ["7.9.1: OK, close FAILED", "9.1.6: FAILED, close OK", "9.9.9: missing, close OK"]);
    }

    #[test]
    fn a_report_without_cases_is_no_success() {
        assert!(Verdict::of(&json!({})).is_err());
        assert!(Verdict::of(&json!({"tsugi": {}})).is_err());
    }
}
