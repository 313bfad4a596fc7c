//! How much memory of the server an idle client costs.
//!
//! The server and the clients are processes of their own, so that neither is counted with the other. The clients come
//! from many loopback addresses, because one has fewer ports than clients are wanted.

use crate::shell::{Outcome, capture, command, root};
use crate::talker::Talker;
use clap::Args;

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

pub(crate) fn run(options: &Options) -> Outcome {
    eprintln!("building");
    capture(command("", "cargo build --release --package tsugi-testkit --bins"))?;
    let mut server = start("memory-server", &[])?;
    let address = server.line()?;
    // What is allocated once is not a cost of each client: let it happen before the first reading.
    clients(&address, 100, &mut server)?;
    match options.churn {
        Some(cycles) => churn(options, cycles, &address, &mut server),
        None => idle(options, &address, &mut server),
    }
}

fn start(program: &str, arguments: &[String]) -> Outcome<Talker> {
    let path = root().join("target/release").join(program);
    let line: Vec<String> = std::iter::once(path.display().to_string()).chain(arguments.iter().cloned()).collect();
    Talker::start(&line)
}

fn clients(address: &str, count: usize, server: &mut Talker) -> Outcome<Talker> {
    let mut clients = start("memory-clients", &[address.to_owned(), count.to_string()])?;
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
