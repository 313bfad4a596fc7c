//! `cargo xtask bench`: Tsugi beside other servers, under the same load, on this machine.
//!
//! The server has one core and the load another. Each measurement begins a new server; the servers take turns within a round,
//! and rounds alternate between one order and its reverse, so that a machine that drifts drifts for all.

mod catalogue;
pub(crate) mod crowd;
mod machine;
mod pace;
mod plot;
mod report;
mod sample;

use crate::shell::{Outcome, root};
use catalogue::{Job, Part, Server};
use clap::Args;
use pace::{Pace, Progress};
use report::Results;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = catalogue::help())]
pub(crate) struct Options {
    /// A few jobs, for a moment each: about two minutes after the build, for a first look
    #[arg(long)]
    quick: bool,
    /// Only jobs whose name begins with this; may be given several times
    #[arg(long, value_name = "NAME")]
    job: Vec<String>,
    /// Only servers whose name begins with this; may be given several times
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// How often each server has its turn [default: 5, or 3 when quick]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: Option<u8>,
    /// Choose rounds and lengths so that the run takes about so many minutes after the build; all jobs want 15 at least
    #[arg(long, conflicts_with_all = ["quick", "rounds"], value_parser = clap::value_parser!(u8).range(1..=240))]
    minutes: Option<u8>,
    /// Where the table and the plots go [default: docs/benchmarks, or target/benchmarks for a run that is not whole]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Options {
    /// What is not whole must not take the place of what is.
    fn out(&self) -> PathBuf {
        let whole = !self.quick && self.job.is_empty() && self.server.is_empty();
        let usual = root().join(if whole { "docs/benchmarks" } else { "target/benchmarks" });
        self.out.clone().unwrap_or(usual)
    }

    fn pace(&self, jobs: &[&Job], servers: &[&Server]) -> Outcome<Pace> {
        match self.minutes {
            Some(minutes) => Pace::within(minutes, jobs, servers),
            None => Ok(Pace::of(self.rounds.unwrap_or(if self.quick { 3 } else { 5 }), self.quick)),
        }
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let jobs = catalogue::jobs(&options.job, options.quick)?;
    let mut servers = catalogue::servers(&options.server)?;
    if options.quick && options.server.is_empty() {
        servers.retain(|server| server.part == Part::Everywhere);
    }
    let pace = options.pace(&jobs, &servers)?;
    let out = options.out();
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    sample::check(&jobs, &servers)?;
    sample::build(&servers)?;
    let mut results = Results::begin(machine::describe(&servers), options.quick);
    let mut progress = Progress::begin(pace, &jobs, &servers);
    eprintln!("about {:.0} minutes", (pace.seconds(&jobs, &servers) / 60.0).ceil());
    for job in &jobs {
        measure(job, &servers, pace, &mut progress, &mut results);
        // A run that is interrupted leaves what it has.
        results.write(&out)?;
    }
    eprintln!("{:.0} s; the table and the plots are in {}", progress.elapsed().as_secs_f64(), out.display());
    results.failures()
}

/// All rounds of one job.
fn measure(job: &'static Job, servers: &[&'static Server], pace: Pace, progress: &mut Progress, results: &mut Results) {
    let mut able: Vec<_> = servers.iter().copied().filter(|server| job.suits(server)).collect();
    let rounds = pace.rounds(job);
    for round in 1..=rounds {
        for server in &able {
            eprint!("{progress} {} {round}/{rounds} {} … ", job.name, server.name);
            match sample::take(job, server, pace) {
                Ok(sample) => {
                    eprintln!("{sample}");
                    results.add(job, server, sample);
                }
                Err(error) => {
                    eprintln!("failed: {error}");
                    results.fail(job, server, &error);
                }
            }
            progress.did(job);
        }
        able.reverse();
    }
}
