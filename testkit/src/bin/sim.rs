//! Runs histories of clients and a server under faults; see `tsugi_testkit::sim`.

use clap::Parser;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use tsugi_testkit::server_end::Plant;
use tsugi_testkit::sim::run;

/// Runs histories of clients and a server under faults, and checks that nothing is lost, doubled or left open
#[derive(Parser)]
#[command(name = "cargo xtask sim")]
struct Options {
    /// How many histories to run
    #[arg(long, default_value_t = 1_000, conflicts_with = "seed")]
    seeds: u64,
    /// The seed of the first
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs this one and prints its history
    #[arg(long)]
    seed: Option<u64>,
    /// Does something wrong on purpose, to see that the checker notices: handles-again, loses-replies, overcounts-taken,
    /// overcounts-handled, skips-in-silence, forgets-what-it-sent, counts-anew, ends-replies, hides-lost-replies
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
}

fn plant(name: &str) -> Result<Plant, String> {
    let kebab = |plant: &Plant| {
        let name = format!("{plant:?}");
        let words = name.chars().flat_map(|c| c.is_uppercase().then_some('-').into_iter().chain(c.to_lowercase()));
        words.collect::<String>().trim_start_matches('-').to_owned()
    };
    let found = Plant::ALL.into_iter().find(|plant| kebab(plant) == name);
    found.ok_or_else(|| format!("choose one of {}", Plant::ALL.map(|plant| kebab(&plant)).join(", ")))
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(seed) = options.seed {
        let report = run(seed, options.plant);
        print!("{}", report.history);
        return end(1, u64::from(!report.violations.is_empty()));
    }
    let next = AtomicU64::new(options.from);
    let last = options.from.saturating_add(options.seeds);
    let bad = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    let report = run(seed, options.plant);
                    if let Some(first) = report.violations.first() {
                        bad.fetch_add(1, Ordering::Relaxed);
                        println!("seed {seed}: {first}");
                    }
                }
            });
        }
    });
    end(options.seeds, bad.into_inner())
}

fn end(histories: u64, violations: u64) -> ExitCode {
    println!("{histories} histories, {violations} violations");
    ExitCode::from(u8::from(violations > 0))
}
