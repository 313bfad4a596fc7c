//! `cargo xtask bench`: Tsugi beside other servers, under the same load, on this machine.
//!
//! The server has one core and the load another. Each measurement begins a new server; the servers take turns within a round,
//! and rounds alternate between one order and its reverse, so that a machine that drifts drifts for all.

mod catalogue;
pub(crate) mod crowd;
mod machine;
mod plot;
mod report;
mod sample;

use crate::shell::{Outcome, root};
use catalogue::{Job, Kind, Server};
use clap::Args;
use report::Results;
use std::path::PathBuf;
use std::time::Instant;

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

    fn rounds(&self, job: &Job) -> usize {
        let wanted = self.rounds.unwrap_or(if self.quick { 3 } else { 5 });
        // The memory of a quick run is the same each time.
        let most = if self.quick && job.kind == Kind::Memory { 1 } else { job.most_rounds };
        usize::from(wanted.min(most))
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let jobs = catalogue::jobs(&options.job, options.quick)?;
    let servers = catalogue::servers(&options.server)?;
    let out = options.out();
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    sample::check(&jobs, &servers)?;
    sample::build(&servers)?;
    let mut results = Results::begin(machine::describe(&servers), options.quick);
    let begun = Instant::now();
    for job in &jobs {
        measure(job, &servers, options, &mut results);
    }
    results.write(&out)?;
    eprintln!("{:.0} s; the table and the plots are in {}", begun.elapsed().as_secs_f64(), out.display());
    results.failures()
}

/// All rounds of one job.
fn measure(job: &'static Job, servers: &[&'static Server], options: &Options, results: &mut Results) {
    let mut able: Vec<_> = servers.iter().copied().filter(|server| job.suits(server)).collect();
    let rounds = options.rounds(job);
    for round in 1..=rounds {
        for server in &able {
            eprint!("{} {round}/{rounds} {} … ", job.name, server.name);
            match sample::take(job, server, options.quick) {
                Ok(sample) => {
                    eprintln!("{sample}");
                    results.add(job, server, sample);
                }
                Err(error) => {
                    eprintln!("failed: {error}");
                    results.fail(job, server, &error);
                }
            }
        }
        able.reverse();
    }
}
