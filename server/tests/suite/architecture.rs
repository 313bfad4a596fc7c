//! The arrows of ARCHITECTURE.md: what may use what.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// May be imported by every module.
const ANYWHERE: [&str; 5] = ["config", "error", "event", "future", "identity"];

/// An arrow of ARCHITECTURE.md: the module on the left may use those on the right. A folder belongs to the module it
/// is named after, and within it everything may use everything.
const ARROWS: [(&str, &[&str]); 18] = [
    // Anywhere, so that these stay at the bottom themselves.
    ("identity", &[]),
    ("future", &[]),
    ("event", &[]),
    ("error", &["router"]),
    ("config", &[]),
    // Tier 1: messages.
    ("service", &["carrier", "session"]),
    ("carrier", &["session"]),
    ("session", &[]),
    ("socket", &["session"]),
    ("sockets", &["service", "carrier", "session", "socket"]),
    // Tier 2: events.
    ("topics", &[]),
    ("users", &[]),
    ("broker", &["topics"]),
    ("handle", &["broker", "topics", "users"]),
    // An item of an outbox is answered by that, in whatever session it has by then.
    ("reply", &["outbox"]),
    // A handler is a function of extractors, and an extractor reads the call of a handler: these two are one.
    ("extract", &["handle", "handler", "reply"]),
    ("handler", &["extract", "handle", "outbox", "reply"]),
    ("router", &["handler", "reply"]),
];

/// The rest of tier 2 and the top, which use so much that a table of their own reads better.
const UPPER: [(&str, &[&str]); 12] = [
    ("kit", &[]),
    ("fuzzing", &["service"]),
    // A peer and the core it belongs to know each other: the core finds peers, a peer asks the core's router.
    ("peer", &["core", "hello", "kit", "outbox", "session", "handler", "reply", "service", "users"]),
    // An outbox sends by the peer that carries it.
    ("outbox", &["core", "peer"]),
    ("hello", &["kit"]),
    ("metrics", &[]),
    ("hub", &["kit", "peer"]),
    (
        "core",
        &[
            "broker", "handle", "handler", "hub", "kit", "metrics", "outbox", "peer", "router", "service", "session",
            "topics", "users",
        ],
    ),
    ("chsk", &["carrier", "core", "hello", "kit", "outbox", "peer", "reply", "service", "session"]),
    ("sockjs", &["core", "kit", "peer", "service", "session"]),
    ("shutdown", &["core"]),
    (
        "server",
        &[
            "broker", "chsk", "core", "handle", "hub", "kit", "metrics", "peer", "router", "service", "shutdown",
            "sockjs", "topics", "users",
        ],
    ),
];

#[test]
fn no_module_uses_what_architecture_does_not_draw() {
    let allowed: BTreeMap<_, _> = ARROWS.into_iter().chain(UPPER).collect();
    let mut wrong = BTreeSet::new();
    for file in sources(&source_root()) {
        let module = module_of(&file);
        let Some(arrows) = allowed.get(module.as_str()) else {
            wrong.insert(format!("{module} has no line in the table of arrows"));
            continue;
        };
        for used in uses(&production(&fs::read_to_string(&file).unwrap())) {
            if used != module && !ANYWHERE.contains(&used.as_str()) && !arrows.contains(&used.as_str()) {
                wrong.insert(format!("{module} -> {used} ({})", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not drawn in ARCHITECTURE.md:\n{}", Vec::from_iter(wrong).join("\n"));
}

#[test]
fn messages_know_nothing_of_events() {
    let tier_2 = ["topics", "users", "broker", "handle", "reply", "extract", "handler", "router", "peer", "hub"];
    for (module, arrows) in ARROWS {
        if ["service", "carrier", "session", "socket", "sockets"].contains(&module) {
            assert!(arrows.iter().all(|used| !tier_2.contains(used)), "{module} is in tier 1");
        }
    }
}

#[test]
fn the_reader_of_arrows_finds_every_way_to_draw_one() {
    let source = "use crate::a::B;\npub use crate::{b::{self, C}, d, e::F};\nfn f() { crate::g::h() }\n\
                  // crate::comment::X\n/// [`x`](crate::doc)\n#[cfg(test)]\nmod tests { use crate::test::Only; }\n";
    assert_eq!(Vec::from_iter(uses(&production(source))), ["a", "b", "d", "e", "g"]);
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file but the crate's root, which declares the modules, and tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let source = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".rs") && name != "tests.rs" && *path != source_root().join("lib.rs")
    };
    files.into_iter().filter(source).chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// The top module a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(source_root()).unwrap();
    inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// A source without its comments and without the tests at its end.
fn production(source: &str) -> String {
    let code = source.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    code.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The top modules that a source names after `crate::`, alone or in braces.
fn uses(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, path) in source.match_indices("crate::").map(|(at, found)| (at, &source[at + found.len()..])) {
        if source[..at].ends_with('$') {
            continue;
        }
        match path.strip_prefix('{') {
            Some(list) => found.extend(heads(list)),
            None => found.extend(head(path)),
        }
    }
    found
}

/// The first word of each element of a list in braces, whatever is nested in the elements.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut heads, mut start) = (0, Vec::new(), 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.extend(head(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.extend(head(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

/// The module a path begins with; nothing for an item of the crate's root, which re-exports what it has.
fn head(path: &str) -> Option<String> {
    let word = path.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    word.starts_with(|c: char| c.is_lowercase()).then(|| word.to_owned())
}
