//! One measurement of one server: processes are started, asked, and gone again.

use super::catalogue::{Job, KeepAlive, Kind, Program, Server};
use super::pace::Pace;
use crate::shell::{Outcome, capture, command, exists, most_files, root};
use crate::talker::Talker;
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

const SERVER_CORE: &str = "0";
pub(super) const LOAD_CORE: &str = "1";
/// Seconds after which a load that hangs is killed. It ends by itself long before.
const TOO_LONG: &str = "300";
/// Files that a process holds beside its connections.
const OTHER_FILES: usize = 100;

/// What one measurement brought.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Work(Work),
    Memory(Memory),
}

#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) count: f64,
    pub(crate) seconds: f64,
    /// CPU nanoseconds of the server, of the load, and of everything else on the machine.
    pub(crate) server: f64,
    pub(crate) load: f64,
    pub(crate) others: f64,
    pub(crate) latency: Option<Latency>,
}

/// Microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    pub(crate) lost: f64,
    /// How late the load itself was, at its 99th percentile.
    pub(crate) late: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Memory {
    /// Connections, and bytes of the server process for each of them.
    pub(crate) each: Vec<(usize, f64)>,
    /// Bytes for each further connection, from the first step to the last.
    pub(crate) slope: f64,
    /// Bytes of the kernel for each connection, both of its ends, at the last step.
    pub(crate) kernel: f64,
}

impl Work {
    pub(crate) fn rate(&self) -> f64 {
        self.count / self.seconds
    }

    /// CPU nanoseconds of the server for each of what was counted.
    pub(crate) fn cost(&self) -> f64 {
        self.server / self.count
    }

    /// The part of its core that somebody used.
    pub(crate) fn share(&self, nanoseconds: f64) -> f64 {
        nanoseconds / self.seconds / 1e9
    }

    fn parse(line: &str) -> Outcome<Self> {
        let report: Value = serde_json::from_str(line).map_err(|error| format!("the load says {line:?}: {error}"))?;
        let number = |name: &str| report[name].as_f64();
        let must = |name: &str| number(name).ok_or_else(|| format!("the load says nothing of {name}: {line}"));
        let latency = match number("p50_us") {
            None => None,
            Some(p50) => Some(Latency {
                p50,
                p99: must("p99_us")?,
                p999: must("p999_us")?,
                max: must("max_us")?,
                lost: must("lost")?,
                late: must("late_p99_us")?,
            }),
        };
        Ok(Self {
            count: must("count")?,
            seconds: must("seconds")?,
            server: must("server_ns")?,
            load: must("load_ns")?,
            others: must("others_ns")?,
            latency,
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(memory) => write!(f, "{:.2} KiB for each further connection", memory.slope / 1024.0),
            Self::Work(work) => {
                match &work.latency {
                    Some(latency) => write!(f, "p50 {:.0} µs, p99 {:.0} µs", latency.p50, latency.p99)?,
                    None => write!(f, "{:.0}/s, {:.2} µs each", work.rate(), work.cost() / 1e3)?,
                }
                let share = |nanoseconds| 100.0 * work.share(nanoseconds);
                write!(f, " (CPU: server {:.1} %, load {:.0} %", share(work.server), share(work.load))?;
                write!(f, ", others {:.0} %)", share(work.others))
            }
        }
    }
}

/// Finds what is missing before anything is built.
pub(crate) fn check(jobs: &[&Job], servers: &[&Server]) -> Outcome {
    for (program, package) in [("taskset", "util-linux"), ("timeout", "coreutils")] {
        if !exists(program) {
            return Err(format!("{program} is needed to keep server and load apart: install {package}"));
        }
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("two cores are needed, one for the server and one for the load".to_owned());
    }
    let scripts: Vec<_> = servers.iter().filter(|server| matches!(server.program, Program::Node(_))).collect();
    let has_node = exists("node") && exists("npm");
    if !scripts.is_empty() && !has_node {
        let names: Vec<_> = scripts.iter().map(|server| server.name).collect();
        return Err(format!(
            "node and npm are needed for {}: install Node.js 20 or later, or choose other servers with --server",
            names.join(", ")
        ));
    }
    let most = most_files();
    match jobs.iter().find(|job| job.connections + OTHER_FILES > most) {
        None => Ok(()),
        Some(job) => Err(format!(
            "{} wants {} connections, but a process here may open {most} files: raise the hard limit (ulimit -H -n), or \
             choose other jobs with --job",
            job.name, job.connections
        )),
    }
}

/// Builds what these servers need, and no peer that nobody asked for.
pub(crate) fn build(servers: &[&Server]) -> Outcome {
    let uses = |kind: fn(Program) -> bool| servers.iter().any(|server| kind(server.program));
    eprintln!("building the load and Tsugi");
    capture(command("benches", "cargo build --release --package tsugi-benches"))?;
    if uses(|program| matches!(program, Program::Peer(_))) {
        eprintln!("building the peers in Rust");
        capture(command("benches", "cargo build --release --package tsugi-bench-peers"))?;
    }
    if uses(|program| matches!(program, Program::Node(_))) {
        eprintln!("installing the peers in Node");
        capture(command("benches/node", "npm ci --silent --no-audit --no-fund --ignore-scripts"))?;
    }
    Ok(())
}

pub(super) fn built(name: &str) -> PathBuf {
    root().join("benches/target/release").join(name)
}

/// A process on a core of its own.
pub(super) fn pinned(core: &str, program: &[String]) -> Vec<String> {
    ["taskset", "-c", core].into_iter().map(str::to_owned).chain(program.iter().cloned()).collect()
}

/// A server that listens, and where.
pub(super) fn start(server: &Server) -> Outcome<(Talker, String)> {
    let program = match server.program {
        Program::Own(name) | Program::Peer(name) => vec![built(name).display().to_string()],
        Program::Node(script) => {
            vec!["node".to_owned(), root().join("benches/node").join(script).display().to_string()]
        }
    };
    let mut talker = Talker::start(&pinned(SERVER_CORE, &program))?;
    let address = talker.line().map_err(|_| format!("{} did not start: no port, or see above", server.name))?;
    Ok((talker, address))
}

fn load(server: &Talker, address: &str, dialect: &str, arguments: &str) -> Outcome<Talker> {
    let pid = server.id();
    let line = format!("--address {address} --pid {pid} --dialect {dialect} {arguments}");
    // In the foreground, so that whoever interrupts the command interrupts the load.
    let mut program = ["timeout", "--foreground", "-s", "KILL", TOO_LONG].map(str::to_owned).to_vec();
    program.push(built("load").display().to_string());
    program.extend(line.split_whitespace().map(str::to_owned));
    Talker::start(&pinned(LOAD_CORE, &program))
}

/// Measures once, with a new server.
pub(crate) fn take(job: &Job, server: &Server, pace: Pace) -> Outcome<Sample> {
    let (talker, address) = start(server)?;
    if job.kind == Kind::Memory {
        return memory(job, server, &talker, &address, pace.quick()).map(Sample::Memory);
    }
    let arguments = format!("{} --connections {} --seconds {}", job.arguments, job.connections, pace.length(job));
    let line = load(&talker, &address, server.dialect, &arguments)?.line();
    let line = line.map_err(|_| "the load ended without a figure; its reason is above".to_owned())?;
    Work::parse(&line).map(Sample::Work)
}

fn memory(job: &Job, server: &Server, talker: &Talker, address: &str, quick: bool) -> Outcome<Memory> {
    let hold = |steps: &[usize]| {
        let steps: Vec<_> = steps.iter().map(usize::to_string).collect();
        load(talker, address, server.dialect, &format!("{} --steps {}", job.arguments, steps.join(",")))
    };
    // What is allocated once is not a cost of each client: let it happen before the first reading.
    hold(&[100])?.line()?;
    let steps = job.steps(quick);
    let (before, kernel_before) = (talker.resident()?, kernel()?);
    let mut held = hold(steps)?;
    let mut resident = Vec::new();
    for step in steps {
        let said = if resident.is_empty() { held.line() } else { held.ask("on") };
        let said = said.map_err(|_| format!("fewer than {step} connections could be held; the reason is above"))?;
        if said != format!("{{\"held\":{step}}}") {
            return Err(format!("the load says {said}"));
        }
        resident.push((*step, talker.resident()? as f64));
    }
    let kernel_after = kernel()?;
    let (Some(first), Some(last)) = (resident.first().copied(), resident.last().copied()) else {
        return Err("no steps".to_owned());
    };
    Ok(Memory {
        each: resident.iter().map(|(count, bytes)| (*count, (bytes - before as f64) / *count as f64)).collect(),
        slope: (last.1 - first.1) / (last.0 - first.0) as f64,
        kernel: (kernel_after - kernel_before) / last.0 as f64,
    })
}

/// Bytes that the kernel has for its objects and for TCP's buffers (`/proc/meminfo`, `/proc/net/sockstat`).
pub(super) fn kernel() -> Outcome<f64> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let number = |text: Option<&str>| text.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let meminfo = read("/proc/meminfo")?;
    let slab = number(meminfo.lines().find_map(|line| line.strip_prefix("Slab:"))).ok_or("no Slab in /proc/meminfo")?;
    let sockstat = read("/proc/net/sockstat")?;
    let tcp = sockstat.lines().find(|line| line.starts_with("TCP:"));
    let pages = number(tcp.and_then(|line| line.split_once(" mem ")).map(|(_, after)| after)).unwrap_or(0.0);
    Ok(slab * 1024.0 + pages * 4096.0)
}

/// Whether a server pings by itself, in words.
pub(crate) fn keep_alive(server: &Server) -> &'static str {
    match server.keep_alive {
        KeepAlive::Default => "every 25 s",
        KeepAlive::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_load_says_becomes_a_rate_a_cost_and_shares() {
        let line = r#"{"count":200,"seconds":2.0,"server_ns":1000000000,"load_ns":500000000,"others_ns":0}"#;
        let work = Work::parse(line).expect("it is what the load says");
        assert_eq!((work.rate(), work.cost(), work.share(work.server), work.share(work.load)), (100.0, 5e6, 0.5, 0.25));
        assert!(work.latency.is_none());
        assert!(Work::parse("{}").is_err());
    }
}
