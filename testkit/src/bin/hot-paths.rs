//! Goes along each hot path, for callgrind, which is told to look at the function `measured` only. Prints what was measured
//! in it, in order, and how many there were.

use tsugi_testkit::hot_paths::{Failure, PATHS, Round};

/// What callgrind looks at: its name is in xtask.
#[inline(never)]
fn measured(round: &mut Round, rounds: u32) -> Result<(), Failure> {
    (0..rounds).try_for_each(|_| round())
}

fn main() -> Result<(), Failure> {
    for path in &PATHS {
        measured(&mut path.warm()?, path.rounds)?;
        println!("{} {}", path.name, path.rounds as usize * path.each);
    }
    Ok(())
}
