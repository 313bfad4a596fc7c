//! What runs in a browser: how it is compiled, and how large it is.

use crate::shell::{Outcome, capture, command, exists, root};
use clap::{Args, ValueEnum};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";
/// The packages that Debian has of a compiler new enough, for Debian 12.
const DEBIAN: [&str; 6] =
    ["libllvm22", "libstd-rust-web-1.96", "libstd-rust-web-dev", "lld-22", "rust-web-src", "rustc-web"];

#[derive(Args)]
pub(crate) struct Options {
    /// Where the compiler for browsers comes from
    #[arg(long, value_enum, default_value_t = Source::Any)]
    toolchain: Source,
    /// Build the page of this package instead, below target/pages
    #[arg(long, value_name = "PACKAGE")]
    page: Option<String>,
}

/// Where a compiler comes from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The first of the others that works
    Any,
    /// rustup's target
    Rustup,
    /// Debian's compiler for Firefox, unpacked below target/, with a standard library that is built once
    Debian,
}

/// Whether a module holds the names of its functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// For a test: they stand where it failed.
    Keep,
    /// For who fetches it.
    Drop,
}

/// A compiler for browsers.
pub(crate) enum Toolchain {
    Rustup,
    Debian(PathBuf),
}

/// Builds a minimal client, or a page, and prints how large it is.
pub(crate) fn run(options: &Options) -> Outcome {
    let toolchain = Toolchain::find(options.toolchain)?;
    match &options.page {
        Some(package) => {
            print!("{}", size(&toolchain, package, package)?);
            println!("in target/pages/{package}");
        }
        None => print!("{}", minimal(&toolchain)?),
    }
    Ok(())
}

impl Toolchain {
    /// Finds one, installing it where that is possible. The error says why there is none.
    pub(crate) fn find(source: Source) -> Outcome<Self> {
        let rustup = || rustup().map(|()| Self::Rustup);
        match source {
            Source::Rustup => rustup(),
            Source::Debian => debian().map(Self::Debian),
            Source::Any => rustup().or_else(|no_rustup| {
                debian().map(Self::Debian).map_err(|no_debian| format!("{no_rustup}\n{no_debian}"))
            }),
        }
    }

    /// A call of cargo that compiles for browsers.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut cargo = command("", &format!("cargo {arguments} --target {TARGET}"));
        if let Self::Debian(folder) = self {
            with_debian(&mut cargo, folder);
            // Another compiler's files, which would otherwise replace each other at every turn.
            cargo.env("CARGO_TARGET_DIR", self.target());
        }
        cargo
    }

    /// Where cargo puts what it builds.
    fn target(&self) -> PathBuf {
        root().join(if matches!(self, Self::Debian(_)) { "target/wasm-debian" } else { "target" })
    }

    /// Builds a package for a page, which is then at `target/pages/NAME/page.js`.
    pub(crate) fn page(&self, package: &str, names: Names) -> Outcome<PathBuf> {
        capture(self.cargo(&format!("build --profile wasm --package {package}")))?;
        let built = self.target().join(TARGET).join("wasm");
        // A program keeps its dash, a library does not.
        let files = [package.to_owned(), package.replace('-', "_")].map(|name| built.join(format!("{name}.wasm")));
        let module = files.iter().find(|file| file.is_file()).ok_or("cargo built no module")?;
        let folder = bind(module, package, names)?;
        copy_shell(package, &folder)?;
        Ok(folder)
    }

    /// Builds a package's tests for pages, which are then at `target/pages/NAME-NUMBER/page.js`. Returns those names.
    pub(crate) fn tests(&self, package: &str, which: &str) -> Outcome<Vec<String>> {
        let mut cargo = self.cargo(&format!("test --package {package} {which} --no-run --message-format json"));
        let output = cargo.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("the tests of {package} do not compile for browsers"));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let modules = lines.filter_map(|line| line["executable"].as_str().map(PathBuf::from));
        let bound = modules.enumerate().map(|(number, module)| {
            let name = format!("{package}-{number}");
            bind(&module, &name, Names::Keep).map(|_| name)
        });
        bound.collect()
    }
}

/// Makes a page's folder of a module.
fn bind(module: &Path, name: &str, names: Names) -> Outcome<PathBuf> {
    capture(command("", "cargo build --quiet --package xtask-bindgen"))?;
    let folder = root().join("target/pages").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let mut bindgen = command("", "target/debug/xtask-bindgen");
    capture_quietly(bindgen.arg(module).arg(&folder).arg(if names == Names::Keep { "keep" } else { "drop" }))?;
    Ok(folder)
}

/// Puts the files that an example has around its module beside it.
fn copy_shell(package: &str, folder: &Path) -> Outcome {
    let Ok(files) = std::fs::read_dir(root().join("examples").join(package).join("page")) else { return Ok(()) };
    for file in files {
        let file = file.map_err(|error| error.to_string())?;
        std::fs::copy(file.path(), folder.join(file.file_name())).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn capture_quietly(command: &mut Command) -> Outcome {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn rustup() -> Outcome {
    let libraries = capture(command("", &format!("rustc --print target-libdir --target {TARGET}")))?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    println!("  installing the target {TARGET} with rustup");
    capture(command("", &format!("rustup target add {TARGET}"))).map(drop)
}

/// Debian's packages, unpacked and not installed. The standard library is built once, with the same compiler.
fn debian() -> Outcome<PathBuf> {
    let folder = root().join("target/wasm-toolchain");
    if folder.join("ready").is_file() {
        return Ok(folder);
    }
    if !(exists("apt-get") && exists("dpkg")) {
        return Err("there is no Debian here to fetch a compiler for browsers from".to_owned());
    }
    println!("  fetching a compiler for browsers from Debian: 140 MB");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("debs")).map_err(|error| error.to_string())?;
    capture(command("", "apt-get update -q"))?;
    capture(command("target/wasm-toolchain/debs", &format!("apt-get download -q {}", DEBIAN.join(" "))))?;
    for package in std::fs::read_dir(folder.join("debs")).map_err(|error| error.to_string())? {
        let package = package.map_err(|error| error.to_string())?.path();
        capture_quietly(command("", "dpkg -x").arg(package).arg(&folder))?;
    }
    println!("  building the standard library for browsers: some two minutes, once");
    build_std(&folder)?;
    // What was needed for that only.
    for leftover in ["debs", "std", "usr/src", "usr/share"] {
        let _ = std::fs::remove_dir_all(folder.join(leftover));
    }
    std::fs::write(folder.join("ready"), "").map_err(|error| error.to_string())?;
    Ok(folder)
}

fn build_std(folder: &Path) -> Outcome {
    let failed = |error: std::io::Error| error.to_string();
    let build = folder.join("std");
    std::fs::create_dir_all(&build).map_err(failed)?;
    let manifest = "[package]\nname = \"nothing\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
                    [profile.release]\nopt-level = \"s\"\n";
    std::fs::write(build.join("Cargo.toml"), manifest).map_err(failed)?;
    std::fs::write(build.join("lib.rs"), "").map_err(failed)?;
    let parts = "std,panic_abort,panic_unwind,test,proc_macro";
    let mut cargo =
        command("target/wasm-toolchain/std", &format!("cargo build --release --target {TARGET} -Zbuild-std={parts}"));
    with_debian(&mut cargo, folder);
    // Bitcode is what link-time optimisation reads.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Cembed-bitcode=yes");
    cargo.env("CARGO_TARGET_DIR", build.join("target"));
    capture(cargo)?;
    let libraries = folder.join("usr/lib/rustlib").join(TARGET).join("lib");
    std::fs::create_dir_all(&libraries).map_err(failed)?;
    let built = build.join("target").join(TARGET).join("release/deps");
    for library in std::fs::read_dir(built).map_err(failed)? {
        let library = library.map_err(failed)?;
        let name = library.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libnothing") {
            std::fs::copy(library.path(), libraries.join(name)).map_err(failed)?;
        }
    }
    Ok(())
}

fn with_debian(cargo: &mut Command, folder: &Path) {
    let usr = folder.join("usr");
    cargo
        .env("LD_LIBRARY_PATH", usr.join("lib/x86_64-linux-gnu"))
        .env("RUSTC", usr.join("bin/rustc"))
        .env("RUSTDOC", usr.join("bin/rustdoc"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", usr.join("bin/wasm-ld-22"));
}

/// What a browser fetches for a minimal client, that of `examples/everywhere`.
pub(crate) fn minimal(toolchain: &Toolchain) -> Outcome<String> {
    size(toolchain, "everywhere", "a minimal client")
}

/// What a browser fetches for a package's page.
pub(crate) fn size(toolchain: &Toolchain, package: &str, what: &str) -> Outcome<String> {
    let folder = toolchain.page(package, Names::Drop)?;
    let module = folder.join("page_bg.wasm");
    let script = read(&folder.join("page.js"))?;
    let mut text = line(&format!("{what} in wasm"), &read(&module)?)?;
    if exists("wasm-opt") {
        let small = folder.join("small.wasm");
        capture_quietly(command("", "wasm-opt -Oz --all-features").arg(&module).arg("-o").arg(&small))?;
        text.push_str(&line("the same after wasm-opt -Oz", &read(&small)?)?);
    }
    text.push_str(&line("its JavaScript", &script)?);
    Ok(text)
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(|error| error.to_string())
}

fn line(what: &str, bytes: &[u8]) -> Outcome<String> {
    Ok(format!("{what}: {} bytes, {} with gzip -9\n", bytes.len(), gzipped(bytes)?))
}

fn gzipped(bytes: &[u8]) -> Outcome<usize> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut input = gzip.stdin.take().ok_or("gzip reads nothing")?;
    let bytes = bytes.to_vec();
    // In a thread of its own: gzip writes before it has read all.
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = gzip.wait_with_output().map_err(|error| error.to_string())?;
    writer.join().map_err(|_| "gzip was not written to")?.map_err(|error| error.to_string())?;
    Ok(output.stdout.len())
}
