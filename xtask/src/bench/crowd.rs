//! `cargo xtask crowd`: as many connections as this machine can hold, over several server processes, each broadcast to.
//!
//! A process may hold some 20,000 files here, so that each server has a load of its own. All servers share one core and all
//! loads the other, and everything they hold is counted: servers, loads and kernel.

use super::catalogue::{SERVERS, Server};
use super::machine;
use super::sample::{LOAD_CORE, build, built, kernel, pinned, start};
use crate::shell::{Outcome, most_files, root};
use crate::talker::Talker;
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// Connections in all
    #[arg(long, default_value_t = 190_000, value_parser = clap::value_parser!(u32).range(20..=400_000))]
    connections: u32,
    /// Server processes that share them, each with a load of its own
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20))]
    processes: u32,
    /// Which server of `cargo xtask bench`
    #[arg(long, default_value = "tsugi-json-counted")]
    server: String,
    /// How often each server broadcasts to all of its clients, alone and together with the others
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    broadcasts: u32,
    /// Gives up after this
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=120))]
    minutes: u32,
    /// Where the page goes
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks/crowd.md")]
    out: PathBuf,
}

/// What a connection needs of the machine: server, load, and the kernel for both ends. Generous, to stop before memory ends.
const NEED: f64 = 12.0 * 1024.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// What must stay free for others.
const SPARE: f64 = GIB;
/// How long everybody's CPU time is looked at while nothing happens: as long as between two keep-alives.
const IDLE: Duration = Duration::from_secs(25);

/// A server with its clients.
struct Part {
    server: Talker,
    load: Talker,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    servers: f64,
    loads: f64,
    kernel: f64,
}

/// What was seen.
#[derive(Default)]
struct Seen {
    each: u32,
    empty: Held,
    full: Held,
    connecting: Duration,
    /// Seconds until the last client of one server had heard it, while the other servers did nothing.
    alone: Vec<f64>,
    /// Seconds until the last client of all servers had heard it, when all broadcast at once.
    together: Vec<f64>,
    /// Cores that servers and loads use while nothing happens but keep-alive, or why nobody knows.
    idle: Option<Outcome<(f64, f64)>>,
    /// Why not everybody heard every broadcast.
    broken: Option<String>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let server = SERVERS.iter().find(|server| server.name == options.server);
    let server = server.ok_or_else(|| format!("no server of the benchmark is called {}", options.server))?;
    let each = options.connections / options.processes;
    if each as usize + 100 > most_files() {
        return Err(format!(
            "{each} connections for each process, but one may open {} files: more --processes",
            most_files()
        ));
    }
    let (want, have) = (f64::from(options.connections) * NEED + SPARE, available()?);
    if have < want {
        return Err(format!("{:.1} GiB are wanted and {:.1} are free: fewer --connections", want / GIB, have / GIB));
    }
    build(&[server])?;
    let seen = see(options, server, each)?;
    let page = page(options, server, &seen);
    let out = root().join(&options.out);
    std::fs::write(&out, &page).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{page}\nwritten to {}", out.display());
    seen.broken.map_or(Ok(()), Err)
}

fn see(options: &Options, server: &Server, each: u32) -> Outcome<Seen> {
    let begun = Instant::now();
    let mut seen = Seen { each, ..Seen::default() };
    let mut servers = Vec::new();
    for _ in 0..options.processes {
        servers.push(start(server)?);
    }
    std::thread::sleep(Duration::from_secs(1));
    let servers_alone: f64 = servers.iter().map(|(server, _)| resident(server)).sum::<Outcome<f64>>()?;
    seen.empty = Held { servers: servers_alone, loads: 0.0, kernel: kernel()? };
    let mut parts = Vec::new();
    for (index, (talker, address)) in servers.into_iter().enumerate() {
        let first = index as u32 * each;
        let load = connect(options, server, &talker, &address, first, each)?;
        parts.push(Part { server: talker, load });
        eprintln!(
            "{} of {} connections; {:.0} s, {:.1} GiB free",
            first + each,
            each * options.processes,
            begun.elapsed().as_secs_f64(),
            available()? / GIB
        );
        if available()? < SPARE {
            return Err("memory ran short: fewer --connections".to_owned());
        }
        if begun.elapsed() > Duration::from_secs(60) * options.minutes {
            return Err(format!("it took more than {} minutes", options.minutes));
        }
    }
    seen.connecting = begun.elapsed();
    seen.full = held(&parts)?;
    // What is held is worth knowing even if not everybody hears.
    seen.broken = broadcast(options, &mut parts, &mut seen).err();
    if seen.broken.is_none() {
        eprintln!("idle for {} s", IDLE.as_secs());
        seen.idle = Some(idle(&parts));
    }
    Ok(seen)
}

/// The clients of one server.
fn connect(
    options: &Options,
    server: &Server,
    talker: &Talker,
    address: &str,
    first: u32,
    count: u32,
) -> Outcome<Talker> {
    let pid = talker.id();
    let line = format!(
        "timeout --foreground -s KILL {} {} --address {address} --pid {pid} --dialect {} --job crowd --connections {count} \
         --first {first}",
        options.minutes * 60,
        built("load").display(),
        server.dialect
    );
    let line: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    let mut load = Talker::start(&pinned(LOAD_CORE, &line))?;
    let said = load.line().map_err(|_| "not all could connect; the reason is above".to_owned())?;
    if said == format!("{{\"held\":{count}}}") { Ok(load) } else { Err(format!("the load says {said}")) }
}

/// A load that loses a connection ends, and its CPU time with it.
fn idle(parts: &[Part]) -> Outcome<(f64, f64)> {
    let (servers, loads) = cpu(parts)?;
    std::thread::sleep(IDLE);
    let (servers_after, loads_after) = cpu(parts)?;
    let cores = |nanoseconds: f64| nanoseconds / 1e9 / IDLE.as_secs_f64();
    Ok((cores(servers_after - servers), cores(loads_after - loads)))
}

fn broadcast(options: &Options, parts: &mut [Part], seen: &mut Seen) -> Outcome {
    for round in 1..=options.broadcasts {
        for part in parts.iter_mut() {
            seen.alone.push(reached(&part.load.ask("on")?, seen.each)?);
        }
        let all: Outcome<Vec<_>> = {
            parts.iter_mut().try_for_each(|part| part.load.say("on"))?;
            parts.iter_mut().map(|part| reached(&part.load.line()?, seen.each)).collect()
        };
        seen.together.push(all?.into_iter().fold(0.0, f64::max));
        eprintln!(
            "broadcast {round} of {} came to everybody, from each server and from all at once",
            options.broadcasts
        );
    }
    Ok(())
}

/// Seconds, if everybody has heard it, and once.
fn reached(line: &str, clients: u32) -> Outcome<f64> {
    let report: Value = serde_json::from_str(line).map_err(|error| format!("the load says {line:?}: {error}"))?;
    match (report["reached"].as_u64(), report["seconds"].as_f64()) {
        (Some(reached), Some(seconds)) if reached == u64::from(clients) => Ok(seconds),
        _ => Err(format!("{clients} clients should have heard a broadcast once, but: {line}")),
    }
}

fn resident(talker: &Talker) -> Outcome<f64> {
    talker.resident().map(|bytes| bytes as f64)
}

fn held(parts: &[Part]) -> Outcome<Held> {
    let mut held = Held { kernel: kernel()?, ..Held::default() };
    for part in parts {
        held.servers += resident(&part.server)?;
        held.loads += of_program(&part.load, |pid| status(pid, "VmRSS:").map(|kib| kib * 1024.0))?;
    }
    Ok(held)
}

/// Of a load and not of `timeout`, which is its parent.
fn of_program(load: &Talker, figure: impl Fn(u32) -> Outcome<f64>) -> Outcome<f64> {
    let path = format!("/proc/{0}/task/{0}/children", load.id());
    let children = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
    figure(child.ok_or("a load has ended")?)
}

fn status(pid: u32, field: &str) -> Outcome<f64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    number(&text, field).ok_or_else(|| format!("{path} has no {field}"))
}

fn number(text: &str, field: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
}

/// Bytes that the machine can still give.
fn available() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|error| error.to_string())?;
    number(&text, "MemAvailable:").map(|kib| kib * 1024.0).ok_or_else(|| "no MemAvailable in /proc/meminfo".to_owned())
}

/// Nanoseconds that servers and loads have worked (`/proc/PID/schedstat`, first field).
fn cpu(parts: &[Part]) -> Outcome<(f64, f64)> {
    let worked = |pid: u32| {
        let path = format!("/proc/{pid}/schedstat");
        let line = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        line.split(' ').next().and_then(|first| first.parse::<f64>().ok()).ok_or_else(|| format!("{path}: {line}"))
    };
    let (mut servers, mut loads) = (0.0, 0.0);
    for part in parts {
        servers += worked(part.server.id())?;
        loads += of_program(&part.load, worked)?;
    }
    Ok((servers, loads))
}

fn middle(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn page(options: &Options, server: &Server, seen: &Seen) -> String {
    let connections = f64::from(seen.each * options.processes);
    let mut page = format!(
        "# {connections} connections\n\nWritten by `cargo xtask crowd`. {} server processes ({}) hold {} connections each, on \
         one core; as many loads speak for the clients, on the other. Each connection has a user, and keep-alive is on.\n\n",
        options.processes, server.what, seen.each
    );
    for (name, value) in machine::describe(&[server]) {
        let _ = writeln!(page, "* {name}: {value}");
    }
    page.push_str("\n| memory | before, MiB | with all, MiB | KiB for each connection |\n|---|--:|--:|--:|\n");
    let mut row = |name: &str, before: f64, after: f64| {
        let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
        let each = (after - before) / connections / 1024.0;
        let _ = writeln!(page, "| {name} | {:.0} | {:.0} | {each:.2} |", mib(before), mib(after));
    };
    row("all servers", seen.empty.servers, seen.full.servers);
    row("all loads", seen.empty.loads, seen.full.loads);
    row("kernel, both ends", seen.empty.kernel, seen.full.kernel);
    let all = |held: Held| held.servers + held.loads + held.kernel;
    row("together", all(seen.empty), all(seen.full));
    let _ = writeln!(
        page,
        "\n| what | figure |\n|---|--:|\n| connecting all, one load after another | {:.0} s, {:.0} a second |",
        seen.connecting.as_secs_f64(),
        connections / seen.connecting.as_secs_f64()
    );
    let _ = writeln!(
        page,
        "| a broadcast of 128 B from one server to its {}, until the last has it | {:.0} ms |",
        seen.each,
        1e3 * middle(&seen.alone)
    );
    let _ = writeln!(page, "| from all servers at once to all | {:.0} ms |", 1e3 * middle(&seen.together));
    let _ = match &seen.idle {
        Some(Ok((servers, loads))) => writeln!(
            page,
            "| CPU of all servers with all idle, keep-alive on | {:.1} % of a core |\n| of all loads | {:.1} % of a core |",
            100.0 * servers,
            100.0 * loads
        ),
        Some(Err(error)) => writeln!(page, "| CPU with all idle | not measured: a connection was lost ({error}) |"),
        None => Ok(()),
    };
    if let Some(broken) = &seen.broken {
        let _ = writeln!(page, "\n**Not every broadcast came to everybody**: {broken}");
        return page;
    }
    let _ = writeln!(
        page,
        "\nEach of {} broadcasts ({} from each server alone, and {} from all at once) came to each client once.",
        options.broadcasts * (options.processes + options.processes),
        options.broadcasts,
        options.broadcasts
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broadcast_that_somebody_missed_or_heard_twice_is_an_error() {
        assert_eq!(reached(r#"{"reached":5,"seconds":0.25}"#, 5), Ok(0.25));
        assert!(reached(r#"{"reached":4,"seconds":0.25}"#, 5).is_err());
        assert!(reached("", 5).is_err());
    }

    #[test]
    fn a_field_of_proc_is_the_number_behind_its_name() {
        assert_eq!(number("Name:\tload\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234.0));
        assert_eq!(number("Name:\tload\n", "VmRSS:"), None);
    }
}
