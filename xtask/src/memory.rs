//! How much memory of the server an idle client costs.
//!
//! The server and the clients are processes of their own, so that neither is counted with the other. The clients come
//! from many loopback addresses, because one has fewer ports than clients are wanted.

use crate::shell::{Outcome, capture, command, root};
use clap::Args;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

#[derive(Args)]
pub(crate) struct Options {
    /// Clients to connect; a process may hold as many as it may have files open
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Fail when a client costs more bytes than this
    #[arg(long)]
    limit: Option<u64>,
    /// Connect and disconnect so many clients instead, and compare the memory before and after
    #[arg(long)]
    churn: Option<usize>,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// A child that answers each line with a line, and is killed when nobody wants it any more.
struct Talker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talker {
    fn start(program: &str, arguments: &[String]) -> Outcome<Self> {
        let path = root().join("target/release").join(program);
        // Every client is an open file, and the usual soft limit is 1,024. The hard limit is there to be used; `exec`
        // keeps the process that is measured the one that was started.
        let raise = r#"ulimit -S -n "$(ulimit -H -n)"; exec "$0" "$@""#;
        let mut child = Command::new("sh")
            .args(["-c", raise])
            .arg(&path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = child.stdout.take().map(BufReader::new).ok_or("no standard output")?;
        Ok(Self { child, input, output })
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.is_empty() { Err("a process ended early".to_owned()) } else { Ok(line.trim().to_owned()) }
    }

    fn ask(&mut self, line: &str) -> Outcome<String> {
        writeln!(self.input, "{line}").map_err(|error| error.to_string())?;
        self.line()
    }

    /// Resident memory in bytes (proc(5), `VmRSS`).
    fn resident(&self) -> Outcome<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| format!("{path} has no VmRSS"))
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    eprintln!("building");
    capture(command("", "cargo build --release --package tsugi-testkit --bins"))?;
    let mut server = Talker::start("memory-server", &[])?;
    let address = server.line()?;
    // What is allocated once is not a cost of each client: let it happen before the first reading.
    clients(&address, 100, &mut server)?;
    match options.churn {
        Some(cycles) => churn(options, cycles, &address, &mut server),
        None => idle(options, &address, &mut server),
    }
}

fn clients(address: &str, count: usize, server: &mut Talker) -> Outcome<Talker> {
    let mut clients = Talker::start("memory-clients", &[address.to_owned(), count.to_string()])?;
    let connected = clients.line()?;
    if connected != format!("connected {count}") {
        return Err(format!("the clients say: {connected}"));
    }
    server.ask("settle")?;
    Ok(clients)
}

fn idle(options: &Options, address: &str, server: &mut Talker) -> Outcome {
    let before = server.resident()?;
    eprintln!("connecting {} clients", options.connections);
    let held = clients(address, options.connections, server)?;
    let sessions = server.ask("sessions")?;
    // Memory of clients that are gone, divided by all that came, would be a figure better than the truth.
    if sessions != options.connections.to_string() {
        return Err(format!(
            "{} clients connected, but {sessions} have a session: nothing measured",
            options.connections
        ));
    }
    let after = server.resident()?;
    drop(held);
    let each = after.saturating_sub(before) / options.connections as u64;
    if options.json {
        println!(
            "{{\"connections\":{},\"sessions\":{sessions},\"before\":{before},\"after\":{after},\"bytes_per_connection\":{each}}}",
            options.connections
        );
    } else {
        println!("connections           {:>12}", options.connections);
        println!("server before         {before:>12} bytes");
        println!("server after          {after:>12} bytes");
        println!("bytes per connection  {each:>12}");
    }
    match options.limit {
        Some(limit) if each > limit => Err(format!("{each} bytes for each client, but at most {limit} are allowed")),
        _ => Ok(()),
    }
}

fn churn(options: &Options, cycles: usize, address: &str, server: &mut Talker) -> Outcome {
    let batch = 1_000.min(cycles.max(1));
    drop(clients(address, batch, server)?);
    server.ask("empty")?;
    let before = server.resident()?;
    let mut done = 0;
    while done < cycles {
        drop(clients(address, batch, server)?);
        server.ask("empty")?;
        done += batch;
        eprintln!("{done} of {cycles}");
    }
    let after = server.resident()?;
    let grown = after.saturating_sub(before);
    if options.json {
        println!("{{\"cycles\":{done},\"before\":{before},\"after\":{after},\"grown\":{grown}}}");
    } else {
        println!("{done} clients came and went; the server grew by {grown} bytes, from {before} to {after}");
    }
    // An allocator may keep some pages; what leaks for each client would be far more.
    let allowed = 8 * 1024 * 1024;
    if grown > allowed {
        Err(format!("the server grew by {grown} bytes; at most {allowed} are allowed"))
    } else {
        Ok(())
    }
}
