//! `tsugi`: a terminal for channel sockets and plain WebSockets, and a load for them. `tsugi --help` says the rest.

mod args;
mod bench;
mod connect;
mod end;
mod given;
mod line;
mod reach;
mod show;

use args::{Args, Command};
use clap::Parser;
use end::End;
use std::process::ExitCode;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let command = Args::parse().command;
    let (json, ended) = match command {
        Command::Connect(options) => (options.server.json, run(Builder::new_current_thread(), connect::run(options))),
        Command::Bench(options) => (options.server.json, run(Builder::new_multi_thread(), bench::run(options))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(end) => {
            end.tell(json);
            end.exit_code()
        }
    }
}

fn run(mut builder: Builder, work: impl Future<Output = Result<(), End>>) -> Result<(), End> {
    let runtime = builder.enable_all().build().map_err(|error| End::Failed(error.to_string()))?;
    let ended = runtime.block_on(work);
    // A name that is still being looked up must not keep the program.
    runtime.shutdown_background();
    ended
}
