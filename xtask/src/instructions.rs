//! What a message costs on its way, in instructions and allocations, beside what it cost when somebody last looked.
//!
//! Both are counted and not timed, so they say the same on a busy machine. Instructions are those outside of the kernel.

use crate::shell::{Outcome, capture, command, exists, root};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Options {
    /// Write what was counted down as what is allowed from now on, instead of comparing
    #[arg(long)]
    renew: bool,
}

/// What was counted last, beside the program that counts.
const BASELINE: &str = "testkit/hot-paths.json";
const PROGRAM: &str = "target/release/hot-paths";
const ALLOCATING: &str = "target/release/hot-paths-allocations";
/// The function of that program in which things are counted.
const MEASURED: &str = "hot_paths::measured";
/// How much more instructions are allowed, by the compiler that the baseline is of and by any other: they choose differently.
const TOLERANCE: f64 = 0.10;
const TOLERANCE_OTHER_COMPILER: f64 = 0.25;
/// Allocations are a matter of the source, but buffers that grow now and then make fractions.
const ALLOCATIONS: f64 = 0.1;

/// What one of the things on a path costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    allocations: f64,
    /// Nothing where there is no valgrind.
    instructions: Option<f64>,
}

type Costs = BTreeMap<String, Cost>;

pub(crate) fn run(options: &Options) -> Outcome {
    let counted = count()?;
    let baseline = root().join(BASELINE);
    if options.renew {
        if counted.values().any(|cost| cost.instructions.is_none()) {
            return Err("the baseline needs instructions, and valgrind to count them: install valgrind".to_owned());
        }
        let text = write(&counted, &compiler()?);
        std::fs::write(&baseline, text).map_err(|error| format!("{}: {error}", baseline.display()))?;
        println!("{}\nwritten to {BASELINE}", table(&counted, &counted));
        return Ok(());
    }
    let text = std::fs::read_to_string(&baseline).map_err(|error| format!("{}: {error}", baseline.display()))?;
    let (before, by) = read(&text)?;
    println!("{}", table(&counted, &before));
    let compiler = compiler()?;
    let tolerance = if by == compiler { TOLERANCE } else { TOLERANCE_OTHER_COMPILER };
    if by != compiler {
        println!("The baseline is by {by}, this is {compiler}: {:.0} % are allowed.", 100.0 * tolerance);
    }
    compare(&counted, &before, tolerance)
}

/// For the test command.
pub(crate) fn stage() -> Outcome<String> {
    run(&Options { renew: false }).map(|()| String::new())
}

fn compiler() -> Outcome<String> {
    let version = capture(command("", "rustc --version"))?;
    Ok(format!("{} for {}", version.trim(), std::env::consts::ARCH))
}

fn count() -> Outcome<Costs> {
    capture(command("", "cargo build --release --package tsugi-testkit --bin hot-paths --bin hot-paths-allocations"))?;
    let mut costs = Costs::new();
    for line in capture(command("", ALLOCATING))?.lines() {
        let (name, allocations) = pair(line)?;
        costs.insert(name.to_owned(), Cost { allocations, instructions: None });
    }
    if !exists("valgrind") && !install() {
        println!("  SKIPPED: instructions are not counted, since valgrind is not there and could not be installed");
        return Ok(costs);
    }
    for (name, instructions) in instructions()? {
        costs.entry(name).or_default().instructions = Some(instructions);
    }
    Ok(costs)
}

/// A name and a number.
fn pair(line: &str) -> Outcome<(&str, f64)> {
    let pair = line.split_once(' ').and_then(|(name, number)| Some((name, number.parse().ok()?)));
    pair.ok_or_else(|| format!("{PROGRAM} says {line:?}"))
}

fn install() -> bool {
    println!("  installing valgrind from Debian's packages");
    let packages = ["apt-get update -q", "apt-get install -y -q --no-install-recommends valgrind"];
    packages.into_iter().all(|line| {
        let mut apt = command("", line);
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        capture(apt).is_ok()
    }) && exists("valgrind")
}

/// Callgrind writes its counts down and begins anew whenever the measured function is entered and left, so every second
/// of its files is of one path. They stay in the target folder for `callgrind_annotate`.
fn instructions() -> Outcome<Vec<(String, f64)>> {
    let folder = root().join("target/instructions");
    // Files of an earlier count would be taken for new ones.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let out = folder.join("out");
    let mut callgrind = command("", "valgrind --quiet --tool=callgrind");
    callgrind.arg(format!("--callgrind-out-file={}", out.display()));
    callgrind.args([format!("--dump-before={MEASURED}"), format!("--dump-after={MEASURED}")]);
    callgrind.arg(PROGRAM);
    let said = capture(callgrind)?;
    let mut found = Vec::new();
    for (index, line) in said.lines().filter(|line| !line.starts_with("==")).enumerate() {
        let (name, many) = pair(line)?;
        let file = folder.join(format!("out.{}", 2 * index + 2));
        let kept = folder.join(format!("{name}.callgrind"));
        std::fs::rename(&file, &kept).map_err(|error| format!("callgrind wrote no {}: {error}", file.display()))?;
        found.push((name.to_owned(), total(&kept)? / many));
    }
    Ok(found)
}

fn total(file: &PathBuf) -> Outcome<f64> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if !text.contains(&format!("desc: Trigger: --dump-after={MEASURED}")) {
        return Err(format!("{} is not of the function that is measured", file.display()));
    }
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| format!("{} has no total", file.display()))
}

fn write(costs: &Costs, compiler: &str) -> String {
    let rounded = |value: f64, digits: f64| (value * digits).round() / digits;
    let paths: Map<String, Value> = costs
        .iter()
        .map(|(name, cost)| {
            let instructions = cost.instructions.unwrap_or_default().round() as u64;
            (name.clone(), json!({ "allocations": rounded(cost.allocations, 100.0), "instructions": instructions }))
        })
        .collect();
    format!("{:#}\n", json!({ "compiler": compiler, "paths": paths }))
}

fn read(text: &str) -> Outcome<(Costs, String)> {
    let baseline: Value = serde_json::from_str(text).map_err(|error| format!("{BASELINE}: {error}"))?;
    let compiler = baseline["compiler"].as_str().unwrap_or("another compiler").to_owned();
    let paths = baseline["paths"].as_object().ok_or_else(|| format!("{BASELINE} names no paths"))?;
    let costs = paths.iter().map(|(name, path)| {
        let allocations =
            path["allocations"].as_f64().ok_or_else(|| format!("{BASELINE}: {name} has no allocations"))?;
        Ok((name.clone(), Cost { allocations, instructions: path["instructions"].as_f64() }))
    });
    Ok((costs.collect::<Outcome<_>>()?, compiler))
}

fn compare(counted: &Costs, before: &Costs, tolerance: f64) -> Outcome {
    let mut grown = String::new();
    for (name, cost) in counted {
        let Some(was) = before.get(name) else {
            let _ = writeln!(grown, "  {name} is new and has no baseline");
            continue;
        };
        let allowed = was.allocations + ALLOCATIONS.max(was.allocations * 0.02);
        if cost.allocations > allowed {
            let (now, was) = (cost.allocations, was.allocations);
            let _ = writeln!(
                grown,
                "  {name}: {now:.2} allocations each; there were {was:.2}, and {allowed:.2} are allowed"
            );
        }
        if let (Some(now), Some(was)) = (cost.instructions, was.instructions)
            && now > was * (1.0 + tolerance)
        {
            let more = 100.0 * (now / was - 1.0);
            let _ = writeln!(
                grown,
                "  {name}: {now:.0} instructions each; there were {was:.0}, so it grew by {more:.1} %, and {:.0} % are allowed",
                100.0 * tolerance
            );
        }
    }
    for name in before.keys().filter(|name| !counted.contains_key(*name)) {
        let _ = writeln!(grown, "  {name} has a baseline and is not counted any more");
    }
    if grown.is_empty() {
        return Ok(());
    }
    let hint = "The profiles are in target/instructions, for callgrind_annotate. If it must cost that much, \
                `cargo xtask instructions --renew` writes it down.";
    Err(format!("hot paths cost more than they did:\n{grown}{hint}"))
}

fn table(counted: &Costs, before: &Costs) -> String {
    let mut table = format!("{:<22}{:>12}{:>14}{:>10}\n", "each", "allocations", "instructions", "");
    for (name, cost) in counted {
        let instructions = cost.instructions.map_or_else(|| "not counted".to_owned(), |count| format!("{count:.0}"));
        let was = before.get(name).and_then(|was| was.instructions);
        let change = was.zip(cost.instructions).map_or(0.0, |(was, now)| 100.0 * (now / was - 1.0));
        let change = if change.abs() < 0.05 { String::new() } else { format!("{change:+.1} %") };
        let _ = writeln!(table, "{name:<22}{:>12.2}{instructions:>14}{change:>10}", cost.allocations);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(allocations: f64, instructions: f64) -> Costs {
        let cost = Cost { allocations, instructions: Some(instructions) };
        [("encode-json".to_owned(), cost)].into()
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let before = costs(2.25, 1_000.0);
        assert_eq!(read(&write(&before, "rustc 1")), Ok((before, "rustc 1".to_owned())));
    }

    #[test]
    fn what_grew_beyond_the_tolerance_is_named_with_by_how_much() {
        let before = costs(2.0, 1_000.0);
        assert_eq!(compare(&costs(2.0, 1_099.0), &before, 0.1), Ok(()));
        assert_eq!(compare(&costs(0.0, 1.0), &before, 0.1), Ok(()));
        let grown = compare(&costs(2.0, 1_250.0), &before, 0.1).expect_err("it grew");
        assert!(
            grown.contains("encode-json: 1250 instructions each; there were 1000, so it grew by 25.0 %"),
            "{grown}"
        );
        let grown = compare(&costs(3.0, 1_000.0), &before, 0.1).expect_err("it grew");
        assert!(grown.contains("3.00 allocations each; there were 2.00"), "{grown}");
    }

    #[test]
    fn what_was_not_counted_is_not_compared_but_what_has_no_baseline_fails() {
        let before = costs(2.0, 1_000.0);
        let uncounted = [("encode-json".to_owned(), Cost { allocations: 2.0, instructions: None })].into();
        assert_eq!(compare(&uncounted, &before, 0.1), Ok(()));
        assert!(compare(&Costs::new(), &before, 0.1).is_err());
        assert!(compare(&before, &Costs::new(), 0.1).is_err());
    }
}
