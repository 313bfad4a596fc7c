//! `cargo xtask COMMAND`: every chore of the project is one command. `cargo xtask --help` lists them.

mod autobahn;
mod bench;
mod instructions;
mod licences;
mod memory;
mod shell;
mod sim;
mod talker;
mod test;
mod wasm;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the project")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything that must hold, installing what is missing; ends with one summary
    Test(test::Options),
    /// Measures the server's memory for each idle WebSocket client
    Memory(memory::Options),
    /// Counts instructions and allocations of what a message passes through, and compares with what they were
    Instructions(instructions::Options),
    /// Measures speed and memory beside other servers, and writes a table and plots
    Bench(bench::Options),
    /// Holds as many connections as the machine can, over several servers, and broadcasts to each
    Crowd(bench::crowd::Options),
    /// Runs the Autobahn test suite against the WebSocket layer, in both roles
    Autobahn(autobahn::Options),
    /// Runs histories of clients and a server under faults, from seeds, and checks that nothing is lost, doubled or left open
    Sim(sim::Options),
    /// Builds a minimal Rust client for browsers, or an example's page, and prints its size
    Wasm(wasm::Options),
    /// Checks that every dependency's licence is a permissive one
    Licences,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        // It has said what failed, and its summary is the last line.
        Command::Test(options) => return if test::run(&options) { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        Command::Memory(options) => memory::run(&options),
        Command::Instructions(options) => instructions::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Crowd(options) => bench::crowd::run(&options),
        Command::Autobahn(options) => autobahn::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Wasm(options) => wasm::run(&options),
        Command::Licences => licences::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
