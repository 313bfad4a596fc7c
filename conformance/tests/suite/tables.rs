//! Tables that name tests name tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file of these folders with this ending, in one.
fn all(folders: &[&str], ending: &str) -> String {
    let mut text = String::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let skipped = ["node_modules", "target"].iter().any(|name| path.ends_with(name));
            let inside = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            waiting.extend(inside.filter(|_| !skipped));
        } else if path.to_string_lossy().ends_with(ending) {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// What stands between backticks and is the name of a test: a sentence of five words or more.
fn names(table: &str) -> BTreeSet<String> {
    let quoted = table.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2));
    let last = quoted.map(|name| name.rsplit("::").next().unwrap_or_default());
    let is_name = |name: &&str| {
        name.matches('_').count() >= 4 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    last.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_test_that_a_table_names_exists() {
    let sources = all(&["conformance/tests", "server", "proto", "testkit", "examples"], ".rs");
    for table in ["docs/migrating-from-sente.md", "conformance/sente/ROWS.md"] {
        let names = names(&fs::read_to_string(root().join(table)).unwrap());
        assert!(names.len() > 30, "{table} names tests");
        // A function, or a name that a macro makes one of.
        let exists = |name: &&String| {
            [format!("fn {name}("), format!("{name}: \""), format!("{name} [")].iter().any(|way| sources.contains(way))
        };
        let missing: Vec<&String> = names.iter().filter(|name| !exists(name)).collect();
        assert!(missing.is_empty(), "{table}: {missing:#?}");
    }
}

#[test]
fn every_test_of_the_page_s_client_that_the_guide_names_exists() {
    let sources = all(&["js/test"], ".ts");
    let guide = fs::read_to_string(root().join("docs/migrating-from-sente.md")).unwrap();
    let lines = guide.lines().filter(|line| line.starts_with('|'));
    let named: Vec<&str> =
        lines.flat_map(|line| line.split("j \"").skip(1)).filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.len() >= 3);
    for name in named {
        assert!(sources.contains(name), "{name}");
    }
}
