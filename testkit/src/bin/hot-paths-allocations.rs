//! How often each hot path allocates. A program of its own, since counting costs instructions.

use tsugi_testkit::hot_paths::{Failure, PATHS};

fn main() -> Result<(), Failure> {
    for path in &PATHS {
        let mut round = path.warm()?;
        let mut outcome = Ok(());
        let all = || outcome = (0..path.rounds).try_for_each(|_| round());
        let counted = allocation_counter::measure(all);
        outcome?;
        println!("{} {:.3}", path.name, counted.count_total as f64 / f64::from(path.rounds) / path.each as f64);
    }
    Ok(())
}
