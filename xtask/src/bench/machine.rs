//! Where and with what was measured.

use super::catalogue::{Program, Server};
use crate::shell::{capture, command, root};
use serde_json::Value;

/// Lines of "name: value", in the order in which they are read.
pub(crate) fn describe(servers: &[&Server]) -> Vec<(String, String)> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
        value.unwrap_or("unknown").trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib: f64 = field(&file("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
    let processor = field(&file("/proc/cpuinfo"), "model name");
    let mut lines = vec![
        ("Day".to_owned(), says("date -u +%Y-%m-%d")),
        ("Machine".to_owned(), format!("{processor}, {cores} cores, {:.0} GiB", kib / 1024.0 / 1024.0)),
        ("Kernel".to_owned(), says("uname -sr")),
        ("Load average before".to_owned(), file("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
        ("Rust".to_owned(), says("rustc --version")),
        ("Tsugi".to_owned(), format!("commit {}", says("git describe --always --dirty"))),
    ];
    lines.extend(versions(servers).into_iter().map(|(name, version)| (name.to_owned(), version)));
    lines
}

fn says(line: &str) -> String {
    capture(command("", line)).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn versions(servers: &[&Server]) -> Vec<(&'static str, String)> {
    let lock = std::fs::read_to_string(root().join("benches/Cargo.lock")).unwrap_or_default();
    let (mut crates, mut packages): (Vec<&'static str>, Vec<&'static str>) = (vec!["tokio", "hyper"], Vec::new());
    for server in servers {
        match server.program {
            Program::Own(_) => {}
            Program::Peer("axum-ws") => crates.extend(["axum", "tungstenite"]),
            Program::Peer(_) => crates.extend(["socketioxide", "engineioxide"]),
            Program::Node("socket.io.js") => packages.extend(["socket.io", "bufferutil"]),
            Program::Node("sockjs.js") => packages.extend(["sockjs", "faye-websocket"]),
            Program::Node(_) => packages.extend(["ws", "bufferutil"]),
        }
    }
    for names in [&mut crates, &mut packages] {
        names.sort_unstable();
        names.dedup();
    }
    let mut lines: Vec<_> = crates.iter().map(|name| (*name, locked(&lock, name))).collect();
    if !packages.is_empty() {
        lines.push(("Node.js", says("node --version")));
    }
    lines.extend(packages.iter().map(|name| (*name, installed(name))));
    lines
}

/// The version of a crate in a lock file.
fn locked(lock: &str, name: &str) -> String {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("\nname = \"{name}\"\n")));
    let version = entry.and_then(|entry| entry.lines().find_map(|line| line.strip_prefix("version = ")));
    version.map_or_else(|| "unknown".to_owned(), |version| version.trim_matches('"').to_owned())
}

fn installed(name: &str) -> String {
    let path = root().join("benches/node/node_modules").join(name).join("package.json");
    let package: Option<Value> = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    package.and_then(|package| package["version"].as_str().map(str::to_owned)).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn a_version_is_that_of_the_crate_and_not_of_one_named_alike() {
        let lock = "[[package]]\nname = \"axum-core\"\nversion = \"0.5.6\"\n\n[[package]]\nname = \"axum\"\nversion = \"0.8.9\"\n";
        assert_eq!(locked(lock, "axum"), "0.8.9");
        assert_eq!(locked(lock, "hyper"), "unknown");
    }
}
