//! `cargo xtask test`.

use crate::shell::{Outcome, capture, command, exists, most_files, root};
use crate::wasm::{Names, Source, Toolchain};
use clap::Args;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Instant;

#[derive(Args)]
pub(crate) struct Options {
    /// Run only the stages whose name contains this
    #[arg(long)]
    only: Option<String>,
}

/// What a stage's output begins with that could not do its work, for want of something that this machine cannot have.
const SKIPPED: &str = "SKIPPED:";

/// Does its work and returns what was printed, for the count of tests.
type Stage = fn() -> Outcome<String>;

/// What must hold, in the order in which a mistake is cheapest to find.
const STAGES: [(&str, Stage); 20] = [
    ("rust components", rust_components),
    ("format", || capture(command("", "cargo fmt --all --check"))),
    ("clippy", clippy),
    ("licences", || crate::licences::run().map(|()| String::new())),
    ("features of proto", features),
    ("rust tests", rust_tests),
    ("documentation", documentation),
    ("documentation tests", || capture(command("", "cargo test --workspace --doc"))),
    ("fuzzing", || {
        capture(command("", "cargo run --release --quiet --package tsugi-testkit --bin fuzz -- --seconds 3"))
    }),
    ("simulation", crate::sim::stage),
    ("npm packages", npm_packages),
    ("javascript checks", javascript_checks),
    ("javascript tests", || capture(command("js", "npm run --silent test"))),
    ("javascript is fresh", javascript_is_fresh),
    ("browser", browser),
    ("wasm", wasm),
    ("sockjs-client", sockjs_client),
    ("benchmark", benchmark),
    ("instructions", crate::instructions::stage),
    ("memory", memory),
];

/// Runs the stages, goes on after one that fails, and says whether all passed. The summary's last line is the output's last.
pub(crate) fn run(options: &Options) -> bool {
    let begun = Instant::now();
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), Vec::new());
    for (name, stage) in STAGES {
        if options.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        println!("… {name}");
        let start = Instant::now();
        let outcome = stage();
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(output) if output.starts_with(SKIPPED) => {
                println!("! {name} {output}");
                skipped.push(name);
            }
            Ok(output) => {
                passed += 1;
                println!("✓ {name} ({seconds:.1} s{})", counted(&output));
            }
            Err(output) => {
                println!("{output}\n✗ {name} ({seconds:.1} s)");
                failed.push(name);
            }
        }
    }
    println!("\n{:.0} s in all{}", begun.elapsed().as_secs_f64(), if failed.is_empty() { "" } else { "; failed:" });
    failed.iter().for_each(|name| println!("  {name}"));
    skipped.iter().for_each(|name| println!("  {name} was SKIPPED, and says nothing"));
    println!("{passed} passed, {} failed", failed.len());
    failed.is_empty()
}

/// How many tests a runner says it ran.
fn counted(output: &str) -> String {
    let mut tests = 0_u64;
    for line in output.lines() {
        let line = line.trim();
        let words: Vec<&str> = line.split([' ', ',', ';', '.']).filter(|word| !word.is_empty()).collect();
        // Node's own runner says it the other way round.
        if let Some(count) = line.strip_prefix("# pass ").or_else(|| line.strip_prefix("ℹ pass ")) {
            tests += count.trim().parse::<u64>().unwrap_or(0);
        }
        let summary = line.starts_with("Summary") || line.starts_with("test result:") || line.starts_with("Tests");
        if let Some(at) = words.iter().position(|word| *word == "passed").filter(|at| summary && *at > 0) {
            tests += words[at - 1].parse::<u64>().unwrap_or(0);
        }
    }
    if tests == 0 { String::new() } else { format!(", {tests} tests") }
}

/// The minimal profile of rustup, which a small machine has, comes without these.
fn rust_components() -> Outcome<String> {
    for (program, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if capture(command("", &format!("cargo {program} --version"))).is_err() {
            println!("  installing {component} with rustup");
            capture(command("", &format!("rustup component add {component}")))?;
        }
    }
    Ok(String::new())
}

fn clippy() -> Outcome<String> {
    capture(command("", "cargo clippy --workspace --all-targets --all-features -- -D warnings"))
}

fn features() -> Outcome<String> {
    for feature in ["", "edn", "json", "msgpack", "transit", "gzip"] {
        let features = format!("--no-default-features --features={feature}");
        capture(command("", &format!("cargo check --package tsugi-proto {features}")))?;
    }
    Ok(String::new())
}

fn rust_tests() -> Outcome<String> {
    if exists("cargo-nextest") {
        return capture(command("", "cargo nextest run --workspace --all-features --no-fail-fast"));
    }
    capture(command("", "cargo test --workspace --all-features --lib --bins --tests --no-fail-fast"))
}

fn documentation() -> Outcome<String> {
    let mut command = command("", "cargo doc --workspace --no-deps --all-features");
    command.env("RUSTDOCFLAGS", "-D warnings");
    capture(command)
}

/// The folders whose packages come from the npm registry.
const NPM: [&str; 3] = ["js", "conformance/browser", "conformance/sockjs-client"];

fn npm_packages() -> Outcome<String> {
    for folder in NPM {
        let lock = std::fs::metadata(root().join(folder).join("package-lock.json")).and_then(|lock| lock.modified());
        let installed = root().join(folder).join("node_modules/.package-lock.json");
        let installed = std::fs::metadata(installed).and_then(|installed| installed.modified());
        match (lock, installed) {
            (Ok(lock), Ok(installed)) if installed >= lock => {}
            _ => {
                println!("  installing npm packages in {folder}/");
                capture(command(folder, "npm ci --no-audit --no-fund"))?;
            }
        }
    }
    Ok(String::new())
}

fn javascript_checks() -> Outcome<String> {
    ["check", "lint", "size"]
        .into_iter()
        .try_fold(String::new(), |_, script| capture(command("js", &format!("npm run --silent {script}"))))
}

/// What Rust embeds is what the sources make.
fn javascript_is_fresh() -> Outcome<String> {
    capture(command("js", "npm run --silent build"))?;
    capture(command("examples/chat/page", "npm run --silent build"))?;
    let changed = capture(command("", "git status --porcelain -- js/dist examples/chat/page/dist"))?;
    if changed.trim().is_empty() {
        return Ok(String::new());
    }
    Err(format!("built files are not those of the sources; they were built anew, commit them:\n{changed}"))
}

/// Pages in a real browser, and the TypeScript client against the real server.
fn browser() -> Outcome<String> {
    chromium()?;
    capture(command(
        "",
        "cargo build --package chat --package chat-cli --package sockjs-chat --package interop --bins",
    ))?;
    let mut output = against_the_server()?;
    output.push_str(&capture(command("conformance/browser", "npm run --silent test"))?);
    Ok(output)
}

/// The Rust client in pages: one program in all of them, and every way in which it must behave.
fn wasm() -> Outcome<String> {
    let toolchain = match Toolchain::find(Source::Any) {
        Ok(toolchain) => toolchain,
        Err(why) => return Ok(format!("{SKIPPED} no compiler for browsers is to be had here:\n{why}")),
    };
    chromium()?;
    if let Toolchain::Rustup = toolchain {
        let packages = ["tsugi-proto", "tsugi-client", "everywhere", "wasm-client", "chat-wasm"];
        let packages = packages.map(|package| format!("--package {package}"));
        // In the profile of the pages: macros are built for both at once.
        let mut clippy = toolchain.cargo(&format!("clippy --profile wasm {}", packages.join(" ")));
        clippy.args(["--", "-D", "warnings"]);
        capture(clippy)?;
    }
    capture(command("", "cargo build --package interop --package chat --bins"))?;
    let suites = toolchain.tests("tsugi-proto", "--test suite")?.join(",");
    toolchain.page("wasm-client", Names::Keep)?;
    print!("{}", crate::wasm::minimal(&toolchain)?);
    print!("{}", crate::wasm::size(&toolchain, "chat-wasm", "the chat's page")?);
    let mut tests = command("conformance/browser", "npm run --silent wasm");
    tests.env("TSUGI_SUITES", suites);
    capture(tests)
}

/// The real SockJS client, in Node and in Chromium, on every transport it has.
fn sockjs_client() -> Outcome<String> {
    chromium()?;
    capture(command("", "cargo build --package interop --bins"))?;
    capture(command("conformance/sockjs-client", "npm run --silent test"))
}

/// That the load and the servers of the benchmark still work; nothing is timed, and no peer is built. They are a workspace of
/// their own, but what is built for both is built once. The codecs' benchmark is another.
fn benchmark() -> Outcome<String> {
    for folder in ["benches", "proto/bench"] {
        capture(command(folder, "cargo fmt --all --check"))?;
    }
    let mut codecs = command("proto/bench", "cargo check");
    codecs.env("CARGO_TARGET_DIR", root().join("target"));
    capture(codecs)?;
    let mut tests = command("benches", "cargo test --package tsugi-benches");
    tests.env("CARGO_TARGET_DIR", root().join("target"));
    capture(tests)
}

/// At most 2.2 KiB for each idle connection, of which there are 10,000 where a process may open so many files.
fn memory() -> Outcome<String> {
    let connections = 10_000.min(most_files().saturating_sub(200));
    capture(command("", &format!("cargo xtask memory --connections {connections} --limit 2250")))
}

fn chromium() -> Outcome {
    // openssl makes the certificate of a test that wants https.
    if exists("chromium") && exists("openssl") {
        return Ok(());
    }
    println!("  installing Chromium and fonts from Debian's packages");
    capture(command("", "apt-get update -q"))?;
    let packages = "chromium fonts-dejavu-core fonts-noto-color-emoji openssl";
    let mut install = command("", &format!("apt-get install -y -q --no-install-recommends {packages}"));
    install.env("DEBIAN_FRONTEND", "noninteractive");
    capture(install).map_err(|error| format!("{error}\nChromium is needed: install Debian's package chromium"))?;
    Ok(())
}

/// A server that is killed when it is no longer wanted.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn against_the_server() -> Outcome<String> {
    let mut interop = command("", "target/debug/interop --port 0");
    let mut server = interop.stdout(Stdio::piped()).spawn().map(Server).map_err(|error| error.to_string())?;
    let output = server.0.stdout.take().ok_or("no standard output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
    let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let mut tests = command("js", "npx vitest run test/interop.test.ts");
    tests.env("TSUGI_URL", url);
    capture(tests)
}
