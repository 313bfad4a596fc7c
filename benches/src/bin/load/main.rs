//! The load of the benchmark: one process, one thread, loopback only, bounded in count and time. It prints one line of
//! JSON for each measurement. `cargo xtask bench` runs it on a core of its own; `load --help` says what it can do.

mod crowd;
mod dialect;
mod http;
mod idle;
mod jobs;
mod link;
mod meter;
mod paced;
mod plan;
mod polling;
mod speech;

use clap::Parser;
use plan::{Job, Plan};
use std::process::ExitCode;

/// What goes wrong ends the measurement: a figure of half the clients would be worse than none.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // It lasts as long as the process.
    let plan: &Plan = Box::leak(Box::new(Plan::parse()));
    match run(plan).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(plan: &'static Plan) -> Outcome {
    plan.check()?;
    match (plan.job, plan.rate) {
        (Job::Echo | Job::Broadcast, Some(rate)) => paced::run(plan, rate).await,
        (Job::Echo, None) if plan.dialect.polls() => polling::echo(plan).await,
        (Job::Echo, None) => jobs::echo(plan).await,
        (Job::Broadcast, None) => jobs::broadcast(plan).await,
        (Job::Push, _) => jobs::push(plan).await,
        (Job::Connect, _) => jobs::connect(plan).await,
        (Job::Crowd, _) => crowd::run(plan).await,
        (Job::Idle, _) => idle::idle(plan).await,
        (Job::Hold, _) => idle::hold(plan).await,
    }
}
