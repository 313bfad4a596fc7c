//! Every dependency's licence is a permissive one. `cargo deny` says more where it is installed; this always runs.

use crate::shell::{Outcome, capture, command};
use serde_json::Value;

/// Licences that ask for no more than a notice.
const PERMISSIVE: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "Apache-2.0 WITH LLVM-exception",
    // Mozilla's roots of trust, which are data.
    "CDLA-Permissive-2.0",
];

pub(crate) fn run() -> Outcome {
    let listing =
        command("", "cargo metadata --format-version 1 --locked").output().map_err(|error| error.to_string())?;
    let metadata: Value = serde_json::from_slice(&listing.stdout).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut bad = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_permissive(licence) {
            bad.push(format!("{} {}: {licence}", package["name"], package["version"]));
        }
    }
    if !bad.is_empty() {
        return Err(format!("licences that are not on the list of permissive ones:\n{}", bad.join("\n")));
    }
    if crate::shell::exists("cargo-deny") {
        capture(command("", "cargo deny check"))?;
    }
    println!("{} packages, all permissive", packages.len());
    Ok(())
}

/// Whether one side of every `OR` is on the list, and both of every `AND`.
fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression.split(" AND ").all(|part| part.split(" OR ").any(|name| PERMISSIVE.contains(&name.trim())))
}
