//! Histories of clients and a server under faults: `testkit/src/sim.rs`.

use crate::shell::{Outcome, capture, command, root};
use clap::Args;
use std::process::Command;

/// What is run in the test command: some seconds' worth.
const SEEDS: &str = "10000";
/// What is wrong on purpose must be found within so many histories.
const PLANTED: &str = "500";
const PLANTS: [&str; 7] = [
    "handles-again",
    "loses-replies",
    "overcounts-taken",
    "overcounts-handled",
    "skips-in-silence",
    "forgets-what-it-sent",
    "counts-anew",
];

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// `--seeds N --from SEED`, or `--seed S`; `--help` says more
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    build()?;
    let status = program().args(&options.arguments).status().map_err(|error| format!("the simulation: {error}"))?;
    if status.success() { Ok(()) } else { Err("the simulation says that something is wrong".to_owned()) }
}

/// The stage of the test command: nothing is wrong, and what is wrong on purpose is found.
pub(crate) fn stage() -> Outcome<String> {
    build()?;
    let said = capture(with(&["--seeds", SEEDS]))?;
    for plant in PLANTS {
        if capture(with(&["--seeds", PLANTED, "--plant", plant])).is_ok() {
            return Err(format!("the checker does not notice {plant} in {PLANTED} histories"));
        }
    }
    Ok(said)
}

fn build() -> Outcome {
    capture(command("", "cargo build --release --package tsugi-testkit --bin sim")).map(|_| ())
}

fn program() -> Command {
    Command::new(root().join("target/release/sim"))
}

fn with(arguments: &[&str]) -> Command {
    let mut program = program();
    program.args(arguments);
    program
}
